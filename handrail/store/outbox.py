"""Actions waiting for their receiver."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

import pandas as pd
from sqlalchemy import Connection, Select, and_, false, func, or_, select, true, update

from handrail.outbox import NewAction, OutboxAction
from handrail.store.bulk import among, ids, insert_rows, one_of, row_of
from handrail.store.cases import chunks
from handrail.store.frames import frame
from handrail.store.schema import Case, Outbox

COLUMNS = (
    Outbox.id,
    Outbox.case_id,
    Outbox.key,
    Outbox.action,
    Outbox.category,
    Outbox.automatic,
    Outbox.state,
    Outbox.attempts,
)
"""Those of an `OutboxAction`, in its order."""


def key(source: str, external_id: str, category: str) -> str:
    """The idempotency key of a category's action on a case, whoever decides it and however often."""
    parts = (source, external_id, category)
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()


def undo_key(undone: str) -> str:
    """The idempotency key of the action that takes back the one with the key `undone`."""
    return key("undo", undone, "")


def repeated_key(first: str, dispute: int) -> str:
    """The idempotency key of an action that is executed once more after it was taken back, decided by this dispute."""
    return key("again", first, str(dispute))


def put(connection: Connection, actions: Sequence[NewAction]) -> None:
    """Add actions, in the transaction of their decisions.

    An action that was withdrawn and is decided again keeps its row and key: had the receiver executed it after all,
    because only its answer was lost, the second sending has no second effect.
    """
    again: set[str] = set()
    for part in chunks([action.key for action in actions]):
        keys = {"ids": ids(connection, part)}
        again.update(connection.execute(_withdrawn(connection.dialect.name), keys).scalars())
    fresh = [row_of(action, state="new", attempts=0) for action in actions if action.key not in again]
    insert_rows(connection, Outbox, fresh)
    for action in actions:
        if action.key in again:
            values = row_of(action, state="new", attempts=0, error=None)
            connection.execute(update(Outbox).where(Outbox.key == action.key).values(**values))


@cache
def _withdrawn(dialect: str) -> Select[tuple[str]]:
    return select(Outbox.key).where(one_of(dialect, Outbox.key), Outbox.state == "withdrawn")


def take(
    connection: Connection,
    *,
    now: datetime,
    until: datetime,
    limit: int,
    also_leased: bool = False,
    withheld: Collection[str] | None = (),
) -> list[OutboxAction]:
    """Lease due actions to a sender until `until`; an expired lease may be taken again, any with `also_leased`.

    Automatic ones of the `withheld` categories (None: of all) are left where they are. Each is told as it was before.
    """
    query = (
        select(*COLUMNS)
        .where(
            or_(
                and_(Outbox.state.in_(("new", "retry")), Outbox.next_at <= now),
                and_(Outbox.state == "leased", true() if also_leased else Outbox.lease_until <= now),
            ),
            or_(~Outbox.automatic, false() if withheld is None else Outbox.category.not_in(list(withheld))),
        )
        .order_by(Outbox.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = [OutboxAction(*row) for row in connection.execute(query)]
    for part in chunks([action.id for action in taken]):
        connection.execute(
            update(Outbox)
            .where(among(connection, Outbox.id, part))
            .values(state="leased", lease_until=until, attempts=Outbox.attempts + 1)
        )
    return taken


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether anything is to be sent: due by its time, or left behind by a sender whose lease is over."""
    waits = and_(Outbox.state.in_(("new", "retry")), Outbox.next_at <= now)
    lapsed = and_(Outbox.state == "leased", Outbox.lease_until <= now)
    return connection.execute(select(Outbox.id).where(or_(waits, lapsed)).limit(1)).first() is not None


def finish(connection: Connection, ids: Sequence[int], now: datetime) -> set[int]:
    """Mark actions as acknowledged by the receiver; returns those that nobody had withdrawn meanwhile.

    An answer that comes when the lease is over ends the doubt about its action as well.
    """
    finished: set[int] = set()
    for part in chunks(ids):
        sent = update(Outbox).where(among(connection, Outbox.id, part), Outbox.state.in_(("leased", "unknown")))
        done = sent.values(state="done", done_at=now, lease_until=None, error=None)
        finished.update(connection.execute(done.returning(Outbox.id)).scalars())
    return finished


def postpone(connection: Connection, ids: Sequence[int], next_at: datetime, error: str, *, dead: bool) -> None:
    """Try again at `next_at`, or never."""
    for part in chunks(ids):
        connection.execute(
            update(Outbox)
            .where(Outbox.id.in_(part), Outbox.state == "leased")
            .values(state="dead" if dead else "retry", next_at=next_at, lease_until=None, error=error)
        )


def lapsed(connection: Connection, now: datetime) -> list[OutboxAction]:
    """Actions whose sender did not come back within its lease."""
    left = and_(Outbox.state == "leased", Outbox.lease_until <= now)
    query = select(*COLUMNS).where(left).order_by(Outbox.id)
    return [OutboxAction(*row) for row in connection.execute(query.with_for_update(skip_locked=True))]


def doubt(connection: Connection, ids: Sequence[int], error: str) -> None:
    """Nobody knows whether these leased actions were executed: a person finds out, nothing is sent again by itself."""
    for part in chunks(ids):
        leased = update(Outbox).where(among(connection, Outbox.id, part), Outbox.state == "leased")
        connection.execute(leased.values(state="unknown", lease_until=None, error=error))


def put_back(connection: Connection, number: int, now: datetime) -> None:
    """Let an action be sent from the beginning."""
    values = {"state": "new", "attempts": 0, "next_at": now, "lease_until": None, "error": None}
    connection.execute(update(Outbox).where(Outbox.id == number).values(**values))


def confirm(connection: Connection, number: int, now: datetime) -> None:
    """Mark an action as executed, because a person knows it."""
    connection.execute(update(Outbox).where(Outbox.id == number).values(state="done", done_at=now, error=None))


def action(connection: Connection, number: int) -> OutboxAction | None:
    """One action, or None."""
    row = connection.execute(select(*COLUMNS).where(Outbox.id == number)).first()
    return OutboxAction(*row) if row else None


def in_states(connection: Connection, states: Sequence[str], *, limit: int) -> pd.DataFrame:
    """Actions in these states, oldest first, with the case's external id."""
    query = (
        select(
            Outbox.id,
            Outbox.state,
            Outbox.case_id,
            Case.external_id,
            Outbox.action,
            Outbox.category,
            Outbox.automatic,
            Outbox.attempts,
            Outbox.created_at,
            Outbox.error,
        )
        .join(Case, Case.id == Outbox.case_id)
        .where(Outbox.state.in_(list(states)))
        .order_by(Outbox.created_at, Outbox.id)
        .limit(limit)
    )
    return frame(connection, query)


def withdraw(connection: Connection, ids: Sequence[int]) -> None:
    """Take actions back that were not sent."""
    for part in chunks(ids):
        connection.execute(update(Outbox).where(Outbox.id.in_(part)).values(state="withdrawn", lease_until=None))


def unsent_automatic(
    connection: Connection, categories: Collection[str] | None, *, now: datetime
) -> list[OutboxAction]:
    """Automatic actions of categories (None: of all) that no living sender holds."""
    lapsed = and_(Outbox.state == "leased", Outbox.lease_until <= now)
    query = select(*COLUMNS).where(Outbox.automatic, or_(Outbox.state.in_(("new", "retry")), lapsed))
    if categories is not None:
        query = query.where(Outbox.category.in_(list(categories)))
    return [OutboxAction(*row) for row in connection.execute(query.order_by(Outbox.id))]


def counts(connection: Connection) -> dict[str, int]:
    """Actions by state."""
    query = select(Outbox.state, func.count()).group_by(Outbox.state)
    return {state: count for state, count in connection.execute(query)}
