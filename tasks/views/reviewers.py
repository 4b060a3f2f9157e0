"""How reviewers work: each one's outcomes, time, agreement and gold answers, beside the others'."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from handrail import own_quality
from handrail.acts.authority import authorize
from handrail.figures.reviewers import ReviewerFigures, SignalFigures
from handrail.own_quality import Agreeing, Record, Share, Team
from handrail.permissions import PERMITTED
from handrail.reading import Verdict
from handrail.reviewers import EVERYBODY
from handrail.store import readings, reviewer_quality, staff
from handrail.store.engine import Connection
from handrail.store.frames import records
from tasks.occasion import Occasion


@dataclass(frozen=True, slots=True)
class Portrait:
    """One reviewer's figures; `deceived` counts the seeded wrong suggestions that they took over."""

    person: str
    decides: bool
    """May they decide today? Who has left, or lost the role, stays while the watch's last look saw them."""
    trained_until: datetime | None
    record: Record
    agreeing: Agreeing
    gold: Share
    deceived: Share


def own(occasion: Occasion, since: datetime) -> tuple[Portrait, Team]:
    """The figures of whoever asks, of what they decided since then, and the median of the others, who stay unnamed."""
    with occasion.store.read() as connection:
        authorize(connection, "decide", occasion.actor)
        drawn = _portraits(connection, occasion, since, [occasion.actor])
        decisions = reviewer_quality.decisions(connection, since=since)
    others = decisions[decisions["actor"] != occasion.actor]
    return drawn[0], own_quality.team([own_quality.record(rows) for _, rows in others.groupby("actor")])


def everybody(occasion: Occasion, since: datetime) -> list[Portrait]:
    """The figures of everybody who may decide or whom the last look saw, by name; for those who may read labels."""
    with occasion.store.read() as connection:
        authorize(connection, "read_labels", occasion.actor)
        return _portraits(connection, occasion, since, None)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the agreement watch last saw of one person: its verdict, and its signals."""

    person: str
    window: tuple[datetime, datetime]
    verdict: Verdict
    signals: tuple[SignalFigures, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """What names them, in words; empty where nothing does."""
        if self.verdict is not Verdict.ALARM or self.person == EVERYBODY:
            return ()
        return tuple(one.in_words for one in self.signals if one.verdict is Verdict.ALARM and one.in_words is not None)


def own_signals(occasion: Occasion) -> Seen | None:
    """What the watch last saw of whoever asks; None before it did."""
    with occasion.store.read() as connection:
        authorize(connection, "decide", occasion.actor)
        found = _seen(connection)
    return next((one for one in found if one.person == occasion.actor), None)


def signals(occasion: Occasion) -> list[Seen]:
    """What the watch last saw of everybody, those with an alarm first; for those who may read labels."""
    with occasion.store.read() as connection:
        authorize(connection, "read_labels", occasion.actor)
        found = _seen(connection)
    return sorted(found, key=lambda one: one.verdict != Verdict.ALARM)


def _seen(connection: Connection) -> list[Seen]:
    looks = readings.kept(readings.last_look(connection, "reviewers"))
    return [Seen(one.subject, one.window, one.verdict, one.figures(ReviewerFigures).signals) for one in looks]


def _portraits(connection: Connection, occasion: Occasion, since: datetime, names: list[str] | None) -> list[Portrait]:
    """Agreement and gold answers go back as far as a training counts: in a week there are too few of them."""
    rules = occasion.policy.labels
    decisions = reviewer_quality.decisions(connection, since=since)
    stands = occasion.now - occasion.policy.desk.undo_within  # before that an answer could still follow what it counts
    rulings = reviewer_quality.rulings(connection, since=occasion.now - rules.training_valid_for)
    looked_at = {one.person for one in _seen(connection)} if names is None else set(names)
    found = []
    for person in records(staff.people(connection)):
        name, decides = person["name"], person["active"] and bool(PERMITTED["decide"].intersection(person["roles"]))
        if name not in looked_at and not (names is None and decides):
            continue
        pairs = own_quality.pair(rulings, name, occasion.policy.escalation.reasons)
        answers = reviewer_quality.answers(connection, name, until=stands, limit=rules.gold_window)
        seeded = [row for row in answers if row.seeded is not None]
        found.append(
            Portrait(
                name,
                decides,
                person["trained_until"],
                own_quality.record(decisions[decisions["actor"] == name]),
                own_quality.agreeing(
                    pairs,
                    np.random.default_rng(occasion.policy.model.seed),
                    fewest=occasion.policy.gates.training_set.agreement_cases,
                ),
                Share.of(sum(row.right for row in answers), len(answers)),
                Share.of(sum(row.answer == row.seeded for row in seeded), len(seeded)),
            )
        )
    return found
