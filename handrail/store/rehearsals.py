"""What a rehearsal is measured by: every live case as it ended, and the looks that people took."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, func, select

from handrail.store.frames import frame
from handrail.store.schema import Case, Certificate, Decision, Prediction, Reading, Route, WorkItem


def live_cases(connection: Connection) -> pd.DataFrame:
    """Live cases, by id: case_id, external_id, queue, reason; the last two None before assignment."""
    query = (
        select(Case.id.label("case_id"), Case.external_id, Route.queue, Route.reason)
        .join(Route, Route.case_id == Case.id, isouter=True)
        .where(~Case.history)
        .order_by(Case.id)
    )
    return frame(connection, query)


def said_first(connection: Connection) -> pd.DataFrame:
    """What the version that served when a case came said of it: case_id, predicted, confidence; unread ones lack."""
    query = (
        select(Prediction.case_id, Prediction.label.label("predicted"), Prediction.confidence)
        .where(Prediction.role == "champion")
        .order_by(Prediction.scored_at, Prediction.id)
    )
    return frame(connection, query).drop_duplicates("case_id")


def rulings(connection: Connection) -> pd.DataFrame:
    """Decisions of people, in order: case_id, kind, label, reason_code, actor, seconds, decided_at; tests left out."""
    query = (
        select(
            Decision.case_id,
            Decision.kind,
            Decision.label,
            Decision.reason_code,
            Decision.actor,
            Decision.seconds,
            Decision.decided_at,
        )
        .where(Decision.kind.not_in(("automatic", "gold")))
        .order_by(Decision.id)
    )
    return frame(connection, query)


def test_answers(connection: Connection) -> pd.DataFrame:
    """Answers to test cases, in order: kind, actor, seconds, decided_at."""
    query = (
        select(Decision.kind, Decision.actor, Decision.seconds, Decision.decided_at)
        .where(Decision.kind == "gold")
        .order_by(Decision.id)
    )
    return frame(connection, query)


def first_certificate(connection: Connection) -> datetime | None:
    """When the first certificate was issued."""
    return connection.execute(select(func.min(Certificate.issued_at))).scalar_one()


def first_alarms(connection: Connection, watch: str) -> dict[str, datetime]:
    """When a watch first alarmed of each of its subjects."""
    query = (
        select(Reading.subject, func.min(Reading.at))
        .where(Reading.watch == watch, Reading.verdict == "alarm")
        .group_by(Reading.subject)
    )
    return dict(connection.execute(query).tuples().all())


def backlog(connection: Connection) -> dict[str, int]:
    """Open work by its kind."""
    query = select(WorkItem.kind, func.count()).where(WorkItem.state == "open").group_by(WorkItem.kind)
    return {kind: int(count) for kind, count in connection.execute(query)}
