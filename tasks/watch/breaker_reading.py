"""What both rules of the breaker say of one category, and how far they can be trusted."""

from dataclasses import dataclass

from tasks.watch.breaker_power import Reliability


@dataclass(frozen=True, slots=True)
class CategoryReading:
    """What both rules say of one category, and how far they can be trusted at today's volume of audits.

    `reviewed`, `rejected` and `rate` are those of the literal rule's window. `counted` audits, `counted_rejected` of
    them, have gone into the sequential rule since `since`; its `level` is a share of the evidence that suffices.
    `tripped` is the verdict of the policy's `rule`, `false_alarm_rate` its chance to pause a healthy category within
    the horizon (simulated, or the bound), `detection` that to see the limit within the window.
    """

    category: str
    rule: str
    reviewed: int
    rejected: int
    rate: float
    tripped: bool
    literal_tripped: bool
    alarm_at: str | None
    level: float
    counted: int
    counted_rejected: int
    since: str | None
    per_day: float
    false_alarm_rate: float
    detection: float
    warnings: tuple[str, ...]
    reliability: Reliability

    @property
    def figures(self) -> tuple[int, int]:
        """Audits and rejections that the policy's rule rests on."""
        return (self.reviewed, self.rejected) if self.rule == "literal" else (self.counted, self.counted_rejected)
