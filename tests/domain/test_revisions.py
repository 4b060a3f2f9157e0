"""Whether a known case that comes again says the same, something else, or something earlier."""

import pytest

from handrail.case import State
from handrail.revisions import Arrival, Content, arrival, is_same_request

HELLO = Content("hello", 10.0, {"channel": "web", "tier": "basic"})


def came(*versions: Content, state: State = State.QUEUED, row: Content = HELLO, history: bool = False) -> Arrival:
    return arrival(row, versions, state, relevant=("channel",), history=history)


@pytest.mark.parametrize("state", [State.ACCEPTED, State.SCORED, State.QUEUED, State.DECIDED, State.DONE])
def test_the_same_content_is_a_duplicate_in_every_state(state: State) -> None:
    assert came(HELLO, state=state) is Arrival.DUPLICATE


@pytest.mark.parametrize(
    ("state", "arrives"),
    [(State.ACCEPTED, Arrival.CHANGED), (State.QUEUED, Arrival.CHANGED), (State.DONE, Arrival.REOPENED)],
)
def test_another_text_changes_what_waits_and_reopens_what_is_decided(state: State, arrives: Arrival) -> None:
    assert came(Content("good bye", 10.0), state=state) is arrives


def test_known_outcomes_are_changed_and_never_reopened() -> None:
    assert came(Content("good bye", 10.0), state=State.DONE, history=True) is Arrival.CHANGED


def test_an_earlier_content_turns_nothing_back() -> None:
    assert came(Content("good bye", 10.0), HELLO) is Arrival.DUPLICATE


def test_a_customers_tier_or_channel_never_opens_a_decided_case() -> None:
    other = Content("hello", 10.0, {"channel": "mail", "tier": "gold"})
    assert came(other, state=State.DONE) is Arrival.DUPLICATE
    assert came(other, state=State.QUEUED) is Arrival.CHANGED


def test_an_amount_that_only_one_delivery_maps_never_opens_a_decided_case() -> None:
    assert came(Content("hello", None), state=State.DONE) is Arrival.DUPLICATE
    assert came(Content("hello", 20.0), state=State.DONE) is Arrival.REOPENED


def test_what_has_been_erased_cannot_be_said_to_differ() -> None:
    assert came(Content(None, 10.0), state=State.DONE) is Arrival.DUPLICATE


def test_without_a_text_amount_and_customer_tell_two_requests_apart() -> None:
    assert is_same_request(Content("", 5.0, customer_id="a"), Content(" ", 5.0, customer_id="a"))
    assert not is_same_request(Content("", 5.0, customer_id="a"), Content("", 5.0, customer_id="b"))
    assert is_same_request(Content("hello", 5.0), Content("hello\n", None))
