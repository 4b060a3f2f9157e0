"""Who writes, when, through which channel, and about how much money."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from handrail.sample.events import NEW_CATEGORY, OUT_OF_SCOPE

REGIONS: Final = ("north", "south", "east", "west", "coast")
TIERS: Final = ("basic", "plus", "premium")
CHANNELS: Final = ("web", "email", "phone", "chat", "app")

_CUSTOMERS = 9_000
_REGION_SHARES = (0.27, 0.22, 0.18, 0.15, 0.18)
_TIER_SHARES = (0.60, 0.28, 0.12)
_CHANNEL_SHARES = (0.34, 0.30, 0.08, 0.12, 0.16)
_TIER_FACTORS = {"basic": 1.0, "plus": 1.4, "premium": 2.2}
_NO_CONSENT_SHARE = 0.004
# Monday first: the weekend brings a backlog to Monday.
_DAYS = np.array([1.25, 1.10, 1.05, 1.00, 0.95, 0.55, 0.45])
_NIGHT, _MORNING = (0.2, 0.1, 0.1, 0.1, 0.1, 0.3), (0.8, 1.8, 3.2, 4.6, 5.0, 4.6)
_AFTERNOON, _EVENING = (3.6, 3.8, 4.0, 3.8, 3.4, 3.2), (3.4, 3.8, 3.6, 2.6, 1.4, 0.6)
_HOURS = np.array([*_NIGHT, *_MORNING, *_AFTERNOON, *_EVENING])
# Share of cases that carry an amount, and its median in euros.
_AMOUNTS: Final[dict[str, tuple[float, float]]] = {
    "delivery_status": (0.55, 70),
    "refund_request": (0.95, 85),
    "billing_question": (0.95, 48),
    "technical_help": (0.15, 120),
    "appointment_change": (0.20, 95),
    "complaint": (0.35, 80),
    "cancellation": (0.60, 60),
    "address_change": (0.03, 40),
    "legal_threat": (0.80, 420),
    NEW_CATEGORY: (0.70, 35),
    OUT_OF_SCOPE: (0.0, 1),
}


@dataclass(frozen=True)
class Arrivals:
    """The columns of one week's cases that do not depend on what is written; all of one length."""

    received_at: pd.DatetimeIndex
    columns: pd.DataFrame


def arrivals(start: datetime, count: int, seed: int, rng: np.random.Generator) -> Arrivals:
    """Draw `count` cases in the seven days after `start` (aware): moment and customer, by time."""
    weekday = np.roll(_DAYS, -start.weekday())
    day = rng.choice(7, size=count, p=weekday / weekday.sum())
    hour = rng.choice(24, size=count, p=_HOURS / _HOURS.sum())
    seconds = np.sort(day * 86_400 + hour * 3_600 + rng.integers(0, 3_600, size=count))
    moments = pd.DatetimeIndex(pd.Timestamp(start) + pd.to_timedelta(seconds, unit="s"))
    customers = _customers(seed)
    who = rng.integers(0, _CUSTOMERS, size=count)
    columns = customers.iloc[who].reset_index(drop=True)
    columns["channel"] = rng.choice(CHANNELS, size=count, p=_CHANNEL_SHARES)
    columns["consent"] = rng.random(count) >= _NO_CONSENT_SHARE
    return Arrivals(moments, columns)


def amounts(labels: np.ndarray, tiers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the amount of each case in euros, NaN where it has none; log-normal, larger for higher tiers."""
    share = np.array([_AMOUNTS[label][0] for label in labels])
    median = np.array([_AMOUNTS[label][1] for label in labels]) * [_TIER_FACTORS[tier] for tier in tiers]
    drawn = np.round(median * np.exp(rng.normal(0.0, 0.75, size=len(labels))), 2)
    return np.where(rng.random(len(labels)) < share, drawn, np.nan)


def week_start(start: datetime, week: int) -> datetime:
    """Return when a week (1-based; 0 and below lie before the start) begins."""
    return start + timedelta(weeks=week - 1)


@lru_cache(maxsize=4)
def _customers(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, 0])
    return pd.DataFrame(
        {
            "customer_id": [f"C{number:05d}" for number in range(_CUSTOMERS)],
            "region": rng.choice(REGIONS, size=_CUSTOMERS, p=_REGION_SHARES),
            "tier": rng.choice(TIERS, size=_CUSTOMERS, p=_TIER_SHARES),
        }
    )
