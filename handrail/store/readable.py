"""The one door: what a model or a profile may see of cases.

Whatever predicts, learns, judges, compares or profiles takes its cases from a query that begins here, so that nothing
is seen of a customer who has not agreed to automated processing, or whose text is erased or not redacted yet. Which
fields pass is the policy's to say. People see cases by other queries.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, delete, exists, select, update

from handrail.case import State
from handrail.policy import Policy
from handrail.store.bulk import among
from handrail.store.cases import chunks
from handrail.store.frames import frame
from handrail.store.schema import Case, CaseInput, GivenPrediction, Prediction, Route


def fields_of(policy: Policy) -> frozenset[str]:
    """The mapped fields that may be read: the model's, and the groups that drift and promotions are watched by."""
    return frozenset({*policy.model.fields, *policy.fairness.groups})


def view(*more: Any, with_text: bool = True) -> Select[Any]:  # noqa: ANN401 - columns as `select` takes them
    """The query of all cases that may be seen: case_id, text (redacted), amount, fields, and `more` of joined tables.

    To be narrowed with `where` and `join`, and run by `read`. A model needs a text; without `with_text` the cases that
    came without one are among them.
    """
    query = (
        select(Case.id.label("case_id"), CaseInput.redacted.label("text"), Case.amount, Case.fields, *more)
        .select_from(Case)
        .join(CaseInput, CaseInput.case_id == Case.id)
        .where(Case.consent, CaseInput.redacted.is_not(None))
    )
    return query.where(Case.has_text) if with_text else query


def read(connection: Connection, query: Select[Any], policy: Policy) -> pd.DataFrame:
    """Run a query that began as a `view`; of `fields` only what the policy permits is left."""
    found = frame(connection, query)
    permitted = fields_of(policy)
    found["fields"] = pd.Series([_cut(values, permitted) for values in found["fields"]], found.index, dtype=object)
    return found


def of(connection: Connection, ids: Sequence[int], policy: Policy) -> pd.DataFrame:
    """Those of these cases that may be seen, by id; columns as in `view`."""
    parts = [read(connection, view().where(among(connection, Case.id, part)), policy) for part in chunks(ids) or [[]]]
    return pd.concat(parts, ignore_index=True).sort_values("case_id", ignore_index=True)


def accepted(connection: Connection, policy: Policy, *, after: int, limit: int) -> pd.DataFrame:
    """Accepted cases that wait for their score, by id, beginning after the id `after`; columns as in `view`."""
    query = view().where(Case.state == State.ACCEPTED, Case.id > after).order_by(Case.id).limit(limit)
    return read(connection, query, policy)


def given(connection: Connection, ids: Sequence[int]) -> pd.DataFrame:
    """What somebody else's model said of these cases, in their order: case_id, given_label, given_confidence.

    None and NaN where it said nothing, and where the customer has not agreed.
    """
    columns = (GivenPrediction.case_id, GivenPrediction.label, GivenPrediction.confidence)
    said: dict[int, tuple[str, float]] = {}
    for part in chunks(ids):
        query = select(*columns).join(Case, Case.id == GivenPrediction.case_id).where(Case.consent)
        found = connection.execute(query.where(among(connection, GivenPrediction.case_id, part)))
        said.update({case_id: (label, confidence) for case_id, label, confidence in found})
    heard = [said.get(case_id, (None, math.nan)) for case_id in ids]
    return pd.DataFrame(
        {
            "case_id": pd.Series(ids, dtype="int64"),
            "given_label": pd.Series([label for label, _ in heard], dtype=object),
            "given_confidence": pd.Series([confidence for _, confidence in heard], dtype="float64"),
        }
    )


def agreed(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Whose customers of these cases agree; asked anew in the transaction that writes what a model said of them."""
    found: set[int] = set()
    for part in chunks(ids):
        query = select(Case.id).where(among(connection, Case.id, part), Case.consent)
        found.update(connection.execute(query).scalars())
    return found


def refuse(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Take these cases out of sight, and with them the predictions that routed none; those that were in sight."""
    refused: list[int] = []
    routed = exists().where(Route.case_id == Prediction.case_id)
    for part in chunks(ids):
        mine = update(Case).where(among(connection, Case.id, part), Case.consent).values(consent=False)
        refused += connection.execute(mine.returning(Case.id)).scalars()
        connection.execute(delete(Prediction).where(among(connection, Prediction.case_id, part), ~routed))
    return sorted(refused)


def _cut(values: Mapping[str, str] | None, permitted: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in (values or {}).items() if name in permitted}
