"""Which examples train, which calibrate and which measure; the digest that names the set."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from handrail.errors import BadInput
from handrail.policy import ModelRules

_FEWEST_HELD_OUT = 60  # below it the temperature is guesswork; small sets give up to a quarter of themselves
_TRAIN, _CALIBRATE, _MEASURE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Split:
    """Three disjoint parts of the usable examples; every category stands in all of them."""

    train: pd.DataFrame
    calibrate: pd.DataFrame
    measure: pd.DataFrame
    notes: tuple[str, ...]
    newest: datetime | None


def prepare(examples: pd.DataFrame, rules: ModelRules) -> Split:
    """Leave out what cannot train, then split each category by time: oldest train, newest measure.

    Within a category, so that one which appeared last month is learnt as well as measured; without
    times the order is drawn from the seed. Repeats of a text with the same label count once, and of
    more than `max_labels` examples the newest are kept. What was left out stands in `notes`.

    Raises:
        BadInput: too few labels, a single category, or texts that do not differ.
    """
    notes: list[str] = []
    usable = _usable(examples, notes)
    _refuse_equal_texts(usable)
    usable = _in_order(usable, rules.seed).tail(rules.max_labels)
    usable = _common_categories(usable, rules.min_labels_per_category, notes)
    _refuse_unlearnable(usable, rules)
    part = _parts(usable["label"], rules.calibration_share)
    train, calibrate, measure = (usable[part == which] for which in (_TRAIN, _CALIBRATE, _MEASURE))
    return Split(train, calibrate, measure, tuple(notes), _newest(usable))


def dataset_digest(examples: pd.DataFrame) -> str:
    """SHA-256 over the sorted pairs of `case_id` and `label`: the same set in any order, the same digest."""
    pairs = sorted(zip(examples["case_id"].astype(str), examples["label"].astype(str), strict=True))
    digest = hashlib.sha256()
    for case_id, label in pairs:
        digest.update(f"{len(case_id)}:{case_id}{len(label)}:{label}".encode())
    return digest.hexdigest()


def _usable(examples: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    text = examples["text"].fillna("").astype(str).str.strip()
    labelled = examples["label"].notna() & (text != "")
    kept = examples.assign(text=text)[labelled]
    if len(kept) < len(examples):
        notes.append(f"{len(examples) - len(kept)} examples without text or label left out")
    kept = kept.assign(label=kept["label"].astype(str))
    distinct = kept.drop_duplicates(["text", "label"])
    if len(distinct) < len(kept):
        notes.append(f"{len(kept) - len(distinct)} repeated examples counted once")
    return distinct


def _in_order(examples: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Oldest first; examples without a time stand, in seeded order, before all others."""
    shuffled = examples.iloc[np.random.default_rng(seed).permutation(len(examples))]
    if "received_at" not in shuffled:
        return shuffled
    received = pd.to_datetime(shuffled["received_at"], utc=True, format="mixed")
    return shuffled.assign(received_at=received).sort_values("received_at", kind="stable", na_position="first")


def _common_categories(examples: pd.DataFrame, fewest: int, notes: list[str]) -> pd.DataFrame:
    counts = examples["label"].value_counts()
    for label, count in counts[counts < fewest].sort_index().items():
        notes.append(f"category {label!r} left out: {count} labels, the policy asks for {fewest}")
    return examples[examples["label"].map(counts).ge(fewest).to_numpy(dtype=bool)]


def _refuse_equal_texts(examples: pd.DataFrame) -> None:
    texts = examples["text"].to_numpy()
    if len(texts) > 1 and (texts == texts[0]).all():
        raise BadInput("All texts are equal, so nothing tells the categories apart: check the text column.")


def _refuse_unlearnable(examples: pd.DataFrame, rules: ModelRules) -> None:
    if len(examples) < rules.min_labels:
        raise BadInput(
            f"{len(examples)} usable labels are too few to train on: "
            f"collect {rules.min_labels - len(examples)} more, or lower `model.min_labels` in the policy."
        )
    if examples["label"].nunique() < 2:  # noqa: PLR2004 - one category leaves nothing to tell apart
        raise BadInput(
            f"All usable labels say {examples['label'].iloc[0]!r}: label cases of a second category, "
            f"at least {rules.min_labels_per_category} of them."
        )


def _parts(labels: pd.Series, share: float) -> np.ndarray:
    """Part of each example, whose order within its category is its order in time."""
    share = min(max(share, _FEWEST_HELD_OUT / len(labels)), max(share, 0.25))
    groups = labels.groupby(labels.to_numpy())
    position, size = groups.cumcount().to_numpy(), groups.transform("size").to_numpy(dtype=float)
    # A category of two trains with one and calibrates with the other; only measuring can do without it.
    held = np.minimum(np.maximum(np.round(size * share), 2), size - 1)
    measured = np.floor(held / 2)
    part = np.full(len(labels), _TRAIN)
    part[position >= size - held] = _CALIBRATE
    part[position >= size - measured] = _MEASURE
    return part


def _newest(examples: pd.DataFrame) -> datetime | None:
    if "received_at" not in examples or examples["received_at"].isna().all():
        return None
    newest: datetime = examples["received_at"].max().to_pydatetime()
    return newest
