"""Which examples train, which calibrate and which measure; the digest that names the set."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from handrail.errors import BadInput
from handrail.near_duplicates import twins
from handrail.policy import ModelRules
from handrail.policy.learning import TrainingSetRules
from models import weighing

ALIKE_FROM = TrainingSetRules().near_duplicate_from
"""Share of word triples from which two texts share a part, where the policy does not say otherwise."""
_FEWEST_HELD_OUT = 60  # below it the temperature is guesswork; small sets give up to a quarter of themselves
_TO_MEASURE = 3  # labels of a category: one each to train, to calibrate and to measure
_ENOUGH_LEFT = 0.5  # share of a part's examples that must have no near-duplicate in an earlier part
_NOTES_TOLD = 3  # of what was left out, in the sentence that refuses to train
_TRAIN, _CALIBRATE, _MEASURE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Split:
    """Three disjoint parts of the usable examples; no text has a near-duplicate in another part.

    Every category is in all of them, but for one whose examples are near-duplicates of each other.
    """

    train: pd.DataFrame
    calibrate: pd.DataFrame
    measure: pd.DataFrame
    notes: tuple[str, ...]
    newest: datetime | None
    weight_cap: float | None = None


def prepare(examples: pd.DataFrame, rules: ModelRules, *, near_duplicate_from: float = ALIKE_FROM) -> Split:
    """Leave out what cannot train, then split each category by time: oldest train, newest measure.

    Within a category, so that one which appeared last month is learnt as well as measured; without
    times the order is drawn from the seed. Repeats of a text with the same label count once, near-duplicates
    (from that share of word triples on) share a part, and of more than `max_labels` examples the newest are
    kept. What was left out stands in `notes`. Each part has a column `weight`, by `chance` and `trust` where the
    examples have them (see `models.weighing`).

    Raises:
        BadInput: too few labels, a single category, or texts that do not differ.
    """
    notes: list[str] = []
    usable = _usable(examples, notes)
    _refuse_equal_texts(usable)
    usable = _in_order(usable, rules.seed).tail(rules.max_labels)
    usable = _common_categories(usable, rules.min_labels_per_category, notes)
    _refuse_unlearnable(usable, rules, notes)
    weighed = weighing.weigh(usable)
    usable, notes = usable.assign(**{weighing.WEIGHT: weighed.weights}), [*notes, *weighed.notes]
    part = _parts(usable["label"], rules.calibration_share)
    part = _with_near_duplicates(usable["text"].tolist(), part, near_duplicate_from, notes)
    train, calibrate, measure = (usable[part == which] for which in (_TRAIN, _CALIBRATE, _MEASURE))
    return Split(train, calibrate, measure, tuple(notes), _newest(usable), weighed.cap)


def identity(examples: pd.DataFrame) -> "pd.Series[str]":
    """What names each example: its `case_id`, or its text where there is none."""
    return examples["case_id" if "case_id" in examples else "text"].astype(str)


def dataset_digest(examples: pd.DataFrame) -> str:
    """SHA-256 over the sorted pairs of `case_id` and `label`: the same set in any order, the same digest."""
    pairs = sorted(zip(examples["case_id"].astype(str), examples["label"].astype(str), strict=True))
    digest = hashlib.sha256()
    for case_id, label in pairs:
        digest.update(f"{len(case_id)}:{case_id}{len(label)}:{label}".encode())
    return digest.hexdigest()


def _usable(examples: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    text = examples["text"].fillna("").astype(str).str.strip()
    if len(text) and (text == "").all():
        raise BadInput("All texts are empty, so nothing can be learnt from them: check the text column.")
    labelled = examples["label"].notna() & (text != "")
    kept = examples.assign(text=text)[labelled]
    if len(kept) < len(examples):
        notes.append(f"{len(examples) - len(kept)} examples without text or label left out")
    kept = _canonical(kept.assign(label=kept["label"].astype(str)))
    if weighing.CHANCE in kept:
        # One that was drawn stands for others; the same words from a case that was not do not take that from it.
        kept = kept.assign(**{weighing.CHANCE: kept.groupby(["text", "label"])[weighing.CHANCE].transform("min")})
    distinct = kept.drop_duplicates(["text", "label"])
    if len(distinct) < len(kept):
        notes.append(f"{len(kept) - len(distinct)} repeated examples counted once")
    return distinct


def _canonical(examples: pd.DataFrame) -> pd.DataFrame:
    """One order, whatever order the rows came in: the same set has to give the same model."""
    identified = examples.assign(identity=identity(examples))
    keys = ["identity", "text", "label"]
    if "received_at" in examples:
        received = pd.to_datetime(examples["received_at"], utc=True, format="mixed")
        identified, keys = identified.assign(received_at=received), ["received_at", *keys]
    return identified.sort_values(keys, kind="stable", na_position="first").drop(columns="identity")


def _in_order(examples: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Oldest first; examples without a time stand, in seeded order, before all others."""
    shuffled = examples.iloc[np.random.default_rng(seed).permutation(len(examples))]
    if "received_at" not in shuffled:
        return shuffled
    return shuffled.sort_values("received_at", kind="stable", na_position="first")


def _common_categories(examples: pd.DataFrame, fewest: int, notes: list[str]) -> pd.DataFrame:
    counts = examples["label"].value_counts()
    for label, count in counts[counts < fewest].sort_index().items():
        notes.append(f"category {label!r} left out: {count} labels, the policy asks for {fewest}")
    return examples[examples["label"].map(counts).astype("float64").ge(fewest).to_numpy(dtype=bool)]


def _refuse_equal_texts(examples: pd.DataFrame) -> None:
    texts = examples["text"].to_numpy()
    if len(texts) > 1 and (texts == texts[0]).all():
        raise BadInput("All texts are equal, so nothing tells the categories apart: check the text column.")


def _refuse_unlearnable(examples: pd.DataFrame, rules: ModelRules, notes: Sequence[str]) -> None:
    if len(examples) < rules.min_labels:
        more = f"; and {len(notes) - _NOTES_TOLD} more reasons" if len(notes) > _NOTES_TOLD else ""
        because = f" ({'; '.join(notes[:_NOTES_TOLD])}{more})" if notes else ""
        raise BadInput(
            f"{len(examples)} usable labels are too few to train on{because}: "
            f"collect {rules.min_labels - len(examples)} more, or lower `model.min_labels` in the policy."
        )
    if examples["label"].nunique() < 2:  # noqa: PLR2004 - one category leaves nothing to tell apart
        raise BadInput(
            f"All usable labels say {examples['label'].iloc[0]!r}: label cases of a second category, "
            f"at least {rules.min_labels_per_category} of them."
        )
    if examples["label"].value_counts().max() < _TO_MEASURE:
        raise BadInput(
            "No category has more than two labels, so nothing is left to measure the model on: "
            "label one more case of each."
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


def _with_near_duplicates(texts: list[str], part: np.ndarray, at_least: float, notes: list[str]) -> np.ndarray:
    """The parts, each text moved to the earliest part that holds a near-duplicate of it, and so on from there.

    Moved and not left out: the model may learn from it, and nothing is calibrated or measured on what was learnt.
    Where that would take most of a part away, the texts are nearly all alike and so is what comes next: the parts
    stay, and a note says what the measures are worth.
    """
    settled = part.copy()
    for which in (_TRAIN, _CALIBRATE):
        added = np.flatnonzero(settled == which)
        while len(added):
            later = np.flatnonzero(settled > which)
            alike = twins([texts[at] for at in later], [texts[at] for at in added], at_least)
            added = later[alike]
            settled[added] = which
    moved = int((settled != part).sum())
    if any((settled == which).sum() < _ENOUGH_LEFT * (part == which).sum() for which in (_CALIBRATE, _MEASURE)):
        notes.append(f"{moved} near-duplicates of learnt examples are measured on: most texts are alike")
        return part
    if moved:
        notes.append(f"{moved} near-duplicates of earlier examples are not measured on")
    return settled


def _newest(examples: pd.DataFrame) -> datetime | None:
    if "received_at" not in examples or examples["received_at"].isna().all():
        return None
    newest: datetime = examples["received_at"].max().to_pydatetime()
    return newest
