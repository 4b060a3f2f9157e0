"""Looks at the labels for a certificate: each spends a part of delta, and the parts never add up to more than it."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from handrail.certification import Certification, labels_without_error

_PARTS = (0.1, 8 / 9)  # of what is left of delta: little for the first look, most for the one with twice its labels
_LATER_PART = 0.5
_FEW_ERRORS = 2  # a first look has to leave room for so many: whoever looks earlier mostly spends in vain
_RENEWAL_PART = 0.9  # few audits come before the end: one look has nearly all, a second the rest
_RENEWAL_ERRORS = 4  # a renewal waits for more: audits are few, and the certificate stands meanwhile
_LAST_CHANCE = 1 / 14  # of the time for renewal: then whatever can certify at all is looked at
_RENEWAL_GROWS = 0.25  # of the policy's growth: between the time of renewal and the end few labels come


@dataclass(frozen=True, slots=True)
class Terms:
    """What a certificate promises: model, category (None: overall), bound, and how long it holds.

    `delta` is the chance that it is wrong, over all looks for it.
    """

    model_version: str
    category: str | None
    max_error: float
    delta: float
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """One look: the `number`-th of its version and category, what it spent of delta and what it found.

    `window` is the time of the oldest and the newest label looked at, `population` that of the first and the last case
    for which they stand, `outside` counts cases of categories and days without any chance. `looked_at` counts the
    labels, `pending` the contradictions among them that wait. `shift` is when the newest drift known to the look began.
    `renews` is the certificate that this look would renew.
    """

    terms: Terms
    number: int
    spent: float
    certification: Certification
    looked_at: int
    window: tuple[datetime, datetime]
    population: tuple[datetime, datetime]
    shift: datetime | None = None
    outside: int = 0
    pending: int = 0
    renews: int | None = None


def spent(delta: float, before: float = 0.0, *, renewal: bool = False) -> float:
    """The part of `delta` that the next look may spend: a tenth, then eight tenths, then half of what is left.

    The first look finds only what is surely good; the second sees about twice as many labels, and has the most. A
    renewal has nine tenths at once.

    Args:
        delta: the chance that a certificate of a version and category is wrong, over all looks for it.
        before: what earlier looks for it have spent.
        renewal: whether a certificate that ends soon is to be renewed.

    Returns:
        The chance that this look may be wrong; over all looks the parts stay below `delta`.

    Source: Bonferroni's inequality; docs/decisions/0042-certificates.md.

    >>> round(spent(0.05), 6), round(spent(0.05, 0.005), 6), round(spent(0.05, renewal=True), 6)
    (0.005, 0.04, 0.045)
    """
    left = max(0.0, delta - before)
    if renewal:
        return _RENEWAL_PART * left
    if before <= 0:
        return _PARTS[0] * left
    return (_PARTS[1] if left > delta / 2 else _LATER_PART) * left


def first_look(max_error: float, delta: float) -> int:
    """How many labels a first look asks for: half of them would certify with two errors at a quarter of delta.

    Args:
        max_error: the error rate that is promised, in (0, 1).
        delta: the chance that the promise is wrong, over all looks.

    Returns:
        Labels of equal chances, or such as say no more than these.

    Source: docs/decisions/0042-certificates.md.

    >>> first_look(0.02, 0.05)
    808
    """
    return 2 * labels_without_error(max_error, delta / 4, _FEW_ERRORS)


def first_renewal(max_error: float, part: float, left: timedelta, renew_before: timedelta) -> int:
    """How many labels a first look for a renewal asks for: four errors certify; shortly before the end, none.

    Args:
        max_error: the error rate that is promised, in (0, 1).
        part: what the look spends of delta.
        left: time until the certificate ends.
        renew_before: time before its end from which it is renewed.

    Returns:
        Labels of equal chances above its threshold, or such as say no more than these.

    Source: docs/decisions/0042-certificates.md.

    >>> month, day = timedelta(days=28), timedelta(days=1)
    >>> first_renewal(0.02, 0.045, month, month), first_renewal(0.02, 0.045, day, month)
    (464, 154)
    """
    last = left <= renew_before * _LAST_CHANCE
    return labels_without_error(max_error, part, 0 if last else _RENEWAL_ERRORS)


def growth(seen: int, share: float, *, renewal: bool = False) -> int:
    """How many new labels the next look asks for: `share` of those at the last one, a quarter of it once certified.

    Args:
        seen: labels at the last look that are still young enough.
        share: the share by which labels have to grow, 0.5 is half as many again.
        renewal: whether a certificate that ends soon is to be renewed.

    Returns:
        New labels, at least one.

    Source: docs/decisions/0042-certificates.md.

    >>> growth(100, 0.5), growth(100, 0.5, renewal=True), growth(0, 0.5)
    (50, 13, 1)
    """
    return max(1, math.ceil(share * (_RENEWAL_GROWS if renewal else 1) * seen))
