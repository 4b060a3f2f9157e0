"""What a rehearsal came to, against the truth that the file holds: shares, true errors, and two rules beside it.

*Naive* is what many do: everything above a confidence of 0.95 of the model trained on history, and no people.
*Oracle* is what nobody can do: the best threshold in hindsight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from handrail.errors import BadInput
from handrail.estimates import hajek
from handrail.proportions import wilson
from handrail.running import FIRST_WEEK, Ratio, Running, ratio, running

CASES = ("id", "day", "queue", "reason", "predicted", "confidence", "automated", "decided", "truth")
"""Columns of a rehearsal's cases, one row a live case.

`decided` is what was executed first, a denial's reason where nothing was; later looks at the case do not change it.
"""
SETTLED = (4, 7)
"""First and last week in which the oracle is asked: the certificate stands, and no later change has come."""
AUTOMATED_FROM = FIRST_WEEK
"""First week over which the naive rule is measured."""
NAIVE_ABOVE = 0.95
ORACLE_ERROR = 0.02
DAYS_A_WEEK = 7

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class WeekPlayed:
    """One week; `errors` are true ones among `automated`, `interval` is the audits' of the error rate, None without.

    `audited_error` is the rate itself.
    """

    week: int
    cases: int
    automated: int
    errors: int
    audited: int
    interval: Interval | None
    audited_error: float | None = None


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """What one rule would have automated, and how much of it wrongly; None where there was nothing to ask it of."""

    share: float | None = None
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """A category that came later: the days on which it was named and first held, and what went through wrongly."""

    named_day: int | None = None
    held_day: int | None = None
    automated_wrong: int = 0


@dataclass(frozen=True, slots=True)
class AroundLaunch:
    """Errors among the automatic cases of the ordinary weeks, before `day` and from it on; None where none was.

    `day` is the one on which the first case of the category that came later arrived.
    """

    day: int
    before: Ratio | None
    after: Ratio | None


@dataclass(frozen=True, slots=True)
class PersonPlayed:
    """The day on which the watch named a person; None: never."""

    named_day: int | None = None


@dataclass(frozen=True, slots=True)
class PromotionPlayed:
    """A model version that began to serve."""

    day: int
    version: str


@dataclass(frozen=True, slots=True)
class Events:
    """What happened beside the cases, on which day; the first day is 1.

    `audits` has a row for each audited approval: day (of the approval), error (as the business knows it), chance.
    `minutes` are spent on audits, second looks, rechecks and settled differences, `test_minutes` on test cases, by day;
    `trainings` counts versions trained, by day.
    """

    audits: pd.DataFrame
    first_certificate_day: int | None = None
    people: Mapping[str, PersonPlayed] | None = None
    promotions: Sequence[PromotionPlayed] = ()
    launch: str | None = None
    named_day: int | None = None
    held_day: int | None = None
    minutes: Mapping[int, float] | None = None
    trainings: Mapping[int, int] | None = None
    test_minutes: Mapping[int, float] | None = None


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A rehearsal in numbers; shares and rates lie in [0, 1], intervals are 95 %.

    `true_error` is the share of wrong ones among the automated cases, None where none was automated. `running` are the
    weeks from the fourth on, None where fewer were played; `settled` those of them in which the oracle is asked.
    `minutes_a_day` are those of audits, second looks, rechecks and settled differences; those of test cases stand
    beside them.
    """

    days: int
    cases: int
    automated_share: float
    share_interval: Interval
    true_error: float | None
    error_interval: Interval | None
    automated_from_day: int | None
    by_week: tuple[WeekPlayed, ...]
    naive: ThresholdRule
    oracle: ThresholdRule
    first_certificate_day: int | None
    launch: Launch | None
    people: Mapping[str, PersonPlayed]
    promotions: tuple[PromotionPlayed, ...]
    minutes_a_day: float
    running: Running | None
    settled: Running | None = None
    around_launch: AroundLaunch | None = None
    test_minutes_a_day: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As one document."""
        return asdict(self)

    def over(self, first: int, last: int) -> ThresholdRule:
        """Share automated and its true error over these weeks, both ends included."""
        weeks = [one for one in self.by_week if first <= one.week <= last]
        cases, automated = sum(one.cases for one in weeks), sum(one.automated for one in weeks)
        errors = sum(one.errors for one in weeks)
        return ThresholdRule(automated / cases if cases else None, errors / automated if automated else None)


def measure(cases: pd.DataFrame, plain: pd.DataFrame, events: Events, *, began: date, days: int) -> Rehearsed:
    """Compare what was automated with the truth.

    Args:
        cases: `CASES`, one row a live case; `day` an ISO date, `automated` 1 where no person saw it before its action,
            `decided` and `predicted` None where there is none.
        plain: id, label, confidence: what the model trained on history alone says of each case it can read.
        events: what happened beside.
        began: the first day.
        days: how many were played.

    Returns:
        The figures.

    Raises:
        BadInput: a column is missing, or an id stands twice.

    Source: docs/concepts.md, *Rehearsal*.

    >>> row = {"id": "a", "day": "2026-03-02", "queue": "A", "reason": "auto", "predicted": "x", "confidence": 0.99}
    >>> seen = pd.DataFrame([{**row, "automated": 1, "decided": "x", "truth": "x"}])
    >>> none = Events(pd.DataFrame(columns=["day", "error", "chance"]))
    >>> plain = pd.DataFrame([{"id": "a", "label": "y", "confidence": 0.97}])
    >>> measure(seen, plain, none, began=date(2026, 3, 2), days=1).true_error
    0.0
    """
    missing = [name for name in CASES if name not in cases]
    if missing:
        raise BadInput(f"The rehearsed cases have no column {missing[0]!r}. Take the file that --cases writes.")
    if cases["id"].duplicated().any():
        raise BadInput("A case stands twice among the rehearsed ones. Give each row of the file its own id.")
    number = (pd.to_datetime(cases["day"]) - pd.Timestamp(began)).dt.days + 1
    automated = cases["automated"].astype(bool)
    table = cases.assign(
        number=number,
        week=_week(number),
        automated=automated,
        wrong=automated & (cases["decided"].astype(object).fillna("") != cases["truth"].astype(object)),
    )
    errors, count = int(table["wrong"].sum()), int(automated.sum())
    return Rehearsed(
        days=days,
        cases=len(table),
        automated_share=count / len(table) if len(table) else 0.0,
        share_interval=_interval(count, len(table)),
        true_error=errors / count if count else None,
        error_interval=_interval(errors, count) if count else None,
        automated_from_day=int(table.loc[automated, "number"].min()) if count else None,
        by_week=_weeks(table, events.audits, days),
        naive=_naive(table, plain),
        oracle=oracle(table[table["week"].between(*SETTLED)]),
        first_certificate_day=events.first_certificate_day,
        launch=_launch(table, events),
        people=dict(events.people or {}),
        promotions=tuple(events.promotions),
        minutes_a_day=sum((events.minutes or {}).values()) / days if days else 0.0,
        running=_running(table, events, days),
        settled=_running(table, events, min(days, SETTLED[1] * DAYS_A_WEEK)),
        around_launch=_around(table, events.launch),
        test_minutes_a_day=sum((events.test_minutes or {}).values()) / days if days else 0.0,
    )


def oracle(cases: pd.DataFrame, most: float = ORACLE_ERROR) -> ThresholdRule:
    """The largest share that one threshold on the confidence would have automated at no more true errors than `most`.

    Args:
        cases: predicted, confidence (both missing where no version could read the case) and truth.
        most: share of true errors among what is automated, in [0, 1].

    Returns:
        Share of all cases, and the error of it; a share of 0 where even the surest cases err more.

    Source: own definition; it uses the truth, and so can nobody.

    >>> said = {"predicted": ["a", "a", "b"], "confidence": [0.9, 0.8, 0.7], "truth": ["a", "a", "a"]}
    >>> oracle(pd.DataFrame(said)).share
    0.6666666666666666
    """
    if cases.empty:
        return ThresholdRule()
    scored = cases[cases["confidence"].notna()].sort_values("confidence", ascending=False, kind="stable")
    confidence = scored["confidence"].to_numpy(dtype=float)
    wrong = np.cumsum((scored["predicted"] != scored["truth"]).to_numpy(dtype=float))
    above = np.arange(1, len(scored) + 1)
    # A threshold takes all cases of one confidence or none of them.
    last = np.append(confidence[1:] != confidence[:-1], True) if len(scored) else np.zeros(0, dtype=bool)
    fits = np.flatnonzero(last & (wrong <= most * above))
    if not len(fits):
        return ThresholdRule(0.0, None)
    best = int(fits[-1])
    return ThresholdRule(float(above[best] / len(cases)), float(wrong[best] / above[best]))


def _week(number: "pd.Series[int]") -> "pd.Series[int]":
    return (number - 1) // DAYS_A_WEEK + 1


def _interval(hits: int, n: int) -> Interval:
    low, high = wilson(np.array([hits]), np.array([n]))
    return float(low[0]), float(high[0])


def _weeks(table: pd.DataFrame, audits: pd.DataFrame, days: int) -> tuple[WeekPlayed, ...]:
    audited = audits[audits["error"].notna()]
    week_of = _week(pd.to_numeric(audited["day"]))
    return tuple(
        _played(week, table[table["week"] == week], audited[week_of == week])
        for week in range(1, -(-days // DAYS_A_WEEK) + 1)
    )


def _played(week: int, part: pd.DataFrame, audited: pd.DataFrame) -> WeekPlayed:
    rate = hajek(audited["error"].to_numpy(dtype=bool), audited["chance"].to_numpy(dtype=float))
    interval = (rate.low, rate.high) if rate.n else None
    automated, wrong = int(part["automated"].sum()), int(part["wrong"].sum())
    return WeekPlayed(week, len(part), automated, wrong, rate.n, interval, rate.rate if rate.n else None)


def _naive(table: pd.DataFrame, plain: pd.DataFrame) -> ThresholdRule:
    """What would have gone out above the bound, from the week on in which Handrail may automate too."""
    late = table[table["week"] >= AUTOMATED_FROM]
    if late.empty:
        return ThresholdRule()
    scored = late[["id", "truth"]].merge(plain, on="id", how="left", validate="one_to_one")
    passed = scored[scored["confidence"].astype(float) > NAIVE_ABOVE]
    error = float((passed["label"] != passed["truth"]).mean()) if len(passed) else None
    return ThresholdRule(len(passed) / len(scored), error)


def _running(table: pd.DataFrame, events: Events, days: int) -> Running | None:
    return running(table, events.minutes or {}, events.trainings or {}, days=days, tests=events.test_minutes or {})


def _around(table: pd.DataFrame, launch: str | None) -> AroundLaunch | None:
    came = table.loc[table["truth"] == launch, "number"]
    if launch is None or came.empty:
        return None
    day, late = int(came.min()), table[table["week"] >= FIRST_WEEK]
    return AroundLaunch(day, _errors(late[late["number"] < day]), _errors(late[late["number"] >= day]))


def _errors(part: pd.DataFrame) -> Ratio | None:
    weeks = part.groupby("week")[["wrong", "automated"]].sum()
    return ratio(weeks["wrong"], weeks["automated"], counts=True)


def _launch(table: pd.DataFrame, events: Events) -> Launch | None:
    if events.launch is None:
        return None
    wrong = int((table["wrong"] & (table["truth"] == events.launch)).sum())
    return Launch(events.named_day, events.held_day, wrong)
