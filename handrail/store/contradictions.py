"""Blind labels that differ from a sure prediction: what versions said, who has looked, what was settled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    true,
    update,
)

from handrail import labels, settlement
from handrail.case import Outcome
from handrail.store.bulk import insert_rows, row_of
from handrail.store.cases import chunks
from handrail.store.frames import frame
from handrail.store.schema import Case, CaseInput, Contradiction, Decision, Label, Prediction, WorkItem

LOOKS = ("review", "audit", "second", "recheck", "doubt")
"""Kinds of work whose blind ruling is an opinion on a case."""
SERVING_LOOKS = ("second", "recheck", "doubt")
"""Kinds of open work by which another person will look anyway."""
LOOKED = "looks"
"""How a contradiction was settled by those who looked: two against one, the model being one of them."""
STANDS = "stands"
"""How a contradiction was settled that nobody else could look at."""
DROPPED = "withdrawn"
"""How a contradiction ended whose labels were withdrawn: as if it had not been, until they are reinstated."""
UNDECIDED = (STANDS, DROPPED)
"""Ends that say nothing of the case: it counts as it stands."""


@dataclass(frozen=True, slots=True)
class OpenContradiction:
    """A label that differs from what versions `predicted`; `drawn`: a random recheck serves as the look."""

    case_id: int
    decision_id: int
    predicted: str
    also_predicted: str | None
    drawn: bool
    opened_at: datetime
    due_at: datetime

    @property
    def predictions(self) -> tuple[str, ...]:
        """What versions surely said, each category once."""
        return (self.predicted,) if self.also_predicted is None else (self.predicted, self.also_predicted)


def insert(connection: Connection, opened: Sequence[OpenContradiction]) -> None:
    """Open contradictions, also in the place of dropped ones."""
    for part in chunks([one.case_id for one in opened]):
        dropped = delete(Contradiction).where(Contradiction.case_id.in_(part), Contradiction.settled_by == DROPPED)
        connection.execute(dropped)
    insert_rows(
        connection, Contradiction, [row_of(one, settled_at=None, settled_by=None, label=None) for one in opened]
    )


def lock_looks(connection: Connection, case_ids: Collection[int], *, kinds: Sequence[str] = ("doubt",)) -> None:
    """Hold the open looks because of doubt at these cases until the transaction ends: work comes before the trail."""
    for part in chunks(sorted(case_ids)):
        looks = select(WorkItem.id).where(
            WorkItem.case_id.in_(part), WorkItem.kind.in_(kinds), WorkItem.state == "open"
        )
        connection.execute(looks.order_by(WorkItem.id).with_for_update()).all()


def unsettled(connection: Connection, case_ids: Collection[int]) -> dict[int, OpenContradiction]:
    """The contradictions of these cases that further opinions may settle: open, or standing for want of people."""
    found: dict[int, OpenContradiction] = {}
    names = list(OpenContradiction.__dataclass_fields__)
    open_still = or_(Contradiction.settled_at.is_(None), Contradiction.settled_by == STANDS)
    for part in chunks(sorted(case_ids)):
        query = select(*(getattr(Contradiction, name) for name in names))
        for row in connection.execute(query.where(Contradiction.case_id.in_(part), open_still)):
            found[row.case_id] = OpenContradiction(*row)
    return found


def open_ones(connection: Connection, case_ids: Collection[int]) -> list[int]:
    """Which of these cases have a contradiction that waits for others, by case."""
    found: list[int] = []
    for part in chunks(sorted(case_ids)):
        query = select(Contradiction.case_id).where(Contradiction.case_id.in_(part), Contradiction.settled_at.is_(None))
        found += connection.execute(query.order_by(Contradiction.case_id)).scalars()
    return found


def recorded(connection: Connection, case_ids: Collection[int]) -> set[int]:
    """Which of these cases have a contradiction, settled or not, that was not dropped."""
    found: set[int] = set()
    for part in chunks(sorted(case_ids)):
        query = select(Contradiction.case_id).where(Contradiction.case_id.in_(part), ~_is_dropped())
        found.update(connection.execute(query).scalars())
    return found


def _is_dropped() -> ColumnElement[bool]:
    return func.coalesce(Contradiction.settled_by, "") == DROPPED


@dataclass(frozen=True, slots=True)
class KnownContradiction:
    """A contradiction, and how it ended; `settled_by` is None while it is open."""

    of: OpenContradiction
    settled_by: str | None
    label: str | None


def every(connection: Connection, case_ids: Collection[int]) -> dict[int, KnownContradiction]:
    """The contradictions of these cases, open, settled or dropped."""
    found: dict[int, KnownContradiction] = {}
    names = list(OpenContradiction.__dataclass_fields__)
    columns = (*(getattr(Contradiction, name) for name in names), Contradiction.settled_by, Contradiction.label)
    for part in chunks(sorted(case_ids)):
        for row in connection.execute(select(*columns).where(Contradiction.case_id.in_(part))):
            *of, settled_by, label = row
            found[row.case_id] = KnownContradiction(OpenContradiction(*of), settled_by, label)
    return found


def adjudicated(connection: Connection, case_ids: Collection[int]) -> dict[int, str | None]:
    """What a person in charge has settled since a contradiction of these cases was opened, and still counts."""
    found: dict[int, str | None] = {}
    for part in chunks(sorted(case_ids)):
        mine = Contradiction.case_id.in_(part)
        denied = (
            select(Decision.case_id)
            .join(Contradiction, and_(Contradiction.case_id == Decision.case_id, mine))
            .where(Decision.kind == "adjudication", Decision.outcome == Outcome.DENY.value)
            .where(Decision.withdrawal_id.is_(None), Decision.decided_at >= Contradiction.opened_at)
        )
        given = (
            select(Label.case_id, Label.label)
            .join(Contradiction, and_(Contradiction.case_id == Label.case_id, mine))
            .where(Label.provenance == "adjudication", Label.status == labels.Status.ADJUDICATED)
            .where(Label.labelled_at >= Contradiction.opened_at)
            .order_by(Label.id)
        )
        found |= dict.fromkeys(connection.execute(denied).scalars())
        found |= {number: label for number, label in connection.execute(given)}
    return found


def rest_on(connection: Connection, case_id: int, decision_id: int) -> None:
    """Let a contradiction be that of another decision."""
    mine = update(Contradiction).where(Contradiction.case_id == case_id)
    connection.execute(mine.values(decision_id=decision_id))


def give_consensus_again(connection: Connection, case_id: int, label: str) -> None:
    """Let a consensus count again that fell with one of the people whom it rested on; others settle on the same."""
    fallen = update(Label).where(Label.case_id == case_id, Label.provenance == "consensus", Label.label == label)
    standing = {"status": labels.Status.ADJUDICATED, "stood_as": None, "withdrawal_id": None}
    connection.execute(fallen.where(Label.status == labels.Status.WITHDRAWN).values(**standing))


def take_consensus(connection: Connection, case_id: int) -> None:
    """Delete what nobody in person has settled of a case."""
    consensus = and_(Label.provenance == "consensus", Label.status == labels.Status.ADJUDICATED)
    connection.execute(delete(Label).where(Label.case_id == case_id, consensus))


def settle(connection: Connection, case_id: int, *, label: str | None, by: str, now: datetime) -> None:
    """Write what a contradiction came to; `label` None says that no category was right."""
    mine = update(Contradiction).where(Contradiction.case_id == case_id)
    connection.execute(mine.values(settled_at=now, settled_by=by, label=label))


def wait(connection: Connection, case_id: int, *, drawn: bool) -> None:
    """Let a contradiction wait for others, also one that stood for want of them."""
    mine = update(Contradiction).where(Contradiction.case_id == case_id)
    connection.execute(mine.values(settled_at=None, settled_by=None, label=None, drawn=drawn))


def accept_again(connection: Connection, case_id: int) -> None:
    """Let what trained people said of a case blindly count as it was given: nobody differs. Nothing withdrawn does."""
    given = (
        select(Decision.actor, Decision.decided_at)
        .where(Decision.case_id == case_id, Decision.blind, Decision.trained.is_(true()), Decision.kind.in_(LOOKS))
        .subquery()
    )
    own = exists().where(given.c.actor == Label.reviewer, given.c.decided_at == Label.labelled_at)
    label = update(Label).where(Label.case_id == case_id, Label.status == labels.Status.PROVISIONAL, own)
    connection.execute(label.values(status=labels.Status.ACCEPTED))


def take_back(connection: Connection, case_id: int, decision_id: int, moment: datetime) -> bool:
    """Undo what a decision did to its case's contradiction: opened or settled it; True where it opened it."""
    opened = delete(Contradiction).where(Contradiction.case_id == case_id, Contradiction.decision_id == decision_id)
    if connection.execute(opened).rowcount:
        return True
    settled = update(Contradiction).where(Contradiction.case_id == case_id, Contradiction.settled_at == moment)
    if connection.execute(settled.values(settled_at=None, settled_by=None, label=None)).rowcount:
        consensus = and_(Label.provenance == "consensus", Label.labelled_at == moment)
        connection.execute(delete(Label).where(Label.case_id == case_id, consensus))
    return False


def predictions(
    connection: Connection, case_ids: Collection[int], versions: Collection[str | None]
) -> list[tuple[int, str, float]]:
    """What these versions said of these cases, by case and then the order of scoring: case, category, confidence."""
    found: list[tuple[int, str, float]] = []
    names = [name for name in versions if name is not None]
    for part in chunks(sorted(case_ids)) if names else ():
        query = (
            select(Prediction.case_id, Prediction.label, Prediction.confidence)
            .where(Prediction.case_id.in_(part), Prediction.model_version.in_(names))
            .order_by(Prediction.case_id, Prediction.id)
        )
        found += [(number, label, confidence) for number, label, confidence in connection.execute(query)]
    return found


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a trained person said of a case blindly: by which decision, and which category they hold for true."""

    case_id: int
    decision_id: int
    actor: str
    opinion: str
    decided_at: datetime


def opinions(
    connection: Connection, case_ids: Collection[int], escalating: Collection[str]
) -> dict[int, list[Opinion]]:
    """What trained people said of these cases blindly, in order; of one person's several on a case the last."""
    found: dict[int, dict[str, Opinion]] = {}
    for part in chunks(sorted(case_ids)):
        query = (
            select(
                Decision.case_id,
                Decision.id,
                Decision.actor,
                Decision.outcome,
                Decision.label,
                Decision.reason_code,
                Decision.decided_at,
            )
            .where(Decision.case_id.in_(part), Decision.blind, Decision.trained.is_(true()), Decision.kind.in_(LOOKS))
            .order_by(Decision.id)
        )
        for number, decision, actor, outcome, label, reason, at in connection.execute(query):
            opinion = labels.opinion(outcome, label, reason, escalating)
            if opinion is not None:
                found.setdefault(number, {})[actor] = Opinion(number, decision, actor, opinion, at)
    return {number: list(by_person.values()) for number, by_person in found.items()}


def with_open_look(connection: Connection, case_ids: Collection[int]) -> dict[int, set[str]]:
    """The kinds of open blind work by which another person will look at these cases, by case."""
    found: dict[int, set[str]] = {}
    for part in chunks(sorted(case_ids)):
        query = select(WorkItem.case_id, WorkItem.kind).where(
            WorkItem.case_id.in_(part), WorkItem.state == "open", WorkItem.kind.in_((*SERVING_LOOKS, "adjudication"))
        )
        for number, kind in connection.execute(query):
            found.setdefault(number, set()).add(kind)
    return found


def is_readable(case: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a column of case ids
    """That a case has its content still."""
    return exists().where(CaseInput.case_id == case)


def waiting(connection: Connection) -> pd.DataFrame:
    """Open contradictions, oldest first: case_id, opened_at, due_at, readable (the case has its content)."""
    query = (
        select(
            Contradiction.case_id,
            Contradiction.opened_at,
            Contradiction.due_at,
            is_readable(Contradiction.case_id).label("readable"),
        )
        .where(Contradiction.settled_at.is_(None))
        .order_by(Contradiction.opened_at, Contradiction.case_id)
    )
    return frame(connection, query)


def _is_pending(at: datetime) -> ColumnElement[bool]:
    """That a contradiction was not settled at that moment."""
    return or_(Contradiction.settled_at.is_(None), Contradiction.settled_at > at)


def rejected(ruling: Any, executed: Any, at: datetime) -> tuple[ColumnElement[Any], ColumnElement[Any]]:  # noqa: ANN401
    """The settled answer to a blind look at what was executed, as it stood at that moment, and whether it is pending.

    `ruling` are the looks (decisions, or an alias), `executed` the column of the category that was proposed or
    executed; the query joins `Contradiction` by its case, outer. The answer is null while others look, and where its
    giver was not trained or it was withdrawn; past the time that the policy allows for an audit a difference counts as
    it stands, for silence is no health.
    """
    counts = func.coalesce(ruling.trained, false())
    differs = ruling.outcome != Outcome.APPROVE.value
    is_open = and_(Contradiction.case_id.is_not(None), _is_pending(at))
    stands = or_(Contradiction.case_id.is_(None), Contradiction.settled_by.in_(UNDECIDED))
    settled = or_(Contradiction.label.is_(None), Contradiction.label != executed)
    answer = case(
        (or_(ruling.outcome.is_(None), ~counts), None),
        (and_(is_open, ~differs), False),
        (and_(is_open, Contradiction.due_at > at), None),
        (or_(is_open, stands), differs),
        else_=settled,
    )
    return answer.label("rejected"), func.coalesce(and_(is_open, differs, counts), False).label("pending")


@dataclass(frozen=True, slots=True)
class LaterPrediction:
    """What a version says of a case that a trained person labelled otherwise before."""

    case_id: int
    amount: float | None
    category: str
    confidence: float


def earlier(connection: Connection, version: str, *, since: datetime) -> list[LaterPrediction]:
    """What `version` said against blind labels that trained people gave since then; the newest label first.

    Only of cases that have their content still, and where nothing has been doubted before.
    """
    looked = exists().where(Contradiction.case_id == Case.id, ~_is_dropped())
    blind = and_(Decision.blind, Decision.trained.is_(true()), Decision.kind.in_(("review", "audit")))
    differs = or_(Decision.label.is_(None), Decision.label != Prediction.label)
    query = (
        select(Case.id, Case.amount, Prediction.label, Prediction.confidence)
        .join(Prediction, and_(Prediction.case_id == Case.id, Prediction.model_version == version))
        .join(Decision, and_(Decision.case_id == Case.id, blind))
        .where(Decision.decided_at >= since, ~looked, is_readable(Case.id), differs)
        .order_by(Decision.decided_at.desc(), Decision.id.desc())
    )
    return list({row[0]: LaterPrediction(*row) for row in connection.execute(query)}.values())


def opened_since(connection: Connection, since: datetime) -> int:
    """How many contradictions of labels given earlier were opened since a moment."""
    query: Select[tuple[int]] = (
        select(func.count())
        .select_from(Contradiction)
        .join(Decision, Decision.id == Contradiction.decision_id)
        .where(Contradiction.opened_at >= since, Decision.decided_at < Contradiction.opened_at)
    )
    return int(connection.execute(query).scalar_one())


def resolution(opinions: Sequence[Opinion], of: OpenContradiction) -> settlement.Resolution:
    """What opinions make of a contradiction."""
    return settlement.resolve([one.opinion for one in opinions], of.predictions)
