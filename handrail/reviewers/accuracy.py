"""How often a reviewer is right without help: blind labels of cases that others labelled blindly, and gold answers."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from handrail import dawid_skene
from handrail.agreement import collect
from handrail.reading import Verdict
from handrail.reviewers.signal import FEWEST, Signal, SignalBounds, exact_interval, unmeasured

_FEWEST_REVIEWERS: Final = 3  # two who differ are each other's only witness
_WORTH: Final = 0.75  # an accuracy that must not be overlooked


def accuracies(rulings: pd.DataFrame, truth: Mapping[str, str], bounds: SignalBounds, alpha: float) -> list[Signal]:
    """Each reviewer's share of right answers among blind ones. Worth finding: an accuracy of 75 %.

    What is right is attested for the items in `truth`, of the others estimated by Dawid and Skene's consensus, whose
    doubt widens the interval: the cases count as fewer. Items with one answer and no attested truth tell nothing; below
    three reviewers neither do the others.

    Args:
        rulings: columns item, reviewer, label; blind ones.
        truth: the label of gold cases.
        bounds: up to where a figure is no alarm.
        alpha: level of each test, for the power.

    Returns:
        One signal a reviewer, not judged yet.

    Source: Dawid and Skene 1979; the missing information principle (Orchard and Woodbury 1972);
    docs/decisions/0011-second-labels-and-gold-cases.md.

    >>> rulings = pd.DataFrame({"item": range(10), "reviewer": "ada", "label": ["a"] * 9 + ["b"]})
    >>> (signal,) = accuracies(rulings, {str(item): "a" for item in range(10)}, SignalBounds(), 0.05)
    >>> signal.value, signal.n
    (0.9, 10)
    """
    given = rulings.assign(item=rulings["item"].astype(str))
    shared = given.groupby("item")["reviewer"].transform("nunique") > 1
    usable = given[given["item"].isin(list(truth)) | shared & (given["reviewer"].nunique() >= _FEWEST_REVIEWERS)]
    names = sorted(given["reviewer"].astype(str).unique())
    if usable.empty:
        return [unmeasured(name, "accuracy") for name in names]
    ratings = collect(usable.rename(columns={"reviewer": "rater"}))
    estimated = dawid_skene.estimate(ratings, attested=truth)
    right = estimated.posterior[ratings.item, ratings.label]
    by_rater = {name: right[ratings.rater == at] for at, name in enumerate(ratings.raters)}
    return [_signal(name, by_rater.get(name, np.zeros(0)), bounds.accuracy, alpha) for name in names]


def _signal(reviewer: str, right: np.ndarray, bound: float, alpha: float) -> Signal:
    if len(right) < FEWEST:
        return unmeasured(reviewer, "accuracy", len(right))
    share = float(right.mean())
    spread = max(share * (1 - share), 1e-12)
    # What is not known of the truth adds its own variance (missing information): so many sure answers say as much.
    size = len(right) * spread / (spread + float((right * (1 - right)).mean()))
    low, high = exact_interval(share * size, size)
    return Signal(
        reviewer,
        "accuracy",
        Verdict.NOT_MEASURED,
        share,
        low,
        high,
        len(right),
        p=at_most(share * size, size, bound),
        power=_power(size, bound, alpha),
        details=(("effective_n", round(size)),),
    )


def at_most(hits: float, n: float, share: float) -> float:
    """Binomial P(at most `hits` of n), for numbers that need not be whole.

    Args:
        hits: successes.
        n: cases.
        share: probability of a success, in [0, 1].

    Returns:
        A probability.

    Source: the binomial tail as an incomplete beta function. Oracle: `scipy.stats.binom.cdf`.

    >>> round(at_most(1, 3, 0.5), 6)
    0.5
    """
    return 1.0 if hits >= n else float(special.betainc(n - hits, hits + 1, 1 - share))


def _power(size: float, bound: float, alpha: float) -> float:
    n = int(size)
    counts = np.arange(n + 1)
    most = int(np.searchsorted(special.bdtr(counts, n, bound), alpha, "right")) - 1
    return float(special.bdtr(most, n, _WORTH)) if most >= 0 else 0.0
