"""Which cases are withheld from every training, so that they can judge a challenger."""

import numpy as np
from numpy.typing import NDArray

from handrail import keyed_draws
from tasks.occasion import Occasion

WITHHELD_SALT = "withheld"


def is_withheld(occasion: Occasion, case_ids: list[int]) -> NDArray[np.bool_]:
    """Which cases are withheld from every training, should they get a blind label."""
    share = occasion.policy.promotion.withheld_share
    return keyed_draws.draw_many(occasion.secret, case_ids, WITHHELD_SALT) < share
