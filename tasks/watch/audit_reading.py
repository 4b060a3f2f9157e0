"""What the audits say of each category's automatic approvals: error rate, trend, prediction, audits still needed."""

from datetime import timedelta
from typing import Any

import pandas as pd

from handrail import bulkhead, estimates
from handrail.acts import reading
from handrail.figures.audits import AuditFigures, PlanFigures, RateFigures, StratumFigures, TrendFigures, WeekFigures
from handrail.reading import ALL, Reading, Verdict, unreadable
from handrail.store import audits
from handrail.window import Window
from tasks.occasion import Occasion
from tasks.step import step
from tasks.watch.audit import minutes_each

WATCH = "audits"
OVER = timedelta(weeks=4)
"""Approvals that the error rate is of."""
TREND_OVER = timedelta(weeks=12)
WIDEST = 0.05
"""Half width from which an interval says too little to be called quiet."""
_WEEK = timedelta(weeks=1)


@step
def read_audits(occasion: Occasion, plan: PlanFigures | None = None) -> list[Reading]:
    """Estimate the error of each category and of all, and write it down with what the last draw was to cost.

    Returns the readings of categories with approvals, of those that could not be read, and of all.
    """
    now, each = occasion.now, minutes_each(occasion)
    with occasion.store.read() as connection:
        seen = audits.looked_at(connection, Window.last(TREND_OVER, now))
    parts = {name: seen[seen["category"] == name] for name in occasion.policy.categories} | {ALL: seen}
    read = bulkhead.each(parts, lambda name: _read(occasion, name, parts[name], plan, each), what="reading the audits")
    failed = [unreadable(WATCH, name, Window.last(OVER, now).ends, fault) for name, fault in read.failed.items()]
    looks = [*read.results.values(), *failed]
    reading.record(occasion.store, looks, actor=occasion.actor, now=now)
    return [one for one in looks if one.subject == ALL or one.fault or one.figures(AuditFigures).auto_approved]


def row_of(one: Reading) -> dict[str, Any]:
    """A reading as one row of a table for people; of one that failed its verdict and the fault."""
    begun = {"category": one.subject, "verdict": str(one.verdict)}
    if one.fault is not None:
        return {**begun, "fault": one.fault}
    figures = one.figures(AuditFigures)
    return {
        **begun,
        "auto_approved": figures.auto_approved,
        "audited": figures.audited,
        "errors": figures.errors,
        "rate": figures.rate,
        "low": figures.low,
        "high": figures.high,
        "trend": figures.trend.direction,
        "more_audits_to_one_point": figures.needed,
        "expected_without_labels": figures.estimated and figures.estimated.rate,
        "combined": figures.ppi and figures.ppi.rate,
    }


def _read(occasion: Occasion, name: str, seen: pd.DataFrame, plan: PlanFigures | None, each: float) -> Reading:
    """One subject; `seen` are its approvals of the trend's span, `each` the minutes that an audit takes."""
    window = Window.last(OVER, occasion.now)
    recent = seen[seen["approved_at"] >= window.since]
    ruled = recent[recent["rejected"].notna()]
    wrong = ruled["rejected"].astype(bool).to_numpy()
    rate = estimates.of_audits(recent)
    figures = AuditFigures(
        auto_approved=len(recent),
        drawn=int(recent["drawn"].sum()),
        audited=len(ruled),
        waiting=int((recent["drawn"] & recent["audited_at"].isna()).sum()),
        pending=int(recent["pending"].sum()),
        errors=int(wrong.sum()),
        rate=rate.rate if rate.n else None,
        low=rate.low if rate.n else None,
        high=rate.high if rate.n else None,
        method=rate.method,
        rests_on=rate.n,
        needed=estimates.needed(rate),
        trend=_trend(occasion, seen),
        estimated=_expected(recent),
        ppi=_combined(recent, ruled),
        strata=_strata(recent),
        error_cases=tuple(int(case) for case in ruled.loc[wrong, "case_id"].tail(20)),
        bound=_bound(occasion),
        at_least_a_day=occasion.policy.sampling.at_least_a_day,
        floor_minutes=occasion.policy.sampling.at_least_a_day * each,
        plan=plan if name == ALL else None,
    )
    drawn = ruled.loc[ruled["random"], "rejected"].astype(bool)
    exact = estimates.clopper_pearson(int(drawn.sum()), len(drawn))
    return Reading(WATCH, name, window.ends, _verdict(rate, exact, _bound(occasion)), figures.to_json())


def _verdict(rate: estimates.Estimate, drawn: estimates.Estimate, bound: float) -> Verdict:
    """Of the estimate and the exact interval of the simple-random draw: an alarm where it surely exceeds the bound."""
    if not rate.n:
        return Verdict.NOT_MEASURED
    if estimates.exceeds(rate, drawn, bound):
        return Verdict.ALARM
    return Verdict.UNDERPOWERED if (rate.high - rate.low) / 2 > WIDEST else Verdict.QUIET


def _bound(occasion: Occasion) -> float:
    """The error rate from which the policy calls for a retraining."""
    return float(occasion.policy.retraining.error_rate_above)


def _trend(occasion: Occasion, seen: pd.DataFrame) -> TrendFigures:
    """The trend with its weeks, oldest first: approvals; audits, errors, and their weighted rate with its interval.

    A week in which the chances changed, or whose strata found more, reads what all its approvals show.
    """
    approved_at = seen["approved_at"]
    spans = list(Window.last(TREND_OVER, occasion.now).cut(_WEEK))
    weeks: list[WeekFigures] = []
    rates: list[estimates.Estimate] = []
    for number, week in enumerate(spans, start=1):
        mine = seen[(approved_at >= week.since) & (approved_at < week.until)]
        one = estimates.of_audits(mine)
        rates.append(one)
        weeks.append(
            WeekFigures(
                weeks_ago=len(spans) - number,
                auto_approved=len(mine),
                audited=one.n,
                errors=one.errors,
                rate=one.rate if one.n else None,
                low=one.low if one.n else None,
                high=one.high if one.n else None,
            )
        )
    found = estimates.trend([one.rate * one.effective for one in rates], [one.effective for one in rates])
    return TrendFigures(
        direction=str(found.direction),
        slope=found.slope,
        low=found.low,
        high=found.high,
        p=found.p,
        by_week=tuple(weeks),
    )


def _expected(recent: pd.DataFrame) -> RateFigures | None:
    """The error that the confidences of all approvals expect, without a label; None where nothing was scored."""
    found = estimates.expected_error(recent["confidence"].to_numpy(dtype=float))
    return RateFigures.of(found) if found.n else None


def _combined(recent: pd.DataFrame, ruled: pd.DataFrame) -> RateFigures | None:
    """Audits and confidences together; None where there are too few errors, or an approval was not scored."""
    guesses = 1 - recent["confidence"].astype(float)
    found = estimates.assisted(
        ruled["rejected"].astype(bool).to_numpy(),
        ruled["inclusion_probability"].to_numpy(dtype=float),
        guesses.loc[ruled.index].to_numpy(),
        guesses.to_numpy(),
    )
    return RateFigures.of(found) if found else None


def _strata(recent: pd.DataFrame) -> dict[str, StratumFigures]:
    """Audits drawn, done and with an error, by the stratum that drew them first."""
    drawn = recent[recent["drawn"]]
    return {
        str(name): StratumFigures(
            drawn=len(part),
            audited=int(part["rejected"].notna().sum()),
            errors=int(part["rejected"].fillna(value=False).astype(bool).sum()),
        )
        for name, part in drawn.groupby("stratum")
    }
