"""What withheld cases say beyond chance: how far they are from production, how far confidence is from the truth.

Both figures are above zero in every finite sample. What chance explains at this size is taken off: the mean shift of
samples drawn from production itself, and the error of calibration that a perfect model stays below 95 times in 100.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail import chances, drift
from models import calibration

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS = 400
"""Simulated samples behind a chance level: its own error is a twentieth of the spread it measures."""
_RARELY = 0.95


def shift(predicted: pd.Series, weights: Floats, production: pd.Series, rng: np.random.Generator) -> float:
    """Population stability index of weighted predicted labels against production's, beyond chance; at least 0.

    Weighted cases count as many as they are worth together (Kish). Without production cases it is infinite:
    nothing then shows that the cases reflect it. Without withheld cases it is infinite, too.
    """
    labels = sorted({*predicted.dropna(), *production.dropna()})
    usual: Counts = np.asarray(production.value_counts().reindex(labels, fill_value=0), dtype=np.int64)
    weighed = pd.Series(weights, index=predicted.index).groupby(predicted).sum().reindex(labels, fill_value=0.0)
    if not usual.sum() or not weighed.sum():
        return float("inf")
    worth = float(weights.sum() ** 2 / (weights**2).sum())
    found = drift.psi(usual, np.rint(weighed.to_numpy() / weights.sum() * worth).astype(np.int64))
    samples = rng.multinomial(round(worth), usual / usual.sum(), size=DRAWS)
    return max(0.0, found - float(np.mean([drift.psi(usual, sample) for sample in samples])))


def production_weights(labels: pd.DataFrame, blind_share: float) -> Floats:
    """How many production cases each blind label stands for: the inverse of its chance when it was asked for.

    `labels` and `blind_share` as in `handrail.chances.of_a_blind_look`; NaN where a label stands for nobody knows what.
    """
    return 1 / chances.of_a_blind_look(labels, blind_share)


def calibration_error(confidence: Floats, correct: NDArray[np.bool_], rng: np.random.Generator) -> float:
    """Expected calibration error beyond what chance explains under perfect calibration, in [0, 1].

    Cases whose confidence is none or outside [0, 1] are left out; without any it is 0.
    """
    fit = (confidence >= 0) & (confidence <= 1)
    stated, right = confidence[fit], correct[fit]
    if not len(stated):
        return 0.0
    drawn = rng.random((DRAWS, len(stated))) < stated
    by_chance = np.quantile(_errors(stated, drawn), _RARELY)
    return max(0.0, calibration.ece(stated, right) - float(by_chance))


def covered(
    truth: pd.Series, predicted: pd.Series, from_share: float, weights: Floats | None = None
) -> "pd.Series[bool]":
    """For each case: is its true category rarer than `from_share` of the cases, or predicted for any of them?

    `weights` say how many cases each stands for; None: one each.
    """
    each = pd.Series(1.0 if weights is None else weights, index=truth.index)
    rare = truth.map(each.groupby(truth).sum() / each.sum()) < from_share
    return rare | truth.isin(set(predicted))


def _errors(stated: Floats, drawn: NDArray[np.bool_]) -> Floats:
    """`calibration.ece` for each row of `drawn` at once."""
    order = np.argsort(stated, kind="stable")
    bins = min(calibration.BINS, len(stated))
    starts = np.cumsum([0, *(len(part) for part in np.array_split(order, bins)[:-1])])
    gap = np.add.reduceat(drawn[:, order] - stated[order], starts, axis=1)
    errors: Floats = np.abs(gap).sum(axis=1) / len(stated)
    return errors
