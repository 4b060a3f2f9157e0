"""The packet tells a customer in plain words what was decided, why, by which rule, and what comes now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from handrail.packet import Action, Facts, PacketSection, explain

BERLIN = ZoneInfo("Europe/Berlin")
DECIDED = datetime(2026, 3, 2, 9, tzinfo=UTC)
JARGON = ("queue", "threshold", "calibrat", "model", "label", "novel", "outbox", "confidence", "route", "certif", "_")
FACTS = Facts(
    business="the appliance shop",
    received_at=DECIDED - timedelta(days=1),
    text="I want my money back",
    amount=None,
    automatic=True,
    blind=False,
    decided_at=DECIDED,
    proposed="refund request",
    confidence=0.973,
    words_for=("money back", "want"),
    words_against=("broken",),
    details=("channel: web",),
    category="refund request",
    reason=None,
    passage="Goods come back within 30 days.",
    policy_version="abc123",
    actions=(Action("refund", "done"),),
    disputed_at=DECIDED + timedelta(days=2),
    due_at=DECIDED + timedelta(days=2, hours=1),
    closed_at=None,
    upheld=None,
    second_category=None,
    answer=None,
)
BY_PERSON = replace(FACTS, automatic=False)
CLOSED = replace(FACTS, closed_at=DECIDED + timedelta(days=3), upheld=True, answer="It stands, and here is why.")


def told(facts: Facts) -> str:
    """All of the packet as one text."""
    return "\n".join(
        " ".join([section.heading, *section.sentences, section.quote or ""]) for section in explain(facts, BERLIN)
    )


def section(facts: Facts, heading: str) -> PacketSection:
    (found,) = [one for one in explain(facts, BERLIN) if one.heading == heading]
    return found


def test_it_answers_what_who_why_by_which_rule_and_what_now() -> None:
    assert [one.heading for one in explain(FACTS, BERLIN)] == [
        "What was asked",
        "Who decided",
        "What the computer proposed, and why",
        "Which rule applied",
        "What was done",
        "What happens now",
        "Who may be asked",
    ]


@pytest.mark.parametrize("facts", [FACTS, BY_PERSON, CLOSED, replace(FACTS, proposed=None, confidence=None)])
def test_it_speaks_no_jargon(facts: Facts) -> None:
    assert not [word for word in JARGON if word in told(facts).lower()]


def test_it_quotes_what_was_read_and_the_rule() -> None:
    assert section(FACTS, "What was asked").quote == "I want my money back"
    rule = section(FACTS, "Which rule applied")
    assert rule.quote == "Goods come back within 30 days."
    assert "version abc123" in rule.sentences[0]


def test_times_are_the_businesss() -> None:
    midnight = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert "2 March 2026" in told(replace(FACTS, received_at=midnight))
    assert "4 March 2026, 11:00 (Europe/Berlin)" in told(FACTS)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (FACTS, "A computer decided on 2 March 2026. No person looked"),
        (BY_PERSON, "They saw the proposal of a computer"),
        (replace(BY_PERSON, blind=True), "without knowing what a computer would have proposed"),
        (replace(BY_PERSON, proposed=None), "No computer made a proposal"),
    ],
)
def test_it_says_whether_a_computer_or_a_person_decided(facts: Facts, said: str) -> None:
    assert said in told(facts)


@pytest.mark.parametrize(("confidence", "times"), [(0.973, "97"), (0.9999, "99"), (1.0, "99"), (0.5, "50")])
def test_how_sure_it_was_is_a_count_of_a_hundred_and_never_all(confidence: float, times: str) -> None:
    assert f"right about {times} times" in told(replace(FACTS, confidence=confidence))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (FACTS, "spoke most for it: “money back”, “want”"),
        (FACTS, "spoke against it: “broken”"),
        (replace(FACTS, words_for=()), "many small signs"),
        (replace(FACTS, words_for=None, words_against=()), "can no longer be told"),
    ],
)
def test_the_words_that_weighed_are_told_or_it_is_said_why_not(facts: Facts, said: str) -> None:
    assert said in told(facts)


@pytest.mark.parametrize(("text", "said"), [(None, "is deleted"), ("  ", "no text in it"), ("hello", "what was read")])
def test_what_is_deleted_or_empty_is_said_so(text: str | None, said: str) -> None:
    assert said in told(replace(FACTS, text=text))


def test_a_request_that_was_turned_down_says_why() -> None:
    denied = replace(BY_PERSON, category=None, reason="None of our categories fits", actions=())
    assert "turned down" in told(denied)
    assert "None of our categories fits" in told(denied)
    assert "Nothing was carried out." in told(denied)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (Action("refund", "done"), "Refund: carried out."),
        (Action("refund", "new"), "about to be carried out"),
        (Action("refund", "withdrawn"), "stopped before it was carried out"),
        (Action("refund", "dead"), "could not be carried out"),
        (Action("refund", "unknown"), "do not know yet"),
        (Action("refund", "done", taken_back=True), "taken back since"),
        (Action("reverse refund", "new", takes_back=True), "takes back an earlier step"),
    ],
)
def test_each_action_says_how_far_it_is(action: Action, said: str) -> None:
    assert said in section(replace(FACTS, actions=(action,)), "What was done").sentences[0]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (CLOSED, "The first decision stands."),
        (replace(CLOSED, upheld=False, second_category="complaint"), "Now it is: complaint."),
        (replace(CLOSED, upheld=False), "Nothing of it is carried out now."),
        (replace(CLOSED, answer=None), "words of the answer are deleted"),
    ],
)
def test_a_closed_dispute_says_what_came_of_it(facts: Facts, said: str) -> None:
    assert said in told(facts)


def test_the_answer_is_quoted() -> None:
    assert section(CLOSED, "What came of it").quote == "It stands, and here is why."


def test_a_rule_that_is_not_written_down_is_not_invented() -> None:
    assert "no rule is written down" in told(replace(FACTS, passage=""))
