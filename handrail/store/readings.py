"""What the watches saw, look by look."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, insert, select

from handrail.store.frames import frame
from handrail.store.schema import Reading as Row

ALL = "all"
"""The subject of a look at everything together."""


class Verdict(StrEnum):
    """What a look says; silence of a watch that could not have seen anything is no good news."""

    QUIET = "quiet"
    ALARM = "alarm"
    UNDERPOWERED = "underpowered"
    NOT_MEASURED = "not_measured"
    UNREADABLE = "unreadable"
    """The look itself failed: nobody watches the subject until a later one succeeds."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look of one watch at one subject; `body` holds figures, names and case ids as JSON can, no NaN, no text."""

    watch: str
    subject: str
    window: tuple[datetime, datetime]
    verdict: Verdict
    body: dict[str, Any] = field(default_factory=dict)


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


def unreadable(watch: str, subject: str, window: tuple[datetime, datetime], fault: str, **body: Any) -> Reading:  # noqa: ANN401 - as JSON can
    """A look that failed; `fault` is the kind of what went wrong."""
    return Reading(watch, subject, window, Verdict.UNREADABLE, {**body, "fault": fault})


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
