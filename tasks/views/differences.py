"""How differences between people and models were settled lately, what that cost, and what both may miss."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from handrail import estimates
from handrail.acts import doubting
from handrail.estimates import Estimate
from handrail.store import evidence
from handrail.store.engine import Connection
from handrail.store.evidence import DoubtFigures
from handrail.window import Window
from tasks.occasion import Occasion

LATELY = timedelta(days=28)
"""What the cost is of."""
MISSED_OVER = timedelta(days=180)
"""Agreements repeated are few: they are counted over half a year."""


@dataclass(frozen=True, slots=True)
class Differences:
    """How contradictions were settled in four weeks, and the errors among agreements that were looked at again.

    `shared` is the rate of errors that person and model share, weighted for the chance of the second look; `open_looks`
    agreements were contradicted by the second look, and others still look.
    """

    figures: DoubtFigures
    shared: Estimate
    open_looks: int

    def to_json(self) -> dict[str, Any]:
        """As JSON can."""
        known = self.shared.n > 0
        return {
            **asdict(self.figures),
            "agreements_repeated": self.shared.n,
            "agreements_open": self.open_looks,
            "missed_by_both": self.shared.errors,
            "missed_rate": self.shared.rate if known else None,
            "missed_low": self.shared.low if known else None,
            "missed_high": self.shared.high if known else None,
        }

    @property
    def sentences(self) -> list[str]:
        """What a reader has to know of it, one sentence each."""
        one = self.figures
        said = [self._missed()]
        if one.errors or one.slips or one.pending:
            late = f", {one.late} of them longer than an audit may and counted as errors by alarms" if one.late else ""
            said.append(
                f"Of {one.errors + one.slips} differences settled in 4 weeks {one.errors} were errors of the model, "
                f"{one.slips} slips of people; {one.pending} wait for another look{late}."
            )
        if one.looks:
            minutes = "nobody timed them" if one.minutes_a_day is None else f"{one.minutes_a_day:.1f} minutes a day"
            said.append(f"{one.looks} looks because of doubt in 4 weeks: {minutes}.")
        if one.stands:
            said.append(
                f"{one.stands} differences count as errors as they stand: nobody else was trained who could look. "
                "Train a second person."
            )
        return said

    def _missed(self) -> str:
        shared = self.shared
        waits = f" ({self.open_looks} more are still looked at)" if self.open_looks else ""
        if not shared.n:
            return f"No agreement of person and model was looked at again: nobody knows what both miss{waits}."
        return (
            f"Of {shared.n} agreements looked at again {shared.errors} were wrong: at most {shared.high:.1%} "
            f"[{shared.low:.1%}, {shared.high:.1%}]{waits}."
        )


def differences(occasion: Occasion) -> Differences:
    """Read them at the occasion's moment."""
    with occasion.store.read() as connection:
        return read(connection, occasion)


def read(connection: Connection, occasion: Occasion) -> Differences:
    """The same, from a snapshot that is open already."""
    now, policy = occasion.now, occasion.policy
    figures = evidence.doubt_figures(connection, Window.last(LATELY, now))
    repeated = evidence.repeated_agreements(connection, since=now - MISSED_OVER)
    sure = repeated[np.array([doubting.is_sure(*row, policy) for row in _predicted(repeated)], dtype=bool)]
    known = sure[sure["wrong"].notna()]
    shared = estimates.hajek(known["wrong"].to_numpy(dtype=bool), known["chance"].to_numpy(dtype=float))
    return Differences(figures, shared, len(sure) - len(known))


def _predicted(repeated: pd.DataFrame) -> list[tuple[str, float, float | None]]:
    columns = (repeated[name] for name in ("category", "confidence", "amount"))
    return list(zip(*columns, strict=True))
