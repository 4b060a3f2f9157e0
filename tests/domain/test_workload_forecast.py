"""What another stage would ask of people is counted on recorded cases, by the rules that route them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.dead_mans_switch import Silence
from handrail.estimates import Estimate, clopper_pearson
from handrail.governing import Alteration
from handrail.policy import CategoryRules, Consequence, CostRules, Policy, QueueRules, SamplingPolicy, Stage
from handrail.queues import Situation
from handrail.workload_forecast import Projection, project

POLICY = Policy(
    business="shop",
    queues=QueueRules(uncertified="fixed"),
    categories={
        "refund": CategoryRules(action="pay", consequence=Consequence.LOW, stage=Stage.SHADOW, partial_share=0.5),
        "cancel": CategoryRules(action="end", consequence=Consequence.HIGH, stage=Stage.SHADOW),
    },
    costs=CostRules(minutes_manual=6, minutes_quick=1, error=25),
    sampling=SamplingPolicy(random_rate=0.05),
)
NOW = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(weeks=1)
NEVER = clopper_pearson(0, 0)


def cases(*confidences: float, label: str = "refund", **values: Any) -> pd.DataFrame:  # noqa: ANN401 - of a column
    rows = {"consent": True, "has_text": True, "amount": 10.0, "novel": False, **values}
    frame = pd.DataFrame({"confidence": confidences, "label": label, **rows})
    return frame.assign(flags=pd.Series([()] * len(confidences), dtype=object))


def foresee(
    frame: pd.DataFrame,
    to: Stage = Stage.AUTO,
    *,
    audited: Estimate = NEVER,
    span: timedelta = WEEK,
    situation: Situation | None = None,
    category: str = "refund",
) -> Projection:
    draws = np.linspace(0, 1, len(frame), endpoint=False)
    return project(frame, category, to, situation or Situation(), POLICY, draws=draws, span=span, audited=audited)


def test_hours_are_the_policys_minutes_of_each_queue() -> None:
    found = foresee(cases(*[0.99] * 10, *[0.8] * 4, 0.5))
    assert found.now is not None
    assert found.then is not None
    assert (found.now.automatic, found.now.quick, found.now.manual) == (0, 0, 15)
    assert found.now.hours == pytest.approx(15 * 6 / 60)
    assert (found.then.automatic, found.then.quick, found.then.manual) == (10, 4, 1)
    assert found.then.audits == pytest.approx(10 * 0.05)
    assert found.then.hours == pytest.approx((4 * 1 + 1 * 6 + 0.5 * 6) / 60)


def test_a_week_is_a_week_however_long_was_looked_at() -> None:
    found = foresee(cases(*[0.99] * 8), span=4 * WEEK)
    assert found.then is not None
    assert found.then.automatic == 2
    assert found.cases == 8


def test_partial_lets_its_share_through_and_keeps_the_rest() -> None:
    found = foresee(cases(*[0.99] * 10), Stage.PARTIAL)
    assert found.then is not None
    assert (found.then.automatic, found.then.quick) == (5, 5)


def test_audits_of_sure_but_not_very_sure_approvals_count_twice_their_chance() -> None:
    found = foresee(cases(0.96))
    assert found.then is not None
    assert found.then.audits == pytest.approx(1 - 0.95 * 0.95)


def test_without_a_case_nothing_is_foretold() -> None:
    found = foresee(cases())
    assert (found.cases, found.now, found.then) == (0, None, None)


def test_what_errors_cost_rests_on_audits() -> None:
    found = foresee(cases(*[0.99] * 10), audited=clopper_pearson(2, 40))
    assert found.now is not None
    assert found.then is not None
    assert found.then.error_cost == pytest.approx(10 * 0.05 * 25)
    assert found.then.error_cost_at_most == pytest.approx(10 * clopper_pearson(2, 40).high * 25)
    assert (found.now.error_cost, found.now.error_cost_at_most) == (0, 0), "people decide all of it"


def test_without_audits_the_cost_of_errors_is_not_measured() -> None:
    found = foresee(cases(*[0.99] * 10))
    assert found.then is not None
    assert (found.then.error_cost, found.then.error_cost_at_most) == (None, None)


def test_a_pause_and_a_hold_end_and_are_left_out() -> None:
    silent, altered = Silence("sla_watch", NOW, NOW), Alteration("policy", None, "Put it right.")
    held = Situation(paused={"refund"}, all_paused=True, silent=(silent,), altered=(altered,))
    assert foresee(cases(0.99), situation=held) == foresee(cases(0.99))


def test_a_certificate_that_asks_for_more_is_heard() -> None:
    found = foresee(cases(0.97, 0.995), situation=Situation(certified={"refund": 0.99}))
    assert found.then is not None
    assert (found.then.automatic, found.then.quick) == (1, 1)


def test_a_high_consequence_stays_with_people_at_every_stage() -> None:
    found = foresee(cases(0.99, label="cancel"), category="cancel")
    assert found.then is not None
    assert found.then.manual == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from(list(Stage)))
def test_no_case_is_lost_between_the_queues(confidences: list[float], to: Stage) -> None:
    found = foresee(cases(*confidences), to)
    for week in (found.now, found.then):
        assert week is not None
        assert week.automatic + week.quick + week.manual == pytest.approx(len(confidences))
