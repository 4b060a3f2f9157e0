"""What a dispute's ruling does: the case's actions are brought in line with it, once, whatever was sent before.

An action that was not sent is withdrawn. One that was is taken back by the action that the policy names for it; where
the policy names none it stays, and the trail counts it. What is already so is not done again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handrail.case import Outcome, State
from handrail.errors import Conflict, Refused
from handrail.policy import Policy
from handrail.ruling import Ruling
from handrail.store import cases, disputes, escalations, outbox, outcomes, trail
from handrail.store.engine import Connection
from handrail.store.trail import Event

NOT_SENT = ("new", "retry", "dead")


@dataclass
class Plan:
    """What is to happen to a case's actions; `final` are those that went out and that nothing takes back."""

    withdraw: list[int] = field(default_factory=list)
    put: list[dict[str, Any]] = field(default_factory=list)
    taken_back: int = 0
    final: int = 0


def plan(
    rows: Sequence[dict[str, Any]], wanted: str | None, *, name: tuple[str, str], dispute: int, policy: Policy
) -> Plan:
    """How a case's `rows` of the outbox come to carry out `wanted`, a category or nothing, and nothing else.

    `name` is the case's source and external id, `dispute` the number that sets a repeated action apart.

    Raises:
        Conflict: an action is being sent at this moment.
        Refused: nobody knows whether an action reached its receiver.
    """
    found = Plan()
    undoing = {outbox.undo_key(row["key"]): row for row in rows}
    undos = {row["key"]: row for row in rows if row["key"] in undoing}
    is_there = False
    for row in rows:
        if row["state"] == "withdrawn" or row["key"] in undos:
            continue
        undo = undos.get(outbox.undo_key(row["key"]))
        if undo is not None and undo["state"] != "withdrawn":
            if row["category"] == wanted and undo["state"] in NOT_SENT:
                found.withdraw.append(undo["id"])
                is_there = True
        elif row["category"] == wanted:
            is_there = True
        else:
            _take_back(found, row, policy)
    if wanted is not None and not is_there:
        key = outbox.key(*name, wanted)
        known = {row["key"] for row in rows if row["state"] != "withdrawn"}
        again = outbox.repeated_key(key, dispute) if key in known else key
        found.put.append({"key": again, "action": policy.category(wanted).action, "category": wanted})
    return found


def _take_back(found: Plan, row: dict[str, Any], policy: Policy) -> None:
    if row["state"] == "leased":
        raise Conflict(f"The action of case {row['case_id']} is being sent at this moment. Try again in a few minutes.")
    if row["state"] == "unknown":
        raise Refused(
            f"Nobody knows whether the action of case {row['case_id']} reached its receiver. "
            "Have an operator settle it on the page of operations first."
        )
    rules = policy.categories.get(row["category"])
    if row["state"] in NOT_SENT:
        found.withdraw.append(row["id"])
    elif rules is None or rules.undone_by is None:
        found.final += 1
    else:
        found.taken_back += 1
        found.put.append({"key": outbox.undo_key(row["key"]), "action": rules.undone_by, "category": row["category"]})


def settle(
    connection: Connection,
    ruled: Sequence[tuple[int, dict[str, Any], Ruling]],
    *,
    policy: Policy,
    actor: str,
    now: datetime,
    hold: timedelta,
) -> None:
    """Close disputes, in the transaction of their decisions; `ruled` has decision id, work item and ruling.

    What is to be sent is held back for `hold`.

    An automatic decision that is overturned counts as a reversal, whose share of the errors is reported apart: only
    those who complain are in it.
    """
    for decision_id, item, ruling in ruled:
        case_id, upheld = item["case_id"], ruling.outcome is Outcome.APPROVE
        wanted = None if ruling.outcome is Outcome.DENY else ruling.label
        name = (item["source"], item["external_id"])
        rows = disputes.actions(connection, case_id)
        to_do = plan(rows, wanted, name=name, dispute=item["dispute"], policy=policy)
        outbox.withdraw(connection, to_do.withdraw)
        row = {
            "case_id": case_id,
            "decision_id": decision_id,
            "automatic": False,
            "created_at": now,
            "next_at": now + hold,
        }
        outbox.put(connection, [{**row, **action} for action in to_do.put])
        _set_state(connection, case_id)
        disputes.close(connection, item["dispute"], closed_at=now, upheld=upheld, answer=ruling.answer)
        escalations.resolve(connection, case_id, "dispute", actor, now)
        reversed_ = not upheld and item["contested_kind"] == "automatic"
        if reversed_:
            reversal = outcomes.ImportedOutcome(case_id, "reversal", None, now)
            outcomes.insert_outcomes(connection, [reversal], now)
        data = {
            "dispute": item["dispute"],
            "upheld": upheld,
            "label": wanted,
            "withdrawn": len(to_do.withdraw),
            "taken_back": to_do.taken_back,
            "final": to_do.final,
            "reversal": reversed_,
        }
        trail.append(connection, [Event("dispute.closed", case_id, data)], at=now, actor=actor)


def _set_state(connection: Connection, case_id: int) -> None:
    """A case is done when nothing more is sent for it."""
    waits = any(row["state"] in ("new", "retry", "leased") for row in disputes.actions(connection, case_id))
    state = State.DECIDED if waits else State.DONE
    for before in {State.QUEUED, State.DECIDED, State.DONE} - {state}:
        cases.set_state(connection, [case_id], state, only_from=before)
