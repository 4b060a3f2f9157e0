"""What people's quality is measured on: gold answers, decisions with their time, two opinions of one case, audits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, Text, and_, bindparam, case, exists, func, literal, or_, select

from handrail.gold import GoldAnswer, GoldCandidate, GoldTest, Ordinary
from handrail.labels import Status
from handrail.store import trail
from handrail.store.frames import frame
from handrail.store.labels import PRACTISED, SLIPPED_IN, items_of
from handrail.store.schema import (
    AuditDraw,
    Case,
    CaseInput,
    Decision,
    GoldCase,
    Label,
    Prediction,
    Qualification,
    Recheck,
    Route,
    Skip,
    WorkItem,
)

_COMPARED = ("review", "audit", "second", "recheck", "adjudication")
_ORDINARY = ("review", "audit", "second")
TEST_OPENED = "person.test_opened"
_EVERY_TEST = 100_000
_RECENT = 200
"""Newest routes whose confidences count as ordinary, and newest cases whose fields do."""
_SHARED = 10
"""So many of them have the same value: it is a channel or a country, and nobody's own."""


def newest_decision(connection: Connection, person: str) -> int:
    """The number of the newest decision of `person`, 0 before any."""
    return connection.execute(_NEWEST, {"by": person}).scalar() or 0


_NEWEST = select(Decision.id).where(Decision.actor == bindparam("by")).order_by(Decision.id.desc()).limit(1)


def decided_since(connection: Connection, person: str, since: datetime) -> int:
    """How many cases `person` has decided since then, gold left out."""
    theirs = select(func.count()).where(Decision.actor == person, Decision.decided_at >= since, Decision.kind != "gold")
    return int(connection.execute(theirs).scalar_one())


def has_open_gold(connection: Connection, person: str) -> bool:
    """Does a gold case wait for `person`, of a test or slipped in?"""
    query = select(WorkItem.id).where(WorkItem.kind == "gold", WorkItem.state == "open", WorkItem.assigned_to == person)
    return connection.execute(query.limit(1)).first() is not None


def unseen_gold(connection: Connection, person: str) -> pd.DataFrame:
    """Gold cases in use that `person` neither attested, decided, held nor handed over: case_id, label, by case."""
    return frame(connection, _unseen(person))


def _unseen(person: str) -> Select[Any]:
    decided = exists().where(Decision.case_id == GoldCase.case_id, Decision.actor == person)
    passed_on = exists().where(Skip.work_item_id == WorkItem.id, Skip.person == person)
    met = exists().where(
        WorkItem.case_id == GoldCase.case_id, or_(WorkItem.holder == person, WorkItem.assigned_to == person, passed_on)
    )
    return (
        select(GoldCase.case_id, GoldCase.label)
        .join(CaseInput, CaseInput.case_id == GoldCase.case_id)
        .where(
            GoldCase.retired_at.is_(None),
            GoldCase.attested_by != person,
            CaseInput.redacted.is_not(None),
            ~decided,
            ~met,
        )
        .order_by(GoldCase.case_id)
    )


def candidates(connection: Connection, person: str) -> list[GoldCandidate]:
    """What could be slipped in among the work of `person`, by case."""
    return [
        GoldCandidate(row.case_id, row.label, _given(row.fields), bool(row.flags))
        for row in connection.execute(_unseen(person).add_columns(Case.fields, Case.flags).join(Case))
    ]


def _given(fields: Mapping[str, str] | None) -> frozenset[str]:
    return frozenset(name for name, value in (fields or {}).items() if value not in (None, ""))


@dataclass(frozen=True, slots=True)
class Commonplace:
    """What the newest cases have in common: `fields`, each with its commonest value, and their `amounts` in order.

    A value is one that so many share that it tells of nobody; without amounts most cases have none.
    """

    fields: dict[str, str]
    amounts: list[float]


def commonplace(connection: Connection) -> Commonplace:
    """What a letter that somebody has made up needs to look like the newest cases."""
    query = select(Case.fields, Case.amount, Case.flags).where(~Case.history, Case.consent)
    newest = connection.execute(query.order_by(Case.id.desc()).limit(_RECENT)).all()
    amounts = sorted(row.amount for row in newest if row.amount is not None and not row.flags)
    return Commonplace(
        _shared_fields([row.fields for row in newest]), amounts if 2 * len(amounts) > len(newest) else []
    )


def _shared_fields(newest: Sequence[Mapping[str, str]]) -> dict[str, str]:
    shared: dict[str, Counter[str]] = {}
    for fields in newest:
        for name in _given(fields):
            shared.setdefault(name, Counter())[fields[name]] += 1
    most = {name: values.most_common(1)[0] for name, values in shared.items()}
    return {name: value for name, (value, count) in most.items() if count >= _SHARED}


def untold_gold(connection: Connection, person: str) -> set[int]:
    """Gold cases whose attested category `person` neither gave nor was told; of an open test they are told nothing."""
    done = [items_of(test) for test in tests(connection, person) if test.passed is not None]
    told = (
        select(Decision.case_id)
        .join(WorkItem, WorkItem.id == Decision.work_item_id, isouter=True)
        .where(
            Decision.actor == person,
            Decision.kind == "gold",
            or_(PRACTISED, SLIPPED_IN, *(WorkItem.id.in_(items) for items in done)),
        )
    )
    query = select(GoldCase.case_id).where(GoldCase.attested_by != person, GoldCase.case_id.not_in(told))
    return set(connection.execute(query).scalars())


def next_ordinary(connection: Connection) -> Ordinary | None:
    """The ordinary work that is due first; None while nothing waits."""
    waits = and_(WorkItem.state == "open", WorkItem.kind.in_(_ORDINARY), WorkItem.assigned_to.is_(None))
    query = (
        select(WorkItem.opened_at, WorkItem.due_at, Case.received_at, Case.fields)
        .join(Case, Case.id == WorkItem.case_id)
        .where(waits)
        .order_by(WorkItem.due_at, WorkItem.id)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    first = connection.execute(select(func.min(WorkItem.case_id)).where(waits)).scalar_one()
    return Ordinary(row.opened_at, row.due_at, row.received_at, _given(row.fields), first)


def predicted(connection: Connection, case_id: int) -> list[str]:
    """What models said of a case, the newest first."""
    query = select(Prediction.label).where(Prediction.case_id == case_id).order_by(Prediction.id.desc())
    return list(connection.execute(query).scalars())


def mistaken_for(connection: Connection, label: str, *, since: datetime) -> dict[str, int]:
    """What models suggested for cases that people then moved to `label`, and how often."""
    query = (
        select(Decision.proposed, func.count())
        .where(
            Decision.kind == "review",
            Decision.decided_at >= since,
            Decision.outcome == "override",
            Decision.label == label,
            Decision.proposed.is_not(None),
        )
        .group_by(Decision.proposed)
    )
    return {str(name): count for name, count in connection.execute(query)}


def quick_confidences(connection: Connection) -> list[float]:
    """With which confidences quick work came lately, lowest first."""
    newest = (
        select(Route.confidence)
        .where(Route.queue == "B", Route.confidence.is_not(None), ~Route.suggestion_hidden)
        .order_by(Route.assigned_at.desc(), Route.case_id.desc())
        .limit(_RECENT)
    )
    return sorted(value for value in connection.execute(newest).scalars() if value is not None)


def answers(
    connection: Connection,
    person: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> list[GoldAnswer]:
    """How `person` answered the gold cases slipped in, newest first; retired ones count no longer."""
    query = (
        _answers()
        .join(WorkItem, WorkItem.id == Decision.work_item_id)
        .add_columns(WorkItem.shown_label.label("seeded"))
        .where(SLIPPED_IN, Decision.actor == person, GoldCase.retired_at.is_(None))
        .order_by(Decision.id.desc())
        .limit(limit)
    )
    if since is not None:
        query = query.where(Decision.decided_at > since)
    if until is not None:
        query = query.where(Decision.decided_at <= until)
    return _told(connection, query)


def answer(connection: Connection, decision_id: int, person: str) -> GoldAnswer | None:
    """The one of `answers` that one decision of `person` is; None for all other work."""
    query = (
        _answers()
        .join(WorkItem, WorkItem.id == Decision.work_item_id)
        .add_columns(WorkItem.shown_label.label("seeded"))
        .where(SLIPPED_IN, Decision.id == decision_id, Decision.actor == person)
    )
    found = _told(connection, query)
    return found[0] if found else None


def test_answers(connection: Connection, test: GoldTest) -> list[GoldAnswer]:
    """The answers to one test in the order they were given."""
    query = (
        _answers()
        .add_columns(GoldCase.retired_at)
        .where(Decision.work_item_id.in_(items_of(test)))
        .order_by(Decision.id)
    )
    return _told(connection, query)


def practised(connection: Connection, person: str, limit: int) -> list[GoldAnswer]:
    """Newest answers to practice cases."""
    query = _answers().where(PRACTISED, Decision.actor == person).order_by(Decision.id.desc()).limit(limit)
    return _told(connection, query)


def _answers() -> Any:  # noqa: ANN401 - a select of these columns
    return select(
        Decision.case_id,
        Decision.label.label("answer"),
        GoldCase.label.label("attested"),
        Decision.outcome,
        Decision.seconds,
        Decision.decided_at,
    ).join(GoldCase, GoldCase.case_id == Decision.case_id)


def _told(connection: Connection, query: Any) -> list[GoldAnswer]:  # noqa: ANN401 - of `_answers`
    return [GoldAnswer(**row) for row in connection.execute(query).mappings()]


def tests(connection: Connection, person: str | None) -> list[GoldTest]:
    """Tests of a person, or of everybody for None, newest first."""
    query = select(Qualification.__table__).order_by(Qualification.id.desc())
    if person is not None:
        query = query.where(Qualification.person == person)
    return [GoldTest(*row) for row in connection.execute(query)]


def begun_anew(connection: Connection) -> dict[str, datetime]:
    """When somebody last passed a test that another person had handed them: their record begins there.

    Who begins a test alone begins no new record: a named person would pass one in time.
    """
    opened = trail.search(connection, kind=TEST_OPENED, limit=_EVERY_TEST)
    handed = {event["test"] for event in opened if event["actor"] != event["person"]}
    ended = [test for test in tests(connection, None) if test.passed and test.id in handed]
    return {test.person: test.closed_at for test in reversed(ended) if test.closed_at is not None}


def decisions(connection: Connection, *, since: datetime) -> pd.DataFrame:
    """What people decided since then, gold cases left out: actor, kind, queue, outcome, blind, seconds, decided_at."""
    query = (
        select(
            Decision.actor,
            Decision.kind,
            WorkItem.queue,
            Decision.outcome,
            Decision.blind,
            Decision.seconds,
            Decision.decided_at,
        )
        .join(WorkItem, WorkItem.id == Decision.work_item_id)
        .where(Decision.decided_at >= since, Decision.kind.not_in(("automatic", "gold")))
        .order_by(Decision.id)
    )
    return frame(connection, query)


def rulings(connection: Connection, *, since: datetime) -> pd.DataFrame:
    """What people said since then of cases that two of them spoke of, oldest first; by whom, and how blindly.

    Of cases whose blind label was drawn to be repeated alone: who is asked because of a doubt meets the hard ones.
    Columns: case_id, actor, kind, blind, outcome, label, reason_code. A label that somebody settled without a work
    item of their own stands as an adjudication. Gold cases are left out.
    """
    drawn = select(Recheck.case_id)
    said = and_(
        Decision.kind.in_(_COMPARED),
        Decision.decided_at >= since,
        Decision.withdrawal_id.is_(None),
        Decision.case_id.in_(drawn),
    )
    settled = and_(
        Label.provenance == "adjudication",
        Label.status == Status.ADJUDICATED,
        Label.labelled_at >= since,
        Label.case_id.in_(drawn),
    )
    twice = select(Decision.case_id).where(said).group_by(Decision.case_id)
    wanted = or_(
        Decision.case_id.in_(twice.having(func.count(Decision.actor.distinct()) > 1)),
        Decision.case_id.in_(select(Label.case_id).where(settled)),
    )
    spoken = select(
        Decision.case_id,
        Decision.actor,
        Decision.kind,
        Decision.blind,
        Decision.outcome,
        Decision.label,
        Decision.reason_code,
    )
    found = frame(connection, spoken.where(said, wanted).order_by(Decision.id))
    words = select(
        Label.case_id,
        Label.reviewer.label("actor"),
        literal("adjudication").label("kind"),
        Label.blind,
        literal("override").label("outcome"),
        Label.label,
        literal(None, Text).label("reason_code"),
    )
    written = frame(connection, words.where(settled, Label.reviewer.is_not(None)).order_by(Label.id))
    return pd.concat([found, written], ignore_index=True)


def audit_sample(connection: Connection, *, since: datetime, now: datetime) -> pd.DataFrame:
    """The audits drawn since then, and those of before that still wait, by stratum.

    Columns: stratum, drawn, done, open, overdue; `drawn` and `done` are of those drawn since.
    """
    fresh, waits = AuditDraw.drawn_at >= since, WorkItem.state == "open"
    query = (
        select(
            AuditDraw.stratum,
            func.sum(case((fresh, 1), else_=0)).label("drawn"),
            func.sum(case((and_(fresh, ~waits), 1), else_=0)).label("done"),
            func.sum(case((waits, 1), else_=0)).label("open"),
            func.sum(case((and_(waits, WorkItem.due_at < now), 1), else_=0)).label("overdue"),
        )
        .join(WorkItem, WorkItem.id == AuditDraw.work_item_id)
        .where(AuditDraw.drawn, or_(fresh, waits))
        .group_by(AuditDraw.stratum)
        .order_by(AuditDraw.stratum)
    )
    return frame(connection, query)
