"""What a comparison says of a column and of all together."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column moved; a figure that does not apply, or has no cases to rest on, is `None`.

    `p` is the probability behind the verdict: KS or chi-squared, joined (Bonferroni) with the test of the share of
    missing and unreadable values where there are any. `p_adjusted` is `p` after Benjamini-Hochberg. `before` and
    `now` are the means of finite numbers; `moved` names the categories whose share changed most (name, share before,
    share now); `missing` is the share of values missing or unreadable, before and now. `note` says why figures lack.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    definition: str
    psi: float | None
    js: float | None
    ks: float | None = None
    ks_p: float | None = None
    wasserstein: float | None = None
    wasserstein_std: float | None = None
    chi2_p: float | None = None
    new_categories: tuple[str, ...] = ()
    vanished_categories: tuple[str, ...] = ()
    before: float | None = None
    now: float | None = None
    moved: tuple[tuple[str, float, float], ...] = ()
    missing: tuple[float, float] = (0.0, 0.0)
    note: str = ""
    p: float = 1.0
    p_adjusted: float = 1.0
    drifted: bool = False

    @property
    def direction(self) -> str:
        """Where it moved to, in a few words and figures."""
        parts = []
        if self.before is not None and self.now is not None:
            parts.append(f"mean {_short(self.before)} → {_short(self.now)}")
        if self.new_categories:
            more = "" if len(self.new_categories) <= _NAMED else f" and {len(self.new_categories) - _NAMED} more"
            parts.append(f"new: {', '.join(self.new_categories[:_NAMED])}{more}")
        changed = [one for one in self.moved if one[0] not in self.new_categories][:2]
        parts += [f"{name} {before:.0%} → {now:.0%}" for name, before, now in changed]
        if any(self.missing) and round(self.missing[0], 2) != round(self.missing[1], 2):
            parts.append(f"without a value {self.missing[0]:.0%} → {self.missing[1]:.0%}")
        return "; ".join([*parts, self.note] if self.note else parts)


@dataclass(frozen=True)
class DriftReport:
    """The columns in the profile's order, and whether any drifted; `unwatched` are not in the profile."""

    rows: int
    columns: tuple[ColumnDrift, ...]
    unwatched: tuple[str, ...]
    drifted: bool


_NAMED = 3


def _short(value: float) -> str:
    return f"{value:,.2f}" if abs(value) < 1e6 else f"{value:.4g}"  # noqa: PLR2004 - readable up to here
