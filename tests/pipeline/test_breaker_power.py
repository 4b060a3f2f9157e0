"""What is said of the breaker at a volume of audits."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.figures.breaker import Reliability
from handrail.policy import BreakerRules
from tasks.watch import breaker_power

ESR = BreakerRules()
LITERAL = BreakerRules(rule="literal", min_reviewed=1)


def at(per_day: float, rules: BreakerRules = ESR) -> Reliability:
    return breaker_power.reliability(rules, per_day, seed=1)


def test_a_busy_category_is_seen_within_days_and_a_small_one_hardly() -> None:
    busy, small = at(480), at(3.2)
    assert busy.worse_days is not None
    assert busy.worse_days < 2
    assert breaker_power.is_enough(busy, ESR)
    assert (small.worse_days or 365) > 30
    assert not breaker_power.is_enough(small, ESR)


def test_what_cannot_be_seen_in_the_window_is_said() -> None:
    (seen, cannot) = breaker_power.said(at(3.2), ESR)
    assert seen.startswith("At about 3 audits a day it sees 8% within about")
    assert cannot.startswith("It cannot be relied on to see 5% within 48 hours")
    assert len(breaker_power.said(at(2000), ESR)) == 1


def test_the_literal_rule_says_how_often_it_alarms_for_nothing() -> None:
    found = at(24, LITERAL)
    assert found.false_alarm_rate > 0.95
    assert "pauses a healthy category with probability" in breaker_power.said(found, LITERAL)[0]
    assert breaker_power.is_enough(found, LITERAL)
    assert not breaker_power.is_enough(at(3, BreakerRules(rule="literal")), LITERAL), "it never looks"


def test_without_audits_it_sees_nothing() -> None:
    nothing = at(0)
    assert (nothing.false_alarm_rate, nothing.esr_detection, nothing.worse_days) == (0, 0, None)
    assert breaker_power.said(nothing, ESR) == ["There are no audits: the breaker sees nothing."]


@given(st.floats(0.001, 5000))
def test_the_volume_is_rounded_down_and_not_far(per_day: float) -> None:
    near = breaker_power._near(per_day)  # its promise is wider than what is simulated here
    assert near <= per_day * (1 + 1e-6)
    assert near > per_day / 1.7


def test_figures_of_other_rules_or_volumes_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import asdict

    kept = {"reliability": asdict(at(3.2))}
    monkeypatch.setattr(breaker_power, "_simulated", lambda *_: None)
    assert breaker_power.reliability(ESR, 3.4, 1, [{}, {"reliability": {"rules": "old"}}, kept]) is not None
    other = ESR.model_copy(update={"window": timedelta(days=7)})
    assert breaker_power.reliability(other, 3.4, 1, [kept]) is None
    assert breaker_power.reliability(ESR, 6.0, 1, [kept]) is None
