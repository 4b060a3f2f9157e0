"""Actions reach their receiver: at least once, each with its idempotency key."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from handrail.acts.routing import withdraw_withheld
from handrail.case import State
from handrail.errors import PermanentError, RetryableError, Unanswered
from handrail.outbox import OutboxAction
from handrail.policy import Policy
from handrail.store import cases, outbox, trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event

LEASE = timedelta(minutes=5)
ATTEMPTS = 8
LONGEST_WAIT = timedelta(minutes=5)


class Receiver(Protocol):
    """Whoever executes actions; doing the same key twice must have one effect."""

    idempotent: bool
    """It says of itself that a key sent twice has one effect: what a killed sender held is sent again at once.

    To one that says no, nothing is sent again by itself that it was asked for and did not answer.
    """

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        """Execute all of these actions, or raise; `Unanswered` when they may have been executed all the same."""


def deliver(
    store: Store,
    receiver: Receiver,
    *,
    policy: Policy,
    actor: str,
    now: datetime,
    rng: np.random.Generator,
    limit: int = 1000,
    alone: bool = True,
) -> int:
    """Send what is due; returns how many actions the receiver acknowledged.

    Whoever sends `alone` takes at once what another has leased: only a killed sender can have left it.

    What withholds automation is asked once more here: automatic actions of a category that is paused, held, altered
    or at a stage that does not automate by now return to people. A retryable failure
    comes back with full jitter, at most eight times; an unanswered one, or one whose sender was killed, only where the
    receiver is idempotent. Elsewhere a person finds out what became of it.
    """
    sent = 0
    while True:
        with store.write() as connection:
            trail.lock(connection)
            if not receiver.idempotent:
                _doubt_lapsed(connection, actor, now)
            withheld = withdraw_withheld(connection, policy=policy, actor=actor, now=now)
            # What a killed sender held may be withheld by now: then its lease has to end, so that it can return.
            actions = outbox.take(
                connection,
                now=now,
                until=now + LEASE,
                limit=limit,
                also_leased=alone and receiver.idempotent,
                withheld=withheld,
            )
        if not actions:
            return sent
        try:
            receiver.execute(actions)
        except RetryableError as error:
            _give_back(store, receiver, actions, error, actor=actor, now=now, rng=rng)
            return sent
        except PermanentError:
            # One impossible action must not take the others with it; sending a key twice has one effect.
            for action in actions:
                sent += _send_alone(store, receiver, action, actor=actor, now=now, rng=rng)
        else:
            sent += _acknowledge(store, actions, actor=actor, now=now)


def _send_alone(
    store: Store, receiver: Receiver, action: OutboxAction, *, actor: str, now: datetime, rng: np.random.Generator
) -> int:
    try:
        receiver.execute([action])
    except (RetryableError, PermanentError) as error:
        _give_back(store, receiver, [action], error, actor=actor, now=now, rng=rng)
        return 0
    return _acknowledge(store, [action], actor=actor, now=now)


def _acknowledge(store: Store, actions: Sequence[OutboxAction], *, actor: str, now: datetime) -> int:
    """Mark actions as done; one that was withdrawn while its answer was late keeps its state, the trail says so."""
    with store.write() as connection:
        trail.lock(connection)
        finished = outbox.finish(connection, [action.id for action in actions], now)
        case_ids = [action.case_id for action in actions if action.id in finished]
        cases.set_state(connection, case_ids, State.DONE, only_from=State.DECIDED)
        events = [
            Event(
                "action.done" if action.id in finished else "action.late",
                action.case_id,
                {"action": action.action},
            )
            for action in actions
        ]
        trail.append(connection, events, at=now, actor=actor)
    return len(finished)


def _doubt_lapsed(connection: Connection, actor: str, now: datetime) -> None:
    left = outbox.lapsed(connection, now)
    outbox.doubt(connection, [action.id for action in left], "Its sender did not come back. Ask the receiver.")
    _say_unknown(connection, left, actor, now)


def _say_unknown(connection: Connection, actions: Sequence[OutboxAction], actor: str, now: datetime) -> None:
    events = [Event("action.unknown", action.case_id, {"action": action.action}) for action in actions]
    trail.append(connection, events, at=now, actor=actor)


def _give_back(
    store: Store,
    receiver: Receiver,
    actions: Sequence[OutboxAction],
    error: RetryableError | PermanentError,
    *,
    actor: str,
    now: datetime,
    rng: np.random.Generator,
) -> None:
    with store.write() as connection:
        trail.lock(connection)
        if isinstance(error, Unanswered) and not receiver.idempotent:
            outbox.doubt(connection, [action.id for action in actions], str(error))
            _say_unknown(connection, actions, actor, now)
            return
        events = []
        for tries in sorted({action.attempts + 1 for action in actions}):
            part = [action for action in actions if action.attempts + 1 == tries]
            dead = isinstance(error, PermanentError) or tries >= ATTEMPTS
            wait = min(LONGEST_WAIT, timedelta(seconds=2**tries)) * float(rng.random())
            outbox.postpone(connection, [action.id for action in part], now + wait, str(error), dead=dead)
            events.append(Event("action.failed", data={"actions": len(part), "attempts": tries, "dead": dead}))
            if dead:
                events += [Event("action.dead", action.case_id, {"action": action.action}) for action in part]
        trail.append(connection, events, at=now, actor=actor)
