"""Model versions, the serving row, drift profiles and drifts."""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, insert, select, update

from handrail.store.frames import frame
from handrail.store.schema import Drift, ModelVersion, Profile, Serving


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


def insert_profile(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `profiles`
    """Save a reference profile and return its id."""
    return int(connection.execute(insert(Profile).values(**values).returning(Profile.id)).scalar_one())


def newest_profile(connection: Connection) -> dict[str, Any] | None:
    """The reference that drift is measured against, or None."""
    row = connection.execute(select(Profile.__table__).order_by(Profile.id.desc()).limit(1)).mappings().first()
    return dict(row) if row else None


def insert_drift(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `drifts`
    """Write a drift that was found."""
    return int(connection.execute(insert(Drift).values(**values).returning(Drift.id)).scalar_one())


def drifts(connection: Connection, limit: int = 100) -> pd.DataFrame:
    """Drifts, newest first."""
    return frame(connection, select(Drift.__table__).order_by(Drift.id.desc()).limit(limit))


def newest_shift(connection: Connection) -> datetime | None:
    """When the window began in which the newest drift was found, or None: what came before is other production."""
    return connection.execute(select(Drift.window_from).order_by(Drift.id.desc()).limit(1)).scalar()


def audits_raised(connection: Connection, now: datetime) -> bool:
    """Is a drift young enough to raise the audit rate?"""
    query = select(func.count()).where(Drift.raises_audits_until > now, Drift.found_at <= now)
    return bool(connection.execute(query).scalar_one())
