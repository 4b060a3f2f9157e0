"""Where cases went, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    select,
    update,
)

from handrail.store.bulk import insert_rows, row_of
from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.schema import (
    Case,
    Route,
)
from handrail.window import Window

_ROUTE = select(Route.__table__).where(Route.case_id == bindparam("case"))


@dataclass(frozen=True, slots=True)
class PlannedRoute:
    """Where a case goes and why, before it is there: codes are plain strings, `due_at` is by business time.

    `blind_chance` is the chance that the suggestion is hidden; None in queue A, which nobody looks at first.
    `category` and `confidence` are None without a prediction, `threshold` and `stage` where none applies.
    """

    case_id: int
    queue: str
    reason: str
    reasons: Sequence[str]
    category: str | None
    confidence: float | None
    threshold: float | None
    stage: str | None
    control: bool
    suggestion_hidden: bool
    blind_chance: float | None
    model_version: str | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class CurrentRoute(PlannedRoute):
    """Where a case went and why, by which policy and when."""

    policy_version: str
    assigned_at: datetime


def insert_routes(
    connection: Connection, planned: Sequence[PlannedRoute], *, policy_version: str, assigned_at: datetime
) -> None:
    """Write where cases went."""
    shared = {"policy_version": policy_version, "assigned_at": assigned_at}
    insert_rows(connection, Route, [row_of(one, **shared) for one in planned])


def update_routes(connection: Connection, ids: Sequence[int], **values: Any) -> None:  # noqa: ANN401 - columns of `routes`
    """Route cases anew; the earlier route stands in the trail."""
    for part in chunks(ids):
        connection.execute(update(Route).where(Route.case_id.in_(part)).values(**values))


def withdraw(connection: Connection, ids: Sequence[int]) -> None:
    """Let cases have no route, until they get another; the earlier one stands in the trail."""
    for part in chunks(ids):
        connection.execute(delete(Route).where(Route.case_id.in_(part)))


def route_of(connection: Connection, case_id: int) -> CurrentRoute | None:
    """The current route of a case, or None before assignment."""
    row = connection.execute(_ROUTE, {"case": case_id}).mappings().first()
    return CurrentRoute(**row) if row else None


def proposals(connection: Connection, ids: Sequence[int]) -> pd.DataFrame:
    """Cases with their proposed category, None without a route: case_id, external_id, category, fields."""
    parts = [
        frame(
            connection,
            select(Case.id.label("case_id"), Case.external_id, Route.category, Case.fields)
            .join(Route, Route.case_id == Case.id, isouter=True)
            .where(Case.id.in_(part)),
        )
        for part in chunks(ids) or [[]]
    ]
    return pd.concat(parts, ignore_index=True)


def routed(connection: Connection, window: Window) -> pd.DataFrame:
    """Routes assigned in the window: case_id, queue, reason, category, stage, assigned_at."""
    columns = (Route.case_id, Route.queue, Route.reason, Route.category, Route.stage, Route.assigned_at)
    return frame(connection, select(*columns).where(within(Route.assigned_at, window)))
