"""Draws: chance that can be repeated and checked, a keyed hash of the case id under a salt of its own."""

import hmac
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.errors import BadInput
from handrail.policy import Policy, Stage
from handrail.queues import Queue, Route

PARTIAL_SALT = "partial"
BLIND_SALT = "blind"
RECHECK_SALT = "recheck"
_BLIND_STAGES = (Stage.MANUAL, Stage.SHADOW)


def draw(secret: bytes, case_id: int, salt: str) -> float:
    """Draw a number for one case, uniform in [0, 1): the first 53 bits of HMAC-SHA256 over salt and id.

    Who lacks the secret cannot foresee it; who has it can repeat it. Different salts are independent.

    Raises:
        BadInput: the secret is empty.
    """
    return float(draw_many(secret, [case_id], salt)[0])


def draw_many(secret: bytes, case_ids: Sequence[int], salt: str) -> NDArray[np.float64]:
    """Draw for each case, in order; no cases give an empty array.

    Raises:
        BadInput: as `draw`.
    """
    if not secret:
        raise BadInput("The secret for draws is empty. Run `handrail init` to create one.")
    heads = b"".join([hmac.digest(secret, f"{salt}:{case_id}".encode(), "sha256")[:8] for case_id in case_ids])
    return (np.frombuffer(heads, dtype=">u8") >> np.uint64(11)) / 2**53


def is_suggestion_hidden(route: Route, policy: Policy, *, draw: float) -> bool:
    """Whether the reviewer decides without seeing the suggestion.

    So it is at stage manual and shadow, where nothing is suggested because no model has scored the case,
    and for a share of queue B (`draw` below `queues.blind_share`, under a salt of its own).
    """
    blind = route.queue is Queue.B and draw < policy.queues.blind_share
    return blind or route.stage is None or route.stage in _BLIND_STAGES


def are_suggestions_hidden(
    routes: pd.DataFrame, policy: Policy, draws: NDArray[np.float64] | Sequence[float]
) -> NDArray[np.bool_]:
    """As `is_suggestion_hidden` for each row of what `queues.route_many` returns."""
    blind = (routes["queue"] == Queue.B.value) & (np.asarray(draws, dtype=float) < policy.queues.blind_share)
    shown = routes["stage"].notna() & ~routes["stage"].isin([stage.value for stage in _BLIND_STAGES])
    return (blind | ~shown).to_numpy(dtype=bool)
