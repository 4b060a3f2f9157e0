"""What the agreement watch keeps of how one reviewer works: each signal with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final, Self

from handrail.reading import Figures, Verdict
from handrail.reviewers import DECEIVED, GOLD, RECHECKS, Signal

_COUNTED: Final = {
    RECHECKS: "rechecks wrong",
    GOLD: "gold cases wrong",
    DECEIVED: "wrong suggestions taken over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFigures(Figures):
    """A label that is turned into another more often for one group; see `reviewers.bias.Turn`."""

    grouping: str
    group: str
    reference: str
    said: str
    hits: int = 0
    n: int = 0
    share_elsewhere: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFigures(Figures):
    """One signal; an end that is not bounded is None, and `details` names its own labels, groups and counts."""

    name: str
    verdict: Verdict
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    p: float | None = None
    power: float | None = None
    details: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, signal: Signal) -> Self:
        """The signal as a reading keeps it."""
        return cls(
            name=signal.name,
            verdict=signal.verdict,
            value=signal.value,
            low=signal.low if isfinite(signal.low) else None,
            high=signal.high if isfinite(signal.high) else None,
            n=signal.n,
            p=signal.p,
            power=signal.power,
            details=signal.details,
        )

    @property
    def in_words(self) -> str | None:
        """What names somebody, or might: so many of so many wrong, with the interval; None of a habit or bias."""
        what = _COUNTED.get(self.name)
        details = dict(self.details)
        if what is None or "wrong" not in details:
            return None
        pending = f", {details['pending']} not settled" if details.get("pending") else ""
        ends = f"95 % interval {100 * (self.low or 0.0):.0f}–{100 * (1.0 if self.high is None else self.high):.0f} %"
        return f"{details['wrong']} of {self.n} {what}{pending}, {ends}"

    @property
    def turns(self) -> tuple[TurnFigures, ...]:
        """The turns of a bias, the surest first."""
        return tuple(TurnFigures.from_json(one) for one in dict(self.details).get("turns", ()))

    def to_json(self) -> dict[str, Any]:
        """The figures with the details beside them."""
        figures = super(SignalFigures, self).to_json()
        del figures["details"]
        return figures | dict(self.details)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """What `to_json` wrote: every other name is a detail."""
        figures = super(SignalFigures, cls).from_json(body)
        details = tuple((name, value) for name, value in body.items() if name not in cls.__slots__)
        return replace(figures, details=details)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerFigures(Figures):
    """Every signal of one reviewer, or of all together; none where the look failed."""

    signals: tuple[SignalFigures, ...] = ()
