"""Cases, their erasable inputs, and the batches that they came with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningUpdate

from handrail.case import ENTRY, NewCase, NewInput, State, require_transition
from handrail.errors import ForbiddenTransition
from handrail.revisions import kept_marks
from handrail.store import bulk, given_predictions
from handrail.store.bulk import among, insert_numbered, insert_rows, one_of, row_of, update_rows
from handrail.store.frames import frame
from handrail.store.schema import (
    Batch,
    Case,
    CaseChange,
    CaseInput,
    Label,
    Reopening,
    Route,
)

CALL = "call:"
"""How the digest of a call begins: a call's batch is whole from the first, that of a file may be half-way in."""
IN_LIMIT = 900
"""Most values in one IN list: every SQLite build takes it."""


def chunks(values: Sequence[Any], size: int = IN_LIMIT) -> list[Sequence[Any]]:
    """Cut a sequence into runs of at most `size`; an empty one gives none."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def unfinished_batch(connection: Connection, source: str, file_digest: str) -> int | None:
    """The batch of the same delivery that was killed, stopped or released half-way, to be continued."""
    query = select(Batch.id).where(
        Batch.source == source,
        Batch.file_digest == file_digest,
        Batch.state.in_(("open", "gated", "stopped", "released")),
    )
    return connection.execute(query.order_by(Batch.id.desc())).scalar()


def insert_batch(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `batches`
    """Open a batch and return its id."""
    result = connection.execute(insert(Batch).values(state="open", counts={}, **values).returning(Batch.id))
    return int(result.scalar_one())


def update_batch(connection: Connection, batch_id: int, **values: Any) -> None:  # noqa: ANN401 - columns of `batches`
    """Change a batch's state, counts or end."""
    connection.execute(update(Batch).where(Batch.id == batch_id).values(**values))


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A batch: where its rows come from, under which policy, how far it has come, and what its rows became."""

    id: int
    source: str
    file_digest: str
    policy_version: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    counts: dict[str, int]


def batch(connection: Connection, batch_id: int) -> BatchRecord:
    """One batch that is there."""
    return BatchRecord(*connection.execute(_BATCH, {"number": batch_id}).one())


def find_batch(connection: Connection, batch_id: int) -> BatchRecord | None:
    """One batch; None without it."""
    row = connection.execute(_BATCH, {"number": batch_id}).first()
    return None if row is None else BatchRecord(*row)


_BATCH = select(Batch.__table__).where(Batch.id == bindparam("number"))


@dataclass(frozen=True, slots=True)
class EnteredCase:
    """A case that has come in: its id, where it stands, its row, and the batch that it came with last."""

    id: int
    state: str
    batch_id: int
    row_digest: str
    history: bool
    batch_state: str
    batch_digest: str


def known(connection: Connection, source: str, external_ids: Sequence[str]) -> dict[str, EnteredCase]:
    """Which of these external ids exist, and as which cases; of a reopened one, the case in which it goes on."""
    found: dict[str, EnteredCase] = {}
    entered = (Case.id, Case.state, Case.batch_id, Case.row_digest, Case.history, Batch.state, Batch.file_digest)
    goes_on = select(func.max(Reopening.case_id)).where(Reopening.first_id == Case.id).scalar_subquery()
    for part in chunks(external_ids):
        query = (
            select(Case.external_id, goes_on, *entered)
            .join(Batch, Batch.id == Case.batch_id)
            .where(Case.source == source, among(connection, Case.external_id, part))
        )
        later: dict[int, str] = {}
        for name, last, *rest in map(tuple, connection.execute(query)):
            found[name] = EnteredCase(*rest)
            if last is not None:
                later[last] = name
        if later:
            query = select(*entered).join(Batch, Batch.id == Case.batch_id)
            newest = connection.execute(query.where(among(connection, Case.id, sorted(later))))
            found.update({later[row[0]]: EnteredCase(*row) for row in map(tuple, newest)})
    return found


def names(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """By which source and external id the world knows these cases."""
    found: dict[int, tuple[str, str]] = {}
    for part in chunks(ids):
        query = select(Case.id, Case.source, Case.external_id).where(among(connection, Case.id, part))
        found.update({case_id: (source, external_id) for case_id, source, external_id in connection.execute(query)})
    return found


def taken_names(connection: Connection, source: str, external_ids: Sequence[str]) -> set[str]:
    """Which of these external ids are some case's."""
    found: set[str] = set()
    for part in chunks(external_ids):
        query = select(Case.external_id).where(Case.source == source, among(connection, Case.external_id, part))
        found.update(connection.execute(query).scalars())
    return found


def insert_cases(connection: Connection, new: Sequence[NewCase]) -> list[int]:
    """Insert cases, in a state in which cases come in; ids in the order of `new`."""
    if not {one.state for one in new} <= ENTRY:
        raise ForbiddenTransition(f"A case comes in as {' or '.join(sorted(ENTRY))}. Report it as a fault of Handrail.")
    return insert_numbered(connection, Case, [row_of(one) for one in new])


def insert_inputs(connection: Connection, inputs: Mapping[int, NewInput]) -> None:
    """Insert the erasable half of cases, by case."""
    insert_rows(connection, CaseInput, [row_of(one, case_id=number) for number, one in inputs.items()])


def set_state(connection: Connection, ids: Sequence[int], state: State, *, only_from: State) -> list[int]:
    """Move cases from one state to the next; returns the ids that really were in `only_from`.

    Nothing else moves a case: the transition is one of `handrail.case.NEXT`, and the same statement that writes the
    new state looks whether the case is in the old one.

    Raises:
        ForbiddenTransition: no case goes this way.
    """
    require_transition(only_from, state)
    moved: list[int] = []
    for part in chunks(ids):
        known = {"ids": bulk.ids(connection, part), "before": only_from, "after": state}
        moved += connection.execute(_move(connection.dialect.name), known).scalars()
    return sorted(moved)


def note_scored(connection: Connection, ids: Sequence[int], version: str | None) -> None:
    """Write down which version served when these cases were scored or passed unscored; None: none did."""
    for part in chunks(ids):
        connection.execute(update(Case).where(among(connection, Case.id, part)).values(scored_by=version))


def outdated(connection: Connection, ids: Sequence[int], *, serving: str | None, policy_version: str) -> set[int]:
    """Which of these were scored by another version than the one that serves, or read under another policy.

    Where none serves, nothing can score them anew.
    """
    other = Case.read_under != policy_version  # null, of what was never redacted, is none of another policy
    if serving is not None:
        other = or_(other, Case.scored_by.is_distinct_from(serving))
    found: set[int] = set()
    for part in chunks(ids):
        found |= set(connection.execute(select(Case.id).where(among(connection, Case.id, part), other)).scalars())
    return found


def received(connection: Connection, batch_id: int, ids: Sequence[int]) -> set[int]:
    """Which of these cases this batch still owns and nobody has gated: another delivery may have taken one over."""
    found: set[int] = set()
    for part in chunks(ids):
        query = select(Case.id).where(
            among(connection, Case.id, part), Case.batch_id == batch_id, Case.state == State.RECEIVED
        )
        found |= set(connection.execute(query).scalars())
    return found


@cache
def _move(dialect: str) -> ReturningUpdate[tuple[int]]:
    moved = update(Case).where(one_of(dialect, Case.id), Case.state == bindparam("before"))
    return moved.values(state=bindparam("after")).returning(Case.id)


_PICKED: dict[str, ColumnElement[Any] | InstrumentedAttribute[Any]] = {
    **{
        name: getattr(Case, name)
        for name in (
            *("external_id", "row_digest", "received_at", "has_text", "consent", "amount", "flags", "history"),
            "read_under",
        )
    },
    "text": CaseInput.text,
    "text_length": func.length(CaseInput.text, type_=Integer),
    "is_redacted": CaseInput.redacted.is_not(None),
    "salt": CaseInput.salt,
}
"""What a step may ask of a case, by name; what a model sees of it comes from `readable`."""


def pick(
    connection: Connection,
    state: State,
    columns: Sequence[str],
    *,
    after: int = 0,
    limit: int = 1000,
    batch_id: int | None = None,
    ids: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Cases in `state`, by id, beginning after the id `after`: `case_id` and the given columns of case and input.

    Of a batch or of certain `ids` only where they are named. An empty frame when none is left.
    """
    query = (
        select(Case.id.label("case_id"), *(_PICKED[name].label(name) for name in columns))
        .join(CaseInput, CaseInput.case_id == Case.id)
        .where(Case.state == state, Case.id > after)
        .order_by(Case.id)
        .limit(limit)
    )
    if batch_id is not None:
        query = query.where(Case.batch_id == batch_id)
    if ids is not None:
        query = query.where(among(connection, Case.id, ids))
    return frame(connection, query)


@dataclass(frozen=True, slots=True)
class Redaction:
    """A text with its personal data replaced; `findings` are the [type, start, end] of each replacement."""

    case_id: int
    redacted: str
    findings: Sequence[Sequence[Any]] = ()
    flags: Sequence[str] = ()
    """Of the policy, found in the text, and those that were set at intake."""
    salt: bytes | None = None
    """Of the text that was redacted; None where nobody can have changed it."""


def save_redactions(
    connection: Connection, redactions: Sequence[Redaction], *, policy_version: str | None = None
) -> None:
    """Write redacted texts, what was replaced in them, their flags, and the policy by which they were read."""
    texts = [{"case_id": one.case_id, "redacted": one.redacted, "findings": list(one.findings)} for one in redactions]
    update_rows(connection, CaseInput, "case_id", texts)
    for part in chunks([one.case_id for one in redactions]):
        # What an earlier policy flagged need not be flagged by this one.
        connection.execute(
            update(Case).where(among(connection, Case.id, part)).values(read_under=policy_version, flags=[])
        )
    flags = [{"id": one.case_id, "flags": list(one.flags)} for one in redactions if one.flags]
    update_rows(connection, Case, "id", flags)


def readmit(connection: Connection, case_id: int, corrected: NewCase, given: NewInput) -> None:
    """Replace a case that was put aside or stopped by its corrected row; imported label and given prediction go too.

    It is received again; one that has gone on since keeps its state. A reopened one keeps its own id and its mark: the
    row names the first case.
    """
    values = row_of(corrected)
    del values["state"], values["external_id"]
    before = connection.execute(select(Case.flags).where(Case.id == case_id)).scalar_one()
    values["flags"] = kept_marks(corrected.flags, before)
    connection.execute(update(Case).where(Case.id == case_id).values(**values))
    set_state(connection, [case_id], State.RECEIVED, only_from=State.QUARANTINED)
    connection.execute(delete(CaseInput).where(CaseInput.case_id == case_id))  # a purge may have done so before
    connection.execute(insert(CaseInput).values(**row_of(given, case_id=case_id)))
    connection.execute(delete(Label).where(Label.case_id == case_id, Label.provenance == "history"))
    given_predictions.replace(connection, case_id, None)


@dataclass(frozen=True, slots=True)
class VisibleCase:
    """What a reviewer may see of a case; no text and no findings before it is redacted, nor after a purge."""

    external_id: str
    received_at: datetime
    amount: float | None
    fields: dict[str, str]
    flags: list[str]
    redacted: str | None
    findings: list[tuple[str, int, int]] | None


def shown(connection: Connection, case_id: int) -> VisibleCase:
    """What a reviewer may see of a case: redacted text and what was taken out, fields, amount, flags."""
    return VisibleCase(*connection.execute(_SHOWN, {"case": case_id}).one())


_SHOWN = (
    select(
        Case.external_id, Case.received_at, Case.amount, Case.fields, Case.flags, CaseInput.redacted, CaseInput.findings
    )
    .join(CaseInput, CaseInput.case_id == Case.id, isouter=True)
    .where(Case.id == bindparam("case"))
)


def state_counts(connection: Connection, batch_id: int | None = None) -> dict[str, int]:
    """Cases by state, of one batch or of all."""
    query = select(Case.state, func.count()).group_by(Case.state)
    if batch_id is not None:
        query = query.where(Case.batch_id == batch_id)
    return {state: count for state, count in connection.execute(query)}


def history_count(connection: Connection, batch_id: int) -> int:
    """Cases of this batch that came in as history."""
    query = select(func.count()).where(Case.batch_id == batch_id, Case.history, Case.state == State.DONE)
    return int(connection.execute(query).scalar_one())


def route_counts(connection: Connection, batch_id: int) -> dict[tuple[str, str], int]:
    """Cases of a batch by (queue, first reason)."""
    query = (
        select(Route.queue, Route.reason, func.count())
        .join(Case, Case.id == Route.case_id)
        .where(Case.batch_id == batch_id)
        .group_by(Route.queue, Route.reason)
    )
    return {(queue, reason): count for queue, reason, count in connection.execute(query)}


def delete_inputs(connection: Connection, ids: Sequence[int]) -> int:
    """Delete raw and redacted texts, salts and customer ids of these cases, earlier ones too; returns how many."""
    erased: dict[str, Any] = dict.fromkeys(("salt", "text", "redacted", "customer_id", "label", "amount"))
    for part in chunks(ids):
        of_these = update(CaseChange).where(CaseChange.case_id.in_(part))
        connection.execute(of_these.values(**erased, fields={}))
        connection.execute(of_these.where(CaseChange.state == "waiting").values(state="dropped"))
    return sum(
        connection.execute(delete(CaseInput).where(CaseInput.case_id.in_(part))).rowcount for part in chunks(ids)
    )


def ids_of(connection: Connection, source: str | None, external_ids: Sequence[str]) -> dict[str, int]:
    """Case ids by external id, of one source or, with None, of whatever source delivered it last."""
    found: dict[str, int] = {}
    for part in chunks(external_ids):
        query = select(Case.external_id, Case.id).where(Case.external_id.in_(part)).order_by(Case.id)
        query = query if source is None else query.where(Case.source == source)
        found.update({external_id: case_id for external_id, case_id in connection.execute(query)})
    return found


def unredacted(connection: Connection, limit: int) -> pd.DataFrame:
    """History, and cases that changed while people had them, whose text has not been redacted: case_id, text, flags."""
    changed = exists().where(CaseChange.case_id == Case.id, CaseChange.state == "applied")
    query = (
        select(Case.id.label("case_id"), CaseInput.text, Case.flags, CaseInput.salt)
        .join(CaseInput, CaseInput.case_id == Case.id)
        .where(or_(Case.history, and_(Case.state == State.QUEUED, changed)), CaseInput.redacted.is_(None))
        .order_by(Case.id)
        .limit(limit)
    )
    return frame(connection, query)
