"""The audit sample: at random, and by strata where errors would hurt or hide, within a budget of minutes."""

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import median

import numpy as np
import pandas as pd

from handrail import audit_floor, sampling
from handrail.acts import drawing
from handrail.audit_floor import Floor, PastDay
from handrail.figures.audits import PlanFigures
from handrail.figures.breaker import BreakerLevel
from handrail.store import audits, drifts, readings
from handrail.window import INSTANT, Window
from tasks.occasion import Occasion, log
from tasks.step import step

SEGMENT = "channel"
TIMED_OVER = timedelta(days=90)
FEWEST_TIMED = 10
VOLUME_OVER = timedelta(days=14)
"""Business days from which the rest of one is expected."""


@dataclass(frozen=True)
class Plan:
    """What a draw may cost and what it takes; minutes are reviewers', `budget` is what is left of the business day's.

    `floor` is what the day still asks of the simple-random draw.
    """

    allocation: sampling.Allocation
    minutes_each: float
    budget: float | None
    floor: Floor

    def figures(self) -> PlanFigures:
        """The plan as the readings keep it."""
        one = self.allocation
        return PlanFigures(
            minutes_each=self.minutes_each,
            minutes_budget=self.budget,
            minutes_wanted=one.wanted * self.minutes_each,
            minutes_expected=one.expected * self.minutes_each,
            strata_kept=one.strata_kept,
            random_kept=one.random_kept,
            fits=one.fits,
            rates=one.rules.rates,
            watched=tuple(sorted(one.rules.watched)),
            cut=self.said(),
            drawn_today=self.floor.drawn,
        )

    def said(self) -> str:
        """What the budget took, as a sentence."""
        one = self.allocation
        if not one.is_cut:
            return "Nothing was cut."
        if one.number_kept < 1:
            return (
                f"The budget pays {one.number_kept:.0%} of the audits that a day asks at least, and no stratum: for "
                f"{self.floor.asked} a day sampling.minutes_a_day has to be "
                f"{math.ceil(self.floor.asked * self.minutes_each)}."
            )
        strata = f"The strata keep {one.strata_kept:.0%} of their rates, the simple-random draw {one.random_kept:.0%}."
        return strata if one.fits else f"{strata} Even so it costs more than the budget: raise sampling.minutes_a_day."


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one draw did: auto-approvals looked at, audits drawn, and its plan where there were candidates."""

    looked_at: int
    drawn: int
    plan: PlanFigures | None = None


def rules(occasion: Occasion) -> sampling.SamplingRules:
    """The policy's rates, multiplied while a drift is young, and the categories under watch."""
    policy = occasion.policy.sampling
    with occasion.store.read() as connection:
        raised = drifts.audits_raised(connection, occasion.now)
    return sampling.SamplingRules(
        random_rate=policy.random_rate,
        low_confidence_below=policy.strata.low_confidence_below,
        low_confidence_rate=policy.strata.low_confidence_rate,
        high_value_above=policy.strata.high_value_above,
        high_value_rate=policy.strata.high_value_rate,
        new_segment_rate=policy.strata.new_segment_rate,
        factor=occasion.policy.drift.audit_factor if raised else 1.0,
        watched_rate=policy.strata.watched_rate,
        watched=frozenset(watched(occasion)),
    )


def watched(occasion: Occasion) -> list[str]:
    """Categories that came back from a pause lately, or whose breaker gathers evidence."""
    with occasion.store.read() as connection:
        back = audits.resumed_since(connection, occasion.now - occasion.policy.sampling.strata.watched_for)
        looks = readings.kept(readings.newest(connection, "breaker"))
    levels = {one.subject: one.figures(BreakerLevel).level or 0.0 for one in looks}
    return sampling.under_watch(list(occasion.policy.categories), back, levels)


def minutes_each(occasion: Occasion) -> float:
    """The median time of an audit lately; the policy's quick minutes while fewer than ten were timed."""
    with occasion.store.read() as connection:
        seconds = audits.seconds_of_audits(connection, since=occasion.now - TIMED_OVER)
    measured = median(seconds) / 60 if len(seconds) >= FEWEST_TIMED else 0.0
    return measured or occasion.policy.costs.minutes_quick


def floor(occasion: Occasion, approvals: int) -> Floor:
    """What the business day still asks of a draw among so many approvals, from the draws before it."""
    now, calendar, rules = occasion.now, occasion.policy.sla.calendar, occasion.policy.sampling
    today = audit_floor.business_day(now, calendar)
    with occasion.store.read() as connection:
        earlier = audits.volume(connection, Window.up_to(now, since=today.since))
        begun, so_far = Floor(rules.at_least_a_day, earlier.at_random), earlier.looked_at + approvals
        if begun.asked <= rules.random_rate * so_far and begun.left <= rules.random_rate * approvals:
            return begun  # the share comes to more, whatever is still to come
        past, rest = [], today.until - now
        for day in audit_floor.past_days(today, calendar, VOLUME_OVER):
            late = audits.volume(connection, Window(day.until - rest + INSTANT, day.until))
            past.append(PastDay(day, audits.volume(connection, day).looked_at, late.looked_at))
    return audit_floor.expected(begun, today, so_far, past, calendar)


def plan(occasion: Occasion, candidates: pd.DataFrame, known: set[str] | None) -> Plan:
    """Fit the draw into what is left of the minutes of this business day."""
    each, of_day = minutes_each(occasion), occasion.policy.sampling.minutes_a_day
    asked = floor(occasion, len(candidates))
    wanted = replace(rules(occasion), at_least=asked.chance(len(candidates)))
    if of_day is None:
        return Plan(sampling.allocate(candidates, wanted, None, known_segments=known), each, None, asked)
    today = audit_floor.business_day(occasion.now, occasion.policy.sla.calendar)
    with occasion.store.read() as connection:
        spent = audits.drawn_since(connection, today.since) * each
    left = max(of_day - spent, 0.0)
    affordable = left / each if each > 0 else None
    return Plan(sampling.allocate(candidates, wanted, affordable, known_segments=known), each, left, asked)


@step
def draw(occasion: Occasion, limit: int = 100_000) -> Drawn:
    """Draw audits among the auto-approvals that no draw has looked at; each gets its chance written down."""
    with occasion.store.read() as connection:
        candidates = audits.undrawn(connection, limit)
        seen = audits.first_seen(connection, SEGMENT) if len(candidates) else {}
    if candidates.empty:
        return Drawn(0, 0)
    candidates = candidates.assign(
        segment=[str(values.get(SEGMENT) or "") for values in candidates["fields"]],
        amount=pd.to_numeric(candidates["amount"]),
    )
    known = sampling.established(seen, occasion.now - timedelta(days=occasion.policy.sampling.strata.new_segment_days))
    planned = plan(occasion, candidates, known)
    seed = occasion.keyed_seed("audit")
    chosen = sampling.in_number(candidates, planned.allocation.rules, np.random.default_rng(seed))
    drawn = sampling.draw(candidates, chosen, np.random.default_rng(seed), known_segments=known)
    looked_at = candidates[["case_id", "category"]].assign(
        inclusion_probability=sampling.chances(candidates, chosen, known)
    )
    looked_at = looked_at.merge(drawn[["case_id", "stratum", "random"]], on="case_id", how="left")
    looked_at = looked_at.assign(drawn=looked_at["stratum"].notna(), random=looked_at["random"].eq(True))  # noqa: FBT003
    opened = drawing.draw_audits(
        occasion.store,
        looked_at,
        seed=seed,
        rules=chosen,
        policy=occasion.policy,
        actor=occasion.actor,
        now=occasion.now,
    )
    log.info("looked at %d auto-approvals, drew %d", len(candidates), opened)
    if planned.allocation.is_cut:
        log.warning("audits were cut to the budget: %s", planned.said())
    return Drawn(len(candidates), opened, planned.figures())
