"""What became of executed decisions: reversals, complaints, satisfaction and closing times."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from handrail.errors import BadInput
from handrail.sample.events import OUT_OF_SCOPE

COLUMNS: Final = ("external_id", "kind", "value", "at")
NEEDED: Final = ("external_id", "executed_label", "decided_at")

_REVERSED_IF_WRONG, _REVERSED_IF_RIGHT = 0.75, 0.006
_COMPLAINS_IF_WRONG, _COMPLAINS_IF_RIGHT = 0.30, 0.015
_COMPLAINS_PER_DAY_WAITED = 0.02
_ANSWERS_SURVEY = 0.25
_BEST_CSAT, _CSAT_LOST_BY_ERROR, _CSAT_LOST_PER_DOUBLING, _CSAT_SPREAD = 4.6, 1.7, 0.22, 0.7
_DAY = 24.0

Floats = npt.NDArray[np.float64]


def outcomes(cases: pd.DataFrame, executed: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw what follows from executed decisions, by time; no executed decision gives an empty table.

    `executed` has external_id, executed_label ('' where nothing was executed), decided_at (aware), automatic.
    The result has external_id, kind, value and at: `reversal` and `complaint` (value 1), `csat` (1 to 5),
    `closed` (value: hours from receipt). A wrong action is mostly reversed and often complained of.

    Raises:
        BadInput: a needed column is missing, or a decision has no case.
    """
    missing = [name for name in NEEDED if name not in executed.columns]
    if missing:
        raise BadInput(f"The executed decisions lack columns; add {', '.join(missing)}.")
    acted = executed[executed["executed_label"].fillna("").astype(str).ne("")]
    arrivals = cases[["external_id", "received_at", "truth_label"]]
    story = acted.merge(arrivals, on="external_id", how="left", validate="many_to_one")
    if story["truth_label"].isna().any():
        raise BadInput("An executed decision has no case in the sample; pass the cases it belongs to.")
    return _draw(story, rng)


def _draw(story: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    size = len(story)
    wrong = (story["executed_label"] != story["truth_label"]).to_numpy(dtype=bool)
    hours = (story["decided_at"] - story["received_at"]).dt.total_seconds().to_numpy(dtype=float) / 3600
    waited = np.maximum(hours, 0.0)
    # Outside the scope there is nothing to undo: the case is only closed.
    acted = (story["executed_label"] != OUT_OF_SCOPE).to_numpy(dtype=bool)
    reversed_ = acted & (rng.random(size) < np.where(wrong, _REVERSED_IF_WRONG, _REVERSED_IF_RIGHT))
    impatience = np.minimum(_COMPLAINS_PER_DAY_WAITED * waited / _DAY, 0.3)
    complained = rng.random(size) < np.where(wrong, _COMPLAINS_IF_WRONG, _COMPLAINS_IF_RIGHT) + impatience
    answered = rng.random(size) < _ANSWERS_SURVEY
    score = _csat(wrong, waited, rng)
    to_close = _delay(8.0, size, rng) + np.where(reversed_, _delay(60.0, size, rng), 0.0)
    ones = np.ones(size)
    events = [
        _events(story, "reversal", reversed_, ones, _delay(40.0, size, rng)),
        _events(story, "complaint", complained, ones, _delay(30.0, size, rng)),
        _events(story, "csat", answered, score, to_close + _delay(20.0, size, rng)),
        _events(story, "closed", np.ones(size, dtype=bool), np.round(waited + to_close, 2), to_close),
    ]
    return pd.concat(events).sort_values(["at", "external_id"], kind="stable", ignore_index=True)


def _csat(wrong: npt.NDArray[np.bool_], waited: Floats, rng: np.random.Generator) -> Floats:
    lost = np.where(wrong, _CSAT_LOST_BY_ERROR, 0.0) + _CSAT_LOST_PER_DOUBLING * np.log2(1.0 + waited / 2.0)
    score: Floats = np.clip(np.rint(_BEST_CSAT - lost + rng.normal(0.0, _CSAT_SPREAD, size=len(waited))), 1.0, 5.0)
    return score


def _delay(median_hours: float, size: int, rng: np.random.Generator) -> Floats:
    drawn: Floats = median_hours * np.exp(rng.normal(0.0, 0.6, size=size))
    return drawn


def _events(
    story: pd.DataFrame, kind: str, happens: npt.NDArray[np.bool_], value: Floats, after_hours: Floats
) -> pd.DataFrame:
    at = story["decided_at"] + pd.to_timedelta(np.round(after_hours * 3600), unit="s")
    events = pd.DataFrame({"external_id": story["external_id"], "kind": kind, "value": value, "at": at})
    return events.loc[happens, list(COLUMNS)]
