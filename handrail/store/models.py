"""Model versions, the serving row, drift profiles and drifts."""

from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select, update

from handrail.store.frames import frame
from handrail.store.schema import ModelVersion, Serving


def insert_version(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `model_versions`
    """Write down a registered version."""
    connection.execute(insert(ModelVersion).values(**values))


def version(connection: Connection, name: str) -> dict[str, Any] | None:
    """One version as a mapping, or None."""
    row = connection.execute(select(ModelVersion.__table__).where(ModelVersion.version == name)).mappings().first()
    return dict(row) if row else None


def versions(connection: Connection) -> pd.DataFrame:
    """All versions, oldest first."""
    return frame(connection, select(ModelVersion.__table__).order_by(ModelVersion.registered_at, ModelVersion.version))


def set_status(connection: Connection, name: str, status: str) -> None:
    """Change a version's status."""
    connection.execute(update(ModelVersion).where(ModelVersion.version == name).values(status=status))


def set_judgement(connection: Connection, name: str, judgement: dict[str, Any]) -> None:
    """Write the gates' last word on a version."""
    connection.execute(update(ModelVersion).where(ModelVersion.version == name).values(judgement=judgement))


def serving(connection: Connection) -> dict[str, Any]:
    """The serving row: model_version, previous, challenger, since; versions are None before the first model."""
    row = connection.execute(select(Serving.__table__).where(Serving.id == 1)).mappings().first()
    return dict(row) if row else {"model_version": None, "previous": None, "challenger": None, "since": None}


def set_serving(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `serving`
    """Change the serving row."""
    if connection.execute(update(Serving).where(Serving.id == 1).values(**values)).rowcount == 0:
        connection.execute(insert(Serving).values(id=1, **values))
