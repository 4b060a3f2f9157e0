"""Which labels are withheld from every training, so that they can judge a challenger."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail import keyed_draws

SALT = "withheld"


@dataclass(frozen=True, slots=True)
class Withholding:
    """A keyed draw that takes `share` of all cases; their blind labels judge models and teach none."""

    secret: bytes = field(repr=False)
    share: float

    def draws(self, case_ids: Sequence[int]) -> NDArray[np.bool_]:
        """Which cases are drawn: their labels are withheld, should they get a blind one."""
        return keyed_draws.draw_many(self.secret, case_ids, SALT) < self.share

    def holds(self, labels: pd.DataFrame) -> NDArray[np.bool_]:
        """Which labels are withheld: the blind ones of drawn cases. `labels` has the columns case_id and blind."""
        return labels["blind"].to_numpy(dtype=bool) & self.draws(labels["case_id"].tolist())
