"""Disputes: what is contested, what was done about the case so far, what the customer said and was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, exists, func, insert, select, update

from handrail import decision
from handrail.case import Outcome, State
from handrail.outbox import OutboxAction
from handrail.store import decisions, outbox, schema
from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.schema import Case, CaseInput, Decision, Dispute, Outbox, Route
from handrail.window import Window

SETTLING = ("automatic", "review", "second", "escalation", "dispute")
"""Kinds of decisions that say what is done about a case; the others look at it again."""


@dataclass(frozen=True, slots=True)
class Contestable:
    """What a dispute needs to know of a case: its state, whether it can still be read, whether a dispute is open."""

    source: str
    external_id: str
    state: State
    readable: bool
    disputed: bool


def contestable(connection: Connection, case_id: int) -> Contestable | None:
    """What a dispute needs to know of a case; None without the case."""
    query = select(
        Case.source,
        Case.external_id,
        Case.state,
        exists().where(CaseInput.case_id == Case.id),
        exists().where(Dispute.case_id == Case.id, Dispute.closed_at.is_(None)),
    ).where(Case.id == case_id)
    row = connection.execute(query).first()
    if row is None:
        return None
    source, external_id, state, readable, disputed = row
    return Contestable(source, external_id, State(state), bool(readable), bool(disputed))


def decision_in_force(connection: Connection, case_id: int) -> decision.Decision | None:
    """The decision that the customer feels.

    It is the newest dispute that changed something, else the newest decision whose action was not withdrawn, else the
    newest that settled the case; None where Handrail decided nothing.
    """
    acted = exists().where(Outbox.decision_id == Decision.id, Outbox.state != "withdrawn")
    query = (
        select(Decision.__table__, acted.label("acted"))
        .where(Decision.case_id == case_id, Decision.kind.in_(SETTLING))
        .order_by(Decision.id)
    )
    rows = connection.execute(query).mappings().all()
    settled = [decisions.of_row(row) for row in rows]
    changed = [one for one in settled if one.kind == "dispute" and one.outcome is not Outcome.APPROVE]
    carried = [one for one, row in zip(settled, rows, strict=True) if row["acted"]]
    return next(reversed(changed or carried or settled), None)


@dataclass(frozen=True, slots=True)
class Contested:
    """What a dispute is about: the kind of the first decision, and the category whose action it chose."""

    dispute: int
    kind: str
    standing: str | None


def contested(connection: Connection, item_ids: Sequence[int]) -> dict[int, Contested]:
    """The dispute of each of these work items."""
    found: dict[int, Contested] = {}
    for part in chunks(item_ids):
        query = (
            select(Decision.__table__, Dispute.id.label("dispute"), Dispute.work_item_id.label("contesting"))
            .join(Decision, Decision.id == Dispute.first_decision_id)
            .where(Dispute.work_item_id.in_(part))
        )
        for row in connection.execute(query).mappings():
            first = decisions.of_row(row)
            found[row["contesting"]] = Contested(row["dispute"], first.kind, first.standing)
    return found


def add(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `disputes`
    """Write a dispute down and return its id."""
    return int(connection.execute(insert(Dispute).values(**values).returning(Dispute.id)).scalar_one())


def close(connection: Connection, dispute_id: int, **values: Any) -> None:  # noqa: ANN401 - columns of `disputes`
    """Write down how a dispute ended."""
    connection.execute(update(Dispute).where(Dispute.id == dispute_id).values(**values))


def actions(connection: Connection, case_id: int) -> list[OutboxAction]:
    """All actions of a case, oldest first, held until the transaction ends: nobody sends one meanwhile."""
    query = select(*outbox.COLUMNS).where(Outbox.case_id == case_id).order_by(Outbox.id).with_for_update()
    return [OutboxAction(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class NamedDispute:
    """A dispute as it stands, with the name of its case; text and answer are None where they are erased."""

    id: int
    case_id: int
    work_item_id: int
    first_decision_id: int
    first_decider: str
    opened_by: str
    opened_at: datetime
    closed_at: datetime | None
    upheld: bool | None
    text: str | None
    answer: str | None
    external_id: str
    source: str


def one(connection: Connection, dispute_id: int) -> NamedDispute | None:
    """A dispute with its case's name, or None."""
    query = (
        select(Dispute.__table__, Case.external_id, Case.source)
        .join(Case, Case.id == Dispute.case_id)
        .where(Dispute.id == dispute_id)
    )
    row = connection.execute(query).mappings().first()
    return NamedDispute(**row) if row else None


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


@dataclass(frozen=True, slots=True)
class Explained:
    """All that the explanation of a contested decision rests on; `second` is the decision that closed the dispute.

    `text` is what was read of the case, None also where it is deleted; then the case is not `readable` any more.
    """

    case_id: int
    received_at: datetime
    amount: float | None
    fields: dict[str, str]
    text: str | None
    readable: bool
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    upheld: bool | None
    answer: str | None
    confidence: float | None
    model_version: str | None
    policy_version: str | None
    first: decision.Decision
    second: decision.Decision | None
    actions: tuple[OutboxAction, ...]


def told(connection: Connection, dispute_id: int) -> Explained | None:
    """All that the explanation of a contested decision rests on, actions in order; None without the dispute."""
    query = (
        select(
            Dispute.case_id,
            Case.received_at,
            Case.amount,
            Case.fields,
            CaseInput.redacted.label("text"),
            CaseInput.case_id.is_not(None).label("readable"),
            Dispute.opened_at,
            schema.WorkItem.due_at,
            Dispute.closed_at,
            Dispute.upheld,
            Dispute.answer,
            Route.confidence,
            Route.model_version,
            Route.policy_version,
        )
        .join(Case, Case.id == Dispute.case_id)
        .join(schema.WorkItem, schema.WorkItem.id == Dispute.work_item_id)
        .join(CaseInput, CaseInput.case_id == Dispute.case_id, isouter=True)
        .join(Route, Route.case_id == Dispute.case_id, isouter=True)
        .where(Dispute.id == dispute_id)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    of_dispute = Dispute.id == dispute_id
    first = select(Decision.__table__).join(Dispute, Dispute.first_decision_id == Decision.id).where(of_dispute)
    second = select(Decision.__table__).join(Dispute, Dispute.work_item_id == Decision.work_item_id).where(of_dispute)
    again = connection.execute(second).mappings().first()
    actions = select(*outbox.COLUMNS).where(Outbox.case_id == row["case_id"]).order_by(Outbox.id)
    return Explained(
        **row,
        first=decisions.of_row(connection.execute(first).mappings().one()),
        second=decisions.of_row(again) if again else None,
        actions=tuple(OutboxAction(*columns) for columns in connection.execute(actions)),
    )


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
