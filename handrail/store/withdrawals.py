"""Withdrawn labels: what a withdrawal finds, what it marks, and how it is taken back."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, insert, or_, select, true, update
from sqlalchemy.orm import aliased

from handrail.labels import Status
from handrail.store.frames import frame
from handrail.store.labels import TRAINING
from handrail.store.schema import (
    Case,
    CaseInput,
    Certificate,
    Decision,
    GoldCase,
    Label,
    LabelWithdrawal,
    ModelVersion,
    Prediction,
    WorkItem,
)
from handrail.withdrawal import Resting, Withdrawal

_NO_EVIDENCE = ("automatic", "gold", "escalation", "dispute")


def _labels(reviewer: str, since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(
        Label.reviewer == reviewer,
        Label.labelled_at >= since,
        Label.labelled_at <= until,
        Label.status != Status.WITHDRAWN,
    )


def _rulings(reviewer: str, since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(
        Decision.actor == reviewer,
        Decision.decided_at >= since,
        Decision.decided_at <= until,
        Decision.trained.is_(true()),
        Decision.kind.not_in(_NO_EVIDENCE),
    )


def counts(connection: Connection, reviewer: str, since: datetime, until: datetime) -> tuple[int, int, int]:
    """How many labels, rulings and cases would count no longer."""
    labels, rulings = _labels(reviewer, since, until), _rulings(reviewer, since, until)
    cases = select(Label.case_id).where(labels).union(select(Decision.case_id).where(rulings)).subquery()
    found = [
        connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()
        for table, where in ((Label, labels), (Decision, rulings), (cases, true()))
    ]
    return int(found[0]), int(found[1]), int(found[2])


def learnt(connection: Connection, reviewer: str, since: datetime, until: datetime) -> dict[str, int]:
    """Versions that may have learnt from the labels of this time, trained since, and from how many of them."""
    return _learnt(connection, and_(_labels(reviewer, since, until), Label.status.in_(TRAINING)))


def learnt_from_withdrawn(connection: Connection) -> dict[str, int]:
    """Versions that may have learnt from labels that are withdrawn now, and from how many."""
    return _learnt(connection, and_(Label.status == Status.WITHDRAWN, Label.stood_as.in_(TRAINING)))


def _learnt(connection: Connection, which: ColumnElement[bool]) -> dict[str, int]:
    query = (
        select(ModelVersion.version, func.count())
        .select_from(ModelVersion)
        .join(Label, and_(which, Label.labelled_at <= ModelVersion.registered_at))
        .join(Case, Case.id == Label.case_id)
        .where(ModelVersion.kind == "trained")
        .where(or_(ModelVersion.trained_until.is_(None), Case.received_at <= ModelVersion.trained_until))
        .group_by(ModelVersion.version)
        .order_by(func.min(ModelVersion.registered_at))
    )
    return {str(version): int(count) for version, count in connection.execute(query)}


def resting(
    connection: Connection, reviewer: str, since: datetime, until: datetime, *, now: datetime
) -> tuple[Resting, ...]:
    """The valid certificates of whose evidence some is a blind ruling of this time, each with how many are."""
    valid = select(Certificate.__table__).where(Certificate.voided_at.is_(None), Certificate.expires_at > now)
    found = []
    for certificate in connection.execute(valid.order_by(Certificate.id)).mappings():
        said = and_(
            Prediction.case_id == Decision.case_id,
            Prediction.model_version == certificate["model_version"],
            Prediction.confidence >= certificate["threshold"],
        )
        whose = true() if certificate["category"] is None else Prediction.label == certificate["category"]
        query = (
            select(func.count(Decision.case_id.distinct()))
            .join(Prediction, said)
            .where(_rulings(reviewer, since, until), Decision.blind, whose)
            .where(Decision.decided_at >= certificate["window_from"], Decision.decided_at <= certificate["window_to"])
        )
        count = int(connection.execute(query).scalar_one())
        if count:
            names = ("id", "model_version", "category", "labels", "errors", "max_error", "delta")
            found.append(Resting(**{name: certificate[name] for name in names}, withdrawn=count))
    return tuple(found)


def void(connection: Connection, ids: Sequence[int], reason: str, now: datetime) -> None:
    """Void these certificates."""
    valid = update(Certificate).where(Certificate.id.in_(ids), Certificate.voided_at.is_(None))
    connection.execute(valid.values(voided_at=now, void_reason=reason))


def newest(connection: Connection, reviewer: str, since: datetime) -> Withdrawal | None:
    """The newest standing withdrawal of this reviewer from that moment on."""
    query = select(LabelWithdrawal.__table__).where(
        LabelWithdrawal.reviewer == reviewer, LabelWithdrawal.since == since, LabelWithdrawal.reinstated_at.is_(None)
    )
    row = connection.execute(query.order_by(LabelWithdrawal.id.desc()).limit(1)).first()
    return None if row is None else Withdrawal(*row)


def one(connection: Connection, withdrawal_id: int) -> Withdrawal | None:
    """A withdrawal, or None."""
    query = select(LabelWithdrawal.__table__).where(LabelWithdrawal.id == withdrawal_id)
    row = connection.execute(query).first()
    return None if row is None else Withdrawal(*row)


def newest_standing(connection: Connection) -> int | None:
    """The number of the newest withdrawal that stands; None without any."""
    standing = LabelWithdrawal.reinstated_at.is_(None)
    return connection.execute(select(func.max(LabelWithdrawal.id)).where(standing)).scalar_one()


def half_reinstated(connection: Connection) -> int | None:
    """A withdrawal that was taken back and has labels marked still; None without any."""
    ended = select(LabelWithdrawal.id).where(LabelWithdrawal.reinstated_at.is_not(None))
    marked = exists().where(Label.withdrawal_id == LabelWithdrawal.id)
    ruled = exists().where(Decision.withdrawal_id == LabelWithdrawal.id)
    return connection.execute(ended.where(or_(marked, ruled)).order_by(LabelWithdrawal.id).limit(1)).scalar()


def every(connection: Connection) -> list[Withdrawal]:
    """All withdrawals, newest first."""
    rows = connection.execute(select(LabelWithdrawal.__table__).order_by(LabelWithdrawal.id.desc()))
    return [Withdrawal(*row) for row in rows]


def open_one(connection: Connection, *, reviewer: str, since: datetime, until: datetime, by: str) -> int:
    """Write a withdrawal down and return its id."""
    row = insert(LabelWithdrawal).values(reviewer=reviewer, since=since, until=until, withdrawn_by=by)
    return int(connection.execute(row.returning(LabelWithdrawal.id)).scalar_one())


def close_one(connection: Connection, withdrawal_id: int, *, by: str, now: datetime) -> None:
    """Write down that its labels count again."""
    row = update(LabelWithdrawal).where(LabelWithdrawal.id == withdrawal_id)
    connection.execute(row.values(reinstated_at=now, reinstated_by=by))


def next_cases(connection: Connection, of: Withdrawal, limit: int) -> list[int]:
    """The first cases of which something still counts that the withdrawal takes."""
    labels = select(Label.case_id).where(_labels(of.reviewer, of.since, of.until))
    rulings = select(Decision.case_id).where(_rulings(of.reviewer, of.since, of.until))
    both = labels.union(rulings).subquery()
    return list(connection.execute(select(both.c.case_id).order_by(both.c.case_id).limit(limit)).scalars())


def take(connection: Connection, of: Withdrawal, ids: Sequence[int]) -> int:
    """Let what the reviewer said of these cases count no longer; how many labels that were."""
    mark = {"withdrawal_id": of.id, "stood_as": Label.status}
    labels = update(Label).where(_labels(of.reviewer, of.since, of.until), Label.case_id.in_(ids))
    taken = connection.execute(labels.values(**mark, status=Status.WITHDRAWN)).rowcount
    rulings = update(Decision).where(_rulings(of.reviewer, of.since, of.until), Decision.case_id.in_(ids))
    connection.execute(rulings.values(trained=false(), withdrawal_id=of.id))
    _take_consensus(connection, of, ids)
    _accept_undisputed(connection, of, ids)
    return int(taken)


def _witness(of_label: type[Label], *also: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition of a blind ruling on the label's case by somebody trained then whose word counts."""
    return and_(
        Decision.case_id == of_label.case_id,
        Decision.blind,
        Decision.trained.is_(true()),
        Decision.kind.not_in((*_NO_EVIDENCE, "adjudication")),
        *also,
    )


def _take_consensus(connection: Connection, of: Withdrawal, ids: Sequence[int]) -> None:
    """What nobody in person settled rests on what two people said; without a second of them it falls."""
    said = select(func.count(Decision.actor.distinct())).where(_witness(Label, Decision.label == Label.label))
    fallen = update(Label).where(
        Label.case_id.in_(ids),
        Label.provenance == "consensus",
        Label.status == Status.ADJUDICATED,
        said.correlate(Label).scalar_subquery() < 2,  # noqa: PLR2004 - two people
    )
    connection.execute(fallen.values(withdrawal_id=of.id, stood_as=Label.status, status=Status.WITHDRAWN))


def _accept_undisputed(connection: Connection, of: Withdrawal, ids: Sequence[int]) -> None:
    """The label of another that only the withdrawn one put in doubt counts again, if its giver was trained."""
    other = aliased(Label)
    settled = exists().where(other.case_id == Label.case_id, other.status == Status.ADJUDICATED)
    theirs = exists().where(_witness(Label, Decision.actor == Label.reviewer, Decision.decided_at == Label.labelled_at))
    differs = or_(Decision.label != Label.label, Decision.label.is_(None))
    doubted = exists().where(_witness(Label, Decision.actor != Label.reviewer, differs))
    rows = update(Label).where(
        Label.case_id.in_(ids), Label.blind, Label.status == Status.PROVISIONAL, theirs, ~doubted, ~settled
    )
    connection.execute(rows.values(withdrawal_id=of.id, stood_as=Label.status, status=Status.ACCEPTED))


def next_marked(connection: Connection, withdrawal_id: int, limit: int) -> list[int]:
    """The first cases that a withdrawal has still marked."""
    labels = select(Label.case_id).where(Label.withdrawal_id == withdrawal_id)
    both = labels.union(select(Decision.case_id).where(Decision.withdrawal_id == withdrawal_id)).subquery()
    return list(connection.execute(select(both.c.case_id).order_by(both.c.case_id).limit(limit)).scalars())


def give_back(connection: Connection, withdrawal_id: int, ids: Sequence[int]) -> int:
    """Let what a withdrawal took of these cases count as it did; how many labels that were."""
    labels = update(Label).where(Label.withdrawal_id == withdrawal_id, Label.case_id.in_(ids))
    given = connection.execute(labels.values(status=Label.stood_as, stood_as=None, withdrawal_id=None)).rowcount
    rulings = update(Decision).where(Decision.withdrawal_id == withdrawal_id, Decision.case_id.in_(ids))
    connection.execute(rulings.values(trained=true(), withdrawal_id=None))
    return int(given)


def unlabelled(connection: Connection, withdrawal_id: int, limit: int) -> pd.DataFrame:
    """Cases with a text that a withdrawal left without a label that counts, and without open work: case_id."""
    counts = aliased(Label)
    query = (
        select(Label.case_id)
        .join(CaseInput, CaseInput.case_id == Label.case_id)
        .where(Label.withdrawal_id == withdrawal_id, Label.status == Status.WITHDRAWN, CaseInput.redacted.is_not(None))
        .where(~exists().where(counts.case_id == Label.case_id, counts.status.in_(TRAINING)))
        .where(~exists().where(WorkItem.case_id == Label.case_id, WorkItem.state == "open"))
        .where(~exists().where(GoldCase.case_id == Label.case_id))
        .distinct()
        .order_by(Label.case_id)
        .limit(limit)
    )
    return frame(connection, query)
