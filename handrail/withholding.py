"""Which labels are withheld from every training, so that they can judge a challenger."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail import keyed_draws
from handrail.queues import Queue

SALT = "withheld"


@dataclass(frozen=True, slots=True)
class Withholding:
    """A keyed draw that takes `share` of all cases; their blind labels judge models and teach none."""

    secret: bytes = field(repr=False)
    share: float

    def draws(self, case_ids: Sequence[int]) -> NDArray[np.bool_]:
        """Which cases are drawn: their labels are withheld, should they get a blind one."""
        return keyed_draws.draw_many(self.secret, case_ids, SALT) < self.share

    def holds(self, labels: pd.DataFrame, *, in_sight_since: datetime | None = None) -> NDArray[np.bool_]:
        """Which labels are withheld: the blind ones of drawn cases. `labels` has the columns case_id and blind.

        With `in_sight_since` those, too, that were given since then to cases of queue C of which no share is blind:
        columns queue, blind_chance, labelled_at.
        """
        held = labels["blind"].to_numpy(dtype=bool)
        if in_sight_since is not None:
            unseen = labels["queue"].eq(Queue.C.value) & pd.to_numeric(labels["blind_chance"]).eq(0.0)
            recent = labels["labelled_at"] > pd.Timestamp(in_sight_since)
            held = held | (unseen & recent).to_numpy(dtype=bool)
        return held & self.draws(labels["case_id"].tolist())
