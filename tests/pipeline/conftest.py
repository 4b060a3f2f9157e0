"""Shops for the tests of tasks and flows."""

import pytest

from tests.shop import empty_shop, learned_home, shop

__all__ = ["empty_shop", "learned_home", "shop"]


@pytest.fixture(autouse=True)
def _standing(standing_clock: None) -> None:
    """Every rehearsal here stands at its moment."""
