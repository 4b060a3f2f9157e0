"""What calls for a retraining: each trigger on both sides of its bound, and what holds attempts back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.policy import CategoryRules, ModelRules, Policy, RetrainingRules
from handrail.retraining_triggers import (
    Asked,
    Cause,
    Reading,
    TriggerFacts,
    called_for,
    held_until,
    is_news,
    read,
)

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
POLICY = Policy(
    business="shop",
    categories={"refund": CategoryRules(action="pay"), "tracking": CategoryRules(action="send")},
    model=ModelRules(min_labels=100),
    retraining=RetrainingRules(
        every=28 * DAY, error_rate_above=0.05, min_audited=60, new_labels=300, not_again_within=6 * DAY
    ),
)
QUIET = TriggerFacts(NOW, trained_at=NOW - 10 * DAY)
"""A model of ten days, and nothing that calls."""


def audits(audited: int, rejected: int) -> dict[str, Any]:
    """Audits of equal chance."""
    rate = rejected / audited if audited else 0.0
    return {"audited": audited, "rejected": rejected, "error_rate": rate, "effective": float(audited)}


HIGH = replace(QUIET, **audits(60, 4))
MANY = replace(QUIET, new_labels=300)
DRIFTED = replace(QUIET, drift_at=NOW - DAY)


def called(facts: TriggerFacts, asked: Asked = "when_due") -> Cause | None:
    return called_for(facts, POLICY, asked)


def reading(facts: TriggerFacts, cause: Cause) -> Reading:
    return next(found for found in read(facts, POLICY) if found.cause == cause)


def trained(facts: TriggerFacts, ago: timedelta) -> TriggerFacts:
    return replace(facts, trained_at=NOW - ago)


def test_a_quiet_week_calls_for_nothing_unless_a_person_asks() -> None:
    assert called(QUIET) is None
    assert called(QUIET, "by_hand") == "by_hand"


@pytest.mark.parametrize(("labels", "cause"), [(99, None), (100, "first")])
def test_the_first_model_waits_for_the_labels_that_the_policy_asks_for(labels: int, cause: Cause | None) -> None:
    facts = TriggerFacts(NOW, new_labels=labels)
    assert called(facts) == cause
    (only,) = read(facts, POLICY)
    assert only.sentence == f"no model yet: {labels} labels that can train; policy 100"


def test_without_a_model_no_other_trigger_calls() -> None:
    facts = TriggerFacts(NOW, drift_at=NOW, new_labels=100, **audits(60, 60))
    assert [called(facts, asked) for asked in ("drift", "error_rate", "new_labels")] == [None, None, None]


@pytest.mark.parametrize(("age", "cause"), [(28 * DAY - SECOND, None), (28 * DAY, "monthly")])
def test_a_month_after_the_last_training(age: timedelta, cause: Cause | None) -> None:
    assert called(trained(QUIET, age)) == cause


@pytest.mark.parametrize(
    ("audited", "rejected", "cause"),
    [(60, 3, None), (60, 4, "error_rate"), (59, 59, None), (100, 5, None), (100, 6, "error_rate"), (0, 0, None)],
)
def test_an_error_rate_above_the_policys_on_enough_audits(audited: int, rejected: int, cause: Cause | None) -> None:
    assert called(replace(QUIET, **audits(audited, rejected))) == cause


@pytest.mark.parametrize(("labels", "cause"), [(299, None), (300, "new_labels")])
def test_enough_new_labels(labels: int, cause: Cause | None) -> None:
    assert called(replace(QUIET, new_labels=labels)) == cause


@pytest.mark.parametrize(("facts", "cause"), [(HIGH, "error_rate"), (MANY, "new_labels")])
def test_errors_and_labels_wait_for_a_while_after_a_training(facts: TriggerFacts, cause: Cause) -> None:
    assert called(trained(facts, 6 * DAY - SECOND)) is None
    assert called(trained(facts, 6 * DAY)) == cause
    assert reading(trained(facts, DAY), cause).sentence.endswith("not again before 2026-04-04 09:00")


@pytest.mark.parametrize(("found", "cause"), [(-SECOND, None), (timedelta(0), None), (SECOND, "drift")])
def test_a_drift_is_answered_once_by_the_first_training_after_it(found: timedelta, cause: Cause | None) -> None:
    trained_at = NOW - SECOND
    assert called(TriggerFacts(NOW, trained_at=trained_at, drift_at=trained_at + found)) == cause


def test_a_drift_right_after_a_training_is_still_answered() -> None:
    assert called(TriggerFacts(NOW, trained_at=NOW - SECOND, drift_at=NOW)) == "drift"


def test_an_event_asks_its_own_trigger_only() -> None:
    everything = replace(DRIFTED, trained_at=NOW - 28 * DAY, new_labels=300, **audits(60, 60))
    assert called(everything) == "drift"
    for asked in ("drift", "error_rate", "new_labels"):
        assert called(everything, asked) == asked
    assert [called(HIGH, asked) for asked in ("drift", "new_labels")] == [None, None]


@pytest.mark.parametrize("facts", [HIGH, MANY, DRIFTED, trained(QUIET, 28 * DAY)])
def test_what_failed_is_not_tried_again_until_the_time_has_passed_or_a_label_came(facts: TriggerFacts) -> None:
    cause = called(facts)
    assert cause is not None
    failed = replace(facts, failed_at=NOW - 6 * DAY + SECOND)
    assert held_until(failed, POLICY) == NOW + SECOND
    assert called(failed) is None
    assert called(failed, "by_hand") == "by_hand"
    assert called(replace(failed, labels_since_failure=1)) == cause
    assert called(replace(failed, failed_at=NOW - 6 * DAY)) == cause


@pytest.mark.parametrize(("trained_after", "is_held"), [(-SECOND, True), (timedelta(0), False)])
def test_a_training_settles_the_failure_before_it(trained_after: timedelta, is_held: bool) -> None:
    facts = replace(DRIFTED, failed_at=NOW - 2 * DAY, trained_at=NOW - 2 * DAY + trained_after)
    assert (held_until(facts, POLICY) is not None) is is_held


def test_a_first_training_that_failed_is_held_back_as_well() -> None:
    assert called(TriggerFacts(NOW, failed_at=NOW - DAY, new_labels=100)) is None


def test_a_crossing_is_told_once_and_again_after_a_training_or_the_policys_time() -> None:
    assert is_news(None, HIGH, POLICY)
    told = NOW - DAY
    assert not is_news(told, HIGH, POLICY)
    assert is_news(told, replace(HIGH, trained_at=told), POLICY)
    assert not is_news(told, replace(HIGH, trained_at=told - SECOND), POLICY)
    assert is_news(NOW - 6 * DAY, HIGH, POLICY)
    assert not is_news(NOW - 6 * DAY + SECOND, HIGH, POLICY)


def test_each_reading_names_its_figure_and_the_policys_bound() -> None:
    facts = replace(QUIET, new_labels=1234, drift_at=NOW - 20 * DAY, **audits(80, 1))
    assert {found.cause: found.sentence for found in read(facts, POLICY)} == {
        "drift": "found on 2026-03-10 09:00; answered by the training of 2026-03-20 09:00",
        "error_rate": "1.2%, by 1 of 80 audits; policy 5.0% of at least 60",
        "monthly": "10 days since the last training; policy 28 days",
        "new_labels": "1,234 since the last training; policy 300",
    }
    assert reading(QUIET, "error_rate").sentence == "no audit; policy 5.0% of at least 60"
    assert reading(QUIET, "drift").sentence == "none found"


def test_audits_of_unlike_chances_count_for_what_they_are_worth() -> None:
    facts = replace(QUIET, audited=90, rejected=9, error_rate=0.08, effective=59.4, pending=2)
    assert called(facts) is None
    worth = "8.0%, by 9 of 90 audits worth 59 of equal chance; 2 contradictions not settled; policy 5.0% of at least 60"
    assert reading(facts, "error_rate").sentence == worth
    assert called(replace(facts, effective=60.0)) == "error_rate"
    assert called(replace(facts, effective=60.0, error_rate=0.05)) is None


moments = st.integers(0, 40 * 24).map(lambda hours: NOW - timedelta(hours=hours))
standings = st.builds(
    TriggerFacts,
    st.just(NOW),
    trained_at=moments | st.none(),
    failed_at=moments | st.none(),
    drift_at=moments | st.none(),
    audited=st.integers(0, 100),
    rejected=st.integers(0, 100),
    error_rate=st.floats(0, 1),
    effective=st.floats(0, 100),
    new_labels=st.integers(0, 400),
    labels_since_failure=st.integers(0, 2),
)


@given(standings)
def test_whatever_calls_a_training_now_answers_it(facts: TriggerFacts) -> None:
    """The property that makes several events one training: after it none of them calls."""
    answered = replace(facts, trained_at=NOW, new_labels=0, labels_since_failure=0)
    assert called(answered) is None
    for asked in ("drift", "error_rate", "new_labels"):
        assert called(facts, asked) in (None, asked)
        assert called(answered, asked) is None


@pytest.mark.parametrize(("labels", "cause"), [(149, None), (150, "new_labels")])
def test_labels_that_have_grown_by_half_of_what_serves_call_before_the_number_is_reached(
    labels: int, cause: Cause | None
) -> None:
    facts = replace(QUIET, learnt=300, new_labels=labels)
    assert called(facts) == cause
    assert (
        f"policy 150, {0.5:.1%} of the 300 that the serving version learnt from"
        in reading(facts, "new_labels").sentence
    )
    assert called(replace(facts, learnt=30_000, new_labels=300)) == "new_labels", "the number holds for who has many"


def test_a_challenger_that_waits_to_be_judged_is_not_replaced_by_the_calendar_or_by_labels() -> None:
    waiting = replace(MANY, trained_at=NOW - 28 * DAY, judged_until=NOW + DAY)
    assert called(waiting) is None
    for cause in ("monthly", "new_labels"):
        assert "a challenger waits to be judged, until 2026-03-31 09:00" in reading(waiting, cause).sentence
    assert called(replace(waiting, judged_until=NOW)) == "monthly", "it has had its time"
    assert called(replace(waiting, drift_at=NOW - DAY)) == "drift"
    assert called(replace(waiting, **audits(60, 4))) == "error_rate"
