"""Looks at the labels for a certificate: each spends a part of delta, and the parts never add up to more than it."""

from dataclasses import dataclass
from datetime import datetime

from handrail.certification import Certification


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
    """The part of `delta` that one look may spend: delta / (k (k + 1)).

    Args:
        delta: the chance that any certificate of a version and category is wrong, over all looks.
        number: the look's number, from 1.

    Returns:
        The chance that this look may be wrong; over all looks the parts add up to `delta`.

    Source: Bonferroni's inequality with parts that telescope; docs/decisions/0009-looks-at-certificates.md.

    >>> round(sum(spent(0.05, number) for number in range(1, 1000)), 4)
    0.05
    """
    return delta / (number * (number + 1))


def is_due(new: int, seen: int, growth: float, *, certified: bool) -> bool:
    """Whether there are enough new labels for another look.

    Labels have to grow by the share `growth`; by two such steps while a certificate is valid and need not be renewed
    yet, for it is only made looser by what the look spends.

    Args:
        new: labels since the last look.
        seen: labels at the last look that are still young enough.
        growth: the share by which labels have to grow, 0.5 is half as many again.
        certified: whether a valid certificate is in force.

    Returns:
        True where a look is due; never without a new label.

    Source: docs/decisions/0009-looks-at-certificates.md.

    >>> is_due(50, 100, 0.5, certified=False), is_due(50, 100, 0.5, certified=True)
    (True, False)
    """
    return new > 0 and new >= ((1 + growth) ** (2 if certified else 1) - 1) * seen
