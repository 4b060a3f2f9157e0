"""Gold cases among ordinary work: when one is slipped in, what it wrongly suggests, when a training ends.

Every draw is keyed with the workspace's secret and with the person's newest decision: nobody foresees the next one,
and asking again before deciding draws the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handrail import keyed_draws, labels
from handrail.policy import LabelRules, QueueRules
from handrail.queues import Queue

_QUEUE = {True: Queue.B, False: Queue.C}  # what is slipped in looks like quick work; a test is read case by case

_AT_MOST_GOLD = 0.2
_AT_MOST_EARLIER = 900
"""Seconds: a quarter of an hour, in which deliveries come."""


@dataclass(frozen=True, slots=True)
class Chance:
    """The draws that belong to one moment of one person: after their decision of that number, or before any (0)."""

    secret: bytes
    person: str
    after: int

    def of(self, purpose: str) -> float:
        """Uniform in [0, 1), independent for each purpose."""
        return keyed_draws.draw(self.secret, self.after, f"gold {purpose}:{self.person}")

    def pick(self, purpose: str, count: int) -> int:
        """A place among `count`, each alike."""
        return int(self.of(purpose) * count)


@dataclass(frozen=True, slots=True)
class GoldCase:
    """A case whose category a data curator has attested; in use until it is retired.

    `origin` is history, review or written.
    """

    case_id: int
    label: str
    origin: str
    attested_by: str
    attested_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class GoldTest:
    """A test of a person on gold cases; without `passed` it is under way or, where it is closed, cancelled."""

    id: int
    person: str
    opened_at: datetime
    cases: int
    right: int | None
    passed: bool | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenTest(GoldTest):
    """A test under way, and how many of its cases are `left`."""

    left: int


@dataclass(frozen=True, slots=True)
class GoldAnswer:
    """How a person decided a gold case: their answer (None: that no category fits), and what is attested.

    `seeded` is the wrong suggestion that it carried, `retired_at` is told of the cases of a test.
    """

    case_id: int
    answer: str | None
    attested: str
    outcome: str
    seconds: float | None
    decided_at: datetime
    seeded: str | None = None
    retired_at: datetime | None = None

    @property
    def right(self) -> bool:
        """Was the attested category given?"""
        return self.answer == self.attested


@dataclass(frozen=True, slots=True)
class Rolling:
    """The newest gold cases that were slipped in: how many were right, out of how many, and when they count."""

    right: int
    judged: int
    fewest: int
    rules: LabelRules

    @property
    def is_enough(self) -> bool:
        """Are they as many as a test has? Before that a training rests on the test alone."""
        return self.judged >= self.fewest

    @property
    def ends_training(self) -> bool:
        """Are they enough, and is the right share below the policy's?"""
        return self.is_enough and not labels.passes(self.right, self.judged, self.rules)


def is_slipped_in(kind: str, queue: str) -> bool:
    """Whether work of this kind and queue is a gold case among ordinary work, and not a test."""
    return kind == "gold" and queue == _QUEUE[True]


def queue_of(*, slipped_in: bool) -> Queue:
    """The queue that a gold case stands in."""
    return _QUEUE[slipped_in]


def shown_kind(kind: str, queue: str) -> str:
    """The kind of work as its reviewer may know it: what is slipped in passes for a review until it is decided."""
    return "review" if is_slipped_in(kind, queue) else kind


def due_share(rules: LabelRules, a_week: int) -> float:
    """The share of a person's claims among which gold comes: the policy's, or as much as makes its number a week.

    `a_week` is how many cases they decided in the last seven days; of who decided none nobody knows how many are a
    week's. Never more than one in five: gold is no work of the customers'.
    """
    if not rules.gold_share or not a_week:
        return rules.gold_share
    return max(rules.gold_share, min(_AT_MOST_GOLD, rules.gold_a_week / a_week))


def is_due(secret: bytes, person: str, after: int, rules: LabelRules, *, a_week: int = 0) -> bool:
    """Whether a gold case comes next, by `due_share`; never at a share of 0, which needs no secret."""
    share = due_share(rules, a_week)
    return share > 0 and Chance(secret, person, after).of("due") < share


def is_seeded(chance: Chance, rules: LabelRules) -> bool:
    """Whether it carries a wrong suggestion; the others are blind."""
    return chance.of("seeded") < rules.seeded_wrong


def wrong_suggestion(
    chance: Chance, attested: str, categories: Sequence[str], predicted: Sequence[str], mistaken: Mapping[str, int]
) -> str | None:
    """A category that the case might pass for; None where the policy has no other one.

    What a model said of it comes first (`predicted`), then what models say of such cases before people correct them
    (`mistaken`: how often), drawn by its count; else any other category, each alike.
    """
    others = [name for name in categories if name != attested]
    likely = [name for name in predicted if name in others]
    if likely or not others:
        return likely[0] if likely else None
    weights = {name: mistaken.get(name, 0) for name in others}
    if not any(weights.values()):
        weights = dict.fromkeys(others, 1)
    left = chance.of("suggestion") * sum(weights.values())
    for name, weight in weights.items():
        left -= weight
        if left < 0:
            return name
    return others[-1]


@dataclass(frozen=True, slots=True)
class Ordinary:
    """The ordinary work that is due first: what a gold case beside it must look like.

    `fields` are the names that its case has values for, `first_case` is the lowest number that waits.
    """

    opened_at: datetime
    due_at: datetime
    received_at: datetime
    fields: frozenset[str]
    first_case: int

    def before(self, chance: Chance) -> "Ordinary":
        """The same a little earlier, as the case that came right before it; it is due first."""
        earlier = timedelta(seconds=1 + chance.pick("moment", _AT_MOST_EARLIER))
        if self.due_at.microsecond:
            earlier += timedelta(microseconds=chance.pick("instant", 1_000_000))
        return replace(
            self,
            opened_at=self.opened_at - earlier,
            due_at=self.due_at - earlier,
            received_at=self.received_at - earlier,
        )


@dataclass(frozen=True, slots=True)
class GoldCandidate:
    """A gold case that somebody never met; `fields` are the names that it has values for."""

    case_id: int
    label: str
    fields: frozenset[str]
    flagged: bool


def passing(candidates: Sequence[GoldCandidate], ordinary: Ordinary) -> list[GoldCandidate]:
    """The gold cases that pass best for work like `ordinary`: never a flagged one, for quick work has no flags.

    Where some have the same fields, and of them some a number of today, the others are left for later.
    """
    plain = [one for one in candidates if not one.flagged]
    alike = [one for one in plain if one.fields >= ordinary.fields] or plain
    return [one for one in alike if one.case_id >= ordinary.first_case] or alike


def confidence(chance: Chance, ordinary: Sequence[float], rules: QueueRules) -> float:
    """One of the confidences that ordinary quick work came with; without any, uniform in the policy's band."""
    if ordinary:
        return ordinary[chance.pick("confidence", len(ordinary))]
    return rules.human_below + chance.of("confidence") * (rules.auto_above - rules.human_below)


def rolling(right: Sequence[bool], rules: LabelRules) -> Rolling:
    """What the newest answers say of a training; `right` is newest first, older than the policy's window is left out.

    They count from as many on as a test has: fewer say less than the test that was passed.
    """
    newest = right[: rules.gold_window]
    return Rolling(sum(newest), len(newest), min(rules.gold_cases, rules.gold_window), rules)
