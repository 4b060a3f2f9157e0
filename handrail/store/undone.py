"""What a decision has left in the tables, so that it can be taken back whole."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, false, or_, select, true, update

from handrail.case import State
from handrail.decision import Decision
from handrail.store import schema
from handrail.store.cases import chunks, set_state
from handrail.store.decisions import of_row
from handrail.store.labels import FIRST_LOOKS
from handrail.store.schema import Dispute, Escalation, Label, Note, Outbox, Recheck, TrailEvent
from handrail.work import WorkItem

WITHDRAWN = ("action.withdrawn", "action.abandoned")
"""Events after which an action's row waits to be used again."""


def decisions(connection: Connection, ids: Sequence[int]) -> dict[int, Decision]:
    """These decisions, by id."""
    found: dict[int, Decision] = {}
    for part in chunks(sorted(set(ids))):
        query = select(schema.Decision.__table__).where(schema.Decision.id.in_(part)).order_by(schema.Decision.id)
        found.update({row["id"]: of_row(row) for row in connection.execute(query).mappings()})
    return found


def is_followed(connection: Connection, decision: Decision) -> bool:
    """Whether somebody has decided or disputed the case since."""
    case_id, number = decision.case_id, decision.id
    later: ColumnElement[bool] = false()
    if decision.kind != "gold":  # a test changes nothing of its case, and nothing of the case changes it
        later = exists().where(
            schema.Decision.case_id == case_id, schema.Decision.id > number, schema.Decision.kind != "gold"
        )
    contested = exists().where(Dispute.first_decision_id == number)
    return bool(connection.execute(select(or_(later, contested))).scalar())


def later_work(connection: Connection, decision: Decision) -> list[WorkItem]:
    """Work on the case, other than tests, that has come up with the decision or since."""
    query = (
        select(schema.WorkItem.__table__)
        .where(
            schema.WorkItem.case_id == decision.case_id,
            schema.WorkItem.id > decision.work_item_id,
            schema.WorkItem.opened_at >= decision.decided_at,
            schema.WorkItem.kind != "gold",
        )
        .order_by(schema.WorkItem.id)
    )
    return [WorkItem(**row) for row in connection.execute(query).mappings()]


def withdraw_work(connection: Connection, item_ids: Sequence[int]) -> int:
    """Delete work that nobody has claimed, and count it; of what is claimed at this moment nothing is deleted."""
    found = delete(schema.WorkItem).where(
        schema.WorkItem.id.in_(item_ids), schema.WorkItem.fence == 0, schema.WorkItem.state == "open"
    )
    return connection.execute(found).rowcount if item_ids else 0


def reopen_work(connection: Connection, item_ids: Sequence[int]) -> None:
    """Open work again that a decision has closed."""
    for part in chunks(item_ids):
        connection.execute(
            update(schema.WorkItem).where(schema.WorkItem.id.in_(part)).values(state="open", closed_at=None)
        )


def take_action_back(connection: Connection, decision: Decision) -> bool:
    """Remove the action of a decision; False when a sender has had it.

    One that was withdrawn before and decided again goes back to where it was: its key may have reached the receiver.
    """
    mine = select(Outbox.id, Outbox.state, Outbox.attempts, Outbox.category)
    row = connection.execute(mine.where(Outbox.decision_id == decision.id).with_for_update()).one_or_none()
    if row is None:
        return True
    if row.state != "new" or row.attempts:
        return False
    before = (
        select(schema.Decision.id, schema.Decision.kind, schema.Decision.decided_at)
        .where(
            schema.Decision.case_id == decision.case_id,
            schema.Decision.id < decision.id,
            schema.Decision.label == row.category,
            exists().where(TrailEvent.case_id == schema.Decision.case_id, TrailEvent.kind.in_(WITHDRAWN)),
        )
        .order_by(schema.Decision.id.desc())
        .limit(1)
    )
    first = connection.execute(before).one_or_none()
    if first is None:
        connection.execute(delete(Outbox).where(Outbox.id == row.id))
        return True
    values = {"decision_id": first.id, "automatic": first.kind == "automatic", "created_at": first.decided_at}
    withdrawn = update(Outbox).where(Outbox.id == row.id)
    connection.execute(withdrawn.values(state="withdrawn", next_at=first.decided_at, **values))
    return True


def take_labels_back(connection: Connection, decision: Decision, *, disputed: bool) -> None:
    """Remove the label of a decision; where it put another in doubt, what came of the doubt too."""
    case_id, moment = decision.case_id, decision.decided_at
    of_case = and_(Label.case_id == case_id, Label.labelled_at == moment)
    own = and_(Label.reviewer == decision.actor, Label.provenance == decision.kind)
    connection.execute(delete(Label).where(of_case, own))
    if disputed:
        connection.execute(delete(Label).where(of_case, Label.provenance == "consensus"))
        given = and_(schema.Decision.case_id == case_id, schema.Decision.actor == Label.reviewer)
        # What somebody said before they were trained was never accepted, and does not become so by this door.
        trained = exists().where(
            given, schema.Decision.decided_at == Label.labelled_at, schema.Decision.trained.is_(true())
        )
        first = and_(Label.case_id == case_id, Label.blind, Label.provenance.in_(FIRST_LOOKS), trained)
        connection.execute(update(Label).where(first, Label.status == "provisional").values(status="accepted"))


def was_escalated(connection: Connection, case_id: int) -> bool:
    """Whether somebody has had to settle the case as an escalation, or has to."""
    query = select(exists().where(schema.WorkItem.case_id == case_id, schema.WorkItem.kind == "escalation"))
    return bool(connection.execute(query).scalar())


def take_escalations_back(connection: Connection, decision: Decision) -> bool:
    """Remove the escalation that a decision opened, open those that it resolved; False when one is settled by now."""
    case_id, moment, actor = decision.case_id, decision.decided_at, decision.actor
    opened = and_(Escalation.case_id == case_id, Escalation.opened_at == moment, Escalation.first_decider == actor)
    if connection.execute(select(exists().where(opened, Escalation.resolved_at.is_not(None)))).scalar():
        return False
    connection.execute(delete(Escalation).where(opened))
    resolved = and_(Escalation.resolved_at == moment, Escalation.resolved_by == actor)
    again = update(Escalation).where(Escalation.case_id == case_id, resolved)
    connection.execute(again.values(resolved_at=None, resolved_by=None))
    return True


def remove(connection: Connection, decision: Decision) -> None:
    """Delete a decision with its note, and the draw of its label."""
    connection.execute(delete(Note).where(Note.decision_id == decision.id))
    connection.execute(delete(Recheck).where(Recheck.decision_id == decision.id))
    connection.execute(delete(schema.Decision).where(schema.Decision.id == decision.id))


def waits(connection: Connection, case_id: int) -> bool:
    """Whether the case waits for people."""
    waiting = select(schema.Case.id).where(schema.Case.id == case_id, schema.Case.state == State.QUEUED)
    return connection.execute(waiting).first() is not None


def queue_again(connection: Connection, case_id: int) -> None:
    """Let a case wait again, unless an action of it stands: then the decision did not end its waiting."""
    live = select(Outbox.id).where(Outbox.case_id == case_id, Outbox.state != "withdrawn").limit(1)
    if connection.execute(live).first() is None:
        for state in (State.DECIDED, State.DONE):
            set_state(connection, [case_id], State.QUEUED, only_from=state)
