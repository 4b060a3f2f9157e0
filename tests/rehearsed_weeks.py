"""A small rehearsal as its owner's report tells it, made up without playing one."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from handrail.policy import CategoryRules, CostRules, Policy
from handrail.rehearsed import Events, PersonPlayed, PromotionPlayed, Rehearsed, measure
from tasks.rehearsal.happening import Happening
from tasks.rehearsal.telling import RehearsalStory, WatchedSubject, Worker

BEGAN = date(2026, 3, 2)
HOSTILE = "<script>alert('x')</script>"


def policy(**costs: float) -> Policy:
    """Two categories at a price of their own."""
    categories = {"refund": CategoryRules(action="refund", error_cost=40.0), "invoice": CategoryRules(action="send")}
    return Policy(business="shop", categories=categories, costs=CostRules(currency="EUR", error=20.0, **costs))


def rehearsed(
    weeks: int = 8, *, automated: int = 80, wrong: int = 0, a_week: int = 100, launched: int | None = None
) -> Rehearsed:
    """So many cases a week; from week 4 on so many are automatic, and so many of these wrong.

    From the week `launched` on those are vouchers, which nobody knows.
    """
    rows = [
        {
            "id": f"{week}-{at}",
            "day": (BEGAN + timedelta(days=7 * (week - 1) + at % 7)).isoformat(),
            "queue": "A" if week >= 4 and at < automated else "C",
            "reason": "auto",
            "predicted": "refund",
            "confidence": 0.99 - at / 1000,
            "automated": int(week >= 4 and at < automated),
            "decided": "invoice" if week >= max(4, launched or 4) and at < wrong else "refund",
            "truth": "voucher" if launched is not None and week >= launched and at < wrong else "refund",
        }
        for week in range(1, weeks + 1)
        for at in range(a_week)
    ]
    cases = pd.DataFrame(rows)
    plain = pd.DataFrame({"id": cases["id"], "label": "refund", "confidence": np.where(cases.index % 2, 0.97, 0.5)})
    looked = [{"day": 7 * (week - 1) + 2, "error": False, "chance": 0.1} for week in range(5, weeks + 1)] * 6
    audits = pd.DataFrame(looked, columns=["day", "error", "chance"])
    events = Events(
        audits,
        first_certificate_day=20,
        people={"r1": PersonPlayed(), "r4": PersonPlayed(12)},
        promotions=(PromotionPlayed(30, "2"),),
        launch="voucher",
        named_day=33,
        minutes=dict.fromkeys(range(2, 7 * weeks + 2), 12.0),
        trainings={1: 1, 29: 1},
        test_minutes=dict.fromkeys(range(2, 7 * weeks + 2), 2.0),
    )
    return measure(cases, plain, events, began=BEGAN, days=7 * weeks)


def telling(found: Rehearsed | None = None, **more: object) -> RehearsalStory:
    """What such a rehearsal tells."""
    found = found or rehearsed()
    weeks = range(1, len(found.by_week) + 1)
    whole = RehearsalStory(
        found,
        policy(),
        BEGAN,
        "voucher",
        (
            Happening(20, "certificate", "certificate for model 1 (all cases together): at most 2.0% wrong"),
            Happening(21, "stage", "refund: partial"),
            Happening(33, "drift", f"Drift: text, “{HOSTILE}”"),
            Happening(34, "pause", "refund paused (breaker): 3 of 20 audits rejected"),
            Happening(12, "person", "the watch over people's work pointed out r4"),
            Happening(30, "model", "model 2 took over"),
        ),
        (Worker("r1", 0.98, 0.0, 900, 700.0, None), Worker("r4", 0.8, 0.95, 880, 150.0, 12)),
        {"deciding cases": dict.fromkeys(weeks, 500.0), "audits": dict.fromkeys(weeks, 60.0)},
        (
            WatchedSubject("drift", "text", {"quiet": 20, "alarm": 44}, 33),
            WatchedSubject("fairness", "region", {"underpowered": 8, "not_measured": 2}),
            WatchedSubject("breaker", "refund", {"quiet": 40}),
            WatchedSubject("breaker", "invoice", {"underpowered": 40}),
        ),
        {"invoice": ("100 more blind labels are needed", "no certificate")},
        {"review": 3},
        90,
        ("2 rows without a category are left out.",),
    )
    return replace(whole, **more)  # type: ignore[arg-type]
