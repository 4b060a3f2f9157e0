"""What is in force beside the policy: stages, pauses, model reviews, watches, people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from handrail.policy import Policy, Stage
from handrail.store.frames import frame
from handrail.store.schema import ModelReview, Pause, Person, StageChange, Watch


def insert_stage(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `stage_changes`
    """Record a stage change."""
    connection.execute(insert(StageChange).values(**values))


def stage_rows(connection: Connection) -> dict[str, str]:
    """The newest change of each category's stage, as the row names it."""
    newest = select(func.max(StageChange.id)).group_by(StageChange.category)
    changed = connection.execute(select(StageChange.category, StageChange.stage).where(StageChange.id.in_(newest)))
    return {category: stage for category, stage in changed}


def in_stages(policy: Policy, rows: Mapping[str, str]) -> dict[str, Stage]:
    """The stage of every category: its newest change, else the policy's; what is no stage leaves all to people."""
    changed = {name: Stage(row) if row in _STAGES else Stage.MANUAL for name, row in rows.items()}
    return {name: changed.get(name, rules.stage) for name, rules in policy.categories.items()}


_STAGES = frozenset(Stage)


def stages(connection: Connection, policy: Policy) -> dict[str, Stage]:
    """The stage of every category, as `in_stages` says."""
    return in_stages(policy, stage_rows(connection))


def insert_pause(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `pauses`
    """Record a pause and return its id."""
    return int(connection.execute(insert(Pause).values(**values).returning(Pause.id)).scalar_one())


def pauses(connection: Connection) -> pd.DataFrame:
    """Pauses in force, with the state of their model review."""
    query = (
        select(
            Pause.id,
            Pause.category,
            Pause.kind,
            Pause.reason,
            Pause.actor,
            Pause.since,
            Pause.model_review_id,
            ModelReview.closed_at.label("review_closed_at"),
        )
        .join(ModelReview, ModelReview.id == Pause.model_review_id, isouter=True)
        .where(Pause.until.is_(None))
        .order_by(Pause.id)
    )
    return frame(connection, query)


def paused(connection: Connection) -> frozenset[str | None]:
    """What is paused; None is everything."""
    return frozenset(connection.execute(select(Pause.category).where(Pause.until.is_(None))).scalars())


def end_pauses(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """End pauses."""
    connection.execute(update(Pause).where(Pause.id.in_(list(ids))).values(until=now))


def last_resume(connection: Connection, category: str) -> datetime | None:
    """When the category last came back; the breaker begins afresh there."""
    query = select(func.max(Pause.until)).where(or_(Pause.category == category, Pause.category.is_(None)))
    return connection.execute(query).scalar()


def insert_review(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `model_reviews`
    """Open a model review and return its id."""
    return int(connection.execute(insert(ModelReview).values(**values).returning(ModelReview.id)).scalar_one())


def reviews(connection: Connection, *, only_open: bool = True) -> pd.DataFrame:
    """Model reviews, newest last."""
    query = select(ModelReview.__table__).order_by(ModelReview.id)
    return frame(connection, query.where(ModelReview.closed_at.is_(None)) if only_open else query)


def close_review(connection: Connection, review_id: int, *, actor: str, conclusion: str, now: datetime) -> bool:
    """Close a model review; False when there is no open one with this id."""
    statement = (
        update(ModelReview)
        .where(ModelReview.id == review_id, ModelReview.closed_at.is_(None))
        .values(closed_at=now, closed_by=actor, conclusion=conclusion)
    )
    return connection.execute(statement).rowcount == 1


def beat(connection: Connection, name: str, now: datetime) -> None:
    """Note that a watch succeeded."""
    changed = connection.execute(update(Watch).where(Watch.name == name).values(succeeded_at=now))
    if changed.rowcount == 0:
        connection.execute(insert(Watch).values(name=name, succeeded_at=now))


def watches(connection: Connection) -> dict[str, datetime]:
    """When each watch last succeeded."""
    return {name: at for name, at in connection.execute(select(Watch.name, Watch.succeeded_at))}


def save_person(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `people`
    """Add a person, or replace what is known of them."""
    changed = connection.execute(update(Person).where(Person.name == values["name"]).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(Person).values(**values))


def person(connection: Connection, name: str) -> dict[str, Any] | None:
    """One active person, or None."""
    row = connection.execute(_PERSON, {"who": name}).mappings().first()
    return dict(row) if row else None


_PERSON = select(Person.__table__).where(Person.name == bindparam("who"), Person.active)


def people(connection: Connection) -> pd.DataFrame:
    """Everybody, by name."""
    return frame(connection, select(Person.__table__).order_by(Person.name))
