"""Decisions, the erasable notes beside them, and who made them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from handrail import decision
from handrail.case import Outcome
from handrail.decision import NewDecision
from handrail.store import bulk
from handrail.store.bulk import insert_numbered, one_of, row_of
from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.schema import (
    Case,
    Decision,
    Note,
    Outbox,
    Route,
)
from handrail.window import Window


def decided_by(connection: Connection, actor: str, ids: Sequence[int]) -> set[int]:
    """Which of these cases `actor` has decided before."""
    found: set[int] = set()
    for part in chunks(ids):
        known = {"ids": bulk.ids(connection, part), "by": actor}
        found.update(connection.execute(_decided_by(connection.dialect.name), known).scalars())
    return found


@cache
def _decided_by(dialect: str) -> Select[tuple[int]]:
    return select(Decision.case_id).where(one_of(dialect, Decision.case_id), Decision.actor == bindparam("by"))


def deciders(connection: Connection, ids: Sequence[int]) -> dict[int, set[str]]:
    """Who has decided each of these cases before."""
    found: dict[int, set[str]] = {}
    for part in chunks(ids):
        query = select(Decision.case_id, Decision.actor).where(Decision.case_id.in_(part))
        for case_id, actor in connection.execute(query):
            found.setdefault(case_id, set()).add(actor)
    return found


def chosen(connection: Connection, ids: Sequence[int]) -> dict[int, set[str]]:
    """The labels that people have decided on for each of these cases so far; answers to a test are no decisions."""
    found: dict[int, set[str]] = {}
    for part in chunks(ids):
        rows = connection.execute(_chosen(connection.dialect.name), {"ids": bulk.ids(connection, part)})
        for case_id, label in rows:
            found.setdefault(case_id, set()).add(label)
    return found


@cache
def _chosen(dialect: str) -> Select[Any]:
    by_people = and_(Decision.kind != "automatic", Decision.kind != "gold", Decision.label.is_not(None))
    return select(Decision.case_id, Decision.label).where(one_of(dialect, Decision.case_id), by_people)


def of_row(row: RowMapping) -> decision.Decision:
    """The decision in a row that has all columns of the table, and perhaps more."""
    columns = {name: row[name] for name in _COLUMNS}
    return decision.Decision(**{**columns, "outcome": Outcome(row["outcome"])})


_COLUMNS = tuple(column.name for column in Decision.__table__.columns)


def insert_decisions(connection: Connection, made: Sequence[NewDecision]) -> list[int]:
    """Write decisions; their ids, in order."""
    return insert_numbered(connection, Decision, [row_of(one) for one in made])


def insert_notes(connection: Connection, notes: Mapping[int, str]) -> None:
    """Write the erasable notes beside decisions, by id of the decision."""
    if notes:
        connection.execute(insert(Note), [{"decision_id": number, "text": text} for number, text in notes.items()])


def holds(decided: type[Decision] = Decision) -> ColumnElement[bool]:
    """That a decision, or an alias of it, was not taken back: an approval by itself has its action still."""
    carried = exists().where(
        Outbox.case_id == decided.case_id, Outbox.decision_id == decided.id, Outbox.state != "withdrawn"
    )
    return or_(decided.kind != "automatic", carried)


def is_counted(decided: type[Decision] = Decision) -> ColumnElement[bool]:
    """That a decision stands and is no test, and no audit of an approval that was taken back."""
    audited = aliased(Decision)
    standing = exists().where(
        audited.case_id == decided.case_id, audited.kind == "automatic", audited.id < decided.id, holds(audited)
    )
    return and_(decided.kind != "gold", holds(decided), or_(decided.kind != "audit", standing))


def approved_by_itself(connection: Connection, case_ids: Sequence[int]) -> set[int]:
    """Which of these cases have an approval by itself that stands."""
    approved: set[int] = set()
    for part in chunks(case_ids):
        query = select(Decision.case_id).where(Decision.case_id.in_(part), Decision.kind == "automatic", holds())
        approved.update(connection.execute(query).scalars())
    return approved


def executed(connection: Connection, window: Window) -> pd.DataFrame:
    """Decisions of the window whose action went out or will: external_id, executed_label, decided_at, automatic."""
    query = (
        select(
            Case.external_id,
            Decision.label.label("executed_label"),
            Decision.decided_at,
            (Decision.kind == "automatic").label("automatic"),
        )
        .join(Case, Case.id == Decision.case_id)
        .join(Outbox, Outbox.decision_id == Decision.id)
        .where(Outbox.state != "withdrawn", within(Decision.decided_at, window))
        .order_by(Decision.id)
    )
    return frame(connection, query)


def decided(connection: Connection, window: Window) -> pd.DataFrame:
    """Decisions of the window that are counted, with the times and groups that fairness needs.

    Columns: case_id, kind, outcome, proposed, label, actor, seconds, decided_at, received_at, queue, category,
    assigned_at, due_at, fields, amount.
    """
    query = (
        select(
            Decision.case_id,
            Decision.kind,
            Decision.outcome,
            Decision.proposed,
            Decision.label,
            Decision.actor,
            Decision.seconds,
            Decision.decided_at,
            Case.received_at,
            Route.queue,
            Route.category,
            Route.assigned_at,
            Route.due_at,
            Case.fields,
            Case.amount,
        )
        .join(Case, Case.id == Decision.case_id)
        .join(Route, Route.case_id == Decision.case_id)
        .where(within(Decision.decided_at, window), is_counted())
        .order_by(Decision.id)
    )
    return frame(connection, query)
