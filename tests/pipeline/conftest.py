"""Shops for the tests of tasks and flows."""

from tests.shop import empty_shop, learned_home, shop

__all__ = ["empty_shop", "learned_home", "shop"]
