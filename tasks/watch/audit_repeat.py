"""The audit draws made again from what the trail says of them: the same cases must come out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from handrail import sampling
from handrail.ppm import PPM
from handrail.store import audits, trail
from tasks.occasion import Occasion, moment

_ALL = 2**31 - 1
"""More events than any trail holds: a draw left out would look like one that was repeated."""


@dataclass(frozen=True)
class Repeated:
    """A draw made again from its seed in the trail; `differing` are the cases that stand otherwise in the store.

    `repeatable` is false where the event holds no rates: older draws cannot be made again from the trail alone.
    """

    at: datetime
    seed: int
    looked_at: int
    drawn: int
    differing: tuple[int, ...]
    repeatable: bool = True


def repeat_all(occasion: Occasion, *, since: datetime) -> list[Repeated]:
    """Make every draw since a moment again, oldest first."""
    with occasion.store.read() as connection:
        events = trail.search(connection, kind="audit.draw", since=since, limit=_ALL)
    told = {event["at"]: event for event in events}  # a large draw is written in parts, with the same rates
    return [repeat(occasion, moment(at), event) for at, event in told.items()]


def repeat(occasion: Occasion, at: datetime, told: dict[str, Any]) -> Repeated:
    """Make the draw of one moment again from what its trail event `told`, and compare each case with the store.

    Whether a case's segment was new is read from its stored chance, which must be one of the two that the rates allow.
    """
    with occasion.store.read() as connection:
        stored = audits.drawn_at(connection, at)
    stored = stored.assign(amount=pd.to_numeric(stored["amount"]), segment="")
    if "rates_ppm" not in told:
        return Repeated(at, told["seed"], len(stored), int(stored["drawn"].sum()), (), repeatable=False)
    rates = {name: ppm / PPM for name, ppm in told["rates_ppm"].items()}
    made = sampling.SamplingRules(
        random_rate=rates[sampling.RANDOM],
        low_confidence_below=told["low_confidence_below_ppm"] / PPM,
        low_confidence_rate=rates[sampling.LOW_CONFIDENCE],
        high_value_above=told["high_value_above_ppm"] / PPM,
        high_value_rate=rates[sampling.HIGH_VALUE],
        new_segment_rate=rates[sampling.NEW_SEGMENT],
        watched_rate=rates[sampling.WATCHED],
        watched=frozenset(told["watched"]),
    )
    chance = stored["inclusion_probability"].to_numpy(dtype=float)
    as_new, as_known = (sampling.chances(stored, made, known) for known in (frozenset[str](), None))
    new = np.isclose(chance, as_new, rtol=0, atol=1e-9) & ~np.isclose(chance, as_known, rtol=0, atol=1e-9)
    off = ~(new | np.isclose(chance, as_known, rtol=0, atol=1e-9))
    segments = stored.assign(segment=np.where(new, "new", ""))
    again = sampling.draw(segments, made, np.random.default_rng(told["seed"]), known_segments={""})
    of = again.set_index("case_id")
    taken = stored["case_id"].isin(of.index)
    at_random = stored["case_id"].map(of["random"]).eq(True)  # noqa: FBT003
    off |= (taken != stored["drawn"]).to_numpy() | (at_random != stored["random"]).to_numpy()
    differing = tuple(int(case) for case in stored.loc[off, "case_id"])
    return Repeated(at, told["seed"], len(stored), int(stored["drawn"].sum()), differing)
