"""What a label weighs in a training: the probability that it is right, by what is known of who gave it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.labels import Status

_PRIOR_RIGHT: Final = 19.0
_PRIOR_WRONG: Final = (
    1.0  # people err 2 to 5 % of the time: with the line above a Beta of mean 95 %, worth twenty looks
)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """So many of a person's labels were right and wrong, as random rechecks and gold cases have shown."""

    right: float = 0.0
    wrong: float = 0.0

    @property
    def posterior(self) -> float:
        """The probability that the next label is right: the mean of a Beta that begins at 95 %, worth 20 labels."""
        right = _PRIOR_RIGHT + self.right
        return right / (right + _PRIOR_WRONG + self.wrong)


def weights(labels: pd.DataFrame, givers: Mapping[str, Accuracy]) -> NDArray[np.float64]:
    """What each label weighs: the posterior probability that it is right.

    A settled label weighs 1, as one that came with a known past does. A provisional or withdrawn one weighs nothing.

    Args:
        labels: columns reviewer (missing where nobody gave it) and status.
        givers: what rechecks and gold cases have shown, by reviewer; who is missing weighs what a newcomer does.

    Returns:
        One weight in [0, 1] a row, in order; no rows give an empty array.

    Raises:
        ValueError: a status that no label has.

    Source: the Beta-binomial posterior (Bayes 1763); docs/decisions/0044-people-by-rechecks.md.

    >>> labels = pd.DataFrame({"reviewer": ["ada", "ben", None], "status": ["accepted", "accepted", "imported"]})
    >>> weights(labels, {"ben": Accuracy(right=41, wrong=19)}).round(2).tolist()
    [0.95, 0.75, 1.0]
    """
    newcomer = Accuracy()
    given = {str(name): givers.get(str(name), newcomer).posterior for name in labels["reviewer"].dropna().unique()}
    posterior = labels["reviewer"].map(given).fillna(1.0).to_numpy(dtype=np.float64)
    statuses = [Status(status) for status in labels["status"]]
    certain = np.array([status in (Status.IMPORTED, Status.ADJUDICATED) for status in statuses], dtype=bool)
    counted = np.array([status not in (Status.PROVISIONAL, Status.WITHDRAWN) for status in statuses], dtype=bool)
    return np.where(counted, np.where(certain, 1.0, posterior), 0.0)
