"""Drift profiles, and the drifts that were found."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, and_, func, insert, select

from handrail.policy import Policy
from handrail.store import readable
from handrail.store.frames import frame, within
from handrail.store.schema import Case, Drift, Prediction, Profile
from handrail.window import Window


def insert_profile(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `profiles`
    """Save a reference profile and return its id."""
    return int(connection.execute(insert(Profile).values(**values).returning(Profile.id)).scalar_one())


@dataclass(frozen=True, slots=True)
class Reference:
    """What drift is measured against: the profile of a window's cases, its columns and terms as JSON in `body`."""

    id: int
    model_version: str | None
    cause: str
    built_at: datetime
    window_from: datetime
    window_to: datetime
    cases: int
    body: str


def newest_profile(connection: Connection) -> Reference | None:
    """The reference that drift is measured against, or None."""
    row = connection.execute(select(Profile.__table__).order_by(Profile.id.desc()).limit(1)).first()
    return None if row is None else Reference(*row)


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


def received(connection: Connection, policy: Policy, window: Window, *, version: str | None) -> pd.DataFrame:
    """Cases received in the window as the drift watch sees them; those without a text are among them.

    Columns: case_id, external_id, text (redacted), amount, fields, label, confidence, novelty, novel (of `version`;
    NaN where it did not score).
    """
    query = (
        readable.view(
            Case.external_id,
            Prediction.label,
            Prediction.confidence,
            Prediction.novelty,
            Prediction.novel,
            with_text=False,
        )
        .join(Prediction, and_(Prediction.case_id == Case.id, Prediction.model_version == version), isouter=True)
        .where(within(Case.received_at, window), ~Case.history)
        .order_by(Case.id)
    )
    return readable.read(connection, query, policy)
