"""Blind labels drawn to be repeated: the draws with their chances, and what everybody said of their cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import ColumnElement, Connection, String, and_, case, cast, func, literal, null, or_, select, true

from handrail.labels import Status
from handrail.store.bulk import insert_rows, row_of
from handrail.store.contradictions import LOOKED
from handrail.store.frames import frame
from handrail.store.labels import FIRST_LOOKS
from handrail.store.schema import Contradiction, Decision, Label, Recheck

_NO_OPINIONS = ("automatic", "gold", "escalation", "dispute")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewRecheck:
    """A draw: the decision that gave the blind label, whose it was, and the chance of being drawn."""

    decision_id: int
    case_id: int
    person: str
    chance: float
    drawn_at: datetime


def insert(connection: Connection, drawn: Sequence[NewRecheck]) -> None:
    """Write draws."""
    insert_rows(connection, Recheck, [row_of(one) for one in drawn])


def blind_labels(connection: Connection, person: str, *, until: datetime, days: int) -> list[int]:
    """How many first blind labels `person` gave on each of the `days` before `until`."""
    since = until - days * _DAY
    starts = [since + day * _DAY for day in range(days)]
    counted = [func.sum(case((_between(start, start + _DAY), 1), else_=0)) for start in starts]
    query = select(*counted).where(
        Decision.actor == person,
        Decision.blind,
        Decision.kind.in_(FIRST_LOOKS),
        Decision.label.is_not(None),
        _between(since, until),
    )
    return [int(count or 0) for count in connection.execute(query).one()]


def _between(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(Decision.decided_at >= since, Decision.decided_at < until)


def drawn(connection: Connection, person: str, *, since: datetime, until: datetime) -> int:
    """How many labels of `person` were drawn in this time."""
    query = select(func.count()).where(Recheck.person == person, Recheck.drawn_at >= since, Recheck.drawn_at < until)
    return int(connection.execute(query).scalar_one())


def draws(connection: Connection, *, since: datetime) -> pd.DataFrame:
    """The draws since then, in order, with what the label said.

    Columns: case_id, person, chance, drawn_at, outcome, label, reason_code, trained (when it was given), counts (a
    trained person's, and not withdrawn).
    """
    trained = or_(Decision.trained.is_(true()), Decision.withdrawal_id.is_not(None))
    query = (
        select(
            Recheck.case_id,
            Recheck.person,
            Recheck.chance,
            Recheck.drawn_at,
            Decision.outcome,
            Decision.label,
            Decision.reason_code,
            trained.label("trained"),
            and_(trained, Decision.withdrawal_id.is_(None)).label("counts"),
        )
        .join(Decision, Decision.id == Recheck.decision_id)
        .where(Recheck.drawn_at >= since)
        .order_by(Recheck.decision_id)
    )
    return frame(connection, query)


def opinions(connection: Connection, *, since: datetime) -> pd.DataFrame:
    """What others said blindly of the cases drawn since then, in order; a settlement by a person counts for all.

    Columns: case_id, person, outcome, label, reason_code, at, settles, counts (trained then, and not withdrawn).
    """
    ids = select(Recheck.case_id).where(Recheck.drawn_at >= since)
    spoken = (
        select(
            Decision.case_id,
            Decision.actor.label("person"),
            Decision.outcome,
            Decision.label,
            Decision.reason_code,
            Decision.decided_at.label("at"),
            (Decision.kind == "adjudication").label("settles"),
            or_(Decision.trained.is_(true()), Decision.kind == "adjudication").label("counts"),
        )
        .where(Decision.case_id.in_(ids), Decision.blind, Decision.kind.not_in(_NO_OPINIONS))
        .where(or_(Decision.withdrawal_id.is_(None), Decision.kind != "adjudication"))
        .order_by(Decision.id)
    )
    # A label that a curator settled has no decision of its own where there was no work on it.
    written = (
        select(
            Label.case_id,
            Label.reviewer.label("person"),
            literal("override").label("outcome"),
            Label.label,
            Label.reason_code,
            Label.labelled_at.label("at"),
            literal(True).label("settles"),  # noqa: FBT003 - a column of truths
            literal(True).label("counts"),  # noqa: FBT003
        )
        .where(Label.case_id.in_(ids), Label.provenance == "adjudication", Label.status == Status.ADJUDICATED)
        .where(Label.reviewer.is_not(None))
        .order_by(Label.id)
    )
    # Two against a label, one of them the model, settle a difference: nobody is asked for a third word.
    looked = (
        select(
            Contradiction.case_id,
            literal("").label("person"),
            literal("override").label("outcome"),
            Contradiction.label,
            cast(null(), String).label("reason_code"),
            Contradiction.settled_at.label("at"),
            literal(True).label("settles"),  # noqa: FBT003
            literal(True).label("counts"),  # noqa: FBT003
        )
        .where(Contradiction.case_id.in_(ids), Contradiction.settled_by == LOOKED, Contradiction.label.is_not(None))
        .order_by(Contradiction.settled_at, Contradiction.case_id)
    )
    return pd.concat([frame(connection, query) for query in (looked, spoken, written)], ignore_index=True)
