"""Labels with their standing, gold cases, and the tests that qualify reviewers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    Connection,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import aliased

from handrail import gold as gold_rules
from handrail.gold import GoldTest, OpenTest
from handrail.labels import NewLabel, Status
from handrail.policy import Policy
from handrail.store import readable
from handrail.store.bulk import insert_rows, row_of
from handrail.store.cases import chunks
from handrail.store.frames import frame
from handrail.store.schema import (
    AuditDraw,
    Case,
    CaseInput,
    Decision,
    GoldCase,
    Label,
    Outbox,
    Qualification,
    Recheck,
    Route,
    WorkItem,
)

TRAINING = ("imported", "accepted", "adjudicated")

FIRST_LOOKS = ("review", "audit")
"""Kinds of work whose blind label may be repeated by another person."""
_LOOKS = (*FIRST_LOOKS, "second", "recheck")
_GOLD_WORK = WorkItem.kind == "gold"
IN_TEST = and_(_GOLD_WORK, WorkItem.queue == gold_rules.queue_of(slipped_in=False))
SLIPPED_IN = and_(_GOLD_WORK, WorkItem.queue == gold_rules.queue_of(slipped_in=True))
PRACTISED = and_(Decision.kind == "gold", Decision.work_item_id.is_(None))
"""Practice is no work that waits: only its answer is kept."""


@dataclass(frozen=True, slots=True)
class BlindLabel:
    """The label that somebody gave a case without seeing a suggestion, and its standing."""

    label: str
    status: str


def first_blind(connection: Connection, ids: Sequence[int]) -> dict[int, BlindLabel]:
    """The blind label of each case that its second review is compared with."""
    found: dict[int, BlindLabel] = {}
    for part in chunks(ids):
        query = (
            select(Label.case_id, Label.label, Label.status)
            .where(Label.case_id.in_(part), Label.blind, Label.provenance.in_(FIRST_LOOKS))
            .where(Label.status != Status.WITHDRAWN)
            .order_by(Label.status == "accepted", Label.id)  # a trained person's before anybody else's
        )
        found.update({case_id: BlindLabel(label, status) for case_id, label, status in connection.execute(query)})
    return found


def unsettle(connection: Connection, ids: Sequence[int]) -> None:
    """Make the accepted blind labels of these cases provisional: two people differ."""
    for part in chunks(ids):
        blind = update(Label).where(Label.case_id.in_(part), Label.blind, Label.status == "accepted")
        connection.execute(blind.values(status="provisional"))


def opinions(
    connection: Connection, *, since: datetime, at_random: bool = False, trained: bool = False
) -> pd.DataFrame:
    """Blind rulings since then on cases that two people or more ruled on blindly, in order.

    With `at_random` only of cases that chance chose to be repeated, `trained` only of people trained then. Columns:
    case_id, reviewer, outcome, label, reason_code. Gold cases are left out, as what was withdrawn is.
    """
    blind = and_(
        Decision.blind, Decision.kind.in_(_LOOKS), Decision.decided_at >= since, Decision.withdrawal_id.is_(None)
    )
    blind = and_(blind, Decision.case_id.in_(select(Recheck.case_id))) if at_random else blind
    blind = and_(blind, Decision.trained.is_(true())) if trained else blind
    twice = select(Decision.case_id).where(blind).group_by(Decision.case_id)
    query = (
        select(
            Decision.case_id, Decision.actor.label("reviewer"), Decision.outcome, Decision.label, Decision.reason_code
        )
        .where(blind, Decision.case_id.in_(twice.having(func.count(Decision.actor.distinct()) > 1)))
        .order_by(Decision.id)
    )
    return frame(connection, query)


def of_case(connection: Connection, case_id: int) -> pd.DataFrame:
    """All labels of one case, oldest first: label, status, provenance, reviewer, blind, labelled_at."""
    query = select(Label.label, Label.status, Label.provenance, Label.reviewer, Label.blind, Label.labelled_at)
    return frame(connection, query.where(Label.case_id == case_id).order_by(Label.id))


def opinions_on(connection: Connection, case_id: int) -> list[str | None]:
    """The labels that people gave one case blindly, in order; None where one denied without a category."""
    query = select(Decision.label).where(Decision.case_id == case_id, Decision.blind, Decision.kind.in_(_LOOKS))
    return list(connection.execute(query.order_by(Decision.id)).scalars())


def still_blind(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Which of these cases somebody is to decide from the case alone: hidden work waits on them, or they are gold."""
    found: set[int] = set()
    for part in chunks(ids):
        waits = select(WorkItem.case_id).where(
            WorkItem.case_id.in_(part), WorkItem.state == "open", WorkItem.suggestion_hidden
        )
        in_use = select(GoldCase.case_id).where(GoldCase.case_id.in_(part), GoldCase.retired_at.is_(None))
        found |= {*connection.execute(waits).scalars(), *connection.execute(in_use).scalars()}
    return found


def listed(connection: Connection, *, status: str | None, limit: int) -> pd.DataFrame:
    """Labels, newest first, with the category whose action went out for the case, if one did.

    Columns: case_id, label, status, provenance, reviewer, blind, labelled_at, executed; the latter is None while a
    provisional label waits to be settled, for the model may have said it. Asked for provisional ones, it leaves out
    those of cases that have an adjudicated label.
    """
    executed = (
        select(Outbox.category)
        .where(Outbox.case_id == Label.case_id, Outbox.state != "withdrawn")
        .order_by(Outbox.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    settled = select(Label.case_id).where(Label.status == "adjudicated")
    open_ones = and_(Label.status == "provisional", Label.case_id.not_in(settled))
    query = (
        select(
            Label.case_id,
            Label.label,
            Label.status,
            Label.provenance,
            Label.reviewer,
            Label.blind,
            Label.labelled_at,
            case((open_ones, None), else_=executed).label("executed"),
        )
        .where(Label.case_id.not_in(gold_ids()))
        .order_by(Label.id.desc())
        .limit(limit)
    )
    if status is not None:
        query = query.where(Label.status == status)
    if status == "provisional":
        query = query.where(Label.case_id.not_in(settled))
    return frame(connection, query)


def gold_ids() -> Select[tuple[int]]:
    """Every case that was ever attested as gold, for NOT IN: what tests people neither trains nor judges a model."""
    return select(GoldCase.case_id)


def gold(connection: Connection) -> pd.DataFrame:
    """Gold cases by id: case_id, label, origin, attested_by, attested_at, retired_at, tested (how often decided)."""
    tested = select(func.count()).where(Decision.case_id == GoldCase.case_id, Decision.kind == "gold")
    query = select(GoldCase.__table__, tested.scalar_subquery().label("tested")).order_by(GoldCase.case_id)
    return frame(connection, query)


def gold_case(connection: Connection, case_id: int) -> gold_rules.GoldCase | None:
    """One gold case, or None."""
    row = connection.execute(select(GoldCase.__table__).where(GoldCase.case_id == case_id)).first()
    return None if row is None else gold_rules.GoldCase(*row)


def attested(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """The attested category of those of these cases that are gold and in use."""
    found: dict[int, str] = {}
    for part in chunks(ids):
        query = select(GoldCase.case_id, GoldCase.label)
        rows = connection.execute(query.where(GoldCase.case_id.in_(part), GoldCase.retired_at.is_(None)))
        found.update({case_id: label for case_id, label in rows})
    return found


def save_gold(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `gold_cases`
    """Attest a case, or attest a retired one anew."""
    row = {"retired_at": None, **values}
    changed = connection.execute(update(GoldCase).where(GoldCase.case_id == row["case_id"]).values(**row))
    if changed.rowcount == 0:
        connection.execute(insert(GoldCase).values(**row))


def retire_gold(connection: Connection, case_id: int, now: datetime) -> bool:
    """Use a gold case no longer; False when there is none in use."""
    statement = update(GoldCase).where(GoldCase.case_id == case_id, GoldCase.retired_at.is_(None))
    return connection.execute(statement.values(retired_at=now)).rowcount == 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case that might be attested; `waits` says whether work on it is open."""

    history: bool
    state: str
    has_text: bool
    salt: bytes
    redacted: str | None
    waits: bool


def attestable(connection: Connection, case_id: int) -> Candidate | None:
    """What an attestation needs of a case; None where there is none, or its text has been purged."""
    waits = exists().where(WorkItem.case_id == Case.id, WorkItem.state == "open")
    query = (
        select(Case.history, Case.state, Case.has_text, CaseInput.salt, CaseInput.redacted, waits.label("waits"))
        .join(CaseInput, CaseInput.case_id == Case.id)
        .where(Case.id == case_id)
    )
    row = connection.execute(query).first()
    return None if row is None else Candidate(*row)


def testable(connection: Connection, person: str) -> pd.DataFrame:
    """Gold cases that may test `person`: case_id, tested (them, how often).

    Neither attested nor decided by them, and none whose answer they were told when it was slipped in or practised.
    """
    theirs = and_(Decision.case_id == GoldCase.case_id, Decision.actor == person)
    in_test = and_(theirs, Decision.kind == "gold", WorkItem.id == Decision.work_item_id, IN_TEST)
    tested = select(func.count()).select_from(Decision).join(WorkItem, WorkItem.id == Decision.work_item_id)
    query = (
        select(GoldCase.case_id, tested.where(in_test).correlate(GoldCase).scalar_subquery().label("tested"))
        .join(CaseInput, CaseInput.case_id == GoldCase.case_id)
        .where(
            GoldCase.retired_at.is_(None),
            GoldCase.attested_by != person,
            CaseInput.redacted.is_not(None),
            ~exists().where(theirs, or_(Decision.kind != "gold", PRACTISED)),
            ~exists().where(WorkItem.case_id == GoldCase.case_id, SLIPPED_IN, WorkItem.assigned_to == person),
        )
        .order_by(GoldCase.case_id)
    )
    return frame(connection, query)


def open_test(connection: Connection, person: str) -> OpenTest | None:
    """The unfinished test of a person with the number of cases `left`, or None."""
    left = select(func.count()).where(IN_TEST, WorkItem.state == "open", WorkItem.assigned_to == Qualification.person)
    query = select(Qualification.__table__, left.scalar_subquery().label("left")).where(
        Qualification.person == person, Qualification.closed_at.is_(None)
    )
    row = connection.execute(query.order_by(Qualification.id.desc())).first()
    return None if row is None else OpenTest(*row)


def close_slipped_in(connection: Connection, person: str, now: datetime) -> None:
    """Close the gold case among the work of `person`, undecided, and end their lease of a test's case."""
    theirs = and_(_GOLD_WORK, WorkItem.assigned_to == person, WorkItem.state == "open")
    connection.execute(update(WorkItem).where(theirs).values(holder=None, lease_until=None, fence=WorkItem.fence + 1))
    connection.execute(update(WorkItem).where(theirs, SLIPPED_IN).values(state="closed", closed_at=now))


def withdraw_test(connection: Connection, person: str, now: datetime) -> None:
    """Close what is left of a test, undecided."""
    left = update(WorkItem).where(IN_TEST, WorkItem.state == "open", WorkItem.assigned_to == person)
    connection.execute(left.values(state="closed", closed_at=now, lease_until=None))


def close_gold_work(connection: Connection, case_id: int, now: datetime) -> list[str]:
    """Close the open work on a gold case, undecided; whose it was."""
    theirs = update(WorkItem).where(_GOLD_WORK, WorkItem.state == "open", WorkItem.case_id == case_id)
    closed = theirs.values(state="closed", closed_at=now, lease_until=None).returning(WorkItem.assigned_to)
    return sorted({str(person) for person in connection.execute(closed).scalars()})


def insert_test(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `qualifications`
    """Begin a test and return its id."""
    return int(connection.execute(insert(Qualification).values(**values).returning(Qualification.id)).scalar_one())


def close_test(connection: Connection, test_id: int, **values: Any) -> None:  # noqa: ANN401 - columns of `qualifications`
    """Write down how a test ended."""
    connection.execute(update(Qualification).where(Qualification.id == test_id).values(**values))


def items_of(test: GoldTest) -> Select[tuple[int]]:
    """The work items of one test: tests of a person follow each other, and each opened its cases in one go."""
    earlier = select(func.coalesce(func.sum(Qualification.cases), 0)).where(
        Qualification.person == test.person, Qualification.id < test.id
    )
    theirs = select(WorkItem.id).where(IN_TEST, WorkItem.assigned_to == test.person).order_by(WorkItem.id)
    return select(theirs.offset(earlier.scalar_subquery()).limit(test.cases).subquery().c.id)


def graded(connection: Connection, test: GoldTest) -> tuple[int, int]:
    """Of a test's cases that are still gold: how many were labelled as attested, and how many there are."""
    right = func.coalesce(func.sum(case((Decision.label == GoldCase.label, 1), else_=0)), 0)
    query = (
        select(right, func.count())
        .select_from(Decision)
        .join(GoldCase, GoldCase.case_id == Decision.case_id)
        .where(Decision.work_item_id.in_(items_of(test)), GoldCase.retired_at.is_(None))
    )
    found = connection.execute(query).one()
    return int(found[0]), int(found[1])


def last_tests(connection: Connection) -> dict[str, GoldTest]:
    """Each person's newest test."""
    newest = select(func.max(Qualification.id)).group_by(Qualification.person)
    rows = connection.execute(select(Qualification.__table__).where(Qualification.id.in_(newest)))
    return {test.person: test for test in (GoldTest(*row) for row in rows)}


def insert_labels(connection: Connection, new: Sequence[NewLabel]) -> None:
    """Write labels."""
    insert_rows(connection, Label, [row_of(one) for one in new])


def labelled(connection: Connection, policy: Policy, *, since: datetime | None = None) -> pd.DataFrame:
    """Labels that may train, the newest of each case, with what the model may see of it; never of a gold case.

    Columns: case_id, label, status, provenance, blind (any label of the case is, but a withdrawn one), reviewer,
    labelled_at, received_at, text (redacted), amount, fields, and what tells with which chance it came to be labelled:
    queue, blind_chance, inclusion_probability (drawn audits only).
    """
    newest = select(func.max(Label.id)).where(Label.status.in_(TRAINING)).group_by(Label.case_id)
    any_label = aliased(Label)
    blind = exists().where(any_label.case_id == Label.case_id, any_label.blind, any_label.status != Status.WITHDRAWN)
    query = (
        readable.view(
            Label.label,
            Label.status,
            Label.provenance,
            blind.label("blind"),
            Label.reviewer,
            Label.labelled_at,
            Case.received_at,
            Route.queue,
            Route.blind_chance,
            AuditDraw.inclusion_probability,
        )
        .join(Label, Label.case_id == Case.id)
        .join(Route, Route.case_id == Case.id, isouter=True)
        .join(AuditDraw, and_(AuditDraw.case_id == Case.id, AuditDraw.drawn), isouter=True)
        .where(Label.id.in_(newest), Label.case_id.not_in(gold_ids()))
        .order_by(Case.received_at, Label.case_id)
    )
    return readable.read(connection, query if since is None else query.where(Label.labelled_at >= since), policy)


def remove_imported(connection: Connection, ids: Sequence[int]) -> None:
    """Take back the labels that came with these cases as history; a corrected outcome takes their place."""
    for part in chunks(ids):
        connection.execute(delete(Label).where(Label.case_id.in_(part), Label.provenance == "history"))


def imported_labels(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Labels that came with these cases as history."""
    found: dict[int, str] = {}
    for part in chunks(ids):
        query = select(Label.case_id, Label.label).where(Label.case_id.in_(part), Label.status == "imported")
        found.update({case_id: label for case_id, label in connection.execute(query)})
    return found
