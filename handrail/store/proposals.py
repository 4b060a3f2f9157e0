"""Acts that wait for a second person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from sqlalchemy import Connection, insert, select, update

from handrail.store import schema


class ResumeArguments(TypedDict):
    """What a resume does: the pauses that it ends, and the stage at most that the breaker leaves the category at."""

    category: str | None
    pauses: list[int]
    to: str | None


StageArguments = TypedDict("StageArguments", {"category": str, "from": str, "to": str})
"""What a change of stage does."""


class PromoteArguments(TypedDict):
    """What a promotion does: the version that would serve, and the one that it replaces."""

    version: str
    previous: str | None


class RollBackArguments(TypedDict):
    """What a rollback does: the version that it bars, or leaves in a rehearsal."""

    version: str
    rehearsal: NotRequired[bool]


Arguments = ResumeArguments | StageArguments | PromoteArguments | RollBackArguments
"""What an act would do, as it stands in a proposal and in the trail."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An act that somebody asks for; `arguments` are what was foreseen of it, and without `outcome` it waits."""

    id: int
    act: str
    arguments: dict[str, Any]
    reason: str
    proposer: str
    proposed_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    settled_by: str | None
    outcome: str | None


def insert_proposal(
    connection: Connection,
    *,
    act: str,
    arguments: Arguments,
    reason: str,
    proposer: str,
    proposed_at: datetime,
    expires_at: datetime,
) -> int:
    """Write a proposal and return its number."""
    new = insert(schema.Proposal).values(
        act=act,
        arguments=arguments,
        reason=reason,
        proposer=proposer,
        proposed_at=proposed_at,
        expires_at=expires_at,
    )
    return int(connection.execute(new.returning(schema.Proposal.id)).scalar_one())


def proposal(connection: Connection, number: int) -> Proposal | None:
    """One proposal, settled or not, or None."""
    row = connection.execute(select(schema.Proposal.__table__).where(schema.Proposal.id == number)).first()
    return None if row is None else Proposal(*row)


def waiting(connection: Connection, now: datetime) -> list[Proposal]:
    """Proposals that somebody may still confirm, oldest first."""
    query = select(schema.Proposal.__table__).where(
        schema.Proposal.settled_at.is_(None), schema.Proposal.expires_at > now
    )
    return [Proposal(*row) for row in connection.execute(query.order_by(schema.Proposal.id))]


def settle(connection: Connection, number: int, outcome: str, *, actor: str, now: datetime) -> None:
    """Note what became of a proposal."""
    one = update(schema.Proposal).where(schema.Proposal.id == number)
    connection.execute(one.values(outcome=outcome, settled_by=actor, settled_at=now))
