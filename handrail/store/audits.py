"""What the audit sample rests on: approvals looked at, their chances, the minutes spent, categories under watch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import (
    Connection,
    and_,
    case,
    func,
    insert,
    select,
    true,
)
from sqlalchemy.orm import aliased

from handrail.store import contradictions
from handrail.store.bulk import among, row_of
from handrail.store.cases import chunks
from handrail.store.decisions import holds
from handrail.store.frames import frame, within
from handrail.store.schema import AuditDraw, Case, CaseInput, Contradiction, Decision, Pause, Route
from handrail.window import Window

_AUDIT, _AUTOMATIC = aliased(Decision), aliased(Decision)


def looked_at(connection: Connection, window: Window, *, only_audited: bool = False) -> pd.DataFrame:
    """Auto-approvals of the window that a draw has looked at, drawn or not, by case; or those audited.

    An approval that was taken back before it was sent is none.

    Columns: case_id, category, confidence, approved_at, drawn, random, stratum, inclusion_probability, and of the
    newest audit before the window's end by somebody trained, that was not withdrawn, audited_at, rejected (the settled
    answer; None where there is none yet) and pending (it differs, and others look; past the policy's time `rejected` is
    true all the same).
    """
    rejected, pending = contradictions.rejected(_AUDIT, _AUTOMATIC.label, window.until)
    newest = (
        select(Decision.case_id, func.max(Decision.id).label("id"))
        .where(Decision.kind == "audit", Decision.trained.is_(true()), Decision.decided_at < window.until)
        .group_by(Decision.case_id)
        .subquery()
    )
    query = (
        select(
            AuditDraw.case_id,
            Route.category,
            Route.confidence,
            _AUTOMATIC.decided_at.label("approved_at"),
            AuditDraw.drawn,
            AuditDraw.random,
            AuditDraw.stratum,
            AuditDraw.inclusion_probability,
            _AUDIT.decided_at.label("audited_at"),
            rejected,
            pending,
        )
        .join(_AUTOMATIC, and_(_AUTOMATIC.case_id == AuditDraw.case_id, _AUTOMATIC.kind == "automatic"))
        .join(Route, Route.case_id == AuditDraw.case_id)
        .join(newest, newest.c.case_id == AuditDraw.case_id, isouter=True)
        .join(_AUDIT, _AUDIT.id == newest.c.id, isouter=True)
        .join(Contradiction, Contradiction.case_id == AuditDraw.case_id, isouter=True)
        .where(within(_AUTOMATIC.decided_at, window), holds(_AUTOMATIC))
        .order_by(AuditDraw.case_id)
    )
    return frame(connection, query.where(_AUDIT.id.is_not(None)) if only_audited else query)


def count_looked_at(connection: Connection, window: Window) -> int:
    """How many rows `looked_at` has for the window, audited or not."""
    approved = and_(_AUTOMATIC.case_id == AuditDraw.case_id, _AUTOMATIC.kind == "automatic")
    query = select(func.count()).select_from(AuditDraw).join(_AUTOMATIC, approved)
    return int(connection.execute(query.where(within(_AUTOMATIC.decided_at, window), holds(_AUTOMATIC))).scalar_one())


def seconds_of_audits(connection: Connection, *, since: datetime) -> list[float]:
    """How long each audit decided since then took, where the time was measured."""
    query = select(Decision.seconds).where(
        Decision.kind == "audit", Decision.decided_at >= since, Decision.seconds.is_not(None)
    )
    return [float(seconds) for seconds in connection.execute(query).scalars() if seconds is not None]


def drawn_since(connection: Connection, since: datetime) -> int:
    """How many audits were drawn since a moment."""
    query = select(func.count()).where(AuditDraw.drawn, AuditDraw.drawn_at >= since)
    return int(connection.execute(query).scalar_one())


@dataclass(frozen=True, slots=True)
class Volume:
    """Approvals that draws looked at, and how many of them the simple-random draw took."""

    looked_at: int
    at_random: int


def volume(connection: Connection, window: Window) -> Volume:
    """What the draws of a window looked at."""
    at_random = func.coalesce(func.sum(case((and_(AuditDraw.random, AuditDraw.drawn), 1), else_=0)), 0)
    query = select(func.count(), at_random).select_from(AuditDraw).where(within(AuditDraw.drawn_at, window))
    looked_at, taken = connection.execute(query).one()
    return Volume(int(looked_at), int(taken))


def resumed_since(connection: Connection, since: datetime) -> list[str | None]:
    """Categories that came back from a pause since then; None stands for a pause of everything."""
    query = select(Pause.category).where(Pause.until.is_not(None), Pause.until >= since).distinct()
    return list(connection.execute(query).scalars())


def drawn_at(connection: Connection, moment: datetime) -> pd.DataFrame:
    """Every approval that the draws of one moment looked at, with what decided its chance then, by case.

    Columns: case_id, category, confidence, amount, fields, drawn, random, stratum, inclusion_probability, seed.
    """
    query = (
        select(
            AuditDraw.case_id,
            Route.category,
            Route.confidence,
            Case.amount,
            Case.fields,
            AuditDraw.drawn,
            AuditDraw.random,
            AuditDraw.stratum,
            AuditDraw.inclusion_probability,
            AuditDraw.seed,
        )
        .join(Route, Route.case_id == AuditDraw.case_id)
        .join(Case, Case.id == AuditDraw.case_id)
        .where(AuditDraw.drawn_at == moment)
        .order_by(AuditDraw.case_id)
    )
    return frame(connection, query)


def still_undrawn(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Which of these cases are auto-approved and can still be read, and no draw has looked at them."""
    found: set[int] = set()
    for part in chunks(ids):
        query = (
            select(Decision.case_id)
            .join(Route, and_(Route.case_id == Decision.case_id, Route.queue == "A"))
            .join(CaseInput, CaseInput.case_id == Decision.case_id)
            .join(AuditDraw, AuditDraw.case_id == Decision.case_id, isouter=True)
            .where(Decision.kind == "automatic", AuditDraw.case_id.is_(None), among(connection, Decision.case_id, part))
        )
        found.update(connection.execute(query).scalars())
    return found


def undrawn(connection: Connection, limit: int) -> pd.DataFrame:
    """Auto-approved cases the audit has not looked at: case_id, category, confidence, amount, fields, decided_at.

    Without those whose content is deleted: drawn, they could never be answered, and the draw stands for the others.
    """
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
        .join(CaseInput, CaseInput.case_id == Decision.case_id)
        .join(AuditDraw, AuditDraw.case_id == Decision.case_id, isouter=True)
        .where(Decision.kind == "automatic", AuditDraw.case_id.is_(None))
        .order_by(Decision.case_id)
        .limit(limit)
    )
    return frame(connection, query)


@dataclass(frozen=True, slots=True)
class Draw:
    """A case that was looked at for a second look: whether it was drawn, and the chance that it had."""

    case_id: int
    work_item_id: int | None
    drawn: bool
    random: bool
    stratum: str | None
    inclusion_probability: float


def insert_draws(connection: Connection, draws: Sequence[Draw], *, seed: int, now: datetime) -> None:
    """Write the audit's draw, drawn or not, with each case's chance."""
    if draws:
        connection.execute(insert(AuditDraw), [row_of(one, drawn_at=now, seed=seed) for one in draws])


def first_seen(connection: Connection, field: str) -> dict[str, datetime]:
    """When each value of a mapped field was first received; for the *new segment* stratum."""
    value = Case.fields[field].as_string()
    query = select(value, func.min(Case.received_at)).where(value.is_not(None)).group_by(value)
    return {str(name): at for name, at in connection.execute(query)}


def audits(connection: Connection, window: Window, *, category: str | None = None) -> pd.DataFrame:
    """Audits of auto-approvals that were decided in the window, by time of audit; with `category` only its own.

    What somebody untrained said, or was withdrawn, is none.

    Columns: case_id, category, confidence, model_version, approved_at, audited_at, rejected and pending (as
    `looked_at`), random, inclusion_probability, reviewer.
    """
    audit, automatic = aliased(Decision), aliased(Decision)
    rejected, pending = contradictions.rejected(audit, automatic.label, window.until)
    query = (
        select(
            audit.case_id,
            Route.category,
            Route.confidence,
            Route.model_version,
            automatic.decided_at.label("approved_at"),
            audit.decided_at.label("audited_at"),
            rejected,
            pending,
            AuditDraw.random,
            AuditDraw.inclusion_probability,
            audit.actor.label("reviewer"),
        )
        .join(automatic, and_(automatic.case_id == audit.case_id, automatic.kind == "automatic"))
        .join(Route, Route.case_id == audit.case_id)
        .join(AuditDraw, AuditDraw.case_id == audit.case_id)
        .join(Contradiction, Contradiction.case_id == audit.case_id, isouter=True)
        .where(audit.kind == "audit", audit.trained.is_(true()), within(audit.decided_at, window))
        .order_by(audit.decided_at, audit.id)
    )
    return frame(connection, query if category is None else query.where(Route.category == category))
