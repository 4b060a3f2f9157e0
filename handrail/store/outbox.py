"""Actions waiting for their receiver."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import cache

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, Update, and_, false, func, or_, select, true, update

from handrail.outbox import NewAction, OutboxAction, is_in_doubt
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
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The receiver is asked at the next occasion."""
_DONE = {"state": "done", "lease_until": None, "error": None}
_ANEW = {"state": "new", "attempts": 0, "lease_until": None, "error": None}


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

    An action that was withdrawn and is decided again keeps its row and key. It was never handed over, or the receiver
    or a person has said that it was not executed.
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
    real: datetime,
    until: datetime,
    limit: int,
    withheld: Collection[str] | None = (),
) -> list[OutboxAction]:
    """Lease due actions to a sender until `until`; an expired lease may be taken again.

    A new action is due by business time, `now`; repetitions and leases are waits, and run on the `real` clock.
    Automatic ones of the `withheld` categories (None: of all) are left where they are. Each is told as it was before.
    """
    query = (
        select(*COLUMNS)
        .where(
            or_(_is_due(now, real), _is_lapsed(real)),
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


def _is_due(now: datetime, real: datetime) -> ColumnElement[bool]:
    return or_(
        and_(Outbox.state == "new", Outbox.next_at <= now), and_(Outbox.state == "retry", Outbox.next_at <= real)
    )


def _is_lapsed(real: datetime) -> ColumnElement[bool]:
    return and_(Outbox.state == "leased", Outbox.lease_until <= real)


def _is_to_be_asked_about(real: datetime) -> ColumnElement[bool]:
    return and_(Outbox.state == "unknown", Outbox.next_at <= real, Outbox.lease_until.is_(None))


def is_due(connection: Connection, now: datetime, real: datetime) -> bool:
    """Whether a sender has something to do.

    That is what is due by its time, what a sender has left whose lease is over, and what the receiver is to be asked
    about.
    """
    left = and_(Outbox.state.in_(("leased", "unknown")), Outbox.lease_until <= real)
    waits = or_(_is_due(now, real), left, _is_to_be_asked_about(real))
    return connection.execute(select(Outbox.id).where(waits).limit(1)).first() is not None


def take_over(connection: Connection, real: datetime, *, resend: bool) -> None:
    """End what dead senders held: the caller knows that none lives. What is leased is due at once, with `resend`."""
    held = update(Outbox).where(Outbox.lease_until.is_not(None))
    connection.execute(held.where(Outbox.state == "unknown").values(lease_until=None))
    if resend:
        connection.execute(held.where(Outbox.state == "leased").values(state="retry", next_at=real, lease_until=None))


def let_go(connection: Connection, ids: Sequence[int]) -> None:
    """Their sender has its answer: nothing of these unknown actions is on its way any more."""
    for part in chunks(ids):
        unknown = update(Outbox).where(among(connection, Outbox.id, part), Outbox.state == "unknown")
        connection.execute(unknown.values(lease_until=None))


def held(connection: Connection, ids: Sequence[int], until: datetime) -> set[int]:
    """Which of these actions are still held by the lease that ends at `until`."""
    mine: set[int] = set()
    for part in chunks(ids):
        query = select(Outbox.id).where(among(connection, Outbox.id, part), Outbox.lease_until == until)
        mine.update(connection.execute(query).scalars())
    return mine


def at_rest(connection: Connection, case_ids: Sequence[int]) -> list[int]:
    """Which of these cases have no action under way, dead or unknown, in order."""
    moving: set[int] = set()
    for part in chunks(case_ids):
        unsettled = Outbox.state.not_in(("done", "withdrawn"))
        moving.update(connection.execute(select(Outbox.case_id).where(Outbox.case_id.in_(part), unsettled)).scalars())
    return sorted(set(case_ids) - moving)


def hold_back(connection: Connection, case_ids: Sequence[int], error: str) -> list[OutboxAction]:
    """Let nothing of these cases be sent by itself that was never handed over, taking back apart; returns these."""
    held_back: list[OutboxAction] = []
    for part in chunks(case_ids):
        rows = connection.execute(select(*COLUMNS).where(Outbox.case_id.in_(part))).all()
        actions = [OutboxAction(*row) for row in rows]
        undoing = {undo_key(action.key) for action in actions}
        ids = [action.id for action in actions if action.state == "new" and action.key not in undoing]
        stopped = update(Outbox).where(among(connection, Outbox.id, ids)).values(state="dead", error=error)
        held_back += _in_order(connection, stopped)
    return held_back


def is_on_its_way(connection: Connection, number: int, real: datetime) -> bool:
    """Whether an action's sender may still hand it over, though it is unknown by now."""
    query = select(Outbox.lease_until).where(Outbox.id == number, Outbox.lease_until > real)
    return connection.execute(query).first() is not None


def finish(connection: Connection, ids: Sequence[int], now: datetime) -> dict[int, bool]:
    """Mark actions as acknowledged by the receiver, whatever was believed of them.

    Returns those for which that is news, each with whether it had been withdrawn.
    """
    finished: dict[int, bool] = {}
    values = {"state": "done", "done_at": now, "lease_until": None, "error": None}
    for part in chunks(ids):
        mine = update(Outbox).where(among(connection, Outbox.id, part)).values(**values).returning(Outbox.id)
        late = connection.execute(mine.where(Outbox.state == "withdrawn")).scalars().all()
        usual = connection.execute(mine.where(Outbox.state != "done")).scalars().all()
        finished |= dict.fromkeys(usual, False) | dict.fromkeys(late, True)
    return finished


def postpone(connection: Connection, ids: Sequence[int], next_at: datetime, error: str) -> None:
    """Try again at `next_at`, of the real clock."""
    for part in chunks(ids):
        leased = update(Outbox).where(among(connection, Outbox.id, part), Outbox.state == "leased")
        connection.execute(leased.values(state="retry", next_at=next_at, lease_until=None, error=error))


def bury(connection: Connection, ids: Sequence[int], error: str) -> None:
    """Never send these again by itself: the receiver has refused them, or was away too often."""
    for part in chunks(ids):
        held = update(Outbox).where(among(connection, Outbox.id, part), Outbox.state.in_(("leased", "unknown")))
        connection.execute(held.values(state="dead", lease_until=None, error=error))


def doubt_lapsed(connection: Connection, real: datetime, error: str) -> list[OutboxAction]:
    """Nobody knows whether actions were executed whose sender did not come back within its lease; returns these."""
    return _doubt(connection, _is_lapsed(real), error)


def doubt(connection: Connection, ids: Sequence[int], error: str) -> list[OutboxAction]:
    """Nobody knows whether these leased actions were executed: nothing is sent again by itself; returns these."""
    doubted: list[OutboxAction] = []
    for part in chunks(ids):
        doubted += _doubt(connection, and_(among(connection, Outbox.id, part), Outbox.state == "leased"), error)
    return doubted


def doubt_handed_over(connection: Connection, categories: Collection[str] | None, error: str) -> list[OutboxAction]:
    """Automatic actions of categories (None: of all) that were handed over are not sent again; returns these."""
    handed_over = and_(_automatic(categories), Outbox.state.in_(("leased", "retry")))
    return _doubt(connection, handed_over, error)


def _doubt(connection: Connection, which: ColumnElement[bool], error: str) -> list[OutboxAction]:
    # The lease stays: while its sender lives, *not executed* would be true of this moment only.
    doubted = update(Outbox).where(which).values(state="unknown", next_at=_LONG_AGO, error=error)
    return _in_order(connection, doubted)


def _automatic(categories: Collection[str] | None) -> ColumnElement[bool]:
    return and_(Outbox.automatic, true() if categories is None else Outbox.category.in_(list(categories)))


def _in_order(connection: Connection, changed: Update) -> list[OutboxAction]:
    return sorted(
        (OutboxAction(*row) for row in connection.execute(changed.returning(*COLUMNS))), key=lambda action: action.id
    )


def in_doubt(connection: Connection, real: datetime, *, limit: int) -> list[OutboxAction]:
    """Unknown actions about which the receiver is to be asked by now; no sender holds them."""
    query = select(*COLUMNS).where(_is_to_be_asked_about(real)).order_by(Outbox.next_at, Outbox.id).limit(limit)
    return [OutboxAction(*row) for row in connection.execute(query)]


def ask_again(connection: Connection, ids: Sequence[int], at: datetime) -> None:
    """Ask the receiver about these unknown actions not before `at`, of the real clock."""
    for part in chunks(ids):
        unknown = update(Outbox).where(among(connection, Outbox.id, part), Outbox.state == "unknown")
        connection.execute(unknown.values(next_at=at))


def settle(
    connection: Connection, ids: Sequence[int], now: datetime, *, executed: bool, asked: datetime
) -> list[OutboxAction]:
    """End the doubt about unknown actions: they are done, or may be sent from the beginning; returns these.

    *Executed* stays true; *not executed* counts only where nothing has happened since `ask_again` with `asked`.
    """
    settled: list[OutboxAction] = []
    values = _DONE if executed else _ANEW
    for part in chunks(ids):
        unknown = update(Outbox).where(among(connection, Outbox.id, part), Outbox.state == "unknown")
        if not executed:
            unknown = unknown.where(Outbox.next_at == asked)
        moment = {"done_at": now} if executed else {"next_at": now}
        settled += _in_order(connection, unknown.values(**values, **moment))
    return settled


def put_back(connection: Connection, number: int, now: datetime) -> None:
    """Let an action be sent from the beginning."""
    connection.execute(update(Outbox).where(Outbox.id == number).values(**_ANEW, next_at=now))


def confirm(connection: Connection, number: int, now: datetime) -> None:
    """Mark an action as executed, because a person knows it."""
    connection.execute(update(Outbox).where(Outbox.id == number).values(**_DONE, done_at=now))


def action(connection: Connection, number: int) -> OutboxAction | None:
    """One action, or None."""
    row = connection.execute(select(*COLUMNS).where(Outbox.id == number)).first()
    return OutboxAction(*row) if row else None


def in_states(connection: Connection, states: Sequence[str], *, limit: int) -> pd.DataFrame:
    """Actions in these states, oldest first, with the case's external id, and whether they are `in_doubt`."""
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
    found = frame(connection, query)
    doubted = [is_in_doubt(*row) for row in zip(found["state"], found["attempts"], strict=True)]
    return found.assign(in_doubt=pd.Series(doubted, index=found.index, dtype=bool))


def withdraw(connection: Connection, ids: Sequence[int]) -> None:
    """Take actions back that were not executed."""
    for part in chunks(ids):
        connection.execute(update(Outbox).where(Outbox.id.in_(part)).values(state="withdrawn", lease_until=None))


def withdraw_new(connection: Connection, categories: Collection[str] | None) -> list[OutboxAction]:
    """Take back the automatic actions of categories (None: of all) that were never handed over; returns these."""
    never_sent = and_(_automatic(categories), Outbox.state == "new")
    return _in_order(connection, update(Outbox).where(never_sent).values(state="withdrawn"))


def undelivered(connection: Connection) -> dict[str, int]:
    """Actions that have not reached their receiver: waiting (new, being sent, or tried again), dead and unknown."""
    found = counts(connection)
    waiting = sum(found.get(state, 0) for state in ("new", "leased", "retry"))
    return {"waiting": waiting, "dead": found.get("dead", 0), "unknown": found.get("unknown", 0)}


def counts(connection: Connection) -> dict[str, int]:
    """Actions by state."""
    query = select(Outbox.state, func.count()).group_by(Outbox.state)
    return {state: count for state, count in connection.execute(query)}
