"""The people of a rehearsal: how often each is right, how long a look takes, how much they do a day."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import AfterValidator, Field, RootModel, model_validator

from handrail import staff, typed_yaml
from handrail.errors import HandrailError
from handrail.policy import Strict
from handrail.policy.base import Share
from handrail.sample import OUT_OF_SCOPE

STEWARD = "steward"
"""Founds the workspace, moves stages, closes reviews and attests gold cases."""
OWNER = "owner"
"""The second person where an act takes two, and who adds a category."""
_KEY = re.compile(r"^people\s*:", re.MULTILINE)
SPREAD = 0.35
"""Of the log-normal time of a look."""


class SimulatedReviewer(Strict):
    """One of them. `accuracy` is the share right without help, `follows` that of shown suggestions approved unread."""

    name: Annotated[str, Field(min_length=1)]
    accuracy: Share
    seconds: Annotated[float, Field(gt=0, description="median time of one look")] = 45.0
    follows: Share = 0.0
    a_day: Annotated[int, Field(ge=1, description="looks a day, at most")] = 40
    second_looks: bool = Field(default=False, description="does second looks first, and escalations")

    @model_validator(mode="after")
    def _can_be_called_so(self) -> Self:
        try:
            staff.require_new_name(self.name, [STEWARD, OWNER])
        except HandrailError as fault:
            raise ValueError(str(fault)) from fault
        return self

    def answer(self, truth: str, shown: str | None, categories: Sequence[str], rng: np.random.Generator) -> str:
        """What they would call a case of category `truth`; `shown` is the suggestion before them, None where none is.

        A truth that is none of the `categories` is out of scope. Who errs chooses any other category.
        """
        if shown is not None and rng.random() < self.follows:
            return shown
        right = truth if truth in categories else OUT_OF_SCOPE
        others = [name for name in categories if name != truth]
        if rng.random() < self.accuracy:
            return right
        return others[int(rng.integers(len(others)))] if others else OUT_OF_SCOPE

    def time(self, rng: np.random.Generator) -> float:
        """Seconds that one look takes them."""
        return round(self.seconds * float(np.exp(rng.normal(0.0, SPREAD))), 1)


DEFAULT = (
    SimulatedReviewer(name="r1", accuracy=0.98, seconds=45, follows=0.0, a_day=40),
    SimulatedReviewer(name="r2", accuracy=0.97, seconds=50, follows=0.02, a_day=40),
    SimulatedReviewer(name="r3", accuracy=0.98, seconds=60, follows=0.0, a_day=40, second_looks=True),
    SimulatedReviewer(name="r4", accuracy=0.80, seconds=9, follows=0.95, a_day=40),
)
"""Three who are careful, and one who is not."""


def _each_once(people: tuple[SimulatedReviewer, ...]) -> tuple[SimulatedReviewer, ...]:
    if not people:
        raise ValueError("name at least one person")
    for at, person in enumerate(people):
        try:
            staff.require_new_name(person.name, [other.name for other in people[:at]])
        except HandrailError as fault:
            raise ValueError(str(fault)) from fault
    return people


Everybody = Annotated[tuple[SimulatedReviewer, ...], AfterValidator(_each_once)]


class _Listed(RootModel[Everybody]):
    """A file of people: a list."""


class _Keyed(Strict):
    """A file of people: a list under a key."""

    people: Everybody


def read(path: Path) -> tuple[SimulatedReviewer, ...]:
    """Read a file of people: a list, or one under the key `people`.

    Raises:
        BadPolicy: names the line and the remedy.
    """
    try:
        is_keyed = _KEY.search(path.read_text(encoding="utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        is_keyed = False  # reading it typed says what is wrong
    return typed_yaml.load(path, _Keyed).people if is_keyed else typed_yaml.load(path, _Listed).root


@dataclass(frozen=True, slots=True)
class Luck:
    """Everybody's luck: of a person, a case and a purpose always the same, whatever happens around it."""

    seed: int

    def of(self, *words: object) -> np.random.Generator:
        """A generator for what the words name."""
        return np.random.default_rng([self.seed, *(zlib.crc32(str(word).encode()) for word in words)])

    def present(self, people: Sequence[SimulatedReviewer], day: int, away: float) -> list[SimulatedReviewer]:
        """Who comes on a day, in the order in which they begin; each stays away with this chance, never all at once."""
        rng = self.of("day", day)
        order = [people[at] for at in rng.permutation(len(people))]
        return [person for person in order if rng.random() >= away] or order[:1]


def in_charge(people: Sequence[SimulatedReviewer]) -> SimulatedReviewer:
    """Who does second looks and escalations; where nobody is named for it, the most accurate."""
    return next((one for one in people if one.second_looks), max(people, key=lambda one: one.accuracy))
