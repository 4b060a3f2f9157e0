"""What stands between a version and its certificate: labels, disagreement, or errors; and what it takes."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from handrail.certification import Certification
from handrail.estimates import hajek

Obstacle = Literal["labels", "disagreement", "error"]

_LATELY = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is in the way and the sentence about it; `needed` counts further blind labels, about or at least."""

    obstacle: Obstacle
    needed: int
    sentence: str


def outlook(
    labels: pd.DataFrame,
    seen: Certification,
    trial: Certification,
    *,
    due_after: int,
    enough: bool,
    max_error: float,
    delta: float,
    now: datetime,
) -> Forecast:
    """What is in the way of a certificate, and what it takes.

    Args:
        labels: columns confidence, correct, chance, pending, labelled_at.
        seen: what the labels would certify now, pending contradictions counted as errors.
        trial: the same, were all that waits settled for the model.
        due_after: labels until the next look is due; 0 when it is.
        enough: whether there are as many labels as a first look asks for.
        max_error: the promised rate.
        delta: what the next look may spend.
        now: the present moment.

    Source: docs/decisions/0042-certificates.md.
    """
    waiting = int(labels["pending"].sum())
    if seen.threshold is None and trial.threshold is not None and waiting:
        return Forecast(
            "disagreement",
            max(1, due_after),
            f"disagreement: {waiting} blind labels contradict confident predictions and wait for a second look; settled"
            f" for the model they would certify from confidence {trial.threshold:.3f} on",
        )
    above = labels if seen.strictest is None else labels[labels["confidence"] >= seen.strictest]
    rate, shown = seen.rate, hajek(~above["correct"].to_numpy(dtype=bool), above["chance"].to_numpy(dtype=float))
    if rate is not None and (shown.low > max_error or (enough and rate >= max_error)):
        waits = f", {waiting} of the errors still wait for a second look" if waiting else ""
        return Forecast(
            "error",
            max(1, due_after, seen.needed),
            f"error: from confidence {seen.strictest:.3f} on {rate:.1%} are wrong [{shown.low:.1%} to"
            f" {shown.high:.1%}], and at most {max_error:.1%} may be{waits}; more labels will not help, another model"
            " or clearer categories might",
        )
    needed = max(1, due_after, seen.needed, _at_rate(rate, max_error, delta, len(labels), len(above)))
    return Forecast(
        "labels", needed, f"labels: about {needed} more blind labels are needed{_in_days(labels, needed, now)}"
    )


def _at_rate(rate: float | None, max_error: float, delta: float, labels: int, above: int) -> int:
    """Labels still missing if errors go on as they are; the normal approximation is near enough for a forecast."""
    if not rate or not above or rate >= max_error:
        return 0
    n = (special.ndtri(delta) ** 2) * max_error * (1 - max_error) / (max_error - rate) ** 2
    return max(0, math.ceil(n * labels / above) - labels)


def _in_days(labels: pd.DataFrame, needed: int, now: datetime) -> str:
    moments = pd.to_datetime(labels["labelled_at"], utc=True)
    lately = moments[moments > pd.Timestamp(now - _LATELY)]
    if lately.empty:
        return "; none has come lately: keep categories in shadow, or raise the blind share of queue B"
    days = max(1.0, (pd.Timestamp(now) - lately.min()) / pd.Timedelta(days=1))
    a_day = len(lately) / days
    return f", at {a_day:.0f} a day about {max(1, int(np.ceil(needed / a_day)))} days"
