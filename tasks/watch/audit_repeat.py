"""The audit draws made again from what the trail says of them: the same cases must come out."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail import sampling
from handrail.ppm import PPM
from handrail.store import audits, trail
from tasks.occasion import Occasion, moment

_ALL = 2**31 - 1
"""More events than any trail holds: a draw left out would look like one that was repeated."""
_NONE_NEW = frozenset({""})


@dataclass(frozen=True)
class Repeated:
    """The draws of one moment made again; `differing` are the cases that stand otherwise in the store.

    `missing` is by how many approvals the store holds fewer than the trail says were looked at. `repeatable` is false
    where the events hold no rates: older draws cannot be made again from the trail alone.
    """

    at: datetime
    seed: int
    looked_at: int
    drawn: int
    differing: tuple[int, ...]
    missing: int = 0
    repeatable: bool = True

    @property
    def is_the_same(self) -> bool:
        """Whether everything stands in the store as the trail says."""
        return not self.differing and not self.missing


@dataclass(frozen=True)
class _Draw:
    """One event of a draw, or a part of one: seed and, if it holds them, the rates.

    `at` is when its rows stand; the event itself is dated later where the trail had gone on.
    """

    at: str
    looked_at: int
    seed: int
    rules: sampling.SamplingRules | None

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """Read the event."""
        if "rates_ppm" not in event:
            return cls(event.get("drawn_at", event["at"]), event["looked_at"], event["seed"], None)
        rates = {name: ppm / PPM for name, ppm in event["rates_ppm"].items()}
        rules = sampling.SamplingRules(
            random_rate=rates[sampling.RANDOM],
            low_confidence_below=event["low_confidence_below_ppm"] / PPM,
            low_confidence_rate=rates[sampling.LOW_CONFIDENCE],
            high_value_above=event["high_value_above_ppm"] / PPM,
            high_value_rate=rates[sampling.HIGH_VALUE],
            new_segment_rate=rates[sampling.NEW_SEGMENT],
            watched_rate=rates[sampling.WATCHED],
            watched=frozenset(event["watched"]),
            fixed=sampling.Fixed(event["random_up_to"], event["random_of"]) if "random_up_to" in event else None,
        )
        return cls(event.get("drawn_at", event["at"]), event["looked_at"], event["seed"], rules)


@dataclass(frozen=True)
class _Taken:
    """The event of a case that was drawn."""

    at: str
    case_id: int
    stratum: str
    probability_ppm: int

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """Read the event."""
        return cls(event.get("drawn_at", event["at"]), event["case"], event["stratum"], event["probability_ppm"])


def repeat_all(occasion: Occasion, *, since: datetime | None = None) -> list[Repeated]:
    """Make every draw since a moment again, or every one, oldest first."""
    with occasion.store.read() as connection:
        draws = [_Draw.of(event) for event in trail.search(connection, kind="audit.draw", since=since, limit=_ALL)]
        taken = [_Taken.of(event) for event in trail.search(connection, kind="audit.drawn", since=since, limit=_ALL)]
    draws_at: dict[str, list[_Draw]] = defaultdict(list)
    for draw in draws:
        draws_at[draw.at].append(draw)
    taken_at: dict[str, list[_Taken]] = defaultdict(list)
    for one in taken:
        taken_at[one.at].append(one)
    return [_repeat(occasion, moment(at), parts, taken_at[at]) for at, parts in draws_at.items()]


def _repeat(occasion: Occasion, at: datetime, draws: Sequence[_Draw], taken: Sequence[_Taken]) -> Repeated:
    """Make the draws of one moment again, and compare each case with the store and with its own event.

    Where the moment saw several draws, a case may have come from any of them. Whether a case's segment was new is read
    from its chance, which must be one of the two that the rates allow.
    """
    with occasion.store.read() as connection:
        stored = audits.drawn_at(connection, at)
    stored = stored.assign(amount=pd.to_numeric(stored["amount"]), segment="")
    seed, rows, drawn = draws[0].seed, len(stored), int(stored["drawn"].sum())
    missing = sum(draw.looked_at for draw in draws) - rows
    if any(draw.rules is None for draw in draws):
        return Repeated(at, seed, rows, drawn, (), missing, repeatable=False)
    off = np.ones(rows, dtype=bool)
    for draw in dict.fromkeys(replace(draw, looked_at=0) for draw in draws):
        off &= _differs(stored, draw)
    differing = {int(case) for case in stored.loc[off, "case_id"]} | _untrue(stored, taken)
    return Repeated(at, seed, rows, drawn, tuple(sorted(differing)), missing)


def _differs(stored: pd.DataFrame, draw: _Draw) -> NDArray[np.bool_]:
    """Which of the stored cases come out otherwise when the draw is made again."""
    if draw.rules is None:
        raise AssertionError("a draw without rates cannot be repeated")
    chance = stored["inclusion_probability"].to_numpy(dtype=float)
    as_new, as_known = (sampling.chances(stored, draw.rules, known) for known in (frozenset[str](), None))
    new = np.isclose(chance, as_new, rtol=0, atol=1e-9) & ~np.isclose(chance, as_known, rtol=0, atol=1e-9)
    impossible = ~(new | np.isclose(chance, as_known, rtol=0, atol=1e-9))
    segments = stored.assign(segment=np.where(new, "new", ""))
    rules = draw.rules
    if rules.fixed is not None and rules.fixed.of == len(segments):
        # The draw is here as a whole: whom its number takes is reckoned anew, not read.
        rules = sampling.in_number(segments, rules, np.random.default_rng(draw.seed))
    again = sampling.draw(segments, rules, np.random.default_rng(draw.seed), known_segments=set(_NONE_NEW))
    of = again.set_index("case_id")
    taken = stored["case_id"].isin(of.index)
    at_random = stored["case_id"].map(of["random"]).eq(True)  # noqa: FBT003
    stratum = stored["case_id"].map(of["stratum"]).where(taken, None)
    differs: NDArray[np.bool_] = (
        impossible
        | (stored["seed"] != draw.seed).to_numpy()
        | (taken != stored["drawn"]).to_numpy()
        | (at_random != stored["random"]).to_numpy()
        | (taken & (stratum != stored["stratum"])).to_numpy()
    )
    return differs


def _untrue(stored: pd.DataFrame, taken: Sequence[_Taken]) -> set[int]:
    """The cases of which store and trail disagree whether they were drawn, by which stratum and with which chance."""
    ppm = (stored["inclusion_probability"].astype(float) * PPM).round().astype(int)
    of_store = {
        int(case): (stratum, millionths)
        for case, stratum, millionths, is_drawn in zip(
            stored["case_id"], stored["stratum"], ppm, stored["drawn"], strict=True
        )
        if is_drawn
    }
    of_trail = {one.case_id: (one.stratum, one.probability_ppm) for one in taken}
    cases = of_store.keys() | of_trail.keys()
    return {case for case in cases if of_store.get(case) != of_trail.get(case)}
