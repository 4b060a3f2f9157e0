"""Labels that count no longer: whose, since when, and what rested on them."""

from dataclasses import dataclass
from datetime import datetime

from scipy import stats


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The labels of one reviewer from `since` to `until`; without effect from `reinstated_at` on."""

    id: int
    reviewer: str
    since: datetime
    until: datetime
    withdrawn_by: str
    reinstated_at: datetime | None
    reinstated_by: str | None


@dataclass(frozen=True, slots=True)
class Resting:
    """A valid certificate, and how many of the labels behind it are withdrawn."""

    id: int
    model_version: str
    category: str | None
    labels: int
    errors: int
    max_error: float
    delta: float
    withdrawn: int

    @property
    def stands(self) -> bool:
        """Would what is left certify it still? Each label that goes is counted as one that was right."""
        left = self.labels - self.withdrawn
        return left > 0 and float(stats.binom.cdf(self.errors, left, self.max_error)) <= self.delta


@dataclass(frozen=True, slots=True)
class Extent:
    """What a withdrawal touches: labels and blind rulings that count now, and what rests on them.

    `versions` may have learnt from so many of the labels each; of the `certificates` those that do not stand are void
    by it.
    """

    reviewer: str
    since: datetime
    labels: int
    decisions: int
    cases: int
    versions: dict[str, int]
    certificates: tuple[Resting, ...]
    withdrawal: int | None = None

    @property
    def voided(self) -> tuple[int, ...]:
        """Certificates whose evidence falls short without these labels."""
        return tuple(one.id for one in self.certificates if not one.stands)
