"""What is past its retention: counted, and deleted."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, null, or_, select, update

from handrail.policy import Policy
from handrail.store.schema import (
    Decision,
    Dispute,
    Note,
    Quarantine,
    Reason,
    TrailEvent,
)


def expired(connection: Connection, policy: Policy, now: datetime) -> dict[str, int]:
    """How many notes, reasons and texts of disputes (`notes`) and quarantined rows are past their retention."""
    olds = (_old_notes, _old_reasons, _old_disputes)
    texts = [select(func.count()).where(old(policy, now)) for old in olds]
    rows = select(func.count()).where(Quarantine.at < now - policy.retention.quarantine, Quarantine.row.is_not(None))
    return {
        "notes": sum(int(connection.execute(count).scalar_one()) for count in texts),
        "quarantined_rows": int(connection.execute(rows).scalar_one()),
    }


def purge_expired(connection: Connection, policy: Policy, now: datetime) -> dict[str, int]:
    """Delete notes and reasons of acts, and blank texts of disputes and quarantined rows, past their retention."""
    notes = connection.execute(delete(Note).where(_old_notes(policy, now))).rowcount
    notes += connection.execute(delete(Reason).where(_old_reasons(policy, now))).rowcount
    texts = update(Dispute).where(_old_disputes(policy, now))
    notes += connection.execute(texts.values(text=None, answer=None)).rowcount
    rows = connection.execute(
        update(Quarantine)
        .where(Quarantine.at < now - policy.retention.quarantine, Quarantine.row.is_not(None))
        # SQL's NULL, for None would be JSON's and count as a row for ever; and the reason quotes the cell.
        .values(row=null(), reason=Quarantine.expectation)
    ).rowcount
    return {"notes": notes, "quarantined_rows": rows}


def _old_notes(policy: Policy, now: datetime) -> ColumnElement[bool]:
    old = select(Decision.id).where(Decision.decided_at < now - policy.retention.notes)
    return Note.decision_id.in_(old)


def _old_reasons(policy: Policy, now: datetime) -> ColumnElement[bool]:
    return Reason.seq.in_(select(TrailEvent.seq).where(TrailEvent.at < now - policy.retention.notes))


def _old_disputes(policy: Policy, now: datetime) -> ColumnElement[bool]:
    """Closed ones; an open one is still being worked on."""
    kept = or_(Dispute.text.is_not(None), Dispute.answer.is_not(None))
    return and_(Dispute.closed_at < now - policy.retention.notes, kept)
