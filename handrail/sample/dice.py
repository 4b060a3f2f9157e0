"""Chance for a text generator: single draws, bought from numpy in bulk."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

_BULK = 16_384

T = TypeVar("T")


class Dice:
    """Uniform draws from one generator; a scalar numpy draw for each word would cost ten times as much."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Take the generator that decides everything."""
        self._rng = rng
        self._stock: list[float] = []

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        if not self._stock:
            self._stock = self._rng.random(_BULK).tolist()
        return self._stock.pop()

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.uniform() < probability

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, each equally likely."""
        return options[int(self.uniform() * len(options))]

    def number(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def digits(self, count: int) -> str:
        """Return a string of so many digits."""
        return f"{int(self.uniform() * 10**count):0{count}d}"
