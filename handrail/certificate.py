"""A certificate: the confidence from which the share of errors is guaranteed, for one version and named cases."""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from scipy import special

CONTRADICTED = "contradicted by audits"
"""The reason for which a certificate is void when its own audits speak against it."""
_WORSE = (1.5, 2, 3, 5, 10, 20)
"""Multiples of the promised error that audits are compared with."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as it was issued, and when and why it was voided; `category` None: overall.

    From confidence `threshold` on at most `max_error` (a share) is wrong, which is false with chance `delta`;
    `errors` of `labels` blind labels from the window lay there. It speaks of the cases from `cases_from` to
    `cases_until` (None before these were kept), but for `outside` cases of categories and days without any blind look.
    """

    id: int
    model_version: str
    category: str | None
    threshold: float
    max_error: float
    delta: float
    labels: int
    errors: int
    window_from: datetime
    window_to: datetime
    issued_at: datetime
    expires_at: datetime
    voided_at: datetime | None
    void_reason: str | None
    cases_from: datetime | None = None
    cases_until: datetime | None = None
    outside: int | None = None

    @property
    def population(self) -> str:
        """The cases of which it speaks, in words."""
        first, last = self.cases_from or self.window_from, self.cases_until or self.window_to
        return population(
            self.model_version, self.category, self.threshold, first, last, outside=int(self.outside or 0)
        )


def population(
    version: str, category: str | None, threshold: float, first: datetime, last: datetime, *, outside: int = 0
) -> str:
    """The cases of which a certificate speaks, in words.

    Args:
        version: the model version.
        category: the predicted category; None: all of low consequence.
        threshold: confidence from which they would be automated.
        first: when the first of them came.
        last: when the last of them came.
        outside: cases left out, of categories and days on which nobody looked blindly.

    Returns:
        A phrase without a full stop.

    >>> from datetime import UTC
    >>> june = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 28, tzinfo=UTC)
    >>> population("3", None, 0.97, *june)
    'cases that version 3 would automate at or above 0.97, as they came, 1–28 June 2026'
    """
    what = "cases" if category is None else f"cases of {category}"
    left_out = f", without {outside} of days on which nobody looked blindly" if outside else ""
    above = f"{threshold:.4f}".rstrip("0").rstrip(".")
    automated = f"{what} that version {version} would automate at or above {above}"
    return f"{automated}, as they came, {_days(first, last)}{left_out}"


def contradiction(wrong: int, audited: int, max_error: float) -> float:
    """What audits say against at most `max_error` errors: an e-value, at whatever moment one looks.

    The average of the likelihood ratios of several higher rates. While errors are at most `max_error` it reaches
    1 / budget with a chance of at most the budget, however often it is looked at (Ville 1939).

    Args:
        wrong: audits that were settled against the model.
        audited: audits that are settled.
        max_error: the promised rate, in (0, 1).

    Returns:
        A number from 0 up; 1 without audits.

    Source: Ville (1939); Wald (1945); docs/decisions/0042-certificates.md.

    >>> contradiction(0, 0, 0.02), contradiction(0, 100, 0.02) < 1, contradiction(10, 100, 0.02) > 20
    (1.0, True, True)
    """
    rates = np.array([min(times * max_error, (1 + max_error) / 2) for times in _WORSE])
    right = audited - wrong
    logs = wrong * np.log(rates / max_error) + right * np.log((1 - rates) / (1 - max_error))
    return float(np.exp(min(special.logsumexp(logs) - np.log(len(rates)), 700.0)))


def _days(first: date, last: date) -> str:
    end = f"{last.day} {last:%B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return end if first.day == last.day else f"{first.day}–{end}"
    start = f"{first.day} {first:%B}" if first.year == last.year else f"{first.day} {first:%B %Y}"
    return f"{start} – {end}"
