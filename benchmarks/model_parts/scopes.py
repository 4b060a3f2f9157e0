"""Where novelty is measured: labelled cases to train on, new cases in scope, and cases that belong nowhere."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from demands import Size

from handrail import pii, policy, sample
from handrail.sample.events import OUT_OF_SCOPE
from model_parts import intents

ROOT = Path(__file__).resolve().parents[2]
COMPLAINTS = ROOT.parent / "shared" / "data" / "complaints" / "complaints_2019.csv"
SAMPLE_POLICY = ROOT / "policy" / "sample" / "policy.yaml"
SAMPLE = "sample, 5,000 labels"
EVENTLESS_WEEKS = range(1, 8)  # before the sample business's first event
_LEFT_OUT_FOLDS = 3
_FEWEST_COMPLAINTS = 20  # of a category that is worth learning or leaving out


@dataclass(frozen=True)
class Scope:
    """`train` and `known` have `text`, `label` and `fields`; `unknown` has no label that `train` knows."""

    name: str
    train: pd.DataFrame
    known: pd.DataFrame
    unknown: pd.DataFrame
    fields: tuple[str, ...] = ()


def everything(*, size: Size, complaints: Path = COMPLAINTS) -> Iterator[Scope]:
    """All scopes, each made when its turn comes; complaints only where the file exists."""
    yield from sample_business(size=size)
    yield from written_intents(size=size)
    if complaints.exists():
        yield from left_out_complaints(complaints, size=size)


def sample_business(*, size: Size) -> Iterator[Scope]:
    """The shop's new cases beside its own out-of-scope letters, after its history and after three weeks of labels."""
    rules = policy.read(SAMPLE_POLICY)
    cases, _ = sample.generate_weeks(EVENTLESS_WEEKS, per_week=size.of(4_800, 1_200, 60))
    history = _redacted(sample.generate(weeks=1, per_week=1).history, rules)
    usable = cases[cases["text"].str.strip() != ""].rename(columns={"truth_label": "label"})
    strange = _redacted(usable[usable["label"] == OUT_OF_SCOPE], rules)
    known = usable[usable["label"] != OUT_OF_SCOPE]
    labelled, new = (
        _redacted(known.head(size.of(3_500, 3_500, 200)), rules),
        _redacted(known.tail(size.of(6_000, 1_500, 100)), rules),
    )
    fields = rules.model.fields
    yield Scope("sample, history only", history, new, strange, fields)
    yield Scope(SAMPLE, pd.concat([history, labelled], ignore_index=True), new, strange, fields)


def written_intents(*, size: Size) -> Iterator[Scope]:
    """Short requests from the grammar: many fine categories, and ten coarse ones; the last 30 of 130 are new."""
    for name, categories, each, is_coarse in (
        ("150 fine intents", 150, 130, False),
        ("60 fine intents", 60, 130, False),
        ("10 coarse intents", size.of(150, 150, 20), size.of(70, 24, 20), True),
    ):
        if (size is Size.QUICK and categories == 60) or (size is Size.SMOKE and not is_coarse):
            continue
        rows, strange = intents.generate(categories, each, size.of(2_000, 1_000, 20), seed=11, coarse=is_coarse)
        cut = round(len(rows) * 100 / 130)
        yield Scope(name, rows[:cut], rows[cut:], strange)


def left_out_complaints(file: Path, *, size: Size) -> Iterator[Scope]:
    """Long complaints: a third of the products, then of the issues, is left out of the training and comes back."""
    rows = pd.read_csv(file).dropna(subset=["narrative"]).drop_duplicates("narrative").sort_values("date_received")
    texts = [found.text for found in pii.redact_many(rows["narrative"].tolist())]
    rows = rows.assign(text=texts, received_at=pd.to_datetime(rows["date_received"], utc=True))
    for column in size.of(("product", "issue"), ("product",), ()):
        complaints_of = rows[column].map(rows[column].value_counts())
        named = rows.assign(label=rows[column])[complaints_of >= _FEWEST_COMPLAINTS]
        labels = np.array(sorted(named["label"].unique()))
        for fold in range(size.of(_LEFT_OUT_FOLDS, 1, 1)):
            is_out = named["label"].isin(labels[fold::_LEFT_OUT_FOLDS])
            known, cut = named[~is_out], round((~is_out).sum() * 0.7)
            yield Scope(f"complaints, {column} fold {fold + 1}", known[:cut], known[cut:], named[is_out])


def _redacted(cases: pd.DataFrame, rules: policy.Policy) -> pd.DataFrame:
    privacy = rules.privacy
    redact: Callable[..., list[pii.Redacted]] = pii.redact_many
    texts = [found.text for found in redact(cases["text"].tolist(), privacy.redact, region=privacy.phone_region)]
    return cases.assign(text=texts).reset_index(drop=True)
