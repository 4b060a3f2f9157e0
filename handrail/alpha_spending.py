"""Looks at the labels for a certificate: each spends a part of delta, and the parts never add up to more than it."""

from dataclasses import dataclass
from datetime import datetime

from handrail.certify import Certification


@dataclass(frozen=True, slots=True)
class Terms:
    """What a certificate promises: model, category (None: overall), bound, and how long it holds.

    `delta` is the chance that any certificate of this version and category is wrong, over all looks.
    """

    model_version: str
    category: str | None
    max_error: float
    delta: float
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """One look: the `number`-th of its version and category, what it spent of delta and what it found.

    `window` is the time of the oldest and the newest label looked at, `since` the moment from which looks
    count: an earlier one was a look at other production. `looked_at` counts the labels. `shift` is when the newest
    drift known to the look began.
    """

    terms: Terms
    number: int
    spent: float
    certification: Certification
    looked_at: int
    window: tuple[datetime, datetime]
    since: datetime
    shift: datetime | None = None


def spent(delta: float, number: int) -> float:
    """The part of `delta` that the look of this number (from 1) may spend: delta / (k (k + 1)), in all at most delta.

    >>> round(sum(spent(0.05, number) for number in range(1, 1000)), 4)
    0.05
    """
    return delta / (number * (number + 1))


def is_due(new: int, seen: int, growth: float, *, certified: bool) -> bool:
    """Whether `new` labels beside those `seen` at the last look (and still young enough) are worth another one.

    Labels have to grow by the share `growth`; by two such steps while a certificate is valid and need not be
    renewed yet, for it is only made looser by what the look spends.
    """
    return new > 0 and new >= ((1 + growth) ** (2 if certified else 1) - 1) * seen
