"""What a model has to beat before it may serve by itself: saying the commonest category every time."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from handrail.proportions import sign_p

ONLY_MODEL, ONLY_COMMONEST = "only_model_right", "only_commonest_right"
"""Figures of a version: test cases on which only the model was right, and on which only the commonest category was."""


def against_commonest(
    learnt: Iterable[str], truth: Iterable[str], predicted: Iterable[str], weights: ArrayLike | None = None
) -> dict[str, float]:
    """How a model did beside the commonest of the categories it learnt from, on cases that it did not learn from.

    The commonest comes from `learnt` and not from the test, which would choose its own yardstick. Of several that are
    equally common the first by name counts.

    Args:
        learnt: categories of the training cases.
        truth: categories of the test cases.
        predicted: the model's, in the same order.
        weights: how many cases each stands for; None: one. The pairs count cases as they are.

    Returns:
        `commonest_accuracy`, the share in [0, 1] that the category would have got right, and the test cases on which
        only the model and only the category was right. All zero without cases.

    Source: docs/decisions/0012-what-starts-a-retraining.md; the pairs that McNemar's test (1947) counts.

    >>> against_commonest(["a", "a", "b"], ["a", "b", "b"], ["b", "b", "b"])
    {'commonest_accuracy': 0.3333333333333333, 'only_model_right': 2.0, 'only_commonest_right': 1.0}
    """
    counts = pd.Series(list(learnt), dtype=object).value_counts()
    commonest = min(counts.index[counts == counts.max()]) if len(counts) else None
    actual = np.asarray(list(truth), dtype=object)
    right, usual = np.asarray(list(predicted), dtype=object) == actual, actual == commonest
    return {
        "commonest_accuracy": float(
            np.average(usual, weights=None if weights is None else np.asarray(weights, dtype=np.float64))
        )
        if len(actual)
        else 0.0,
        ONLY_MODEL: float((right & ~usual).sum()),
        ONLY_COMMONEST: float((usual & ~right).sum()),
    }


def is_beaten(figures: Mapping[str, float], confidence: float) -> bool:
    """Whether a version is better than the commonest category, shown with a confidence.

    An exact one-sided test on the cases in which the two differ, so that few cases show little; figures that were never
    taken show nothing.

    Args:
        figures: what `against_commonest` counted for the version.
        confidence: certainty that is asked for, in (0, 1).

    Returns:
        True where the sign test's p is at most 1 - `confidence`.

    Source: McNemar 1947; Conover, Practical Nonparametric Statistics (1999), 3.4.

    >>> is_beaten({ONLY_MODEL: 5, ONLY_COMMONEST: 0}, 0.95), is_beaten({}, 0.95)
    (True, False)
    """
    p = sign_p(figures.get(ONLY_MODEL, 0), figures.get(ONLY_COMMONEST, 0))
    return p <= 1 - confidence


def shortfall(version: str, figures: Mapping[str, float]) -> str:
    """Why a version that does not beat the commonest category does not serve, in a sentence without its end.

    Args:
        version: the version's name.
        figures: what was measured of it.

    Returns:
        The sentence.

    >>> shortfall("3", {})
    'nobody has measured whether version 3 is better than always saying the commonest category'
    """
    if "commonest_accuracy" not in figures:
        return f"nobody has measured whether version {version} is better than always saying the commonest category"
    return (
        f"on {figures['n_test']:.0f} cases that it never learnt from, version {version} was right in "
        f"{figures['accuracy']:.1%} and always saying the commonest category in {figures['commonest_accuracy']:.1%}, "
        "so that it is not demonstrably better"
    )
