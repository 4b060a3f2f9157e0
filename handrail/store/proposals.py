"""Acts that wait for a second person."""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, or_, select, update

from handrail.store.frames import frame
from handrail.store.schema import Proposal


def insert_proposal(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `proposals`
    """Write a proposal and return its number."""
    return int(connection.execute(insert(Proposal).values(**values).returning(Proposal.id)).scalar_one())


def proposal(connection: Connection, number: int) -> dict[str, Any] | None:
    """One proposal, settled or not, or None."""
    row = connection.execute(select(Proposal.__table__).where(Proposal.id == number)).mappings().first()
    return dict(row) if row else None


def waiting(connection: Connection, now: datetime) -> pd.DataFrame:
    """Proposals that somebody may still confirm, oldest first."""
    query = select(Proposal.__table__).where(Proposal.settled_at.is_(None), Proposal.expires_at > now)
    return frame(connection, query.order_by(Proposal.id))


def over(connection: Connection, now: datetime, limit: int) -> pd.DataFrame:
    """Proposals that were settled, or ran out (their outcome is null), newest first."""
    query = select(Proposal.__table__).where(or_(Proposal.settled_at.is_not(None), Proposal.expires_at <= now))
    return frame(connection, query.order_by(Proposal.id.desc()).limit(limit))


def settle(connection: Connection, number: int, outcome: str, *, actor: str, now: datetime) -> None:
    """Note what became of a proposal."""
    one = update(Proposal).where(Proposal.id == number)
    connection.execute(one.values(outcome=outcome, settled_by=actor, settled_at=now))
