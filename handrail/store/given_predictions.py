"""Given predictions: what somebody else's model said of cases, as it came with them."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, func, select

from handrail.store.bulk import insert_rows
from handrail.store.schema import Case, GivenPrediction


def insert(connection: Connection, predictions: Mapping[int, tuple[str, float]]) -> None:
    """Write what somebody else's model said of cases: label and confidence, by case."""
    rows = [
        {"case_id": number, "label": label, "confidence": confidence}
        for number, (label, confidence) in predictions.items()
    ]
    insert_rows(connection, GivenPrediction, rows)


def replace(connection: Connection, case_id: int, prediction: tuple[str, float] | None) -> None:
    """Let what somebody else's model said of a case be this alone; None: it said nothing."""
    connection.execute(delete(GivenPrediction).where(GivenPrediction.case_id == case_id))
    insert(connection, {} if prediction is None else {case_id: prediction})


def unpredicted_count(connection: Connection, batch_id: int) -> int:
    """Cases of this batch, history left out, that came without a prediction of somebody else's model."""
    query = (
        select(func.count())
        .select_from(Case)
        .join(GivenPrediction, GivenPrediction.case_id == Case.id, isouter=True)
        .where(Case.batch_id == batch_id, ~Case.history, GivenPrediction.case_id.is_(None))
    )
    return int(connection.execute(query).scalar_one())
