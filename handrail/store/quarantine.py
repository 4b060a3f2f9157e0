"""Rows that lie in quarantine, with their reasons, until a corrected one comes."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, func, insert, select, update

from handrail.inbound_rows import BadRow
from handrail.store import cases
from handrail.store.bulk import among, row_of
from handrail.store.frames import frame
from handrail.store.schema import (
    Batch,
    Quarantine,
)


def quarantined(connection: Connection, source: str, digests: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Which of these rows were put aside before: row digest → (batch, its state, or *corrected*)."""
    found: dict[str, tuple[int, str]] = {}
    for part in cases.chunks(digests):
        query = (
            select(Quarantine.row_digest, Quarantine.batch_id, Quarantine.released_at, Batch.state)
            .join(Batch, Batch.id == Quarantine.batch_id)
            .where(Quarantine.source == source, Quarantine.row_digest.in_(part))
        )
        for row_digest, batch_id, released_at, state in connection.execute(query):
            found[row_digest] = (batch_id, state if released_at is None else "corrected")
    return found


def held_back(connection: Connection, source: str, digests: Sequence[str]) -> set[str]:
    """Rows that lie in quarantine for what is wrong with them; what ended with a rejected batch may come again."""
    held = quarantined(connection, source, digests)
    return {row_digest for row_digest, (_, state) in held.items() if state != "rejected"}


def put_in_quarantine(
    connection: Connection, batch_id: int, source: str, rows: Sequence[BadRow], now: datetime
) -> list[int]:
    """Put rows aside with their reasons; one that lies there from an earlier delivery moves to this one.

    Returns the batches that such rows came with.
    """
    held = quarantined(connection, source, [row.row_digest for row in rows])
    delivered = {"batch_id": batch_id, "source": source, "at": now}
    fresh = [row_of(row, **delivered) for row in rows if row.row_digest not in held]
    if fresh:
        connection.execute(insert(Quarantine), fresh)
    for row in rows:
        if row.row_digest in held:
            connection.execute(
                update(Quarantine)
                .where(Quarantine.source == source, Quarantine.row_digest == row.row_digest)
                .values(**row_of(row, **delivered), released_at=None)
            )
    return sorted({earlier for earlier, _ in held.values()} - {batch_id})


def release_quarantine(connection: Connection, source: str, external_ids: Sequence[str], now: datetime) -> None:
    """Mark quarantined rows whose corrected version has come in."""
    for part in cases.chunks(external_ids):
        connection.execute(
            update(Quarantine)
            .where(
                Quarantine.source == source,
                among(connection, Quarantine.external_id, part),
                Quarantine.released_at.is_(None),
            )
            .values(released_at=now)
        )


def quarantine_count(connection: Connection, batch_id: int | None, *, unreadable: bool = False) -> int:
    """Rows of this batch, or of all, put aside and not released; `unreadable`: only those that never became a case."""
    query = select(func.count()).where(Quarantine.released_at.is_(None))
    if batch_id is not None:
        query = query.where(Quarantine.batch_id == batch_id)
    if unreadable:
        query = query.where(Quarantine.case_id.is_(None))
    return int(connection.execute(query).scalar_one())


def reasons(connection: Connection, batch_id: int, limit: int = 5) -> list[tuple[str, int]]:
    """What is wrong with the rows of a batch that lie aside, the commonest rules first: an example and how many."""
    query = (
        select(func.min(Quarantine.reason), func.count())
        .where(Quarantine.batch_id == batch_id, Quarantine.released_at.is_(None))
        .group_by(Quarantine.expectation)
        .order_by(func.count().desc(), Quarantine.expectation)
        .limit(limit)
    )
    return [(sentence, count) for sentence, count in connection.execute(query)]


def in_quarantine(connection: Connection, batch_id: int | None, limit: int) -> pd.DataFrame:
    """Rows in quarantine with their reasons, newest first, without their content."""
    query = select(
        Quarantine.batch_id,
        Quarantine.source,
        Quarantine.row_number,
        Quarantine.external_id,
        Quarantine.case_id,
        Quarantine.reason,
        Quarantine.expectation,
        Quarantine.at,
    ).where(Quarantine.released_at.is_(None))
    if batch_id is not None:
        query = query.where(Quarantine.batch_id == batch_id)
    return frame(connection, query.order_by(Quarantine.id.desc()).limit(limit))
