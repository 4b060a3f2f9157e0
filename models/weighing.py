"""What each label counts in a training: the cases that it stands for, times what is known of its giver.

After automation labels come from the hard rest, which people decide, and from audits of the rest. A label that was
drawn stands for the cases that were not.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.ppm import PPM

Floats = NDArray[np.float64]

CHANCE, TRUST = "chance", "trust"
"""Columns of examples: the chance with which a case came to be labelled, and what its label is worth, in (0, 1]."""
WEIGHT = "weight"
CAP_AT = 0.95
"""Quantile of the drawn labels' weights above which none counts more: a rare draw must not decide a model."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """The weight of each example, and in words how it came about; without draws and doubts all weigh 1."""

    weights: Floats
    drawn: int = 0
    cap: float | None = None
    capped: int = 0
    doubted: int = 0
    least_trust: float = 1.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What the version says of it; nothing where all labels count the same."""
        said = []
        if self.cap is not None:
            said.append(
                f"{self.drawn} of {len(self.weights)} labels come from draws and count as many cases as they stand "
                f"for, 1/chance: at most {self.cap:.1f}, the 95th percentile, which caps {self.capped} of them"
            )
        if self.doubted:
            said.append(
                f"{self.doubted} labels count for the probability that their giver is right, the least for "
                f"{self.least_trust:.2f}"
            )
        return tuple(said)


def weigh(examples: pd.DataFrame) -> Weighing:
    """Weigh examples by their columns `chance` and `trust`; a missing column, or value, counts as 1.

    The cap is taken over the labels that were drawn: over all of them it would be 1 wherever draws are few, and they
    would stand for nothing.
    """
    chance, trust = _column(examples, CHANCE), _column(examples, TRUST)
    drawn = chance < 1
    weights = 1 / chance
    doubted, least = int((trust < 1).sum()), float(trust.min(initial=1.0))
    if not drawn.any():
        return Weighing(trust, doubted=doubted, least_trust=least)
    cap = float(np.quantile(weights[drawn], CAP_AT))
    capped = int((weights > cap).sum())
    return Weighing(np.minimum(weights, cap) * trust, int(drawn.sum()), cap, capped, doubted, least)


def stored(values: Floats) -> Floats:
    """Chances or trusts to the millionth, which is how a recipe keeps them; none is below one."""
    kept: Floats = np.clip(np.round(values * PPM), 1, PPM) / PPM
    return kept


def worth(weights: Floats) -> float:
    """How many equally weighted cases these are worth together (Kish 1965); 0 without any."""
    square = float((weights**2).sum())
    return float(weights.sum() ** 2 / square) if square else 0.0


def scaled(weights: Floats) -> Floats:
    """The weights, in proportion, that sum to what the cases are worth together; equal ones become 1."""
    if not len(weights) or (weights == weights[0]).all():
        return np.ones(len(weights))
    sized: Floats = weights * (worth(weights) / weights.sum())
    return sized


def figures(cap: float | None, measured: Floats) -> dict[str, float]:
    """What a version's metrics say of weights: the cap, and what the measured cases are worth; nothing without one."""
    return {} if cap is None else {"weight_cap": cap, "n_test_worth": worth(measured)}


def packed(examples: pd.DataFrame) -> dict[str, str]:
    """Both columns in the order of `case_id`, for a recipe; empty where all labels count the same."""
    ordered = examples.sort_values("case_id", kind="stable") if "case_id" in examples else examples
    found = {name: _column(ordered, name) for name in (CHANCE, TRUST)}
    return {name: _text(values) for name, values in found.items() if (values != 1).any()}


def unpacked(examples: pd.DataFrame, recipe: Mapping[str, str]) -> pd.DataFrame:
    """The examples with the columns that a recipe holds, those of `packed`.

    Raises:
        ValueError: the recipe is of another number of examples.
    """
    place = np.argsort(examples["case_id"].to_numpy(), kind="stable")
    columns = {}
    for name in (CHANCE, TRUST):
        values = np.ones(len(examples))
        if name in recipe:
            values[place] = _numbers(recipe[name], len(examples))
        columns[name] = values
    return examples.assign(**columns)


def _text(values: Floats) -> str:
    parts = np.round(values * PPM).astype("<i4")
    return base64.b64encode(zlib.compress(parts.tobytes(), 9)).decode("ascii")


def _numbers(text: str, examples: int) -> Floats:
    parts = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<i4")
    if len(parts) != examples:
        raise ValueError(f"The recipe weighs {len(parts)} labels, and there are {examples}.")
    return stored(parts / PPM)


def _column(examples: pd.DataFrame, name: str) -> Floats:
    if name not in examples:
        return np.ones(len(examples))
    return np.asarray(examples[name].astype("float64").fillna(1.0), dtype=np.float64)
