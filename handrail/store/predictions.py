"""What model versions said of cases, and how that compares with what people said."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import (
    Connection,
    and_,
    delete,
    exists,
    func,
    select,
)
from sqlalchemy import case as either

from handrail import case
from handrail.policy import Policy
from handrail.store import readable
from handrail.store.bulk import among, insert_rows, row_of
from handrail.store.cases import chunks
from handrail.store.frames import frame, within
from handrail.store.schema import (
    Case,
    Decision,
    Prediction,
    Route,
)
from handrail.window import Window


def insert_predictions(
    connection: Connection, predicted: Mapping[int, case.Prediction], *, role: str, scored_at: datetime
) -> None:
    """Write what model versions said, by case."""
    shared = {"role": role, "scored_at": scored_at}
    insert_rows(connection, Prediction, [row_of(one, case_id=number, **shared) for number, one in predicted.items()])


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """Delete what any version said of these cases: they say something else by now."""
    for part in chunks(ids):
        connection.execute(delete(Prediction).where(among(connection, Prediction.case_id, part)))


def predictions_of(connection: Connection, ids: Sequence[int], version: str | None) -> pd.DataFrame:
    """What `version` said of these cases: case_id, label, confidence, novelty, novel."""
    parts = [
        frame(
            connection,
            select(
                Prediction.case_id, Prediction.label, Prediction.confidence, Prediction.novelty, Prediction.novel
            ).where(among(connection, Prediction.case_id, part), Prediction.model_version == version),
        )
        for part in chunks(ids) or [[]]
    ]
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def scored_by(connection: Connection, ids: Sequence[int], version: str) -> set[int]:
    """Which of these cases `version` has scored."""
    found: set[int] = set()
    for part in chunks(ids):
        query = select(Prediction.case_id).where(
            among(connection, Prediction.case_id, part), Prediction.model_version == version
        )
        found.update(connection.execute(query).scalars())
    return found


def unscored_by(
    connection: Connection, version: str, policy: Policy, *, since: datetime, limit: int, after: int = 0
) -> pd.DataFrame:
    """Cases with a text, received since then, that `version` has not scored: case_id, text, amount, fields.

    By id, beginning after the id `after`.
    """
    scored = exists().where(Prediction.case_id == Case.id, Prediction.model_version == version)
    query = (
        readable.view()
        .where(Case.received_at >= since, ~Case.history, ~scored, Case.id > after)
        .order_by(Case.id)
        .limit(limit)
    )
    return readable.read(connection, query, policy)


def compared(connection: Connection, window: Window) -> pd.DataFrame:
    """Each human ruling beside each model version's prediction of the same case; answers to a test are none.

    Columns: case_id, model_version, role, predicted, confidence, decided, kind, blind, actor.
    """
    query = (
        select(
            Decision.case_id,
            Prediction.model_version,
            Prediction.role,
            Prediction.label.label("predicted"),
            Prediction.confidence,
            Decision.label.label("decided"),
            Decision.kind,
            Decision.blind,
            Decision.actor,
        )
        .join(Prediction, Prediction.case_id == Decision.case_id)
        .where(Decision.kind.not_in(("automatic", "gold")), within(Decision.decided_at, window))
        .order_by(Decision.id)
    )
    return frame(connection, query)


def shadow_error(connection: Connection) -> float | None:
    """Share of shadow cases whose people decided another category than the champion; None without any."""
    query = (
        select(func.count(), func.sum(either((Decision.label == Prediction.label, 0), else_=1)))
        .join(Prediction, and_(Prediction.case_id == Decision.case_id, Prediction.role == "champion"))
        .join(Route, Route.case_id == Decision.case_id)
        .where(Decision.kind == "review", Route.stage == "shadow")
    )
    compared_cases, different = connection.execute(query).one()
    return different / compared_cases if compared_cases else None
