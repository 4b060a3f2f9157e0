"""Predictions, routes, decisions, labels, escalations and the draw of audits."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, Update, and_, bindparam, exists, func, insert, select, update

from handrail.policy import Policy
from handrail.store import bulk, readable
from handrail.store.bulk import among, insert_numbered, insert_rows, one_of
from handrail.store.cases import chunks
from handrail.store.frames import frame
from handrail.store.schema import AuditDraw, Case, Decision, Escalation, Label, Note, Prediction, Route


def insert_predictions(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write what a model version said."""
    insert_rows(connection, Prediction, rows)


def predictions_of(connection: Connection, ids: Sequence[int], version: str | None) -> pd.DataFrame:
    """What `version` said of these cases: case_id, label, confidence, novelty, novel."""
    parts = [
        frame(
            connection,
            select(
                Prediction.case_id, Prediction.label, Prediction.confidence, Prediction.novelty, Prediction.novel
            ).where(among(connection, Prediction.case_id, part), Prediction.model_version == version),
        )
        for part in chunks(ids) or [[]]
    ]
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def scored_by(connection: Connection, ids: Sequence[int], version: str) -> set[int]:
    """Which of these cases `version` has scored."""
    found: set[int] = set()
    for part in chunks(ids):
        query = select(Prediction.case_id).where(
            among(connection, Prediction.case_id, part), Prediction.model_version == version
        )
        found.update(connection.execute(query).scalars())
    return found


def unscored_by(
    connection: Connection, version: str, policy: Policy, *, since: datetime, limit: int, after: int = 0
) -> pd.DataFrame:
    """Cases with a text, received since then, that `version` has not scored: case_id, text, amount, fields.

    By id, beginning after the id `after`.
    """
    scored = exists().where(Prediction.case_id == Case.id, Prediction.model_version == version)
    query = (
        readable.view()
        .where(Case.received_at >= since, ~Case.history, ~scored, Case.id > after)
        .order_by(Case.id)
        .limit(limit)
    )
    return readable.read(connection, query, policy)


def insert_routes(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write where cases went."""
    insert_rows(connection, Route, rows)


def update_routes(connection: Connection, ids: Sequence[int], **values: Any) -> None:  # noqa: ANN401 - columns of `routes`
    """Route cases anew; the earlier route stands in the trail."""
    for part in chunks(ids):
        connection.execute(update(Route).where(Route.case_id.in_(part)).values(**values))


def route_of(connection: Connection, case_id: int) -> dict[str, Any] | None:
    """The current route of a case as a mapping, or None before assignment."""
    row = connection.execute(_ROUTE, {"case": case_id}).mappings().first()
    return dict(row) if row else None


_ROUTE = select(Route.__table__).where(Route.case_id == bindparam("case"))


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


def insert_decisions(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Write decisions; ids in the order of `rows`."""
    return insert_numbered(connection, Decision, rows)


def insert_notes(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write the erasable notes beside decisions."""
    if rows:
        connection.execute(insert(Note), list(rows))


def insert_labels(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write labels."""
    insert_rows(connection, Label, rows)


def insert_escalations(connection: Connection, rows: Sequence[dict[str, Any]]) -> set[int]:
    """Open escalations, a resolved one of the same case and cause anew; returns the cases, the rest is open already."""
    known: dict[tuple[int, str], datetime | None] = {}
    for part in chunks([row["case_id"] for row in rows]):
        query = select(Escalation.case_id, Escalation.cause, Escalation.resolved_at)
        found = connection.execute(query.where(Escalation.case_id.in_(part)))
        known.update({(case_id, cause): resolved_at for case_id, cause, resolved_at in found})
    fresh = [row for row in rows if (row["case_id"], row["cause"]) not in known]
    again = [row for row in rows if known.get((row["case_id"], row["cause"])) is not None]
    if fresh:
        connection.execute(insert(Escalation), fresh)
    for row in again:
        one = update(Escalation).where(Escalation.case_id == row["case_id"], Escalation.cause == row["cause"])
        connection.execute(one.values(**row))
    return {row["case_id"] for row in [*fresh, *again]}


def resolve_escalations(connection: Connection, case_ids: Sequence[int], actor: str, now: datetime) -> None:
    """Close the open escalations of these cases; a dispute ends only by its own ruling."""
    for part in chunks(case_ids):
        known = {"ids": bulk.ids(connection, part), "by": actor, "moment": now}
        connection.execute(_resolve(connection.dialect.name), known)


@cache
def _resolve(dialect: str) -> Update:
    still_open = and_(Escalation.resolved_at.is_(None), Escalation.cause != "dispute")
    settled: dict[str, Any] = {"resolved_at": bindparam("moment"), "resolved_by": bindparam("by")}
    return update(Escalation).where(one_of(dialect, Escalation.case_id), still_open).values(settled)


def open_escalations(connection: Connection, limit: int = 1000) -> pd.DataFrame:
    """Open escalations, earliest due first."""
    query = (
        select(Escalation.__table__)
        .where(Escalation.resolved_at.is_(None))
        .order_by(Escalation.due_at, Escalation.id)
        .limit(limit)
    )
    return frame(connection, query)


def undrawn(connection: Connection, limit: int) -> pd.DataFrame:
    """Auto-approved cases the audit has not looked at: case_id, category, confidence, amount, fields, decided_at."""
    query = (
        select(
            Decision.case_id,
            Route.category,
            Route.confidence,
            Case.amount,
            Case.fields,
            Decision.decided_at,
            Route.model_version,
        )
        .join(Route, and_(Route.case_id == Decision.case_id, Route.queue == "A"))
        .join(Case, Case.id == Decision.case_id)
        .join(AuditDraw, AuditDraw.case_id == Decision.case_id, isouter=True)
        .where(Decision.kind == "automatic", AuditDraw.case_id.is_(None))
        .order_by(Decision.case_id)
        .limit(limit)
    )
    return frame(connection, query)


def insert_draws(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write the audit's draw, drawn or not, with each case's chance."""
    if rows:
        connection.execute(insert(AuditDraw), list(rows))


def first_seen(connection: Connection, field: str) -> dict[str, datetime]:
    """When each value of a mapped field was first received; for the *new segment* stratum."""
    value = Case.fields[field].as_string()
    query = select(value, func.min(Case.received_at)).where(value.is_not(None)).group_by(value)
    return {str(name): at for name, at in connection.execute(query)}
