"""What the monitor of the blind share keeps of a look at one category."""

from dataclasses import dataclass
from typing import Self

from handrail.breaker.blind_share import Rise
from handrail.estimates import Estimate
from handrail.reading import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindShareFigures(Figures):
    """Rejections lately beside those before; rates weigh each by its chance to be hidden, None where there is none."""

    reviewed: int
    rejected: int
    reviewed_before: int
    rejected_before: int
    p: float = 1.0
    alarm: bool = False
    rate: float | None
    rate_before: float | None

    @classmethod
    def of(cls, rise: Rise, lately: Estimate, before: Estimate) -> Self:
        """The comparison with the weighted rates of both sides."""
        return cls(
            reviewed=rise.reviewed,
            rejected=rise.rejected,
            reviewed_before=rise.reviewed_before,
            rejected_before=rise.rejected_before,
            p=rise.p,
            alarm=rise.alarm,
            rate=lately.rate if lately.n else None,
            rate_before=before.rate if before.n else None,
        )

    @property
    def decided(self) -> int:
        """Decisions on the blind share, lately and before."""
        return self.reviewed + self.reviewed_before
