"""Which automatic approvals people look at again: their chances, and what a budget leaves of them."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.errors import BadInput
from handrail.keyed_draws import draw_strata
from handrail.ppm import PPM

RISING = 0.1
"""Share of the evidence that suffices from which a breaker is rising."""

RANDOM = "random"
LOW_CONFIDENCE = "low_confidence"
HIGH_VALUE = "high_value"
NEW_SEGMENT = "new_segment"
WATCHED = "watched"
STRATA = (RANDOM, LOW_CONFIDENCE, HIGH_VALUE, NEW_SEGMENT, WATCHED)
FLOOR = 0.01
"""Share of the approvals that the simple-random draw takes, whatever the budget says."""
NUMBERS = 2**53
"""How many numbers a keyed draw tells apart."""
_HOW_MANY = "how many"
_ROUNDING = 1e-6  # millionths
_COLUMNS = {"case_id", "confidence", "amount", "segment"}


@dataclass(frozen=True, slots=True)
class Fixed:
    """A simple-random draw of a number: of so many approvals those whose own number, in 2^53rds, is `up_to` at most.

    -1 takes none.
    """

    up_to: int
    of: int


@dataclass(frozen=True)
class SamplingRules:
    """Audit rates, each a probability per case; `factor` multiplies all of them (drift raises it).

    `high_value_above` is in the currency of the cases' amounts; `watched` are categories under watch. `at_least` is the
    chance that the day's number of audits asks of the simple-random draw, and `fixed` that draw fixed in number.
    """

    random_rate: float
    low_confidence_below: float
    low_confidence_rate: float
    high_value_above: float
    high_value_rate: float
    new_segment_rate: float
    factor: float = 1.0
    watched_rate: float = 0.0
    watched: frozenset[str] = frozenset()
    at_least: float = 0.0
    fixed: Fixed | None = None

    def __post_init__(self) -> None:
        """Refuse rates that are no probabilities and a factor below zero."""
        if not all(0 <= rate <= 1 for rate in self._rates) or not self.factor >= 0:
            raise BadInput("Audit rates lie between 0 and 1 and the factor is not negative. Correct the policy.")

    @property
    def _rates(self) -> tuple[float, ...]:
        return (
            self.random_rate,
            self.low_confidence_rate,
            self.high_value_rate,
            self.new_segment_rate,
            self.watched_rate,
        )

    @property
    def rates(self) -> dict[str, float]:
        """The rate of each stratum with the factor, in whole millionths, as the trail can hold it."""
        rates = self._shares
        # Rounded up: eight of 37 are eight, and not seven once in a while.
        return rates | {RANDOM: max(rates[RANDOM], min(1.0, math.ceil(self.at_least * PPM - _ROUNDING) / PPM))}

    @property
    def _shares(self) -> dict[str, float]:
        return {
            name: round(min(1.0, rate * self.factor) * PPM) / PPM
            for name, rate in zip(STRATA, self._rates, strict=True)
        }

    def scaled(self, strata: float, random: float, number: float = 1.0) -> "SamplingRules":
        """The rules with these shares of their rates and of the day's number, the factor worked in."""
        rates = self._shares
        return replace(
            self,
            factor=1.0,
            at_least=self.at_least * number,
            random_rate=rates[RANDOM] * random,
            low_confidence_rate=rates[LOW_CONFIDENCE] * strata,
            high_value_rate=rates[HIGH_VALUE] * strata,
            new_segment_rate=rates[NEW_SEGMENT] * strata,
            watched_rate=rates[WATCHED] * strata,
        )


@dataclass(frozen=True)
class Allocation:
    """What a draw may cost: the rules that fit the budget, and what they gave up for it.

    `wanted` and `expected` are audits before and after the cut; `strata_kept` and `random_kept` the shares of the
    rates that are left, `number_kept` what the budget pays of the day's number. `fits` is false where even the smallest
    simple-random draw costs more than there is.
    """

    rules: SamplingRules
    wanted: float
    expected: float
    strata_kept: float
    random_kept: float
    fits: bool
    number_kept: float = 1.0

    @property
    def is_cut(self) -> bool:
        """Whether the budget took anything."""
        return self.strata_kept < 1 or self.random_kept < 1


def allocate(
    candidates: pd.DataFrame,
    rules: SamplingRules,
    affordable: float | None,
    *,
    known_segments: Collection[str] | None = None,
) -> Allocation:
    """The audit rates that fit `affordable` audits on average.

    First all strata give up the same share of their rates, then the simple-random share, last the day's number of
    audits; the simple-random draw never falls below 1 % (or its own rate, if that is less). In proportion, because the
    strata's rates are the steward's priorities and keep the design weights near each other; an allocation by expected
    errors would rest on the few errors it is meant to find.

    Args:
        candidates: approvals, with the columns that `draw` needs.
        rules: the policy's rates.
        affordable: audits that there is time for, on average; None sets no bound.
        known_segments: segments that are not new; None skips the stratum of new ones.

    Returns:
        The rules that fit, and what they gave up.

    Raises:
        BadInput: a column is missing or a case occurs twice.

    Source: docs/decisions/0020-audit-design.md.

    >>> cases = pd.DataFrame({"case_id": range(100), "confidence": 0.99, "amount": 1.0, "segment": None})
    >>> allocated = allocate(cases, SamplingRules(0.1, 0.9, 0, 1e6, 0, 0), affordable=5)
    >>> round(allocated.wanted, 6), allocated.random_kept, round(allocated.expected, 6)
    (10.0, 0.5, 5.0)
    """
    cases = _ordered(candidates)

    def cost(strata: float, random: float = 1.0, number: float = 1.0) -> float:
        return float(chances(cases, rules.scaled(strata, random, number), known_segments).sum())

    wanted = cost(1.0)
    if affordable is None or wanted <= affordable:
        return Allocation(rules.scaled(1.0, 1.0), wanted, wanted, 1.0, 1.0, fits=True)
    strata, random, number = 0.0, 1.0, 1.0
    if cost(0.0) <= affordable:
        strata = _largest(lambda share: cost(share) <= affordable)
    else:
        payable, share = affordable / max(len(cases), 1), rules.scaled(1.0, 1.0, 0.0).rates[RANDOM]
        random = max(min(1.0, FLOOR / share), min(1.0, payable / share)) if share else 1.0
        if rules.at_least and cost(0.0, random) > affordable:
            number = min(1.0, payable / rules.at_least)
    kept = rules.scaled(strata, random, number)
    expected = float(chances(cases, kept, known_segments).sum())
    left = kept.rates[RANDOM] / max(rules.rates[RANDOM], 1 / PPM) if rules.rates[RANDOM] else 1.0
    fits = expected <= affordable + len(cases) / PPM
    return Allocation(kept, wanted, expected, strata, left, fits=fits, number_kept=number)


def in_number(candidates: pd.DataFrame, rules: SamplingRules, rng: np.random.Generator) -> SamplingRules:
    """The rules with the simple-random draw fixed in number: n of N by keyed order, each with the chance n / N.

    Where rate times N is no whole number, one more is taken as often as its fraction says: the chance stays the rate.
    Given the rules that come back a draw depends again on each case alone.

    Args:
        candidates: approvals, with the columns that `draw` needs.
        rules: rates and limits of the strata.
        rng: source of the draw's key, as `draw` will get it.

    Returns:
        The rules, `fixed`.

    Raises:
        BadInput: a column is missing or a case occurs twice.

    Source: Särndal, Swensson and Wretman 1992, 3.3; docs/decisions/0041-weights.md.

    >>> cases = pd.DataFrame({"case_id": range(40), "confidence": 0.99, "amount": 1.0, "segment": None})
    >>> rules = in_number(cases, SamplingRules(0.01, 0, 0, 0, 0, 0, at_least=0.2), np.random.default_rng(1))
    >>> len(draw(cases, rules, np.random.default_rng(1)))
    8
    """
    cases = _ordered(candidates)
    key, wanted = rng.bytes(32), len(cases) * rules.rates[RANDOM]
    whole = int(wanted)
    take = whole + int(draw_strata(key, [_HOW_MANY], 1)[0, 0] < wanted - whole)
    numbers = np.sort(draw_strata(key, cases["case_id"].tolist(), len(STRATA))[:, 0]) if len(cases) else np.zeros(0)
    return replace(rules, fixed=Fixed(round(float(numbers[take - 1]) * NUMBERS) if take else -1, len(cases)))


def draw(
    candidates: pd.DataFrame,
    rules: SamplingRules,
    rng: np.random.Generator,
    *,
    known_segments: Collection[str] | None = None,
) -> pd.DataFrame:
    """The audit sample from automatic approvals, every stratum drawn independently (Poisson sampling).

    Each case is drawn at random with `random_rate`, and again with the rate of each stratum it belongs to: low
    confidence (a missing one too), high amount, a new segment, a watched category. Whether a case is drawn depends on
    `rng`, the rules and the case alone: neither on the order nor on the other candidates.

    Args:
        candidates: columns case_id, confidence, amount, segment, and category where some are watched.
        rules: rates and limits of the strata.
        rng: source of the draw's key.
        known_segments: segments that are not new; None skips the stratum of new ones.

    Returns:
        Columns case_id, stratum (the first that drew it), inclusion_probability (of being in the sample by any stratum,
        in (0, 1]), random (whether the simple-random draw took it).

    Raises:
        BadInput: a column is missing or a case occurs twice.

    Source: Särndal, Swensson and Wretman 1992, 3.5; docs/decisions/0020-audit-design.md.

    >>> cases = pd.DataFrame({"case_id": [7, 8], "confidence": [0.99, 0.5], "amount": 1.0, "segment": None})
    >>> sample = draw(cases, SamplingRules(0.0, 0.9, 1.0, 1e6, 0, 0), np.random.default_rng(1))
    >>> sample[["case_id", "stratum", "inclusion_probability"]].values.tolist()
    [[8, 'low_confidence', 1.0]]
    """
    cases = _ordered(candidates)
    rates = stratum_rates(cases, rules, known_segments)
    chance = rates.to_numpy(dtype=np.float64)
    drawn = draw_strata(rng.bytes(32), cases["case_id"].tolist(), len(STRATA)) < _bounds(chance, rules)
    chosen = drawn.any(axis=1)
    return pd.DataFrame(
        {
            "case_id": cases["case_id"].to_numpy()[chosen],
            "stratum": rates.columns.to_numpy()[drawn[chosen].argmax(axis=1)],
            "inclusion_probability": _any(chance[chosen]),
            "random": drawn[chosen, rates.columns.get_loc(RANDOM)],
        }
    )


def chances(
    cases: pd.DataFrame, rules: SamplingRules, known_segments: Collection[str] | None = None
) -> NDArray[np.float64]:
    """Each case's probability of being in the sample by any stratum.

    Args:
        cases: columns confidence, amount, segment, and category where some are watched.
        rules: rates and limits of the strata.
        known_segments: segments that are not new; None skips the stratum of new ones.

    Returns:
        One probability a row, 1 - the product over strata of (1 - rate).

    Raises:
        BadInput: categories are watched and the column is missing.

    Source: Särndal, Swensson and Wretman 1992, 3.5; docs/decisions/0020-audit-design.md.

    >>> cases = pd.DataFrame({"confidence": [0.99, 0.5], "amount": 1.0, "segment": None})
    >>> chances(cases, SamplingRules(0.1, 0.9, 0.5, 1e6, 0, 0)).round(6).tolist()
    [0.1, 0.55]
    """
    return _any(stratum_rates(cases, rules, known_segments).to_numpy(dtype=np.float64))


def stratum_rates(
    cases: pd.DataFrame, rules: SamplingRules, known_segments: Collection[str] | None = None
) -> pd.DataFrame:
    """Each case's probability of being drawn by each stratum.

    Args:
        cases: columns confidence, amount, segment, and category where some are watched.
        rules: rates and limits of the strata.
        known_segments: segments that are not new; None skips the stratum of new ones.

    Returns:
        One column a stratum on the rows of `cases`; 0 where a case does not belong.

    Raises:
        BadInput: categories are watched and the column is missing.

    Source: docs/decisions/0020-audit-design.md.

    >>> cases = pd.DataFrame({"confidence": [0.5], "amount": [10.0], "segment": [None]})
    >>> stratum_rates(cases, SamplingRules(0.1, 0.9, 0.5, 1e6, 0, 0)).iloc[0].to_dict()
    {'random': 0.1, 'low_confidence': 0.5, 'high_value': 0.0, 'new_segment': 0.0, 'watched': 0.0}
    """
    new = pd.Series(known_segments is not None, index=cases.index) & ~cases["segment"].isin(known_segments or ())
    if rules.watched and "category" not in cases:
        raise BadInput("The candidates lack category, and some are watched. Add the column.")
    watched = cases["category"].isin(rules.watched) if rules.watched else pd.Series(data=False, index=cases.index)
    belongs = {
        RANDOM: pd.Series(data=True, index=cases.index),
        LOW_CONFIDENCE: ~(cases["confidence"] >= rules.low_confidence_below),
        HIGH_VALUE: cases["amount"] > rules.high_value_above,
        NEW_SEGMENT: new,
        WATCHED: watched,
    }
    rates = rules.rates
    return pd.DataFrame({name: member * rates[name] for name, member in belongs.items()}, dtype=float)


def _bounds(chance: NDArray[np.float64], rules: SamplingRules) -> NDArray[np.float64]:
    """Below which number each stratum takes a case."""
    if rules.fixed is None:
        return chance
    return np.column_stack([np.full(len(chance), (rules.fixed.up_to + 1) / NUMBERS), chance[:, 1:]])


def _any(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 - (1 - chance).prod(axis=1), dtype=np.float64)


def _largest(fits: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _ordered(candidates: pd.DataFrame) -> pd.DataFrame:
    absent = _COLUMNS - set(candidates.columns)
    if absent:
        raise BadInput(f"The candidates lack {', '.join(sorted(absent))}. Add the columns.")
    if candidates["case_id"].duplicated().any():
        raise BadInput("A candidate occurs twice. Draw from distinct cases.")
    return candidates.sort_values("case_id").reset_index(drop=True)


def established(first_seen: dict[str, datetime], young: datetime) -> set[str] | None:
    """Tell segments that are old from new ones.

    Args:
        first_seen: when each segment was first received, aware.
        young: a segment that was first received later is new.

    Returns:
        The old segments; None while the workspace itself is younger, and every segment would be new.

    Source: own definition, docs/decisions/0020.

    >>> established({"web": datetime(2026, 1, 5), "phone": datetime(2026, 3, 2)}, datetime(2026, 2, 2))
    {'web'}
    """
    old = {name for name, at in first_seen.items() if at <= young}
    return old or None


def under_watch(categories: Sequence[str], resumed: Collection[str | None], levels: Mapping[str, float]) -> list[str]:
    """Choose the categories that are audited more often.

    Args:
        categories: all of them.
        resumed: those that came back from a pause lately; None stands for a pause of everything.
        levels: by category, which share of the evidence that suffices to pause its breaker has gathered.

    Returns:
        Those that came back or whose breaker is rising (see `RISING`), in the order given.

    Source: own definition, docs/decisions/0020.

    >>> under_watch(["refund", "tracking", "cancel"], {"cancel"}, {"refund": 0.4, "tracking": 0.02})
    ['refund', 'cancel']
    """
    rising = {name for name, level in levels.items() if level >= RISING}
    return [name for name in categories if None in resumed or name in resumed or name in rising]
