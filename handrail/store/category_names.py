"""Categories under live work: where the tables use one, and how all of them come to speak of another."""

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, or_, select, text, update
from sqlalchemy.orm import InstrumentedAttribute

from handrail.case import State
from handrail.store import trail
from handrail.store.schema import (
    BreakerState,
    Case,
    CaseChange,
    Certificate,
    Contradiction,
    Decision,
    GoldCase,
    Label,
    ModelReview,
    Outbox,
    Pause,
    Person,
    Prediction,
    Reading,
    Route,
    WorkItem,
)
from handrail.store.trail import Sought

MOVED = "category.moved"
"""The event of a category that became another; one without `to` is no more."""
UNDER_WAY = ("new", "retry", "leased", "dead", "unknown")
UNROUTED = (State.ACCEPTED, State.SCORED)
_OF_NAME = (
    Route.category,
    WorkItem.category,
    WorkItem.shown_label,
    Decision.proposed,
    Decision.label,
    Outbox.category,
    Label.label,
    CaseChange.label,
    Contradiction.predicted,
    Contradiction.also_predicted,
    Contradiction.label,
    GoldCase.label,
    Prediction.label,
    Pause.category,
    ModelReview.category,
)
"""Columns that name a category, in no order; an action keeps its name and key."""
_REMEMBERED = 10_000


def lock(connection: Connection) -> None:
    """Be the only one who publishes until the transaction ends; on SQLite whoever writes is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('handrail policy'))"))


def lock_work(connection: Connection, names: Collection[str]) -> None:
    """Hold the open work of these categories until the transaction ends: work comes before the trail."""
    theirs = or_(WorkItem.category.in_(names), WorkItem.shown_label.in_(names))
    held = select(WorkItem.id).where(WorkItem.state == "open", theirs).order_by(WorkItem.id)
    connection.execute(held.with_for_update()).all()


def uses(connection: Connection, name: str) -> dict[str, int]:
    """What would be left without rules if a category were no more: how many of each that there is."""
    waits = and_(Route.category == name, Case.state == State.QUEUED)
    open_work = and_(WorkItem.category == name, WorkItem.state == "open", WorkItem.kind != "review")
    told = and_(Prediction.label == name, Case.state.in_(UNROUTED))
    counts: dict[str, Select[tuple[int]]] = {
        "waiting": select(func.count()).select_from(Route).join(Case, Case.id == Route.case_id).where(waits),
        "scored": select(func.count(Prediction.case_id.distinct()))
        .join(Case, Case.id == Prediction.case_id)
        .where(told),
        "open_work": select(func.count()).select_from(WorkItem).where(open_work),
        "actions": _count(Outbox.id, Outbox.category == name, Outbox.state.in_(UNDER_WAY)),
        "pauses": _count(Pause.id, Pause.category == name, Pause.until.is_(None)),
        "reviews": _count(ModelReview.id, ModelReview.category == name, ModelReview.closed_at.is_(None)),
        "certificates": _count(Certificate.id, Certificate.category == name, Certificate.voided_at.is_(None)),
        "labels": _count(Label.id, Label.label == name),
        "gold": _count(GoldCase.case_id, GoldCase.label == name, GoldCase.retired_at.is_(None)),
    }
    found = {what: int(connection.execute(query).scalar_one()) for what, query in counts.items()}
    found["skilled"] = sum(name in (skills or ()) for _, skills in _skills(connection))
    return {what: count for what, count in found.items() if count}


def _count(column: InstrumentedAttribute[int], *where: ColumnElement[bool]) -> Select[tuple[int]]:
    return select(func.count(column)).where(*where)


def open_reviews(connection: Connection, name: str) -> list[int]:
    """The numbers of the category's open model reviews."""
    query = select(ModelReview.id).where(ModelReview.category == name, ModelReview.closed_at.is_(None))
    return list(connection.execute(query.order_by(ModelReview.id)).scalars())


def pauses_of(connection: Connection, name: str) -> list[tuple[int, str, int | None]]:
    """The pauses in force of a category: id, kind, model review."""
    query = select(Pause.id, Pause.kind, Pause.model_review_id).where(Pause.category == name, Pause.until.is_(None))
    return [(row.id, row.kind, row.model_review_id) for row in connection.execute(query.order_by(Pause.id))]


def rename(connection: Connection, old: str, new: str) -> None:
    """Let every table say `new` where it said `old`; the trail keeps what it said."""
    for column in _OF_NAME:
        connection.execute(update(column.class_).where(column == old).values({column.key: new}))
    for person, skills in _skills(connection):
        if old in (skills or ()):
            known = sorted({new if skill == old else skill for skill in skills})
            connection.execute(update(Person).where(Person.name == person).values(skills=known))


def carry_watches(connection: Connection, old: str, new: str) -> None:
    """What the watches know of `old` is known of `new`, of which they knew nothing."""
    connection.execute(delete(BreakerState).where(BreakerState.category == new))
    connection.execute(update(BreakerState).where(BreakerState.category == old).values(category=new))
    mine = and_(Reading.watch.in_(("audits", "breaker", "blind_share")), Reading.subject == old)
    connection.execute(update(Reading).where(mine).values(subject=new))


def forget(connection: Connection, old: str) -> None:
    """Let what waits propose nothing where it proposed `old`; what was decided stays as it was."""
    waits = exists().where(Case.id == Route.case_id, Case.state == State.QUEUED)
    connection.execute(update(Route).where(Route.category == old, waits).values(category=None))
    for column in (WorkItem.category, WorkItem.shown_label):
        named = update(WorkItem).where(column == old, WorkItem.state == "open")
        connection.execute(named.values({column.key: None}))
    connection.execute(delete(BreakerState).where(BreakerState.category == old))


def current_names(connection: Connection) -> Mapping[str, str]:
    """What categories that were renamed or retired are called now; one that nothing took the place of is not there."""
    names: dict[str, str] = {}
    for event in reversed(trail.newest(connection, Sought(kind=MOVED), limit=_REMEMBERED)):
        old, new = str(event.body["category"]), event.body["to"]
        names = {name: new if now == old else now for name, now in names.items()} | {old: new}
    return {name: now for name, now in names.items() if now is not None and now != name}


def _skills(connection: Connection) -> list[tuple[str, list[str]]]:
    return [(row.name, row.skills or []) for row in connection.execute(select(Person.name, Person.skills))]
