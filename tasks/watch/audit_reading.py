"""What the audits say of each category's automatic approvals: error rate, trend, prediction, audits still needed."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pandas as pd

from handrail import bulkhead, estimates
from handrail.acts import reading
from handrail.store import audits, readings
from handrail.store.readings import ALL, Reading, Verdict
from handrail.window import Window
from tasks.occasion import Occasion
from tasks.step import step

WATCH = "audits"
OVER = timedelta(weeks=4)
"""Approvals that the error rate is of."""
TREND_OVER = timedelta(weeks=12)
WIDEST = 0.05
"""Half width from which an interval says too little to be called quiet."""
_WEEK = timedelta(weeks=1)


@step
def read_audits(occasion: Occasion, plan: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Estimate the error of each category and of all, and write it down with what the last draw was to cost.

    Returns one row a category with approvals, and one of all.
    """
    now = occasion.now
    with occasion.store.read() as connection:
        seen = audits.looked_at(connection, Window.last(TREND_OVER, now))
    parts = {name: seen[seen["category"] == name] for name in occasion.policy.categories} | {ALL: seen}
    read = bulkhead.each(parts, lambda name: _read(occasion, name, parts[name], plan), what="reading the audits")
    failed = [
        readings.unreadable(WATCH, name, Window.last(OVER, now).ends, fault) for name, fault in read.failed.items()
    ]
    reading.record(occasion.store, [*read.results.values(), *failed], actor=occasion.actor, now=now)
    return [
        {"category": one.subject, "verdict": str(one.verdict), **one.body}
        for one in [*read.results.values(), *failed]
        if one.subject == ALL or one.body.get("auto_approved", 1)
    ]


def row_of(one: dict[str, Any]) -> dict[str, Any]:
    """A reading as one row of a table for people; of one that failed its verdict and the fault."""
    if one["verdict"] == Verdict.UNREADABLE:
        return {name: one[name] for name in ("category", "verdict", "fault")}
    trend, expected, combined = one["trend"], one["estimated"], one["ppi"]
    return {
        "category": one["category"],
        "verdict": one["verdict"],
        "auto_approved": one["auto_approved"],
        "audited": one["audited"],
        "errors": one["errors"],
        "rate": one["rate"],
        "low": one["low"],
        "high": one["high"],
        "trend": trend["direction"],
        "more_audits_to_one_point": one["needed"],
        "expected_without_labels": expected and expected["rate"],
        "combined": combined and combined["rate"],
    }


def _read(occasion: Occasion, name: str, seen: pd.DataFrame, plan: dict[str, Any] | None) -> Reading:
    """One subject; `seen` are its approvals of the trend's span."""
    window = Window.last(OVER, occasion.now)
    recent = seen[seen["approved_at"] >= window.since]
    ruled = recent[recent["rejected"].notna()]
    wrong = ruled["rejected"].astype(bool).to_numpy()
    rate = error_rate(recent)
    body = {
        "auto_approved": len(recent),
        "drawn": int(recent["drawn"].sum()),
        "audited": len(ruled),
        "waiting": int((recent["drawn"] & recent["rejected"].isna()).sum()),
        "errors": int(wrong.sum()),
        "rate": rate.rate if rate.n else None,
        "low": rate.low if rate.n else None,
        "high": rate.high if rate.n else None,
        "method": rate.method,
        "rests_on": rate.n,
        "needed": estimates.needed(rate),
        "trend": _trend(occasion, seen),
        "estimated": _expected(recent),
        "ppi": _combined(recent, ruled),
        "strata": _strata(recent),
        "error_cases": [int(case) for case in ruled.loc[wrong, "case_id"].tail(20)],
        "bound": _bound(occasion),
        "plan": plan if name == ALL else None,
    }
    drawn = ruled.loc[ruled["random"], "rejected"].astype(bool)
    exact = estimates.clopper_pearson(int(drawn.sum()), len(drawn))
    return Reading(WATCH, name, window.ends, _verdict(rate, exact, _bound(occasion)), body)


def error_rate(approvals: pd.DataFrame) -> estimates.Estimate:
    """The error of approvals that draws have looked at, from those audited by now; rows as `audits.looked_at` gives."""
    ruled = approvals[approvals["rejected"].notna()]
    return estimates.hajek(ruled["rejected"].to_numpy(dtype=bool), ruled["inclusion_probability"].to_numpy(dtype=float))


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


def _trend(occasion: Occasion, seen: pd.DataFrame) -> dict[str, Any]:
    """The trend with its weeks, oldest first: approvals; audits, errors, rate, interval of the simple-random draw."""
    approved_at = seen["approved_at"]
    spans = list(Window.last(TREND_OVER, occasion.now).cut(_WEEK))
    weeks: list[dict[str, Any]] = []
    for number, week in enumerate(spans, start=1):
        mine = seen[(approved_at >= week.since) & (approved_at < week.until)]
        ruled = mine[mine["random"] & mine["rejected"].notna()]
        errors = int(ruled["rejected"].astype(bool).sum())
        one = estimates.clopper_pearson(errors, len(ruled))
        weeks.append(
            {
                "weeks_ago": len(spans) - number,
                "auto_approved": len(mine),
                "audited": len(ruled),
                "errors": errors,
                "rate": one.rate if one.n else None,
                "low": one.low if one.n else None,
                "high": one.high if one.n else None,
            }
        )
    found = estimates.trend([week["errors"] for week in weeks], [week["audited"] for week in weeks])
    return {**asdict(found), "direction": str(found.direction), "by_week": weeks}


def _expected(recent: pd.DataFrame) -> dict[str, Any] | None:
    """The error that the confidences of all approvals expect, without a label; None where nothing was scored."""
    found = estimates.expected_error(recent["confidence"].to_numpy(dtype=float))
    return asdict(found) if found.n else None


def _combined(recent: pd.DataFrame, ruled: pd.DataFrame) -> dict[str, Any] | None:
    """Audits and confidences together; None where there are too few errors, or an approval was not scored."""
    guesses = 1 - recent["confidence"].astype(float)
    found = estimates.assisted(
        ruled["rejected"].astype(bool).to_numpy(),
        ruled["inclusion_probability"].to_numpy(dtype=float),
        guesses.loc[ruled.index].to_numpy(),
        guesses.to_numpy(),
    )
    return asdict(found) if found else None


def _strata(recent: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Audits drawn, done and with an error, by the stratum that drew them first."""
    drawn = recent[recent["drawn"]]
    return {
        str(name): {
            "drawn": len(part),
            "audited": int(part["rejected"].notna().sum()),
            "errors": int(part["rejected"].fillna(value=False).astype(bool).sum()),
        }
        for name, part in drawn.groupby("stratum")
    }
