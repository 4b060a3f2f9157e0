"""Where cases went, and why."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import (
    Connection,
    bindparam,
    select,
    update,
)

from handrail.store.bulk import insert_rows
from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.schema import (
    Case,
    Route,
)
from handrail.window import Window

_ROUTE = select(Route.__table__).where(Route.case_id == bindparam("case"))


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
