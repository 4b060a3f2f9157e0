"""When each watch last succeeded; the dead-man's switch reads it."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from handrail.store.schema import Watch


def beat(connection: Connection, name: str, now: datetime) -> None:
    """Note that a watch succeeded."""
    changed = connection.execute(update(Watch).where(Watch.name == name).values(succeeded_at=now))
    if changed.rowcount == 0:
        connection.execute(insert(Watch).values(name=name, succeeded_at=now))


def watches(connection: Connection) -> dict[str, datetime]:
    """When each watch last succeeded."""
    return {name: at for name, at in connection.execute(select(Watch.name, Watch.succeeded_at))}
