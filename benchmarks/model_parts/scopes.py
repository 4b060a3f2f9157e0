"""Where novelty is measured: labelled cases to train on, new cases in scope, and cases that belong nowhere."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

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


def everything(*, quick: bool, complaints: Path = COMPLAINTS) -> Iterator[Scope]:
    """All scopes, each made when its turn comes; complaints only where the file exists."""
    yield from sample_business(quick=quick)
    yield from written_intents(quick=quick)
    if complaints.exists():
        yield from left_out_complaints(complaints, quick=quick)


def sample_business(*, quick: bool) -> Iterator[Scope]:
    """The shop's new cases beside its own out-of-scope letters, after its history and after three weeks of labels."""
    rules = policy.read(SAMPLE_POLICY)
    cases, _ = sample.generate_weeks(EVENTLESS_WEEKS, per_week=1_200 if quick else 4_800)
    history = _redacted(sample.generate(weeks=1, per_week=1).history, rules)
    usable = cases[cases["text"].str.strip() != ""].rename(columns={"truth_label": "label"})
    strange = _redacted(usable[usable["label"] == OUT_OF_SCOPE], rules)
    known = usable[usable["label"] != OUT_OF_SCOPE]
    labelled, new = _redacted(known.head(3_500), rules), _redacted(known.tail(1_500 if quick else 6_000), rules)
    fields = rules.model.fields
    yield Scope("sample, history only", history, new, strange, fields)
    yield Scope(SAMPLE, pd.concat([history, labelled], ignore_index=True), new, strange, fields)


def written_intents(*, quick: bool) -> Iterator[Scope]:
    """Short requests from the grammar: many fine categories, and ten coarse ones; the last 30 of 130 are new."""
    for name, categories, each, is_coarse in (
        ("150 fine intents", 150, 130, False),
        ("60 fine intents", 60, 130, False),
        ("10 coarse intents", 150, 24 if quick else 70, True),
    ):
        if quick and categories == 60:
            continue
        rows, strange = intents.generate(categories, each, 1_000 if quick else 2_000, seed=11, coarse=is_coarse)
        cut = round(len(rows) * 100 / 130)
        yield Scope(name, rows[:cut], rows[cut:], strange)


def left_out_complaints(file: Path, *, quick: bool) -> Iterator[Scope]:
    """Long complaints: a third of the products, then of the issues, is left out of the training and comes back."""
    rows = pd.read_csv(file).dropna(subset=["narrative"]).drop_duplicates("narrative").sort_values("date_received")
    texts = [found.text for found in pii.redact_many(rows["narrative"].tolist())]
    rows = rows.assign(text=texts, received_at=pd.to_datetime(rows["date_received"], utc=True))
    for column in ("product",) if quick else ("product", "issue"):
        size = rows[column].map(rows[column].value_counts())
        named = rows.assign(label=rows[column])[size >= _FEWEST_COMPLAINTS]
        labels = np.array(sorted(named["label"].unique()))
        for fold in range(1 if quick else _LEFT_OUT_FOLDS):
            is_out = named["label"].isin(labels[fold::_LEFT_OUT_FOLDS])
            known, cut = named[~is_out], round((~is_out).sum() * 0.7)
            yield Scope(f"complaints, {column} fold {fold + 1}", known[:cut], known[cut:], named[is_out])


def _redacted(cases: pd.DataFrame, rules: policy.Policy) -> pd.DataFrame:
    privacy = rules.privacy
    redact: Callable[..., list[pii.Redacted]] = pii.redact_many
    texts = [found.text for found in redact(cases["text"].tolist(), privacy.redact, region=privacy.phone_region)]
    return cases.assign(text=texts).reset_index(drop=True)
