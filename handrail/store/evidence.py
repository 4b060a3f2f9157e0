"""What blind looks of trained people prove, once differences are settled; and what settling costs."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true
from sqlalchemy.orm import aliased

from handrail.store.certificates import blind_rulings
from handrail.store.contradictions import DROPPED, LOOKS, STANDS, UNDECIDED
from handrail.store.frames import frame, within
from handrail.store.schema import AuditDraw, Case, Contradiction, Decision, Prediction, Recheck, Route
from handrail.window import Window

_COLUMNS = ["case_id", "label", "labelled_at", "pending"]


def settled(connection: Connection, *, since: datetime) -> pd.DataFrame:
    """What is known of each case that trained people looked at blindly since then, one row a case.

    `label` is the settled category, None where no category was right; where a contradiction of a sure prediction
    still waits for others, `pending` is true and `label` what contradicts it. `labelled_at` is when it was first said:
    were it when it was settled, errors alone would move in time. A contradiction that nobody else could look at counts
    as it stands.

    Columns: case_id, label, labelled_at, pending.
    """
    rulings = blind_rulings(connection, since=since).assign(pending=False)
    doubted = func.coalesce(Contradiction.settled_by, "").not_in(UNDECIDED)
    query = (
        select(
            Contradiction.case_id,
            Contradiction.label.label("holds"),
            Decision.label.label("given"),
            Decision.decided_at,
            Contradiction.settled_at,
        )
        .join(Decision, Decision.id == Contradiction.decision_id)
        .where(doubted)
        .order_by(Contradiction.case_id)
    )
    rows = frame(connection, query)
    pending = rows["settled_at"].isna()
    of_doubt = pd.DataFrame(
        {
            "case_id": rows["case_id"],
            "label": rows["given"].where(pending, rows["holds"]),
            "labelled_at": rows["decided_at"],
            "pending": pending,
        }
    )
    of_doubt = of_doubt[of_doubt["labelled_at"] >= since]
    others = rulings[~rulings["case_id"].isin(rows["case_id"])]
    known = pd.concat([others, of_doubt], ignore_index=True) if len(of_doubt) else others
    labels = known["label"].astype(object)
    known = known.assign(label=labels.where(labels.notna(), None), pending=known["pending"].astype(bool))
    return known[_COLUMNS].sort_values("labelled_at", kind="stable", ignore_index=True)


def slips(connection: Connection, *, since: datetime) -> pd.DataFrame:
    """Blind opinions that were settled since then to be wrong: case_id, person, opinion, label, settled_at.

    Such looks were chosen for doubt: they stand with the label, and are no rate of a person. Opinion and label are
    None where a person, or what was settled, names no category.
    """
    wrong = or_(Decision.label.is_distinct_from(Contradiction.label))
    query = (
        select(
            Decision.case_id,
            Decision.actor.label("person"),
            Decision.label.label("opinion"),
            Contradiction.label,
            Contradiction.settled_at,
        )
        .join(Contradiction, Contradiction.case_id == Decision.case_id)
        .where(Decision.blind, Decision.trained.is_(true()), Decision.kind.in_(LOOKS), wrong)
        .where(Contradiction.settled_at >= since, Contradiction.settled_by.not_in(UNDECIDED))
        .order_by(Contradiction.settled_at, Decision.id)
    )
    return frame(connection, query)


def repeated_agreements(connection: Connection, *, since: datetime) -> pd.DataFrame:
    """First looks that agreed with a sure prediction and that a random recheck repeated since then, by case.

    `wrong` is whether the two of them missed what others settled on, None while that is open. `chance` is that of the
    first look times that of its draw to be repeated: an agreement stands for 1 / chance of all. `decided_at` is of the
    recheck.

    Columns: case_id, category, confidence, amount, decided_at, chance, wrong.
    """
    first, again = aliased(Decision), aliased(Decision)
    looked = func.coalesce(AuditDraw.inclusion_probability, Route.blind_chance, 1.0)
    agreed = and_(
        first.case_id == again.case_id,
        first.id < again.id,
        first.blind,
        first.trained.is_(true()),
        first.kind.in_(("review", "audit")),
        first.label == Prediction.label,
    )
    not_dropped = func.coalesce(Contradiction.settled_by, "") != DROPPED
    query = (
        select(
            again.case_id,
            Prediction.label.label("category"),
            Prediction.confidence,
            Case.amount,
            again.decided_at,
            (looked * Recheck.chance).label("chance"),
            again.label.label("repeated"),
            Contradiction.settled_at,
            Contradiction.settled_by,
            Contradiction.label.label("holds"),
        )
        .join(Case, Case.id == again.case_id)
        .join(Route, Route.case_id == again.case_id)
        .join(AuditDraw, and_(AuditDraw.case_id == again.case_id, AuditDraw.drawn), isouter=True)
        .join(Prediction, and_(Prediction.case_id == again.case_id, Prediction.model_version == Route.model_version))
        .join(first, agreed)
        .join(Recheck, Recheck.decision_id == first.id)
        .join(Contradiction, and_(Contradiction.case_id == again.case_id, not_dropped), isouter=True)
        .where(again.kind == "recheck", again.blind, again.trained.is_(true()), again.decided_at >= since)
        .order_by(again.id)
    )
    rows = frame(connection, query).drop_duplicates("case_id", ignore_index=True)
    missed = rows["holds"].fillna("") != rows["category"]
    is_open = rows["settled_by"].isna() & (rows["repeated"].fillna("") != rows["category"])
    wrong = (missed & rows["settled_by"].notna()).astype(object).where(~is_open, None)
    return rows[["case_id", "category", "confidence", "amount", "decided_at", "chance"]].assign(wrong=wrong)


@dataclass(frozen=True, slots=True)
class DoubtFigures:
    """Looks because of doubt in a window, and what they cost; how contradictions stand.

    `minutes_a_day` are measured ones, at the mean of the measured for those that nobody timed; None without any.
    `pending` wait for others, `late` of them longer than an audit may; `stands` nobody else could look at.
    """

    looks: int
    minutes_a_day: float | None
    errors: int
    slips: int
    pending: int
    late: int
    stands: int


def doubt_figures(connection: Connection, window: Window) -> DoubtFigures:
    """What settling cost and came to in the window; pending and late at its end."""
    looks, timed, seconds = connection.execute(
        select(func.count(), func.count(Decision.seconds), func.sum(Decision.seconds)).where(
            Decision.kind == "doubt", within(Decision.decided_at, window)
        )
    ).one()
    days = window.length.total_seconds() / 86_400
    each = float(seconds) / timed if timed else None

    def count(*where: ColumnElement[bool]) -> int:
        return int(connection.execute(select(func.count()).select_from(Contradiction).where(*where)).scalar_one())

    of_window = within(Contradiction.settled_at, window)
    predicted = or_(
        Contradiction.label == Contradiction.predicted,
        and_(Contradiction.also_predicted.is_not(None), Contradiction.label == Contradiction.also_predicted),
    )
    looked = and_(of_window, Contradiction.settled_by.not_in(UNDECIDED))
    is_slip = and_(Contradiction.label.is_not(None), predicted)
    slip_count = count(looked, is_slip)
    return DoubtFigures(
        looks=int(looks),
        minutes_a_day=None if each is None else each * looks / 60 / days,
        errors=count(looked) - slip_count,
        slips=slip_count,
        pending=count(Contradiction.settled_at.is_(None)),
        late=count(Contradiction.settled_at.is_(None), Contradiction.due_at <= window.until),
        stands=count(of_window, Contradiction.settled_by == STANDS),
    )
