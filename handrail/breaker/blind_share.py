"""The monitor of the blind share: does a category's rejection rate there rise above its own of before?"""

from dataclasses import dataclass

from scipy import stats

from handrail.errors import BadInput

_ENOUGH = 10  # decisions on either side below which nothing is said
_CAUTION = 8  # looks overlap: a window that slides is looked at as if it were so many


@dataclass(frozen=True, slots=True)
class Rise:
    """Rejections lately beside those before; `p` is the chance of so many lately had nothing changed."""

    reviewed: int
    rejected: int
    reviewed_before: int
    rejected_before: int
    p: float
    alarm: bool

    @property
    def is_measurable(self) -> bool:
        """Is there enough on both sides to compare?"""
        return min(self.reviewed, self.reviewed_before) >= _ENOUGH


def compare(recent: tuple[int, int], before: tuple[int, int], *, budget: float, windows: float) -> Rise:
    """Rejections of the blind share lately beside those before, by Fisher's exact test of a rise.

    Cases of queue B were chosen for doubt: only their own past can say what is usual. The budget is aimed at, and
    measured in `benchmarks/breaker.py`, not proven.

    Args:
        recent: reviewed and rejected lately.
        before: reviewed and rejected before.
        budget: chance of a false warning within `windows` windows, each looked at many times.
        windows: how many windows the budget has to last for.

    Returns:
        Both counts, p, and whether it warns; below ten decisions on either side never.

    Raises:
        BadInput: more rejections than reviews, or a negative count.

    Source: Fisher 1935; docs/decisions/0019-sequential-breaker.md. Oracle: scipy.stats.fisher_exact.

    >>> rise = compare((20, 12), (100, 10), budget=0.05, windows=30)
    >>> rise.alarm, compare((20, 2), (100, 10), budget=0.05, windows=30).alarm
    (True, False)
    """
    (reviewed, rejected), (reviewed_before, rejected_before) = recent, before
    if not (0 <= rejected <= reviewed and 0 <= rejected_before <= reviewed_before):
        raise BadInput("Rejections cannot outnumber reviews. Pass (reviewed, rejected).")
    everything, refused = reviewed + reviewed_before, rejected + rejected_before
    p = float(stats.hypergeom.sf(rejected - 1, everything, refused, reviewed)) if everything else 1.0
    rise = Rise(reviewed, rejected, reviewed_before, rejected_before, min(p, 1.0), alarm=False)
    alarm = rise.is_measurable and p <= budget / (_CAUTION * max(windows, 1.0))
    return Rise(reviewed, rejected, reviewed_before, rejected_before, rise.p, alarm)
