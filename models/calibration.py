"""How far a confidence can be believed: calibration error, its table, and the plots for the registry."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 15
_DARK = 0.5
_LEGIBLE = 40  # categories; drawing 150 with their numbers took longer than training on them
_LONGEST_NAME = 40  # characters; longer names would leave no room for the cells


def reliability(
    confidence: ArrayLike, correct: ArrayLike, bins: int = BINS, weights: ArrayLike | None = None
) -> pd.DataFrame:
    """One row per bin: `confidence` (mean), `accuracy` (share correct), `cases`, and their `weight` together.

    Bins hold equally many cases, give or take one, or equal weight, give or take a case; fewer cases than bins make one
    bin a case. An empty input gives an empty table.
    """
    said = np.asarray(confidence, dtype=np.float64)
    right = np.asarray(correct, dtype=np.float64)
    heavy = np.ones(len(said)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(said, kind="stable")
    rows = [
        (np.average(said[part], weights=heavy[part]), np.average(right[part], weights=heavy[part]), len(part), weight)
        for part in _bins(order, heavy, bins)
        if (weight := heavy[part].sum()) > 0
    ]
    return pd.DataFrame(rows, columns=["confidence", "accuracy", "cases", "weight"])


def ece(confidence: ArrayLike, correct: ArrayLike, bins: int = BINS, weights: ArrayLike | None = None) -> float:
    """Expected calibration error in [0, 1]: mean |confidence − accuracy| over equal-mass bins.

    It is biased upwards in small samples: a perfect model shows about 0.03 at 1,000 cases. Empty
    input gives 0. `weights` say how many cases each one stands for; None: one each.

    >>> ece([0.9, 0.9], [True, False], bins=1)
    0.4
    """
    table = reliability(confidence, correct, bins, weights)
    if table.empty:
        return 0.0
    gap = (table["confidence"] - table["accuracy"]).abs()
    return float(np.average(gap, weights=table["weight"]))


def measure(
    truth: ArrayLike,
    probabilities: NDArray[np.float64],
    labels: tuple[str, ...],
    weights: NDArray[np.float64] | None = None,
) -> dict[str, float]:
    """Accuracy, log loss (nats) and calibration error of `probabilities` (cases × labels).

    With `weights` they are those of the cases that the measured ones stand for.
    """
    column = np.searchsorted(np.asarray(labels), np.asarray(truth, dtype=str))
    best = probabilities.argmax(axis=1)
    given = probabilities[np.arange(len(column)), column]
    return {
        "accuracy": float(np.average(best == column, weights=weights)),
        "log_loss": float(np.average(-np.log(np.clip(given, 1e-15, 1.0)), weights=weights)),
        "ece": ece(probabilities.max(axis=1), best == column, weights=weights),
    }


def _bins(order: NDArray[np.intp], weights: NDArray[np.float64], bins: int) -> list[NDArray[np.intp]]:
    """The cases in `order` in so many parts of equal size or, where they differ, of about equal weight."""
    if not len(order):
        return []
    bins = min(bins, len(order))
    if (weights == weights[0]).all():
        return np.array_split(order, bins)
    reached = np.cumsum(weights[order]) - weights[order] / 2
    which = np.minimum((reached / weights.sum() * bins).astype(np.intp), bins - 1)
    return [order[which == number] for number in range(bins) if (which == number).any()]


def confusion(withheld: pd.DataFrame) -> pd.DataFrame:
    """Cases by truth (rows) and predicted label (columns), over every label that occurs in either."""
    labels = sorted(set(withheld["truth"]) | set(withheld["label"]))
    table = pd.crosstab(withheld["truth"], withheld["label"])
    return table.reindex(index=labels, columns=labels, fill_value=0)


def reliability_figure(withheld: pd.DataFrame) -> "Figure":
    """Draw said confidence against the share that was right; the diagonal is perfect calibration."""
    table = reliability(withheld["confidence"], withheld["truth"] == withheld["label"])
    figure = _figure(width=5, height=5)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="perfect calibration")
    axes.plot(
        table["confidence"],
        table["accuracy"],
        marker="o",
        color="#1f5f8b",
        label=f"{len(withheld)} newest cases",
    )
    axes.set(xlabel="confidence", ylabel="share correct", xlim=(0, 1), ylim=(0, 1), title="Reliability")
    axes.legend(loc="upper left")
    return figure


def confusion_figure(withheld: pd.DataFrame) -> "Figure":
    """Draw the confusion matrix, shaded by the share of each true category.

    Cells with cases show their number; beyond 40 categories the shade alone has to do.
    """
    table = confusion(withheld)
    counts = table.to_numpy()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    legible = len(table) <= _LEGIBLE
    side = 2.5 + (0.55 if legible else 0.14) * len(table)
    figure = _figure(width=side, height=side)
    axes = figure.add_subplot()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts) if legible else ():
        color = "white" if share[row, column] > _DARK else "0.2"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color)
    ticks, size = range(len(table)), 10 if legible else 6
    names = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…" for name in map(str, table.index)]
    # Names are anybody's: a dollar sign in one begins no formula.
    turned, end = (60, "right") if legible else (90, "center")
    axes.set_xticks(ticks, names, rotation=turned, ha=end, size=size, parse_math=False)
    axes.set_yticks(ticks, names, size=size, parse_math=False)
    axes.set(xlabel="predicted", ylabel="truth", title="Confusion, newest cases")
    return figure


def _figure(width: float, height: float) -> "Figure":
    """Make a figure without pyplot: no global state and no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - plots are drawn in trainings only
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
