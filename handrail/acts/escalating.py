"""The escalation manager takes up what waits for them, and acknowledges what was late."""

from datetime import datetime

import pandas as pd

from handrail.acts import claiming, handing
from handrail.acts.authority import authorize, required
from handrail.acts.claiming import ACTS, Claim
from handrail.acts.intake import CHUNK
from handrail.acts.rerun import rerun
from handrail.errors import Conflict, NotFound, NotPermitted
from handrail.policy import Policy
from handrail.sla import due
from handrail.store import decisions, escalations, trail, work
from handrail.store.engine import Store
from handrail.store.escalations import NewEscalation
from handrail.store.trail import Event


def take(store: Store, item_id: int, actor: str, *, policy: Policy, now: datetime) -> Claim:
    """Reserve an escalated case or a dispute for `actor`.

    Raises:
        NotFound: there is no such work for the escalation manager.
        NotPermitted: `actor` may not settle it, or has decided the case before.
        Conflict: it is settled already, or another holds it.
    """
    with store.read() as connection:
        item = escalations.work(connection, item_id)
        if item is None:
            raise NotFound(f"There is no escalated case with the number {item_id}. Go back to the list.")
        authorize(connection, ACTS[item.kind], actor)
        if item.state != "open":
            raise Conflict(f"Case {item.case_id} is settled already. Go back to the list.")
        if decisions.decided_by(connection, actor, [item.case_id]):
            raise NotPermitted(
                f"You have decided case {item.case_id} before. Another escalation manager has to look at it."
            )
    return claiming.claim_case(store, item.case_id, actor, policy=policy, now=now, kinds=(item.kind,))


def acknowledge(store: Store, case_id: int, *, reason: str, actor: str, now: datetime) -> None:
    """Take note of a missed SLA, with a reason; the late work itself stays open and stays late.

    Raises:
        NotFound: no missed SLA of this case is open.
        BadInput: no reason.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "resolve_escalation", actor)
        trail.lock(connection)
        if not escalations.resolve(connection, case_id, "sla_breach", actor, now):
            raise NotFound(f"No missed SLA of case {case_id} is open. Go back to the list.")
        escalations.end_without_work(connection, [case_id], actor, now)
        noted = Event("escalation.acknowledged", case_id, {"cause": "sla_breach"})
        trail.give_reason(connection, trail.append(connection, [noted], at=now, actor=actor), reason)


def hand_over(store: Store, case_id: int, item_id: int, to: str, *, reason: str, actor: str, now: datetime) -> None:
    """Give late work to a colleague, which settles the missed SLA; the work stays open and stays late.

    Raises:
        NotPermitted, NotFound, Refused, Conflict: as `handing.hand_over`; no missed SLA of this work is open.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "hand_out", actor)
        late = escalations.waiting(connection, causes=["sla_breach"], case_id=case_id)
        if item_id not in {waiting.item_id for waiting in late}:
            raise NotFound(f"Work {item_id} of case {case_id} is not late any more. Go back to the list.")
        handing.give(connection, item_id, to, reason=reason, actor=actor, now=now)
        if escalations.resolve(connection, case_id, "sla_breach", actor, now):
            noted = Event("escalation.acknowledged", case_id, {"cause": "sla_breach", "to": to})
            trail.append(connection, [noted], at=now, actor=actor)


def escalate_breaches(store: Store, *, policy: Policy, actor: str, now: datetime, limit: int = 100_000) -> pd.DataFrame:
    """Hand every newly missed SLA to the escalation manager; returns the breached work items."""
    due_at = due(now, policy.escalation.due_within, policy.sla.calendar)
    with store.read() as connection:
        rows = work.breached(connection, now, limit)
    marked: set[int] = set()
    for start in range(0, len(rows), CHUNK):
        marked |= _escalate(store, rows.iloc[start : start + CHUNK], actor=actor, now=now, due_at=due_at)
    return rows[rows["id"].isin(marked)]


@rerun
def _escalate(store: Store, rows: pd.DataFrame, *, actor: str, now: datetime, due_at: datetime) -> set[int]:
    """Escalate late work that is still open; which of it."""
    with store.write() as connection:
        authorize(connection, "escalate", actor)
        trail.lock(connection)
        marked = work.mark_breached(connection, rows["id"].tolist(), now)
        late = rows[rows["id"].isin(marked)]
        opened = escalations.insert_escalations(
            connection,
            [
                NewEscalation(case_id, "sla_breach", None, opened_at=now, due_at=due_at)
                for case_id in dict.fromkeys(late["case_id"].tolist())
            ],
        )
        events = [Event("case.escalated", case_id, {"cause": "sla_breach"}) for case_id in sorted(opened)]
        trail.append(connection, events, at=now, actor=actor)
    return marked
