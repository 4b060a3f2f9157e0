"""A person settles what delivery could not: actions that died, and those of which nobody knows."""

from datetime import datetime

from handrail.acts.authority import authorize, required
from handrail.case import State
from handrail.errors import Conflict, NotFound, Refused
from handrail.outbox import OutboxAction
from handrail.policy import Policy
from handrail.queues import Queue
from handrail.sla import due
from handrail.store import cases, disputes, escalations, outbox, retention, routes, trail, work
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event
from handrail.work import NewWork

STUCK = ("dead", "unknown")


def retry(store: Store, number: int, *, reason: str, actor: str, now: datetime) -> None:
    """Let an action be sent again from the beginning.

    Of one that is in doubt the person says by this that the receiver has not executed it. Where automation is withheld
    when it would be sent, its case goes to people instead.

    Raises:
        NotFound: there is no such action.
        Conflict: it is neither dead nor unknown, or may still be on its way.
    """
    reason = required(reason)
    with store.write() as connection:
        action = _stuck(connection, number, STUCK, actor)
        _require_at_rest(connection, number, store.clock())
        outbox.put_back(connection, number, now)
        _say(connection, "action.retried", action, reason, actor, now)


def confirm_executed(store: Store, number: int, *, reason: str, actor: str, now: datetime) -> None:
    """Write down that the receiver has executed an action of which nobody knew.

    One that failed for good may be meant, where an earlier delivery had no answer.

    Raises:
        NotFound: there is no such action.
        Conflict: nobody need know it.
    """
    reason = required(reason)
    with store.write() as connection:
        action = _stuck(connection, number, STUCK, actor)
        if not action.is_in_doubt:
            raise Conflict(
                f"Action {number} is dead, not unknown: its receiver refused it at once, so it was not carried out. "
                "Send it again or give it up."
            )
        outbox.confirm(connection, number, now)
        cases.set_state(connection, outbox.at_rest(connection, [action.case_id]), State.DONE, only_from=State.DECIDED)
        _say(connection, "action.confirmed", action, reason, actor, now)


def abandon(store: Store, number: int, *, reason: str, policy: Policy, actor: str, now: datetime) -> None:
    """Give an action up: it is never sent, and its case goes to a person again, who sees the suggestion.

    Of one that is in doubt the person says by this that the receiver has not executed it: the next decision may have
    another effect. What was executed and should not have been is confirmed, and then disputed.

    Raises:
        NotFound: there is no such action.
        Conflict: it is neither dead nor unknown, or may still be on its way.
        Refused: somebody would have to decide again, and the content of the case is deleted.
    """
    reason = required(reason)
    with store.write() as connection:
        action = _stuck(connection, number, STUCK, actor)
        _require_at_rest(connection, number, store.clock())
        outbox.withdraw(connection, [number])
        _reopen(connection, action, policy, actor, now)
        _say(connection, "action.abandoned", action, reason, actor, now)


def _stuck(connection: Connection, number: int, states: tuple[str, ...], actor: str) -> OutboxAction:
    authorize(connection, "settle_actions", actor)
    trail.lock(connection)
    action = outbox.action(connection, number)
    if action is None:
        raise NotFound(f"There is no action {number}. See `handrail outbox list`.")
    if action.state not in states:
        raise Conflict(
            f"Action {number} is {action.state}, not {' or '.join(states)}: somebody was first, or it goes its way. "
            "See `handrail outbox list`."
        )
    return action


def _require_at_rest(connection: Connection, number: int, real: datetime) -> None:
    """Raise while a sender may still hand an action over: that it was not executed is no news that lasts."""
    if outbox.is_on_its_way(connection, number, real):
        raise Conflict(
            f"Action {number} is being sent at this moment, or was a short time ago. Try again in 5 minutes."
        )


def _reopen(connection: Connection, action: OutboxAction, policy: Policy, actor: str, now: datetime) -> None:
    """Without work for a person the case would stay decided for ever, with nothing done.

    Where another of its actions stands, what was given up belonged to a later ruling, which stands too: nobody decides
    again, and the case is done when nothing else of it is under way.
    """
    case_id = action.case_id
    standing = {one.state for one in disputes.actions(connection, case_id) if one.id != action.id} - {"withdrawn"}
    if standing:
        if standing == {"done"}:
            cases.set_state(connection, [case_id], State.DONE, only_from=State.DECIDED)
        return
    if not cases.set_state(connection, [case_id], State.QUEUED, only_from=State.DECIDED):
        return
    if not retention.with_content(connection, [case_id]):
        raise Refused(
            f"Action {action.id} cannot be given up: case {case_id} would go to a person again, and what was read of "
            "it is deleted, as the retention rules ask. Send it again once its receiver takes it."
        )
    work.close_audits(connection, [case_id], now)
    due_at = due(now, policy.sla.decision, policy.sla.calendar)
    route = routes.route_of(connection, case_id)
    category = None if route is None or route.category not in policy.categories else route.category
    # It leaves queue A: nothing was executed by itself, so nothing is audited as if it were.
    routes.update_routes(connection, [case_id], queue=Queue.C, category=category, assigned_at=now, due_at=due_at)
    if case_id not in work.with_open_work(connection, [case_id]):
        again = NewWork(case_id, "review", Queue.C, category, suggestion_hidden=False, opened_at=now, due_at=due_at)
        work.insert_work(connection, [again])
    escalations.end_without_work(connection, [case_id], actor, now)


def _say(connection: Connection, kind: str, action: OutboxAction, reason: str, actor: str, now: datetime) -> None:
    event = Event(kind, action.case_id, {"action": action.action, "was": action.state})
    trail.give_reason(connection, trail.append(connection, [event], at=now, actor=actor), reason)
