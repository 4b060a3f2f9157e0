"""A case holds what rules may read, and nothing else."""

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime

import pytest

from handrail.case import Case, Outcome, Prediction, State

CASE = Case(1, "shop", "e-1", datetime(2026, 3, 2, tzinfo=UTC), State.RECEIVED, has_text=True, consent=True)


def test_states_stand_in_the_order_of_a_cases_way() -> None:
    assert " ".join(State) == "received quarantined accepted scored queued decided done"


def test_outcomes_are_three() -> None:
    assert set(Outcome) == {"approve", "override", "deny"}


def test_a_case_has_no_text_and_no_customer() -> None:
    names = {field.name for field in fields(Case)}
    assert not names & {"text", "redacted", "customer_id", "customer"}


def test_a_case_without_more_has_no_amount_no_flags_and_no_fields() -> None:
    assert (CASE.amount, CASE.flags, CASE.fields) == (None, (), {})


def test_two_cases_do_not_share_their_fields() -> None:
    other = Case(2, "shop", "e-2", CASE.received_at, State.RECEIVED, has_text=True, consent=True)
    assert CASE.fields is not other.fields


@pytest.mark.parametrize("value", [CASE, Prediction("refund", 0.9, 0.1, novel=False, model_version="1")])
def test_values_do_not_change(value: Case | Prediction) -> None:
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, None)
