"""Draws: chance that can be repeated and checked, a keyed hash of the case id under a salt of its own."""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.errors import BadInput
from handrail.policy import Policy, Stage
from handrail.queues import Queue, Route

PARTIAL_SALT = "partial"
BLIND_SALT = "blind"
RECHECK_SALT = "recheck"
_BYTES = 8  # of a hash that decide one draw
_UNUSED, _RANGE = np.uint64(11), 2**53  # bits that a float cannot hold, and what the others count up to
_BLIND_STAGES = (Stage.MANUAL, Stage.SHADOW)


def draw(secret: bytes, case_id: int, salt: str) -> float:
    """A number for one case, uniform in [0, 1): the first 53 bits of HMAC-SHA256 over salt and id.

    Who lacks the secret cannot foresee it; who has it can repeat it. Different salts are independent.

    Args:
        secret: the workspace's key.
        case_id: the case.
        salt: what the draw is for.

    Returns:
        The same number for the same arguments, on every machine.

    Raises:
        BadInput: the secret is empty.

    Source: Krawczyk, Bellare and Canetti, HMAC, RFC 2104 (1997).

    >>> draw(b"secret", 1, PARTIAL_SALT) == draw(b"secret", 1, PARTIAL_SALT) != draw(b"secret", 1, BLIND_SALT)
    True
    """
    return float(draw_many(secret, [case_id], salt)[0])


def draw_many(secret: bytes, case_ids: Sequence[int], salt: str) -> NDArray[np.float64]:
    """A number for each case, as `draw` gives it.

    Args:
        secret: the workspace's key.
        case_ids: the cases.
        salt: what the draw is for.

    Returns:
        Numbers in [0, 1), in order; no cases give an empty array.

    Raises:
        BadInput: the secret is empty.

    Source: Krawczyk, Bellare and Canetti, HMAC, RFC 2104 (1997).

    >>> draw_many(b"secret", [1, 2], PARTIAL_SALT)[0].item() == draw(b"secret", 1, PARTIAL_SALT)
    True
    """
    if not secret:
        raise BadInput("The secret for draws is empty. Run `handrail init` to create one.")
    heads = b"".join([hmac.digest(secret, f"{salt}:{case_id}".encode(), "sha256")[:_BYTES] for case_id in case_ids])
    return (np.frombuffer(heads, dtype=">u8") >> _UNUSED) / _RANGE


def seed(secret: bytes, purpose: str, now: datetime) -> int:
    """A seed for the draws of one moment, which may be told once they are made.

    Who lacks the secret cannot foresee it, and learns nothing of later ones from those that stand in the trail.

    Args:
        secret: the workspace's key.
        purpose: what is drawn.
        now: the moment of the draw, aware.

    Returns:
        53 bits.

    Raises:
        BadInput: the secret is empty.

    Source: Krawczyk, Bellare and Canetti, HMAC, RFC 2104 (1997).

    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> seed(b"secret", "audit", noon) == seed(b"secret", "audit", noon) != seed(b"other", "audit", noon)
    True
    """
    return int(draw_many(secret, [0], f"seed:{purpose}:{now.astimezone(UTC).isoformat()}")[0] * _RANGE)


def draw_strata(key: bytes, case_ids: Sequence[object], strata: int) -> NDArray[np.float64]:
    """Independent numbers in [0, 1) for each case, one for each stratum of a sample.

    They depend on the key and the case's id alone, so that neither the order nor the other candidates change a draw.

    Args:
        key: at most 64 bytes, kept with the draw so that it can be repeated.
        case_ids: the cases.
        strata: how many numbers a case needs, at most 8.

    Returns:
        Cases × strata: 53 bits each of BLAKE2b over the id, under the key.

    Source: Saarinen and Aumasson, BLAKE2, RFC 7693 (2015); docs/decisions/0020-audit-design.md.

    >>> draw_strata(b"key", [7, 8], 2)[1].tolist() == draw_strata(b"key", [8], 2)[0].tolist()
    True
    """
    size = _BYTES * strata
    hashed = b"".join([blake2b(str(case_id).encode(), key=key, digest_size=size).digest() for case_id in case_ids])
    return (np.frombuffer(hashed, dtype=">u8").reshape(-1, strata) >> _UNUSED) / _RANGE


def is_suggestion_hidden(route: Route, policy: Policy, *, draw: float) -> bool:
    """Whether the reviewer decides without seeing the suggestion.

    So it is at stage manual and shadow, for a case that no model has scored, and for a share of queue B.

    Args:
        route: where the case went.
        policy: the policy in force.
        draw: the case's number under `BLIND_SALT`; below the policy's share at the case's stage hides.

    Returns:
        True where the suggestion is hidden.

    Source: docs/concepts.md, *Suggestion*.

    >>> from handrail.policy import for_labels
    >>> from handrail.queues import Reason
    >>> route = Route(Queue.C, Reason.STAGE_SHADOW, (Reason.STAGE_SHADOW,), None, Stage.SHADOW, False, ())
    >>> is_suggestion_hidden(route, for_labels(["refund"]), draw=0.9)
    True
    """
    blind = route.queue is Queue.B and draw < policy.queues.blind_share_at(route.stage)
    return blind or route.stage is None or route.stage in _BLIND_STAGES


def blind_chances(routes: pd.DataFrame, policy: Policy) -> NDArray[np.float64]:
    """The chance with which each case's suggestion is hidden: what a blind label of it weighs is its inverse.

    Args:
        routes: what `queues.route_many` returns.
        policy: the policy in force.

    Returns:
        One chance in [0, 1] a row; NaN in queue A, where the audit's draw decides who is looked at.

    Source: docs/concepts.md, *Suggestion*.

    >>> from handrail.policy import for_labels
    >>> routes = pd.DataFrame({"queue": ["C", "C", "A"], "stage": ["shadow", "suggest", "auto"]})
    >>> blind_chances(routes, for_labels(["refund"])).tolist()
    [1.0, 0.0, nan]
    """
    share = np.where(_is_shown(routes), _shares(routes, policy), 1.0)
    return np.where(routes["queue"] == Queue.A.value, np.nan, share)


def are_suggestions_hidden(
    routes: pd.DataFrame, policy: Policy, draws: NDArray[np.float64] | Sequence[float]
) -> NDArray[np.bool_]:
    """Whether each reviewer decides without seeing the suggestion; as `is_suggestion_hidden`.

    Args:
        routes: what `queues.route_many` returns.
        policy: the policy in force.
        draws: each case's number under `BLIND_SALT`.

    Returns:
        One boolean a row.

    Source: docs/concepts.md, *Suggestion*.

    >>> from handrail.policy import for_labels
    >>> routes = pd.DataFrame({"queue": ["C", "B"], "stage": ["shadow", "suggest"]})
    >>> are_suggestions_hidden(routes, for_labels(["refund"]), [0.9, 0.99]).tolist()
    [True, False]
    """
    return (np.asarray(draws, dtype=float) < _shares(routes, policy)) | ~_is_shown(routes)


def _shares(routes: pd.DataFrame, policy: Policy) -> NDArray[np.float64]:
    """The share that is hidden where the suggestion is not hidden anyway."""
    partial = (routes["stage"] == Stage.PARTIAL.value).to_numpy(dtype=bool)
    shares = np.where(partial, policy.queues.blind_share_at(Stage.PARTIAL), policy.queues.blind_share)
    return np.where((routes["queue"] == Queue.B.value).to_numpy(dtype=bool), shares, 0.0)


def _is_shown(routes: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether the case's stage shows suggestions at all."""
    hidden = routes["stage"].isin([stage.value for stage in _BLIND_STAGES])
    return np.asarray(routes["stage"].notna() & ~hidden, dtype=bool)
