"""Actions reach their receiver: at least once, each with its idempotency key."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import numpy as np

from handrail.acts.routing import withdraw_withheld
from handrail.case import State
from handrail.errors import PermanentError, RetryableError, Unanswered
from handrail.outbox import OutboxAction
from handrail.policy import Policy
from handrail.store import cases, escalations, outbox, trail, work
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event

LEASE = timedelta(minutes=5)
ATTEMPTS = 8
LONGEST_WAIT = timedelta(minutes=5)
ASK_AGAIN = timedelta(minutes=1)
"""Until a receiver that could not tell is asked about an action again."""
WORK = "delivery"
CONTRADICTED = "An earlier action of the case was executed after all. Send this one too, or give it up."


class Receiver(Protocol):
    """Whoever executes actions; doing the same key twice must have one effect."""

    idempotent: bool
    """It says of itself that a key sent twice has one effect: what a killed sender held is sent again at once.

    To one that says no, nothing is sent again by itself that it was asked for and did not answer.
    """

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        """Execute all of these actions, or none and raise; `Unanswered` when they may have been executed."""


@runtime_checkable
class AnsweringReceiver(Receiver, Protocol):
    """A receiver that can be asked what it has executed: then no person need look there."""

    def executed(self, keys: Sequence[str]) -> Mapping[str, bool]:
        """For each key whether its action was executed; about a key that is left out it cannot tell.

        *No* is a promise: a delivery still on its way is not executed either. Raises as `execute` does.
        """


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

    Senders may work side by side. One that is alone in this store, which a lock proves that dies with its holder, takes
    at once what a killed one has left; beside others it waits for the lease's end.

    What withholds automation is asked once more here: automatic actions of a category that is paused, held, altered
    or at a stage that does not automate by now return to people, unless they were handed over before: those are
    unknown. A receiver that can be asked says what became of unknown ones. A retryable failure comes back with full
    jitter, at most eight times; an unanswered one, or one whose sender was killed, only where the receiver is
    idempotent. Elsewhere a person finds out what became of it.
    """
    sent = 0
    with store.shared_turn(WORK, lambda: _take_over(store, receiver)):
        with store.write() as connection:
            trail.lock(connection)
            _withhold(connection, receiver, policy=policy, actor=actor, now=now, real=store.clock())
        _ask(store, receiver, actor=actor, now=now, limit=limit)
        while True:
            with store.write() as connection:
                trail.lock(connection)
                real = store.clock()
                until = real + LEASE
                withheld = _withhold(connection, receiver, policy=policy, actor=actor, now=now, real=real)
                actions = outbox.take(connection, now=now, real=real, until=until, limit=limit, withheld=withheld)
            if not actions:
                return sent
            try:
                receiver.execute(actions)
            except RetryableError as error:
                _give_back(store, receiver, actions, error, until=until, actor=actor, now=now, rng=rng)
                return sent
            except PermanentError:
                # One impossible action must not take the others with it: none of them was executed.
                for action in actions:
                    sent += _send_alone(store, receiver, action, until=until, actor=actor, now=now, rng=rng)
            else:
                sent += _acknowledge(store, actions, actor=actor, now=now)


def _take_over(store: Store, receiver: Receiver) -> None:
    """Alone, no sender lives: what one held is on its way no more, and goes to an idempotent receiver once more."""
    with store.write() as connection:
        outbox.take_over(connection, store.clock(), resend=receiver.idempotent)


def _withhold(
    connection: Connection, receiver: Receiver, *, policy: Policy, actor: str, now: datetime, real: datetime
) -> Collection[str] | None:
    """Take back what is withheld by now, doubt what a killed sender left; returns the withheld categories."""
    if not receiver.idempotent:
        left = outbox.doubt_lapsed(connection, real, "Its sender did not come back. Ask the receiver.")
        _say_unknown(connection, left, actor, now)
    return withdraw_withheld(connection, policy=policy, actor=actor, now=now)


def _ask(store: Store, receiver: Receiver, *, actor: str, now: datetime, limit: int) -> None:
    """Let the receiver end the doubt about unknown actions, where it can; a person may be faster."""
    with store.read() as connection:
        doubted = outbox.in_doubt(connection, store.clock(), limit=limit)
    if not doubted:
        return
    asked = store.clock() + ASK_AGAIN
    with store.write() as connection:
        outbox.ask_again(connection, [action.id for action in doubted], asked)
    answers = _answers(receiver, [action.key for action in doubted])
    with store.write() as connection:
        trail.lock(connection)
        for executed in (True, False):
            ids = [action.id for action in doubted if answers.get(action.key) is executed]
            # Meanwhile a person may have let it be sent once more: *not executed* was said of the time before.
            settled = outbox.settle(connection, ids, now, executed=executed, asked=asked)
            if executed:
                _close(connection, [action.case_id for action in settled])
            kind = "action.executed" if executed else "action.not_executed"
            events = [Event(kind, action.case_id, {"action": action.action}) for action in settled]
            trail.append(connection, events, at=now, actor=actor)


def _answers(receiver: Receiver, keys: Sequence[str]) -> Mapping[str, bool]:
    if not isinstance(receiver, AnsweringReceiver):
        return {}
    try:
        return receiver.executed(keys)
    except (RetryableError, PermanentError):
        return {}  # it cannot tell now; the actions stay unknown, of which an alert tells


def _close(connection: Connection, case_ids: Sequence[int]) -> None:
    """Cases are done when none of their actions is under way, dead or unknown."""
    cases.set_state(connection, outbox.at_rest(connection, case_ids), State.DONE, only_from=State.DECIDED)


def _send_alone(
    store: Store,
    receiver: Receiver,
    action: OutboxAction,
    *,
    until: datetime,
    actor: str,
    now: datetime,
    rng: np.random.Generator,
) -> int:
    try:
        receiver.execute([action])
    except (RetryableError, PermanentError) as error:
        _give_back(store, receiver, [action], error, until=until, actor=actor, now=now, rng=rng)
        return 0
    return _acknowledge(store, [action], actor=actor, now=now)


def _acknowledge(store: Store, actions: Sequence[OutboxAction], *, actor: str, now: datetime) -> int:
    """Mark actions as done, also those that were given up while their answer was late: then the case is done too.

    Where somebody has chosen another action since, that one is not sent by itself: a person says whether it is to be.
    """
    with store.write() as connection:
        trail.lock(connection)
        finished = outbox.finish(connection, [action.id for action in actions], now)
        fresh = [action for action in actions if action.id in finished]
        late = [action.case_id for action in fresh if finished[action.id]]
        held = outbox.hold_back(connection, late, CONTRADICTED)
        _close(connection, [action.case_id for action in fresh])
        executed_after_all = cases.set_state(connection, late, State.DONE, only_from=State.QUEUED)
        work.close_reviews(connection, executed_after_all, now)
        escalations.end_without_work(connection, executed_after_all, actor, now)
        events = [
            Event("action.late" if finished[action.id] else "action.done", action.case_id, {"action": action.action})
            for action in fresh
        ]
        events += [Event("action.dead", action.case_id, {"action": action.action}) for action in held]
        trail.append(connection, events, at=now, actor=actor)
    return len(finished)


def _say_unknown(connection: Connection, actions: Sequence[OutboxAction], actor: str, now: datetime) -> None:
    events = [Event("action.unknown", action.case_id, {"action": action.action}) for action in actions]
    trail.append(connection, events, at=now, actor=actor)


def _give_back(
    store: Store,
    receiver: Receiver,
    actions: Sequence[OutboxAction],
    error: RetryableError | PermanentError,
    *,
    until: datetime,
    actor: str,
    now: datetime,
    rng: np.random.Generator,
) -> None:
    """Plan the next try of actions that failed, or none; of those that are still held by the lease until `until`.

    What a receiver did not answer at the last try may have been executed at any: it is unknown, and not dead.
    """
    unanswered = isinstance(error, Unanswered)
    with store.write() as connection:
        trail.lock(connection)
        events = []
        # Whose lease is over says nothing any more of what another has taken since.
        held = outbox.held(connection, [action.id for action in actions], until)
        actions = [action for action in actions if action.id in held]
        for tries in sorted({action.attempts + 1 for action in actions}):
            part = [action for action in actions if action.attempts + 1 == tries]
            ids = [action.id for action in part]
            last = isinstance(error, PermanentError) or tries >= ATTEMPTS
            if unanswered and (last or not receiver.idempotent):
                _say_unknown(connection, outbox.doubt(connection, ids, str(error)), actor, now)
                continue
            if last:
                outbox.bury(connection, ids, str(error))
            else:
                wait = min(LONGEST_WAIT, timedelta(seconds=2**tries)) * float(rng.random())
                outbox.postpone(connection, ids, store.clock() + wait, str(error))
            events.append(Event("action.failed", data={"actions": len(part), "attempts": tries, "dead": last}))
            if last:
                events += [Event("action.dead", action.case_id, {"action": action.action}) for action in part]
        outbox.let_go(connection, [action.id for action in actions])
        trail.append(connection, events, at=now, actor=actor)
