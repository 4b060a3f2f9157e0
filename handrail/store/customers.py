"""What else a customer has sent: the earlier cases of the same source and customer id."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Select, and_, bindparam, select
from sqlalchemy.orm import aliased

from handrail.case import State
from handrail.store.bulk import ids, one_of
from handrail.store.schema import Case, CaseInput, Decision, Label

MOST = 10
LOOKED_AT = 200
"""So many of a customer's cases are looked through: a shared address may have thousands."""
_ABOUT_THE_CASE = ("automatic", "review", "second", "escalation", "dispute")
"""Kinds of decisions that say what becomes of a case; audits, tests and second labels do not."""
_OPEN = (State.RECEIVED, State.ACCEPTED, State.SCORED, State.QUEUED)

_THIS, _ITS = aliased(Case), aliased(CaseInput)
_EARLIER = (  # built once: the review asks it for every case, and building it takes longer than answering it
    select(Case.id, Case.received_at, Case.state, (Case.source == _THIS.source).label("alike"))
    .select_from(_ITS)
    .join(_THIS, _THIS.id == _ITS.case_id)
    .join(CaseInput, CaseInput.customer_id == _ITS.customer_id)
    .join(Case, Case.id == CaseInput.case_id)
    .where(
        _ITS.case_id == bindparam("case_id"),
        _ITS.customer_id != "",
        Case.id != _ITS.case_id,
        Case.received_at <= _THIS.received_at,
        Case.state != State.QUARANTINED,
    )
    .order_by(Case.received_at.desc(), Case.id.desc())
    .limit(LOOKED_AT)
)


class CaseEnd(NamedTuple):
    """How a case ended.

    `outcome` is approve, override or deny, *waiting* while the case is open, *history* for a known past, None where
    nothing was decided; `category` is None while it waits or where none fits.
    """

    outcome: str | None = None
    category: str | None = None
    automatic: bool = False


WAITS = CaseEnd("waiting")
"""What is told of a case that is open, or whose end is kept from who asks."""
_NOTHING = CaseEnd()


@dataclass(frozen=True, slots=True)
class EarlierCase:
    """A case of the same customer that came before, and its `CaseEnd`."""

    case_id: int
    received_at: datetime
    outcome: str | None
    category: str | None
    automatic: bool

    @property
    def withheld(self) -> Self:
        """The same while nobody may know how it ended."""
        return replace(self, **WAITS._asdict())


def earlier(connection: Connection, case_id: int, *, limit: int = MOST) -> list[EarlierCase]:
    """Cases of the same customer that came before this one, newest first; none where the source names no customer."""
    # Two sources may use the same id. Asked for in SQL, SQLite would walk all cases of the source.
    cases = [one for one in connection.execute(_EARLIER, {"case_id": case_id}) if one.alike][:limit]
    if not cases:
        return []
    ends = _ends(connection, [one.id for one in cases])
    ended = [WAITS if one.state in _OPEN else ends.get(one.id, _NOTHING) for one in cases]
    return [EarlierCase(one.id, one.received_at, *end) for one, end in zip(cases, ended, strict=True)]


def _ends(connection: Connection, case_ids: list[int]) -> dict[int, CaseEnd]:
    """How these cases ended: by the newest decision about them, else as their history says."""
    known, dialect = {"ids": ids(connection, case_ids)}, connection.dialect.name
    found = {case_id: CaseEnd("history", label) for case_id, label in connection.execute(_known(dialect), known)}
    for case_id, outcome, label, kind in connection.execute(_decided(dialect), known):
        found[case_id] = CaseEnd(str(outcome), label, kind == "automatic")
    return found


@cache
def _known(dialect: str) -> Select[Any]:
    return select(Label.case_id, Label.label).where(one_of(dialect, Label.case_id), Label.provenance == "history")


@cache
def _decided(dialect: str) -> Select[Any]:
    about = and_(one_of(dialect, Decision.case_id), Decision.kind.in_(_ABOUT_THE_CASE))
    return select(Decision.case_id, Decision.outcome, Decision.label, Decision.kind).where(about).order_by(Decision.id)
