"""The explanation of a contested decision, in words that its customer understands; it names no person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

SURE_BELOW_ALL = 99
"""Of a hundred; nothing is said to be always right."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was carried out for the case, or is to be: its name, and how far it is."""

    name: str
    state: str
    taken_back: bool = False
    takes_back: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a contested decision; `None` where something is deleted, unknown or did not happen."""

    business: str
    received_at: datetime
    text: str | None
    amount: str | None
    automatic: bool
    blind: bool
    decided_at: datetime
    proposed: str | None
    confidence: float | None
    words_for: Sequence[str] | None
    words_against: Sequence[str]
    details: Sequence[str]
    category: str | None
    reason: str | None
    passage: str | None
    policy_version: str | None
    actions: Sequence[Action]
    disputed_at: datetime
    due_at: datetime
    closed_at: datetime | None
    upheld: bool | None
    second_category: str | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class PacketSection:
    """A heading, its sentences, and what is quoted under them."""

    heading: str
    sentences: tuple[str, ...]
    quote: str | None = None


def explain(facts: Facts, zone: ZoneInfo) -> tuple[PacketSection, ...]:
    """The packet: what was asked, who decided, why, by which rule, what was done, what comes now."""
    return (
        _request(facts, zone),
        _decider(facts, zone),
        _proposal(facts),
        _rule(facts),
        _done(facts),
        _now(facts, zone),
        _asking(facts),
    )


def _request(facts: Facts, zone: ZoneInfo) -> PacketSection:
    came = f"The request came on {_day(facts.received_at, zone)}."
    amount = [f"It was about an amount of {facts.amount}."] if facts.amount else []
    if facts.text is None:
        gone = "What was written in it is deleted, because the time for which it may be kept is over."
        return PacketSection("What was asked", (came, *amount, gone))
    if not facts.text.strip():
        return PacketSection("What was asked", (came, *amount, "There was no text in it."))
    read = "This is what was read. E-mail addresses, telephone and account numbers that were found are left out."
    return PacketSection("What was asked", (came, *amount, read), facts.text)


def _decider(facts: Facts, zone: ZoneInfo) -> PacketSection:
    when = _day(facts.decided_at, zone)
    if facts.automatic:
        sentences: tuple[str, ...] = (
            f"A computer decided on {when}. No person looked at the request before.",
            "A computer decides alone only where it is sure and where a mistake would cost little.",
        )
    elif facts.proposed is None:
        sentences = (f"A person decided on {when}. No computer made a proposal.",)
    elif facts.blind:
        sentences = (f"A person decided on {when}, without knowing what a computer would have proposed.",)
    else:
        sentences = (
            f"A person decided on {when}. They saw the proposal of a computer, and were free not to follow it.",
        )
    return PacketSection("Who decided", sentences)


def _proposal(facts: Facts) -> PacketSection:
    heading = "What the computer proposed, and why"
    if facts.proposed is None:
        return PacketSection(heading, ("The computer proposed nothing.",))
    sentences = [f"It took the request for: {facts.proposed}."]
    if facts.confidence is not None:
        right = min(int(facts.confidence * 100), SURE_BELOW_ALL)
        sentences.append(
            f"Of 100 requests about which it is as sure as about this one, it is right about {right} times."
        )
    if facts.words_for is None:
        sentences.append("Which words weighed most can no longer be told.")
    elif facts.words_for:
        sentences.append(f"These words spoke most for it: {_quoted(facts.words_for)}.")
    else:
        sentences.append("No single word weighed much; many small signs together did.")
    if facts.words_against:
        sentences.append(f"These words spoke against it: {_quoted(facts.words_against)}.")
    if facts.details:
        sentences.append(f"Besides the text it looked at: {', '.join(facts.details)}.")
    return PacketSection(heading, tuple(sentences))


def _rule(facts: Facts) -> PacketSection:
    heading = "Which rule applied"
    version = f" (version {facts.policy_version} of the rules)" if facts.policy_version else ""
    if facts.category is None:
        why = f" The reason given: {facts.reason}." if facts.reason else ""
        return PacketSection(heading, (f"The request was turned down{version}.{why}",))
    if not facts.passage:
        return PacketSection(heading, (f"For requests like this, {facts.category}, no rule is written down{version}.",))
    return PacketSection(
        heading, (f"For requests like this, {facts.category}, our rule says{version}:",), facts.passage
    )


def _done(facts: Facts) -> PacketSection:
    heading = "What was done"
    if not facts.actions:
        return PacketSection(heading, ("Nothing was carried out.",))
    return PacketSection(heading, tuple(_said_of(action) for action in facts.actions))


def _said_of(action: Action) -> str:
    """How far an action is; the codes of the store become a sentence."""
    name = action.name[:1].upper() + action.name[1:]
    what = f"{name}, which takes back an earlier step" if action.takes_back else name
    if action.taken_back:
        return f"{what}: carried out, and taken back since."
    states = {
        "done": "carried out",
        "withdrawn": "stopped before it was carried out",
        "dead": "could not be carried out",
        "unknown": "we do not know yet whether it was carried out, and are finding out",
    }
    return f"{what}: {states.get(action.state, 'about to be carried out')}."


def _now(facts: Facts, zone: ZoneInfo) -> PacketSection:
    opened = f"The customer disagreed on {_moment(facts.disputed_at, zone)}."
    if facts.closed_at is None:
        return PacketSection(
            "What happens now",
            (
                opened,
                "A person who has not decided on this request before looks at all of it again.",
                "They may keep the decision or change it.",
                f"They have until {_moment(facts.due_at, zone)}. Then the customer gets an answer.",
            ),
        )
    when = _moment(facts.closed_at, zone)
    ends = {
        True: f"Another person looked at all of it again on {when}. The first decision stands.",
        False: f"Another person looked at all of it again on {when} and changed the decision. "
        + (f"Now it is: {facts.second_category}." if facts.second_category else "Nothing of it is carried out now."),
    }
    answer = "The customer was told:" if facts.answer else "The words of the answer are deleted."
    return PacketSection("What came of it", (opened, ends[bool(facts.upheld)], answer), facts.answer)


def _asking(facts: Facts) -> PacketSection:
    return PacketSection(
        "Who may be asked",
        (f"The escalation manager of {facts.business} answers questions about this decision and the dispute.",),
    )


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)


def _day(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%B %Y}"


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{_day(at, zone)}, {local:%H:%M} ({zone.key})"
