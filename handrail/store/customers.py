"""What else a customer has sent: the earlier cases of the same source and customer id."""

from typing import Any

from sqlalchemy import Connection, and_, select
from sqlalchemy.orm import aliased

from handrail.case import State
from handrail.store.schema import Case, CaseInput, Decision, Label

MOST = 10
_ABOUT_THE_CASE = ("automatic", "review", "second", "escalation", "dispute")
"""Kinds of decisions that say what becomes of a case; audits, tests and second labels do not."""
_OPEN = (State.RECEIVED, State.ACCEPTED, State.SCORED, State.QUEUED)


def earlier(connection: Connection, case_id: int, *, limit: int = MOST) -> list[dict[str, Any]]:
    """Cases of the same customer that came before this one, newest first; none where the source names no customer.

    Each is a mapping of case_id, received_at, `outcome` (approve, override, deny; *waiting* while it is open,
    *history* for a known past, None where nothing was decided), `category` (None while it waits or where none fits)
    and `automatic`.
    """
    this, its = aliased(Case), aliased(CaseInput)
    query = (
        select(Case.id, Case.received_at, Case.state)
        .select_from(its)
        .join(this, this.id == its.case_id)
        .join(CaseInput, CaseInput.customer_id == its.customer_id)
        .join(Case, Case.id == CaseInput.case_id)
        .where(
            its.case_id == case_id, its.customer_id != "", Case.source == this.source, Case.id != case_id,
            Case.received_at <= this.received_at, Case.state != State.QUARANTINED,
        )
        .order_by(Case.received_at.desc(), Case.id.desc())
        .limit(limit)
    )  # fmt: skip
    cases = connection.execute(query).all()
    ends = _ends(connection, [one.id for one in cases]) if cases else {}
    return [
        {
            "case_id": one.id, "received_at": one.received_at,
            **(WAITS if one.state in _OPEN else ends.get(one.id, _NOTHING)),
        }
        for one in cases
    ]  # fmt: skip


WAITS = {"outcome": "waiting", "category": None, "automatic": False}
"""What is told of a case that is open, or whose end is kept from who asks."""
_NOTHING = {"outcome": None, "category": None, "automatic": False}


def _ends(connection: Connection, ids: list[int]) -> dict[int, dict[str, Any]]:
    """How these cases ended: by the newest decision about them, else as their history says."""
    known = select(Label.case_id, Label.label).where(Label.case_id.in_(ids), Label.provenance == "history")
    found = {
        case_id: {"outcome": "history", "category": label, "automatic": False}
        for case_id, label in connection.execute(known)
    }
    decided = (
        select(Decision.case_id, Decision.outcome, Decision.label, Decision.kind)
        .where(and_(Decision.case_id.in_(ids), Decision.kind.in_(_ABOUT_THE_CASE)))
        .order_by(Decision.id)
    )
    for case_id, outcome, label, kind in connection.execute(decided):
        found[case_id] = {"outcome": str(outcome), "category": label, "automatic": kind == "automatic"}
    return found
