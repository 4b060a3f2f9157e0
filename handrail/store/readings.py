"""What the watches saw, look by look."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, func, insert, select

from handrail.reading import KeptReading, Reading, Verdict
from handrail.store.frames import frame, records
from handrail.store.schema import Reading as Row


def insert_readings(connection: Connection, readings: Sequence[Reading], at: datetime) -> None:
    """Keep what was read at one moment."""
    rows = [
        {
            "watch": one.watch,
            "subject": one.subject,
            "at": at,
            "window_from": one.window[0],
            "window_to": one.window[1],
            "verdict": one.verdict,
            "body": one.body,
        }
        for one in readings
    ]
    if rows:
        connection.execute(insert(Row), rows)


def newest(connection: Connection, watch: str) -> pd.DataFrame:
    """The newest look at each subject of a watch, by subject; columns as the table's."""
    last = select(func.max(Row.id)).where(Row.watch == watch).group_by(Row.subject)
    return frame(connection, select(Row.__table__).where(Row.id.in_(last)).order_by(Row.subject))


def newest_verdicts(connection: Connection, watch: str) -> list[tuple[str, datetime, str]]:
    """As `newest`, without what was read: subject, moment and verdict."""
    last = select(func.max(Row.id)).where(Row.watch == watch).group_by(Row.subject)
    query = select(Row.subject, Row.at, Row.verdict).where(Row.id.in_(last)).order_by(Row.subject)
    return [(subject, at, verdict) for subject, at, verdict in connection.execute(query)]


def last_look(connection: Connection, watch: str) -> pd.DataFrame:
    """The newest look of a watch that looks at all its subjects at once; what it no longer saw is no news."""
    rows = newest(connection, watch)
    found: pd.DataFrame = rows[rows["at"] == rows["at"].max()].reset_index(drop=True)
    return found


def kept(rows: pd.DataFrame) -> list[KeptReading]:
    """Rows of the table as readings, in their order."""
    return [
        KeptReading(
            row["watch"],
            row["subject"],
            (row["window_from"], row["window_to"]),
            Verdict(row["verdict"]),
            row["body"],
            id=row["id"],
            at=row["at"],
        )
        for row in records(rows)
    ]


def unread(connection: Connection, watch: str) -> list[str]:
    """Subjects whose newest look failed: silence about them is no health."""
    last = select(func.max(Row.id)).where(Row.watch == watch).group_by(Row.subject)
    query = select(Row.subject).where(Row.id.in_(last), Row.verdict == Verdict.UNREADABLE).order_by(Row.subject)
    return list(connection.execute(query).scalars())


def unwatched(connection: Connection) -> list[str]:
    """Categories whose breaker the newest look could not read: nothing of them may be approved automatically."""
    return unread(connection, "breaker")


def history(
    connection: Connection, watch: str, *, subject: str | None = None, since: datetime, limit: int = 2000
) -> pd.DataFrame:
    """The newest `limit` looks of a watch since a moment, oldest first; columns as the table's."""
    query = select(Row.__table__).where(Row.watch == watch, Row.at >= since)
    if subject is not None:
        query = query.where(Row.subject == subject)
    found = frame(connection, query.order_by(Row.id.desc()).limit(limit))
    return found.iloc[::-1].reset_index(drop=True)
