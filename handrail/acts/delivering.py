"""Actions reach their receiver: at least once, each with its idempotency key."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from handrail.acts.routing import return_unsent
from handrail.case import State
from handrail.errors import PermanentError, RetryableError
from handrail.policy import Policy
from handrail.store import cases, outbox, rollout, trail
from handrail.store.engine import Store
from handrail.store.trail import Event

LEASE = timedelta(minutes=5)
ATTEMPTS = 8
LONGEST_WAIT = timedelta(minutes=5)


class Receiver(Protocol):
    """Whoever executes actions; doing the same key twice must have one effect."""

    def execute(self, actions: Sequence[dict[str, Any]]) -> None:
        """Execute all of these actions, or raise."""


def deliver(
    store: Store,
    receiver: Receiver,
    *,
    policy: Policy,
    actor: str,
    now: datetime,
    rng: np.random.Generator,
    limit: int = 1000,
) -> int:
    """Send what is due; returns how many actions the receiver acknowledged.

    A pause is checked once more here: automatic actions of a paused category return to queue B. A retryable failure
    comes back with full jitter, at most eight times.
    """
    sent = 0
    while True:
        with store.write() as connection:
            trail.lock(connection)
            for category in rollout.pauses(connection)["category"]:
                return_unsent(connection, category, policy=policy, actor=actor, now=now)
            actions = outbox.take(connection, now=now, until=now + LEASE, limit=limit)
        if not actions:
            return sent
        try:
            receiver.execute(actions)
        except (RetryableError, PermanentError) as error:
            _give_back(store, actions, error, actor=actor, now=now, rng=rng)
            return sent
        with store.write() as connection:
            trail.lock(connection)
            outbox.finish(connection, [action["id"] for action in actions], now)
            case_ids = [action["case_id"] for action in actions]
            cases.set_state(connection, case_ids, State.DONE, only_from=State.DECIDED)
            events = [Event("action.done", action["case_id"], {"action": action["action"]}) for action in actions]
            trail.append(connection, events, at=now, actor=actor)
        sent += len(actions)


def _give_back(
    store: Store,
    actions: Sequence[dict[str, Any]],
    error: RetryableError | PermanentError,
    *,
    actor: str,
    now: datetime,
    rng: np.random.Generator,
) -> None:
    tries = max(action["attempts"] + 1 for action in actions)
    wait = min(LONGEST_WAIT, timedelta(seconds=2**tries)) * float(rng.random())
    dead = isinstance(error, PermanentError) or tries >= ATTEMPTS
    with store.write() as connection:
        outbox.postpone(connection, [action["id"] for action in actions], now + wait, str(error), dead=dead)
        failed = Event("action.failed", data={"actions": len(actions), "dead": dead})
        trail.append(connection, [failed], at=now, actor=actor)
