"""Predictions, routes, work items with their leases, decisions and labels."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, and_, exists, func, insert, or_, select, update

from handrail.store.bulk import among, insert_numbered, insert_rows
from handrail.store.cases import chunks
from handrail.store.frames import frame
from handrail.store.schema import (
    AuditDraw,
    Case,
    CaseInput,
    Decision,
    Escalation,
    Label,
    Note,
    Prediction,
    Route,
    WorkItem,
)

ASIDE = ("recheck", "adjudication", "gold")
"""Kinds of work about labels alone: they change no case and send no action."""


def insert_predictions(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write what a model version said."""
    insert_rows(connection, Prediction, rows)


def predictions_of(connection: Connection, ids: Sequence[int], version: str | None) -> pd.DataFrame:
    """What `version` said of these cases: case_id, label, confidence, novelty, novel."""
    parts = [
        frame(
            connection,
            select(
                Prediction.case_id,
                Prediction.label,
                Prediction.confidence,
                Prediction.novelty,
                Prediction.novel,
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


def unscored_by(connection: Connection, version: str, *, since: datetime, limit: int, after: int = 0) -> pd.DataFrame:
    """Cases with a text, received since then, that `version` has not scored: case_id, redacted, amount, fields.

    By id, beginning after the id `after`.
    """
    scored = exists().where(Prediction.case_id == Case.id, Prediction.model_version == version)
    query = (
        select(Case.id.label("case_id"), CaseInput.redacted, Case.amount, Case.fields)
        .join(CaseInput, CaseInput.case_id == Case.id)
        .where(
            Case.received_at >= since,
            Case.has_text,
            Case.consent,
            ~Case.history,
            CaseInput.redacted.is_not(None),
            ~scored,
            Case.id > after,
        )
        .order_by(Case.id)
        .limit(limit)
    )
    return frame(connection, query)


def insert_routes(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write where cases went."""
    insert_rows(connection, Route, rows)


def update_routes(connection: Connection, ids: Sequence[int], **values: Any) -> None:  # noqa: ANN401 - columns of `routes`
    """Route cases anew; the earlier route stands in the trail."""
    for part in chunks(ids):
        connection.execute(update(Route).where(Route.case_id.in_(part)).values(**values))


def route_of(connection: Connection, case_id: int) -> dict[str, Any] | None:
    """The current route of a case as a mapping, or None before assignment."""
    row = connection.execute(select(Route.__table__).where(Route.case_id == case_id)).mappings().first()
    return dict(row) if row else None


def insert_work(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Open work items; ids in the order of `rows`."""
    return insert_numbered(connection, WorkItem, [{"state": "open", "fence": 0, **row} for row in rows])


def claimable(
    connection: Connection,
    reviewer: str,
    *,
    now: datetime,
    kinds: Sequence[str],
    limit: int,
    case_id: int | None = None,
) -> list[dict[str, Any]]:
    """Open work by earliest due time that `reviewer` may take, one item a case.

    Not leased to another, not assigned to another, and never on a case that they have decided before, except a gold
    case of their own test.
    """
    decided_before = exists().where(Decision.case_id == WorkItem.case_id, Decision.actor == reviewer)
    query = (
        select(WorkItem.__table__)
        .where(
            WorkItem.state == "open",
            WorkItem.kind.in_(kinds),
            or_(WorkItem.lease_until.is_(None), WorkItem.lease_until <= now, WorkItem.holder == reviewer),
            or_(WorkItem.assigned_to.is_(None), WorkItem.assigned_to == reviewer),
            or_(WorkItem.kind == "gold", ~decided_before),
        )
        .order_by(WorkItem.due_at, WorkItem.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=WorkItem)
    )
    if case_id is not None:
        query = query.where(WorkItem.case_id == case_id)
    found = [dict(row) for row in connection.execute(query).mappings()]
    return list({row["case_id"]: row for row in reversed(found)}.values())[::-1]


def lease(connection: Connection, item_ids: Sequence[int], holder: str, until: datetime) -> None:
    """Reserve work items; the fence grows so that an earlier holder's decision is refused."""
    for part in chunks(item_ids):
        connection.execute(
            update(WorkItem)
            .where(WorkItem.id.in_(part))
            .values(holder=holder, lease_until=until, fence=WorkItem.fence + 1)
        )


def work(connection: Connection, item_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Work items with what a decision needs of their case: names, state, amount, route category, model version."""
    found: dict[int, dict[str, Any]] = {}
    for part in chunks(item_ids):
        query = (
            select(
                WorkItem.__table__,
                Case.amount,
                Case.source,
                Case.external_id,
                Case.state.label("case_state"),
                Route.category.label("proposed"),
                Route.model_version,
            )
            .join(Case, Case.id == WorkItem.case_id)
            .join(Route, Route.case_id == WorkItem.case_id, isouter=True)
            .where(WorkItem.id.in_(part))
            .with_for_update(of=WorkItem)
        )
        found.update({row["id"]: dict(row) for row in connection.execute(query).mappings()})
    return found


def decided_by(connection: Connection, actor: str, ids: Sequence[int]) -> set[int]:
    """Which of these cases `actor` has decided before."""
    found: set[int] = set()
    for part in chunks(ids):
        query = select(Decision.case_id).where(Decision.case_id.in_(part), Decision.actor == actor)
        found.update(connection.execute(query).scalars())
    return found


def chosen(connection: Connection, ids: Sequence[int]) -> dict[int, set[str]]:
    """The labels that people have decided on for each of these cases so far; answers to a test are no decisions."""
    found: dict[int, set[str]] = {}
    for part in chunks(ids):
        query = select(Decision.case_id, Decision.label).where(
            Decision.case_id.in_(part), Decision.kind.not_in(("automatic", "gold")), Decision.label.is_not(None)
        )
        for case_id, label in connection.execute(query):
            found.setdefault(case_id, set()).add(label)
    return found


def open_work(connection: Connection, *, case_id: int | None = None, limit: int = 1000) -> pd.DataFrame:
    """Open work items, earliest due first, with route and external id."""
    query = (
        select(
            WorkItem.id, WorkItem.case_id, Case.source, Case.external_id, WorkItem.kind, WorkItem.queue, Route.reason,
            Route.category, Route.confidence, WorkItem.suggestion_hidden, WorkItem.opened_at, WorkItem.due_at,
            WorkItem.breached_at, WorkItem.holder, WorkItem.lease_until, WorkItem.fence, WorkItem.assigned_to,
        )
        .join(Case, Case.id == WorkItem.case_id)
        .join(Route, Route.case_id == WorkItem.case_id, isouter=True)
        .where(WorkItem.state == "open")
        .order_by(WorkItem.due_at, WorkItem.id)
        .limit(limit)
    )  # fmt: skip
    if case_id is not None:
        query = query.where(WorkItem.case_id == case_id)
    return frame(connection, query)


def close_work(connection: Connection, item_ids: Sequence[int], now: datetime) -> None:
    """Close work items, decided or withdrawn."""
    for part in chunks(item_ids):
        connection.execute(
            update(WorkItem).where(WorkItem.id.in_(part)).values(state="closed", closed_at=now, lease_until=None)
        )


def close_kind(connection: Connection, case_id: int, kind: str, now: datetime) -> None:
    """Close the open work of one kind on a case, undecided: somebody has settled it by another way."""
    found = update(WorkItem).where(WorkItem.case_id == case_id, WorkItem.kind == kind, WorkItem.state == "open")
    connection.execute(found.values(state="closed", closed_at=now, lease_until=None))


def close_audits(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Close the open audits of these cases, undecided."""
    for part in chunks(ids):
        audits = update(WorkItem).where(WorkItem.case_id.in_(part), WorkItem.kind == "audit", WorkItem.state == "open")
        connection.execute(audits.values(state="closed", closed_at=now, lease_until=None))


def with_open_work(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Which of these cases have open work, other than about their label alone."""
    found: set[int] = set()
    for part in chunks(ids):
        query = select(WorkItem.case_id).where(
            WorkItem.case_id.in_(part), WorkItem.state == "open", WorkItem.kind.not_in(ASIDE)
        )
        found.update(connection.execute(query).scalars())
    return found


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


def breached(connection: Connection, now: datetime, limit: int) -> pd.DataFrame:
    """Open work past its due time that has not been noticed yet: id, case_id, kind, queue, due_at, holder.

    Tests and second opinions are left out: their case waits for nothing.
    """
    query = (
        select(WorkItem.id, WorkItem.case_id, WorkItem.kind, WorkItem.queue, WorkItem.due_at, WorkItem.holder)
        .where(
            WorkItem.state == "open", WorkItem.due_at < now, WorkItem.breached_at.is_(None),
            WorkItem.kind.not_in(ASIDE),
        )
        .order_by(WorkItem.due_at)
        .limit(limit)
    )  # fmt: skip
    return frame(connection, query)


def mark_breached(connection: Connection, item_ids: Sequence[int], now: datetime) -> set[int]:
    """Note that the SLA of these work items was missed; returns those still open that were not marked before."""
    marked: set[int] = set()
    for part in chunks(item_ids):
        waiting = update(WorkItem).where(
            WorkItem.id.in_(part), WorkItem.state == "open", WorkItem.breached_at.is_(None)
        )
        marked.update(connection.execute(waiting.values(breached_at=now).returning(WorkItem.id)).scalars())
    return marked


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
    """Close the open escalations of these cases."""
    for part in chunks(case_ids):
        connection.execute(
            update(Escalation)
            .where(Escalation.case_id.in_(part), Escalation.resolved_at.is_(None))
            .values(resolved_at=now, resolved_by=actor)
        )


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
            Decision.case_id, Route.category, Route.confidence, Case.amount, Case.fields, Decision.decided_at,
            Route.model_version,
        )
        .join(Route, and_(Route.case_id == Decision.case_id, Route.queue == "A"))
        .join(Case, Case.id == Decision.case_id)
        .join(AuditDraw, AuditDraw.case_id == Decision.case_id, isouter=True)
        .where(Decision.kind == "automatic", AuditDraw.case_id.is_(None))
        .order_by(Decision.case_id)
        .limit(limit)
    )  # fmt: skip
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
