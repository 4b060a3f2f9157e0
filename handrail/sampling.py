"""Which automatic approvals people look at again, and what those audits say about all of them."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from handrail.errors import BadInput

Floats = NDArray[np.float64]

RANDOM = "random"
LOW_CONFIDENCE = "low_confidence"
HIGH_VALUE = "high_value"
NEW_SEGMENT = "new_segment"
_FEW_ERRORS = 20  # below it a normal approximation is too coarse and the interval is exact instead
_COLUMNS = {"case_id", "confidence", "amount", "segment"}


@dataclass(frozen=True)
class SamplingRules:
    """Audit rates, each a probability per case; `factor` multiplies all of them (drift raises it).

    `high_value_above` is in the currency of the cases' amounts.
    """

    random_rate: float
    low_confidence_below: float
    low_confidence_rate: float
    high_value_above: float
    high_value_rate: float
    new_segment_rate: float
    factor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse rates that are no probabilities and a factor below zero."""
        rates = (self.random_rate, self.low_confidence_rate, self.high_value_rate, self.new_segment_rate)
        if not all(0 <= rate <= 1 for rate in rates) or not self.factor >= 0:
            raise BadInput("Audit rates lie between 0 and 1 and the factor is not negative. Correct the policy.")


@dataclass(frozen=True)
class Estimate:
    """A rate with its interval; without a sample n is 0 and the interval is all of [0, 1]."""

    rate: float
    low: float
    high: float
    n: int
    errors: int
    method: str


def draw(
    candidates: pd.DataFrame,
    rules: SamplingRules,
    rng: np.random.Generator,
    *,
    known_segments: Collection[str] | None = None,
) -> pd.DataFrame:
    """Draw the audit sample from automatic approvals, every stratum independently.

    `candidates` has columns case_id, confidence, amount, segment. Each case is drawn at random with
    `random_rate`, and again with the rate of each stratum it belongs to: low confidence (a missing one
    too), high amount, a segment not in `known_segments` (skipped when `None`). The draw depends on the
    set of candidates and `rng`, not on their order.

    Returns columns case_id, stratum (the first that drew it), inclusion_probability (of being in the
    sample by any stratum, in (0, 1]), random (whether the simple-random draw took it).

    Raises:
        BadInput: a column is missing or a case occurs twice.
    """
    cases = _ordered(candidates)
    rates = stratum_rates(cases, rules, known_segments)
    chance = rates.to_numpy(dtype=np.float64)
    drawn = rng.random(chance.shape) < chance
    chosen = drawn.any(axis=1)
    return pd.DataFrame(
        {
            "case_id": cases["case_id"].to_numpy()[chosen],
            "stratum": rates.columns.to_numpy()[drawn[chosen].argmax(axis=1)],
            "inclusion_probability": 1 - (1 - chance[chosen]).prod(axis=1),
            "random": drawn[chosen, rates.columns.get_loc(RANDOM)],
        }
    )


def stratum_rates(
    cases: pd.DataFrame, rules: SamplingRules, known_segments: Collection[str] | None = None
) -> pd.DataFrame:
    """Give each case's probability of being drawn by each stratum (columns), 0 where it does not belong."""
    new = pd.Series(known_segments is not None, index=cases.index) & ~cases["segment"].isin(known_segments or ())
    belongs = {
        RANDOM: (pd.Series(data=True, index=cases.index), rules.random_rate),
        LOW_CONFIDENCE: (~(cases["confidence"] >= rules.low_confidence_below), rules.low_confidence_rate),
        HIGH_VALUE: (cases["amount"] > rules.high_value_above, rules.high_value_rate),
        NEW_SEGMENT: (new, rules.new_segment_rate),
    }
    return pd.DataFrame(
        {name: member * min(1.0, rate * rules.factor) for name, (member, rate) in belongs.items()},
        dtype=float,
    )


def hajek(
    errors: ArrayLike, probabilities: ArrayLike, level: float = 0.95, *, random: ArrayLike | None = None
) -> Estimate:
    """Estimate the error rate among all candidates from audits with known inclusion probabilities.

    `errors` is true where the audit found one. From 20 errors on: the Hajek ratio with its design-based
    variance (independent draws), the interval on the logit scale. Below: Clopper-Pearson on the
    simple-random draws, marked in `random`; where none are marked and probabilities differ, on the
    effective sample size (Korn and Graubard 1998). `n` and `errors` count the audits that the estimate
    rests on. An empty sample gives n = 0 and [0, 1].

    Raises:
        BadInput: lengths differ or a probability is outside (0, 1].
    """
    wrong, chance = np.asarray(errors, dtype=bool), np.asarray(probabilities, dtype=np.float64)
    at_random = np.zeros(len(wrong), dtype=bool) if random is None else np.asarray(random, dtype=bool)
    if not len(wrong) == len(chance) == len(at_random) or not ((chance > 0) & (chance <= 1)).all():
        raise BadInput("Each audit needs one inclusion probability in (0, 1]. Read both from the stored draw.")
    if not len(wrong):
        return Estimate(0.0, 0.0, 1.0, 0, 0, "no sample")
    if _FEW_ERRORS <= wrong.sum() < len(wrong):
        return _design_based(wrong, chance, level)
    if at_random.any():
        return clopper_pearson(int(wrong[at_random].sum()), int(at_random.sum()), level)
    if np.ptp(chance) == 0:
        return clopper_pearson(int(wrong.sum()), len(wrong), level)
    return _effective_size(wrong, chance, level)


def clopper_pearson(errors: int, n: int, level: float = 0.95) -> Estimate:
    """Exact binomial interval of a rate; it covers with at least `level`. n = 0 gives [0, 1]."""
    if n == 0:
        return Estimate(0.0, 0.0, 1.0, 0, 0, "no sample")
    low, high = _beta_limits(errors, n, level)
    return Estimate(errors / n, low, high, n, errors, "clopper-pearson on the simple-random draw")


def _ordered(candidates: pd.DataFrame) -> pd.DataFrame:
    absent = _COLUMNS - set(candidates.columns)
    if absent:
        raise BadInput(f"The candidates lack {', '.join(sorted(absent))}. Add the columns.")
    if candidates["case_id"].duplicated().any():
        raise BadInput("A candidate occurs twice. Draw from distinct cases.")
    return candidates.sort_values("case_id").reset_index(drop=True)


def _ratio(wrong: NDArray[np.bool_], chance: Floats) -> float:
    return float((wrong / chance).sum() / (1 / chance).sum())


def _design_based(wrong: NDArray[np.bool_], chance: Floats, level: float) -> Estimate:
    rate = _ratio(wrong, chance)
    residual = (wrong - rate) / chance
    spread = float(np.sqrt(((1 - chance) * residual**2).sum())) / float((1 / chance).sum())
    reach = stats.norm.isf((1 - level) / 2) * spread / (rate * (1 - rate))
    low, high = special.expit(special.logit(rate) + np.array([-reach, reach]))
    return Estimate(rate, float(low), float(high), len(wrong), int(wrong.sum()), "hajek, design-based")


def _effective_size(wrong: NDArray[np.bool_], chance: Floats, level: float) -> Estimate:
    rate, weight = _ratio(wrong, chance), 1 / chance
    size = float(weight.sum() ** 2 / (weight**2).sum())
    low, high = _beta_limits(rate * size, size, level)
    return Estimate(rate, low, high, len(wrong), int(wrong.sum()), "clopper-pearson on the effective size")


def _beta_limits(errors: float, n: float, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low = stats.beta.ppf(tail, errors, n - errors + 1) if errors > 0 else 0.0
    high = stats.beta.isf(tail, errors + 1, n - errors) if errors < n else 1.0
    return float(low), float(high)
