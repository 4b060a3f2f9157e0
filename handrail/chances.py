"""The chance with which a case came to be looked at: what a label of it stands for is its inverse."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.queues import Queue

Floats = NDArray[np.float64]


def of_a_label(cases: pd.DataFrame) -> Floats:
    """The chance with which each labelled case came to have a label at all.

    What people decide in queue B and C they decide whatever comes, and a known past was given whole: chance 1. What
    went by itself is looked at by an audit's draw, or because somebody came forward with it, which nobody drew.

    Args:
        cases: columns queue and inclusion_probability (missing where no audit was drawn).

    Returns:
        One chance in (0, 1] a row.

    Source: Horvitz and Thompson (1952); docs/decisions/0045-training-after-automation.md.

    >>> cases = pd.DataFrame({"queue": ["A", "C", None], "inclusion_probability": [0.05, None, None]})
    >>> of_a_label(cases).tolist()
    [0.05, 1.0, 1.0]
    """
    audited = pd.to_numeric(cases["inclusion_probability"]).astype("float64")
    return np.asarray(audited.where(cases["queue"].eq(Queue.A.value), 1.0).fillna(1.0), dtype=np.float64)


def of_a_blind_look(cases: pd.DataFrame, blind_share: float) -> Floats:
    """The chance with which each case was to be looked at blindly, as it was when that was asked for.

    Args:
        cases: columns queue, stage, blind_chance (missing on routes from before it was kept, and in queue A) and
            inclusion_probability (missing where no audit was drawn).
        blind_share: the policy's of queue B, for routes from before their chance was kept.

    Returns:
        One chance in (0, 1] a row; NaN where a blind label stands for nobody knows what.

    Source: Horvitz and Thompson (1952); docs/decisions/0045-training-after-automation.md.

    >>> kept = {"queue": "B", "stage": "suggest", "blind_chance": 0.2, "inclusion_probability": None}
    >>> cases = [{**kept, "blind_chance": chance} for chance in (0.2, None, 0.0)]
    >>> of_a_blind_look(pd.DataFrame(cases), 0.1).tolist()
    [0.2, 0.1, nan]
    """
    audited = pd.to_numeric(cases["inclusion_probability"]).astype("float64")
    kept = pd.to_numeric(cases["blind_chance"]).astype("float64")
    queue, shadow = cases["queue"], cases["stage"].eq("shadow")
    # A policy that has since set the share to nothing says nothing of the labels from before.
    share = pd.Series(np.where(queue.eq(Queue.B.value), blind_share or 1.0, np.nan), index=cases.index)
    before = share.mask(shadow, 1.0)
    chance = audited.where(queue.eq(Queue.A.value), kept.fillna(before))
    return np.asarray(chance.where(chance > 0), dtype=np.float64)
