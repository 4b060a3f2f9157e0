"""Model versions, and the row that says which one serves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select, update

from handrail.store import schema
from handrail.store.frames import frame


def insert_version(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `model_versions`
    """Write down a registered version."""
    connection.execute(insert(schema.ModelVersion).values(**values))


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of the registry: what it learnt from, its figures on data never trained on, and how it stands.

    `rebuild` is all that one needs to train it once more, `judgement` the gates' last word: JSON as the registry and
    the gates wrote it.
    """

    version: str
    run_id: str
    status: str
    artifact_digest: str
    dataset_digest: str
    policy_version: str
    labels: int
    cause: str
    metrics: dict[str, float]
    novelty_threshold: float
    registered_at: datetime
    kind: str
    rebuild: dict[str, Any] | None
    judgement: dict[str, Any] | None
    trained_until: datetime | None


def version(connection: Connection, name: str) -> ModelVersion | None:
    """One version, or None."""
    row = (
        connection.execute(select(schema.ModelVersion.__table__).where(schema.ModelVersion.version == name))
        .mappings()
        .first()
    )
    return None if row is None else ModelVersion(**row)


def versions(connection: Connection) -> pd.DataFrame:
    """All versions, oldest first."""
    return frame(
        connection,
        select(schema.ModelVersion.__table__).order_by(schema.ModelVersion.registered_at, schema.ModelVersion.version),
    )


def set_status(connection: Connection, name: str, status: str) -> None:
    """Change a version's status."""
    connection.execute(update(schema.ModelVersion).where(schema.ModelVersion.version == name).values(status=status))


def set_judgement(connection: Connection, name: str, judgement: dict[str, Any]) -> None:
    """Write the gates' last word on a version."""
    connection.execute(
        update(schema.ModelVersion).where(schema.ModelVersion.version == name).values(judgement=judgement)
    )


@dataclass(frozen=True, slots=True)
class Serving:
    """Which version serves since when, what a rollback returns to, and which one is scored beside it.

    Nothing before the first model.
    """

    model_version: str | None = None
    previous: str | None = None
    challenger: str | None = None
    since: datetime | None = None


def serving(connection: Connection) -> Serving:
    """What serves."""
    query = select(
        schema.Serving.model_version, schema.Serving.previous, schema.Serving.challenger, schema.Serving.since
    ).where(schema.Serving.id == 1)
    row = connection.execute(query).first()
    return Serving() if row is None else Serving(*row)


def set_serving(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `serving`
    """Change the serving row."""
    if connection.execute(update(schema.Serving).where(schema.Serving.id == 1).values(**values)).rowcount == 0:
        connection.execute(insert(schema.Serving).values(id=1, **values))
