"""Pauses and the model reviews that must close before a category comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, insert, or_, select, update

from handrail.store.frames import frame
from handrail.store.schema import ModelReview, Pause


@dataclass(frozen=True, slots=True)
class PauseInForce:
    """A pause in force of a category (None: everything), and when its model review was closed, if it has one."""

    id: int
    category: str | None
    kind: str
    reason: str
    actor: str
    since: datetime
    model_review_id: int | None
    review_closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Review:
    """A model review with the evidence that opened it, as JSON; open while `closed_at` is None."""

    id: int
    category: str
    evidence: Mapping[str, Any]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    conclusion: str | None


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
