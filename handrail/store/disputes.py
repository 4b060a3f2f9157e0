"""Disputes: what is contested, what was done about the case so far, what the customer said and was told."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, exists, func, insert, select, update

from handrail.case import Outcome
from handrail.store import schema
from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.schema import Case, CaseInput, Decision, Dispute, Note, Outbox, Route
from handrail.window import Window

SETTLING = ("automatic", "review", "second", "escalation", "dispute")
"""Kinds of decisions that say what is done about a case; the others look at it again."""


def contestable(connection: Connection, case_id: int) -> dict[str, Any] | None:
    """What a dispute needs to know of a case: source, external_id, state, readable, disputed; None without the case."""
    query = select(
        Case.source,
        Case.external_id,
        Case.state,
        exists().where(CaseInput.case_id == Case.id).label("readable"),
        exists().where(Dispute.case_id == Case.id, Dispute.closed_at.is_(None)).label("disputed"),
    ).where(Case.id == case_id)
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def decision_in_force(connection: Connection, case_id: int) -> dict[str, Any] | None:
    """The decision that the customer feels, with `standing`: the category whose action it chose, None for none.

    It is the newest dispute that changed something, else the newest decision whose action was not withdrawn, else the
    newest that settled the case; None where Handrail decided nothing.
    """
    acted = exists().where(Outbox.decision_id == Decision.id, Outbox.state != "withdrawn")
    query = (
        select(Decision.__table__, acted.label("acted"))
        .where(Decision.case_id == case_id, Decision.kind.in_(SETTLING))
        .order_by(Decision.id)
    )
    found = [dict(row) for row in connection.execute(query).mappings()]
    changed = [row for row in found if row["kind"] == "dispute" and row["outcome"] != Outcome.APPROVE]
    chosen = (changed or [row for row in found if row["acted"]] or found)[-1:]
    return {**chosen[0], "standing": category_in_force(chosen[0])} if chosen else None


def category_in_force(decision: dict[str, Any]) -> str | None:
    """The category whose action a decision chose; a denial may name one, and chooses none."""
    return None if decision["outcome"] == Outcome.DENY else decision["label"]


def contested(connection: Connection, item_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The dispute of each of these work items, with `standing` and the first decision's `contested_kind`."""
    found: dict[int, dict[str, Any]] = {}
    for part in chunks(item_ids):
        query = (
            select(Dispute.id, Dispute.work_item_id, Decision.kind, Decision.outcome, Decision.label)
            .join(Decision, Decision.id == Dispute.first_decision_id)
            .where(Dispute.work_item_id.in_(part))
        )
        for row in connection.execute(query).mappings():
            found[row["work_item_id"]] = {
                "dispute": row["id"],
                "standing": category_in_force(dict(row)),
                "contested_kind": row["kind"],
            }
    return found


def add(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `disputes`
    """Write a dispute down and return its id."""
    return int(connection.execute(insert(Dispute).values(**values).returning(Dispute.id)).scalar_one())


def close(connection: Connection, dispute_id: int, **values: Any) -> None:  # noqa: ANN401 - columns of `disputes`
    """Write down how a dispute ended."""
    connection.execute(update(Dispute).where(Dispute.id == dispute_id).values(**values))


def actions(connection: Connection, case_id: int) -> list[dict[str, Any]]:
    """All actions of a case, oldest first, held until the transaction ends: nobody sends one meanwhile."""
    query = select(Outbox.__table__).where(Outbox.case_id == case_id).order_by(Outbox.id).with_for_update()
    return [dict(row) for row in connection.execute(query).mappings()]


def one(connection: Connection, dispute_id: int) -> dict[str, Any] | None:
    """A dispute with its case's name, or None."""
    query = (
        select(Dispute.__table__, Case.external_id, Case.source)
        .join(Case, Case.id == Dispute.case_id)
        .where(Dispute.id == dispute_id)
    )
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def listed(connection: Connection, *, only_open: bool, limit: int) -> pd.DataFrame:
    """Disputes without their texts, the open ones first.

    Columns: id, case_id, external_id, opened_at, due_at (the work's), closed_at, upheld.
    """
    query = (
        select(
            Dispute.id,
            Dispute.case_id,
            Case.external_id,
            Dispute.opened_at,
            schema.WorkItem.due_at,
            Dispute.closed_at,
            Dispute.upheld,
        )
        .join(Case, Case.id == Dispute.case_id)
        .join(schema.WorkItem, schema.WorkItem.id == Dispute.work_item_id)
        .order_by(Dispute.closed_at.is_not(None), Dispute.id.desc())
        .limit(limit)
    )
    return frame(connection, query.where(Dispute.closed_at.is_(None)) if only_open else query)


def told(connection: Connection, dispute_id: int) -> dict[str, Any] | None:
    """All that the explanation of a contested decision rests on; None without the dispute.

    Of case, input, route, first decision and its note; `actions` in order, and `second`, the decision that closed it.
    """
    first = Decision.__table__.alias("first")
    query = (
        select(
            Dispute.__table__,
            Case.received_at,
            Case.amount,
            Case.fields,
            CaseInput.redacted,
            CaseInput.case_id.is_not(None).label("readable"),
            schema.WorkItem.due_at,
            first.c.kind,
            first.c.outcome,
            first.c.label,
            first.c.reason_code,
            first.c.blind,
            first.c.decided_at,
            first.c.proposed,
            Note.text.label("note"),
            Route.category,
            Route.confidence,
            Route.model_version,
            Route.policy_version,
        )
        .join(Case, Case.id == Dispute.case_id)
        .join(schema.WorkItem, schema.WorkItem.id == Dispute.work_item_id)
        .join(first, first.c.id == Dispute.first_decision_id)
        .join(CaseInput, CaseInput.case_id == Dispute.case_id, isouter=True)
        .join(Note, Note.decision_id == first.c.id, isouter=True)
        .join(Route, Route.case_id == Dispute.case_id, isouter=True)
        .where(Dispute.id == dispute_id)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    done = select(Outbox.__table__).where(Outbox.case_id == row["case_id"]).order_by(Outbox.id)
    again = select(Decision.__table__).where(Decision.work_item_id == row["work_item_id"])
    second = connection.execute(again).mappings().first()
    return {
        **row,
        "actions": [dict(action) for action in connection.execute(done).mappings()],
        "second": dict(second) if second else None,
    }


def overturned(connection: Connection, window: Window) -> int:
    """How many automatic decisions disputes overturned in the window: no sample, only those who complain are in it."""
    query = (
        select(func.count())
        .select_from(Dispute)
        .join(Decision, Decision.id == Dispute.first_decision_id)
        .where(Decision.kind == "automatic", Dispute.upheld.is_(False))
        .where(within(Dispute.closed_at, window))
    )
    return int(connection.execute(query).scalar_one())
