"""A certificate: the confidence from which the share of errors is guaranteed, for one model version and category."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as it was issued, and when and why it was voided; `category` None: overall.

    From confidence `threshold` on at most `max_error` (a share) is wrong, which is false with chance `delta`;
    `errors` of `labels` blind labels from the window lay there.
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
