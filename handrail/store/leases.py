"""Leases: work that only one may do at a time, reserved for a while."""

from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from handrail.store.schema import Lease


def take(connection: Connection, name: str, holder: str, *, now: datetime, until: datetime) -> bool:
    """Reserve `name` for `holder`, unless another's time is not over; says whether it worked.

    One statement: of two that come at the same moment the database lets one through.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    wanted = insert(Lease).values(name=name, holder=holder, until=until)
    statement = wanted.on_conflict_do_update(
        index_elements=[Lease.name],
        set_={"holder": wanted.excluded.holder, "until": wanted.excluded.until},
        where=Lease.until <= now,
    )
    return connection.execute(statement.returning(Lease.holder)).first() is not None


def renew(connection: Connection, name: str, holder: str, *, until: datetime) -> bool:
    """Prolong the lease of `holder`; False when another has it by now."""
    mine = (Lease.name == name) & (Lease.holder == holder)
    return connection.execute(update(Lease).where(mine).values(until=until)).rowcount == 1


def give_back(connection: Connection, name: str, holder: str) -> None:
    """End the lease of `holder`; another's stays."""
    connection.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))


def held(connection: Connection, name: str, now: datetime) -> tuple[str, datetime] | None:
    """Who holds `name` and until when, or None when it is free."""
    query = select(Lease.holder, Lease.until).where(Lease.name == name, Lease.until > now)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.holder, row.until)
