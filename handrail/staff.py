"""Who of the staff may take which work: names, roles, training, skills, leave, and how the load is spread."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from handrail import labels, normal, permissions
from handrail.errors import BadInput, Conflict

ACTS = {"escalation": "resolve_escalation", "adjudication": "adjudicate", "dispute": "resolve_dispute"}
"""What else than deciding some kinds of work are."""
LONGEST_NAME = 80
_IN_NAMES = frozenset(" ._-@+'")
"""What a name may hold beside letters and digits; the colon marks the flows."""


_FOR_THE_TRAINED = frozenset({"audit", "recheck", "doubt"})
"""Work that is done for what it proves."""


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
        """Whether roles and training allow this kind of work; audits and second labels are for the trained alone."""
        if not permissions.PERMITTED[ACTS.get(kind, "decide")].intersection(self.roles):
            return False
        return kind not in _FOR_THE_TRAINED or labels.status(self.trained_until, now) is labels.Status.ACCEPTED

    def knows(self, category: str | None, *, hidden: bool) -> bool:
        """Whether the work lies within their skills.

        A hidden suggestion routes nothing: who is offered only what they know would know what the model said.
        """
        return self.skills is None or hidden or category is None or category in self.skills


def require_new_name(name: str, names: Iterable[str]) -> None:
    """Let a new person be called `name` beside the others, or refuse.

    Raises:
        BadInput: the name is not written in the one way in which people can tell names apart.
        Conflict: it could be taken for one of `names`.
    """
    if (fault := _fault(name)) is not None:
        plain = " ".join(normal.normalise(unicodedata.normalize("NFKC", name)).text.split())
        remedy = f"Write it as {plain!r}." if _fault(plain) is None else "Choose another one."
        raise BadInput(f"{name!r} cannot be a person's name: {fault}. {remedy}")
    if (twin := look_alike(name, names)) is not None:
        raise Conflict(f"{name!r} could be taken for {twin!r}, who is here already. Choose a name that differs more.")


def look_alike(name: str, names: Iterable[str]) -> str | None:
    """The first of `names` that a reader could take for `name`, which is not among them; None if there is none."""
    own = normal.skeleton(name)
    return next((other for other in names if normal.skeleton(other) == own), None)


def _fault(name: str) -> str | None:
    """Why nobody can be called so, None if they can."""
    if not 0 < len(name.strip()) <= LONGEST_NAME:
        return f"a name has 1 to {LONGEST_NAME} characters"
    if normal.skeleton(name).startswith(normal.skeleton(permissions.SYSTEM)):
        return f"{permissions.SYSTEM} marks the flows"
    if name != " ".join(name.split()):
        return "it has blanks before, after or side by side"
    if name != unicodedata.normalize("NFKC", name) or name != normal.normalise(name).text:
        return "it holds characters that look like others, or that nobody sees"
    odd = next((letter for letter in name if not _may_stand(letter)), None)
    if odd is not None:
        return f"it holds {odd!r}"
    return None if name[0].isalnum() else "it begins with a sign"


def _may_stand(letter: str) -> bool:
    # Some scripts write vowels as marks; those that are laid over Latin letters the normaliser has refused.
    return letter.isalnum() or letter in _IN_NAMES or unicodedata.category(letter).startswith("M")


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
