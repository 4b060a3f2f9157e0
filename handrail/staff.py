"""Who of the staff may take which work: roles, training, skills, leave, and how the load is spread."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from handrail import labels, permissions

ACTS = {"escalation": "resolve_escalation", "adjudication": "adjudicate", "dispute": "resolve_dispute"}
"""What else than deciding some kinds of work are."""


@dataclass(frozen=True, slots=True)
class Person:
    """What the distribution of work asks of somebody who may act; `skills` None means every category."""

    name: str
    roles: frozenset[str]
    trained_until: datetime | None = None
    skills: frozenset[str] | None = None
    away_from: datetime | None = None
    away_until: datetime | None = None
    active: bool = True

    def is_away(self, now: datetime) -> bool:
        """On leave at that moment; the first moment counts, the last one does not."""
        if self.away_from is None or now < self.away_from:
            return False
        return self.away_until is None or now < self.away_until

    def may_take(self, kind: str, now: datetime) -> bool:
        """Whether roles and training allow this kind of work; second labels are for the trained alone."""
        if not permissions.PERMITTED[ACTS.get(kind, "decide")].intersection(self.roles):
            return False
        return kind != "recheck" or labels.status(self.trained_until, now) is labels.Status.ACCEPTED

    def knows(self, category: str | None, *, hidden: bool) -> bool:
        """Whether the work lies within their skills.

        A hidden suggestion routes nothing: who is offered only what they know would know what the model said.
        """
        return self.skills is None or hidden or category is None or category in self.skills


def spared(person: Person, staff: Collection[Person], now: datetime) -> frozenset[str]:
    """Categories that `person` leaves to colleagues who know fewer, when other work is due at the same moment.

    Otherwise the specialists run dry while what they do not know piles up before everybody else.
    """
    at_work = [
        other.skills
        for other in staff
        if other.skills is not None and other.may_take("review", now) and not other.is_away(now)
    ]
    if person.skills is None:
        return frozenset[str]().union(*at_work)
    own = person.skills
    return frozenset[str]().union(*(theirs for theirs in at_work if len(theirs) < len(own))) & own


def least_loaded(candidates: Collection[Person], load: Mapping[str, int]) -> Person | None:
    """Who of these has the least work before them; of equals the first by name, None of nobody."""
    return min(candidates, key=lambda person: (load.get(person.name, 0), person.name), default=None)
