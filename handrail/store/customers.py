"""What else a customer has sent: the earlier cases of the same source and customer id."""

from functools import cache
from typing import Any

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


def earlier(connection: Connection, case_id: int, *, limit: int = MOST) -> list[dict[str, Any]]:
    """Cases of the same customer that came before this one, newest first; none where the source names no customer.

    Each is a mapping of case_id, received_at, `outcome` (approve, override, deny; *waiting* while it is open,
    *history* for a known past, None where nothing was decided), `category` (None while it waits or where none fits)
    and `automatic`.
    """
    # Two sources may use the same id. Asked for in SQL, SQLite would walk all cases of the source.
    cases = [one for one in connection.execute(_EARLIER, {"case_id": case_id}) if one.alike][:limit]
    if not cases:
        return []
    ends = _ends(connection, [one.id for one in cases])
    return [
        {
            "case_id": one.id,
            "received_at": one.received_at,
            **(WAITS if one.state in _OPEN else ends.get(one.id, _NOTHING)),
        }
        for one in cases
    ]


WAITS = {"outcome": "waiting", "category": None, "automatic": False}
"""What is told of a case that is open, or whose end is kept from who asks."""
_NOTHING = {"outcome": None, "category": None, "automatic": False}


def _ends(connection: Connection, case_ids: list[int]) -> dict[int, dict[str, Any]]:
    """How these cases ended: by the newest decision about them, else as their history says."""
    known, dialect = {"ids": ids(connection, case_ids)}, connection.dialect.name
    found = {
        case_id: {"outcome": "history", "category": label, "automatic": False}
        for case_id, label in connection.execute(_known(dialect), known)
    }
    for case_id, outcome, label, kind in connection.execute(_decided(dialect), known):
        found[case_id] = {"outcome": str(outcome), "category": label, "automatic": kind == "automatic"}
    return found


@cache
def _known(dialect: str) -> Select[Any]:
    return select(Label.case_id, Label.label).where(one_of(dialect, Label.case_id), Label.provenance == "history")


@cache
def _decided(dialect: str) -> Select[Any]:
    about = and_(one_of(dialect, Decision.case_id), Decision.kind.in_(_ABOUT_THE_CASE))
    return select(Decision.case_id, Decision.outcome, Decision.label, Decision.kind).where(about).order_by(Decision.id)
