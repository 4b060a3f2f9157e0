"""What a dispute's ruling does: the case's actions are brought in line with it, once, whatever was sent before.

An action that was not sent is withdrawn. One that was is taken back by the action that the policy names for it; where
the policy names none it stays, and the trail counts it. What is already so is not done again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from handrail.case import Outcome, State
from handrail.errors import Conflict, Refused
from handrail.outbox import NewAction, OutboxAction
from handrail.policy import Policy
from handrail.queues import Queue
from handrail.ruling import Ruling
from handrail.store import cases, disputes, outbox, outcomes, routes, trail
from handrail.store.disputes import Contested
from handrail.store.engine import Connection
from handrail.store.trail import Event
from handrail.work import WorkOnCase

NOT_EXECUTED = ("new", "dead")
"""States of actions of which is certain that they had no effect, unless they are in doubt."""
WAITING = ("new", "retry", "leased")
STUCK = ("dead", "unknown")


@dataclass(frozen=True, slots=True)
class Overturning:
    """A dispute that is decided: the id of its decision, its work, what it contested, and the ruling."""

    decision_id: int
    item: WorkOnCase
    contested: Contested
    ruling: Ruling


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """An action that a plan adds."""

    key: str
    action: str
    category: str


@dataclass
class Plan:
    """What is to happen to a case's actions; `final` are those that went out and that nothing takes back."""

    withdraw: list[int] = field(default_factory=list)
    put: list[PlannedAction] = field(default_factory=list)
    taken_back: int = 0
    final: int = 0


def plan(
    actions: Sequence[OutboxAction], wanted: str | None, *, name: tuple[str, str], dispute: int, policy: Policy
) -> Plan:
    """How a case's `actions` come to carry out `wanted`, a category or nothing, and nothing else.

    `name` is the case's source and external id, `dispute` the number that sets a repeated action apart.

    Raises:
        Conflict: an action is being sent at this moment, or tried again.
        Refused: nobody knows whether an action was executed.
    """
    found = Plan()
    undoing = {outbox.undo_key(action.key) for action in actions}
    undos = {action.key: action for action in actions if action.key in undoing}
    is_there = False
    for action in actions:
        if action.state == "withdrawn" or action.key in undos:
            continue
        undo = undos.get(outbox.undo_key(action.key))
        if undo is not None and undo.state != "withdrawn":
            if action.category == wanted and undo.state != "done":
                _require_certain(undo)
                found.withdraw.append(undo.id)
                is_there = True
        elif action.category == wanted:
            is_there = True
        else:
            _take_back(found, action, policy)
    if wanted is not None and not is_there:
        key = outbox.key(*name, wanted)
        in_use = {action.key for action in actions if action.state != "withdrawn"}
        again = outbox.repeated_key(key, dispute) if key in in_use else key
        found.put.append(PlannedAction(again, policy.category(wanted).action, wanted))
    return found


def _require_certain(action: OutboxAction) -> None:
    """Raise where an action was handed over and nobody knows what became of it."""
    if action.state in ("leased", "retry"):
        raise Conflict(f"The action of case {action.case_id} is being sent at this moment. Try again in a few minutes.")
    if action.is_in_doubt:
        raise Refused(
            f"Nobody knows whether the action of case {action.case_id} was carried out: its receiver never answered. "
            "Have an operator ask there and settle it under Operations, Actions, first."
        )


def _take_back(found: Plan, action: OutboxAction, policy: Policy) -> None:
    _require_certain(action)
    rules = policy.categories.get(action.category)
    if action.state in NOT_EXECUTED:
        found.withdraw.append(action.id)
    elif rules is None or rules.undone_by is None:
        found.final += 1
    else:
        found.taken_back += 1
        found.put.append(PlannedAction(outbox.undo_key(action.key), rules.undone_by, action.category))


def settle(
    connection: Connection,
    overturned: Sequence[Overturning],
    *,
    policy: Policy,
    actor: str,
    now: datetime,
    hold: timedelta,
) -> None:
    """Close disputes, in the transaction of their decisions.

    What is to be sent is held back for `hold`.

    An automatic decision that is overturned counts as a reversal, whose share of the errors is reported apart: only
    those who complain are in it.
    """
    for one in overturned:
        case_id, dispute, ruling = one.item.case_id, one.contested.dispute, one.ruling
        upheld = ruling.outcome is Outcome.APPROVE
        wanted = None if ruling.outcome is Outcome.DENY else ruling.label
        name = (one.item.source, one.item.external_id)
        actions = disputes.actions(connection, case_id)
        to_do = plan(actions, wanted, name=name, dispute=dispute, policy=policy)
        outbox.withdraw(connection, to_do.withdraw)
        if any(action.automatic and action.id in to_do.withdraw for action in actions):
            # Nothing was executed by itself: the case leaves queue A, and is neither counted nor audited as if it were.
            routes.update_routes(connection, [case_id], queue=Queue.C)
        outbox.put(
            connection,
            [
                NewAction(
                    case_id=case_id,
                    decision_id=one.decision_id,
                    key=step.key,
                    action=step.action,
                    category=step.category,
                    automatic=False,
                    created_at=now,
                    next_at=now + hold,
                )
                for step in to_do.put
            ],
        )
        _set_state(connection, case_id)
        disputes.close(connection, dispute, closed_at=now, upheld=upheld, answer=ruling.answer)
        reversed_ = not upheld and one.contested.kind == "automatic"
        if reversed_:
            reversal = outcomes.ImportedOutcome(case_id, "reversal", None, now)
            outcomes.insert_outcomes(connection, [reversal], now)
        data = {
            "dispute": dispute,
            "upheld": upheld,
            "label": wanted,
            "withdrawn": len(to_do.withdraw),
            "taken_back": to_do.taken_back,
            "final": to_do.final,
            "reversal": reversed_,
        }
        trail.append(connection, [Event("dispute.closed", case_id, data)], at=now, actor=actor)


def _set_state(connection: Connection, case_id: int) -> None:
    """A case is done when nothing more is sent for it, and nobody has to settle what was."""
    waits = any(action.state not in ("done", "withdrawn") for action in disputes.actions(connection, case_id))
    state = State.DECIDED if waits else State.DONE
    for before in {State.QUEUED, State.DECIDED, State.DONE} - {state}:
        cases.set_state(connection, [case_id], state, only_from=before)
