"""What a reviewer passed on to others for a while, and what else is put off."""

from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from handrail.store.engine import real_time
from handrail.store.schema import Skip, WorkItem
from handrail.store.work import Taker, fits, shape_of, values_of
from handrail.work import PutAside


def skip(connection: Connection, item_id: int, person: str, until: datetime) -> None:
    """Offer work to others instead of `person` until then."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    wanted = insert(Skip).values(work_item_id=item_id, person=person, until=until)
    connection.execute(
        wanted.on_conflict_do_update(index_elements=[Skip.work_item_id, Skip.person], set_={"until": until})
    )


def forget_skip(connection: Connection, item_id: int, person: str) -> None:
    """Offer work to `person` again."""
    connection.execute(delete(Skip).where(Skip.work_item_id == item_id, Skip.person == person))


def recall(connection: Connection, person: str, now: datetime) -> int:
    """Offer `person` again, from `now` on, whatever they skipped and is still open; returns how much.

    What was skipped stays written down: a gold case that somebody met once never tests them.
    """
    still_open = Skip.work_item_id.in_(select(WorkItem.id).where(WorkItem.state == "open"))
    passed_on = update(Skip).where(Skip.person == person, Skip.until > now, still_open)
    return connection.execute(passed_on.values(until=now)).rowcount


def put_aside(connection: Connection, taker: Taker, now: datetime) -> PutAside:
    """What `taker` could take and is not offered at this moment: skipped by them, or put off."""
    skipped, snoozed = Skip.until > now, WorkItem.snoozed_until > now
    query = (
        select(
            func.count().filter(skipped),
            func.count().filter(and_(snoozed, or_(Skip.until.is_(None), Skip.until <= now))),
            func.min(Skip.until).filter(skipped),
            func.min(WorkItem.snoozed_until).filter(snoozed),
        )
        .select_from(WorkItem)
        .join(Skip, and_(Skip.work_item_id == WorkItem.id, Skip.person == taker.name), isouter=True)
        .where(
            WorkItem.state == "open",
            or_(WorkItem.lease_until.is_(None), WorkItem.lease_until <= real_time(connection)),
            or_(skipped, snoozed),
            fits(**shape_of(taker)),
        )
    )
    passed_on, put_off, *moments = connection.execute(query, values_of(taker)).one()
    return PutAside(passed_on, put_off, min((one for one in moments if one is not None), default=None))
