"""How the runs of each watch went."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from handrail.store.schema import Policy, WatchRuns
from handrail.watches import BY_NAME, Off, Runs

_COLUMNS = [getattr(WatchRuns, one.name) for one in fields(Runs)]


def runs(connection: Connection) -> dict[str, Runs]:
    """What is known of each watch that ever ran or was asked for, by name."""
    found = {name: Runs(*known) for name, *known in connection.execute(select(WatchRuns.name, *_COLUMNS))}
    return {name: one if one.off is None else replace(one, off=Off(one.off)) for name, one in found.items()}


def founded_at(connection: Connection) -> datetime | None:
    """When the workspace began: its first policy; the clock of a watch that never ran starts there."""
    return connection.execute(select(func.min(Policy.published_at))).scalar()


def begin(connection: Connection, name: str, now: datetime) -> None:
    """Note that a run begins; one that never said how it ended stays the one under way."""
    unended = func.coalesce(WatchRuns.begun_at, now)
    _save(connection, name, {"attempted_at": now, "begun_at": now}, begun_at=unended)


def succeed(connection: Connection, name: str, now: datetime) -> None:
    """Note that the run which began at `now` succeeded: what failed before is over."""
    known = {"attempted_at": now, "begun_at": None, "succeeded_at": now, "failed_since": None, "error": None}
    in_time = WatchRuns.succeeded_at >= now - BY_NAME[name].patience
    steady = case((in_time, func.coalesce(WatchRuns.steady_since, now)), else_=now)
    _save(connection, name, {**known, "steady_since": now}, steady_since=steady)


def fail(connection: Connection, name: str, error: str, now: datetime) -> None:
    """Note that the run which began at `now` failed."""
    known = {"attempted_at": now, "begun_at": None, "failed_since": now, "error": error[:60]}
    _save(connection, name, known, failed_since=func.coalesce(WatchRuns.failed_since, now))


def switch(connection: Connection, off: Mapping[str, Off | None], now: datetime) -> None:
    """Note what a Prefect server says of each watch: why it does not start it, or None where it does."""
    for name, why in off.items():
        if why is None:
            known = update(WatchRuns).where(WatchRuns.name == name)
            connection.execute(known.values(off=None, off_since=None, asked_at=now))
        else:
            since = func.coalesce(WatchRuns.off_since, now)
            _save(connection, name, {"off": why, "off_since": now, "asked_at": now}, off_since=since)


def needs_switch(connection: Connection, off: Mapping[str, Off | None]) -> bool:
    """Would `switch` change anything worth a transaction: is anything off, or was it when last asked?"""
    if any(why is not None for why in off.values()):
        return True
    known = select(WatchRuns.name).where(WatchRuns.off.is_not(None), WatchRuns.name.in_(list(off)))
    return connection.execute(known.limit(1)).first() is not None


def is_fresh(connection: Connection, name: str, since: datetime, now: datetime) -> bool:
    """Has the watch succeeded since then, with nothing open?"""
    fresh = select(WatchRuns.name).where(
        WatchRuns.name == name,
        WatchRuns.succeeded_at > since,
        WatchRuns.succeeded_at <= now,
        WatchRuns.failed_since.is_(None),
        WatchRuns.begun_at.is_(None),
    )
    return connection.execute(fresh).first() is not None


def _save(connection: Connection, name: str, values: Mapping[str, datetime | str | None], **changed: Any) -> None:  # noqa: ANN401 - expressions
    """Write a watch's row: `values` for a new one, of an old one with `changed` instead where it says so."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(WatchRuns).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[WatchRuns.name], set_={**values, **changed}))
