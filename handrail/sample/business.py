"""The sample business: weeks of cases with their ground truth, earlier history, and gold cases."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pandas as pd

from handrail.errors import BadInput
from handrail.sample.dice import Dice
from handrail.sample.events import OUT_OF_SCOPE, categories, frequencies, is_biased
from handrail.sample.letter import NON_LATIN_CATEGORIES, Letter, plain, write
from handrail.sample.population import amounts, arrivals, week_start

START: Final = datetime(2026, 1, 5, tzinfo=UTC)
HISTORY_WEEKS: Final = 8
HISTORY_CASES: Final = 1_500
GOLD_CASES: Final = 63

COLUMNS: Final = (
    "external_id",
    "received_at",
    "week",
    "text",
    "customer_id",
    "channel",
    "region",
    "tier",
    "amount",
    "consent",
    "truth_label",
    "truth_template",
    "truth_flag",
    "truth_event",
    "truth_ambiguous",
    "truth_duplicate_of",
    "truth_kind",
)
_KIND_SHARES: Final = {
    "empty": 0.010,
    "long": 0.002,
    "non_latin": 0.007,
    "injection": 0.005,
    "out_of_scope": 0.020,
}
_DUPLICATE_SHARE = 0.010
_LONGEST_REPEAT_HOURS = 30
_HISTORY_ERROR_SHARE = 0.01
# A twelfth more than is kept, because empty, foreign and out-of-scope cases are left out.
_HISTORY_PER_WEEK = round(HISTORY_CASES / HISTORY_WEEKS * 13 / 12)
# A case touched by several events counts for the one that began last.
_EVENT_ORDER = ("label_bias", "wording_shift", "typos_slang", "new_category", "new_product")


@dataclass(frozen=True)
class SampleBusiness:
    """What `generate` returns: see there for the columns of each table."""

    cases: pd.DataFrame
    pii: pd.DataFrame
    history: pd.DataFrame
    gold: pd.DataFrame
    seed: int
    start: datetime


def generate(weeks: int = 24, seed: int = 7, start: datetime = START, per_week: int = 1600) -> SampleBusiness:
    """Generate the whole business: the same arguments give the same tables, and more weeks only add rows.

    `cases`: one row a case by `received_at`, truth in the `truth_` columns. `pii`: the spans of personal data
    in `cases` (characters, end exclusive). `history`: earlier cases with a `label`. `gold`: attested cases.

    Raises:
        BadInput: fewer than one week or case, or a start without a time zone.
    """
    if weeks < 1 or per_week < 1:
        raise BadInput("The sample business needs a week and a case a week; raise weeks and per_week to 1.")
    if start.tzinfo is None:
        raise BadInput("The start of the sample business has no time zone; give an aware datetime.")
    cases, pii = generate_weeks(range(1, weeks + 1), seed=seed, start=start, per_week=per_week)
    return SampleBusiness(cases, pii, _history(seed, start), _gold(seed), seed, start)


def generate_weeks(
    weeks: Iterable[int], *, seed: int = 7, start: datetime = START, per_week: int = 1600
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Generate only these weeks (1-based): cases and spans, equal to the same weeks of `generate`."""
    parts = [_week(week, seed, start, per_week) for week in weeks]
    cases = pd.concat([part[0] for part in parts], ignore_index=True)
    pii = pd.concat([part[1] for part in parts], ignore_index=True)
    return cases.sort_values("received_at", kind="stable", ignore_index=True), pii


def _week(week: int, seed: int, start: datetime, per_week: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    # One generator a week, so that a week's cases do not depend on how many weeks are asked for.
    rng = np.random.default_rng([seed, 1, week + HISTORY_WEEKS])
    dice = Dice(rng)
    count = max(1, round(per_week * rng.uniform(0.96, 1.04)))
    came = arrivals(week_start(start, week), count, seed, rng)
    kinds = _kinds(count, rng)
    labels = _labels(kinds, week, rng)
    money = amounts(labels, came.columns["tier"].to_numpy(), rng)
    letters = [
        write(label, kind, week, None if np.isnan(amount) else float(amount), dice)
        for label, kind, amount in zip(labels, kinds, money, strict=True)
    ]
    cases = came.columns.assign(
        received_at=came.received_at,
        week=week,
        amount=money,
        truth_label=labels,
        truth_kind=kinds,
        letter=pd.Series(letters, dtype=object),
        truth_duplicate_of="",
    )
    cases["external_id"] = [f"w{week:+03d}-{number:05d}" for number in range(count)]
    cases = _with_duplicates(cases, dice)
    pii = _spans(cases)
    return _columns(cases), pii


def _kinds(count: int, rng: np.random.Generator) -> np.ndarray:
    names = [*_KIND_SHARES, "normal"]
    shares = [*_KIND_SHARES.values(), 1.0 - sum(_KIND_SHARES.values())]
    return rng.choice(np.array(names, dtype=object), size=count, p=shares)


def _labels(kinds: np.ndarray, week: int, rng: np.random.Generator) -> np.ndarray:
    shares = frequencies(week)
    labels = rng.choice(np.array(list(shares), dtype=object), size=len(kinds), p=list(shares.values()))
    readable = rng.choice(np.array(NON_LATIN_CATEGORIES, dtype=object), size=len(kinds))
    labels = np.where(kinds == "non_latin", readable, labels)
    return np.where(kinds == "out_of_scope", OUT_OF_SCOPE, labels)


def _with_duplicates(cases: pd.DataFrame, dice: Dice) -> pd.DataFrame:
    """Let about one customer in a hundred write the same thing again within the week."""
    last = cases["received_at"].max()
    repeated = np.array([dice.chance(_DUPLICATE_SHARE) for _ in range(len(cases))])
    again = cases[cases["truth_kind"].eq("normal") & repeated]
    later = again["received_at"] + pd.to_timedelta(
        [dice.number(600, _LONGEST_REPEAT_HOURS * 3600) for _ in range(len(again))], unit="s"
    )
    again = again.assign(
        received_at=later,
        truth_kind="duplicate",
        truth_duplicate_of=again["external_id"],
        external_id=again["external_id"] + "r",
    )
    both = pd.concat([cases, again[again["received_at"] <= last]])
    ordered: pd.DataFrame = both.sort_values("received_at", kind="stable", ignore_index=True)
    return ordered


def _spans(cases: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (case, *span)
        for case, letter in zip(cases["external_id"], cases["letter"], strict=True)
        for span in letter.spans
    ]
    return pd.DataFrame(rows, columns=["external_id", "type", "start", "end"])


def _columns(cases: pd.DataFrame) -> pd.DataFrame:
    letters: list[Letter] = cases["letter"].tolist()
    written = cases.assign(
        text=[letter.text for letter in letters],
        truth_template=[letter.template for letter in letters],
        truth_flag=[letter.flag for letter in letters],
        truth_ambiguous=[letter.is_ambiguous for letter in letters],
        truth_event=[
            _event(letter, label, region, week)
            for letter, label, region, week in zip(
                letters, cases["truth_label"], cases["region"], cases["week"], strict=True
            )
        ],
    )
    return written[list(COLUMNS)]


def _event(letter: Letter, label: str, region: str, week: int) -> str:
    touched = letter.events | ({"label_bias"} if is_biased(label, region, week) else set())
    return next((event for event in _EVENT_ORDER if event in touched), "")


def _history(seed: int, start: datetime) -> pd.DataFrame:
    """Earlier cases in scope, with the label they were filed under; one in a hundred was filed wrongly."""
    weeks = range(1 - HISTORY_WEEKS, 1)
    cases, _ = generate_weeks(weeks, seed=seed, start=start, per_week=_HISTORY_PER_WEEK)
    usable = cases["truth_kind"].isin(["normal", "long", "injection"]) & cases["truth_label"].ne(OUT_OF_SCOPE)
    kept = cases[usable].head(HISTORY_CASES).reset_index(drop=True)
    rng = np.random.default_rng([seed, 2])
    wrong = rng.random(len(kept)) < _HISTORY_ERROR_SHARE
    return kept.assign(label=np.where(wrong, rng.choice(categories(1), size=len(kept)), kept["truth_label"]))


def _gold(seed: int) -> pd.DataFrame:
    """Cases that leave no doubt, an equal number of each category known at the start."""
    dice = Dice(np.random.default_rng([seed, 3]))
    labels = categories(1)
    rows = [(label, plain(label, dice)) for label in labels for _ in range(GOLD_CASES // len(labels))]
    gold = pd.DataFrame(rows, columns=["label", "text"])
    return gold.assign(external_id=[f"gold-{number:03d}" for number in range(1, len(gold) + 1)])
