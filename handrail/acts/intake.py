"""Rows become cases, or lie in quarantine with their reason."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from handrail.acts.authority import authorize
from handrail.acts.consenting import withdraw
from handrail.case import NewCase, NewInput, State
from handrail.inbound_rows import BadRow
from handrail.labels import NewLabel, Status
from handrail.policy import Policy
from handrail.ppm import PPM
from handrail.rows import GoodRow
from handrail.store import cases, labels, trail
from handrail.store import quarantine as stored_quarantine
from handrail.store.cases import Redaction
from handrail.store.engine import Connection, Store
from handrail.store.frames import typed
from handrail.store.trail import Event
from handrail.trail.chain import digest

CHUNK = 1000
"""Cases per transaction: short enough that the desk never waits longer than a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The bytes that are being taken in; `batch_id` is None until a row of it turns out to be new."""

    source: str
    file_digest: str
    batch_id: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one chunk of rows."""

    delivery: Delivery
    new: int
    duplicates: int
    quarantined: int


def resume(store: Store, source: str, file_digest: str) -> Delivery:
    """Find the batch of the same delivery that was killed or stopped half-way, else begin a new one."""
    with store.read() as connection:
        return Delivery(source, file_digest, cases.unfinished_batch(connection, source, file_digest))


def take_in(
    store: Store,
    good: pd.DataFrame,
    bad: pd.DataFrame,
    delivery: Delivery,
    *,
    policy: Policy,
    actor: str,
    now: datetime,
) -> Taken:
    """Store parsed rows as received cases and unreadable ones in quarantine; what is known already stays as it is.

    But consent that a row refuses is withdrawn from the case that is known.
    `good` and `bad` have the columns of `handrail.rows.Parsed`. Each chunk is one transaction, so that a killed run
    is completed by running the same file again.
    """
    new = duplicates = put_aside = 0
    for start in range(0, len(good), CHUNK):
        with store.write() as connection:
            authorize(connection, "intake", actor)
            part = good.iloc[start : start + CHUNK]
            delivery, added = _take_chunk(connection, part, delivery, policy=policy, actor=actor, now=now)
        new += added
        duplicates += len(part) - added
    if len(bad):
        with store.write() as connection:
            authorize(connection, "intake", actor)
            delivery, put_aside = _put_aside(connection, bad, delivery, policy=policy, actor=actor, now=now)
        duplicates += len(bad) - put_aside
    return Taken(delivery, new, duplicates, put_aside)


def _take_chunk(
    connection: Connection, part: pd.DataFrame, delivery: Delivery, *, policy: Policy, actor: str, now: datetime
) -> tuple[Delivery, int]:
    trail.lock(connection)
    known = cases.known(connection, delivery.source, part["external_id"].tolist())
    held_back = stored_quarantine.quarantined(connection, delivery.source, part["row_digest"].tolist()) if known else {}
    fresh: list[GoodRow] = []
    corrected: dict[int, GoodRow] = {}
    mine = 0
    refused: list[int] = []
    for row in typed(part, GoodRow):
        case = known.get(row.external_id)
        if case is None:
            fresh.append(row)
        elif case.batch_id == delivery.batch_id:
            mine += 1
        elif case.state == State.RECEIVED or (case.state == State.QUARANTINED and row.row_digest not in held_back):
            corrected[case.id] = row
        elif not row.consent:
            refused.append(case.id)
    withdraw(connection, refused, actor=actor, now=now)
    if not fresh and not corrected:
        return delivery, mine
    delivery, batch_id = _opened(connection, delivery, policy, actor, now)
    events = _insert(connection, fresh, delivery.source, batch_id, now)
    events += _readmit(connection, corrected, delivery.source, batch_id, now)
    entered = [row.external_id for row in (*fresh, *corrected.values())]
    stored_quarantine.release_quarantine(connection, delivery.source, entered, now)
    trail.append(connection, events, at=now, actor=actor)
    return delivery, len(fresh) + len(corrected) + mine


def _opened(
    connection: Connection, delivery: Delivery, policy: Policy, actor: str, now: datetime
) -> tuple[Delivery, int]:
    """The delivery with its batch, and the batch's number; the first new row opens it."""
    if delivery.batch_id is not None:
        return delivery, delivery.batch_id
    batch_id = cases.insert_batch(
        connection,
        source=delivery.source,
        file_digest=delivery.file_digest,
        policy_version=policy.version,
        started_at=now,
    )
    opened = Event("batch.opened", data={"batch": batch_id, "policy": policy.version, "file": delivery.file_digest})
    trail.append(connection, [opened], at=now, actor=actor)
    return Delivery(delivery.source, delivery.file_digest, batch_id), batch_id


def _case(row: GoodRow, source: str, batch_id: int, now: datetime) -> NewCase:
    received_at = row.received_at
    return NewCase(
        source=source,
        external_id=row.external_id,
        batch_id=batch_id,
        row_digest=row.row_digest,
        received_at=received_at.to_pydatetime() if isinstance(received_at, pd.Timestamp) else received_at,
        ingested_at=now,
        history=bool(row.history),
        has_text=bool(row.text.strip()),
        consent=bool(row.consent),
        amount=None if row.amount is None else float(row.amount),
        fields=row.fields,
    )


def _insert(connection: Connection, rows: Sequence[GoodRow], source: str, batch_id: int, now: datetime) -> list[Event]:
    inputs = [_input(row) for row in rows]
    ids = cases.insert_cases(connection, [_case(row, source, batch_id, now) for row in rows])
    cases.insert_inputs(connection, dict(zip(ids, inputs, strict=True)))
    entering = dict(zip(ids, rows, strict=True))
    labels.insert_labels(connection, _known_labels(entering, now))
    cases.insert_given(connection, _given(entering))
    return [
        _entered("case.received", case_id, given, batch_id, row)
        for (case_id, row), given in zip(entering.items(), inputs, strict=True)
    ]


def _readmit(
    connection: Connection, rows: Mapping[int, GoodRow], source: str, batch_id: int, now: datetime
) -> list[Event]:
    events = []
    for case_id, row in rows.items():
        given = _input(row)
        cases.readmit(connection, case_id, _case(row, source, batch_id, now), given)
        events.append(_entered("case.readmitted", case_id, given, batch_id, row))
    labels.insert_labels(connection, _known_labels(rows, now))
    cases.insert_given(connection, _given(rows))
    return events


def _input(row: GoodRow) -> NewInput:
    """The erasable half of a case, under a fresh salt."""
    return NewInput(secrets.token_bytes(16), row.text, row.customer_id or None)


def _entered(kind: str, case_id: int, given: NewInput, batch_id: int, row: GoodRow) -> Event:
    data = {"batch": batch_id, "input": digest(given.salt, given.text)}
    if row.given_label and row.given_confidence is not None:
        data |= {"given": row.given_label, "given_ppm": round(row.given_confidence * PPM)}
    return Event(kind, case_id, data)


def _given(rows: Mapping[int, GoodRow]) -> dict[int, tuple[str, float]]:
    """What somebody else's model said; nothing where no such prediction is mapped or could be read."""
    return {
        case_id: (row.given_label, row.given_confidence)
        for case_id, row in rows.items()
        if row.given_label and row.given_confidence is not None
    }


def _known_labels(rows: Mapping[int, GoodRow], now: datetime) -> list[NewLabel]:
    return [
        NewLabel(case_id, str(row.label), Status.IMPORTED, "history", labelled_at=now)
        for case_id, row in rows.items()
        if row.history
    ]


def _put_aside(
    connection: Connection, bad: pd.DataFrame, delivery: Delivery, *, policy: Policy, actor: str, now: datetime
) -> tuple[Delivery, int]:
    trail.lock(connection)
    held = stored_quarantine.quarantined(connection, delivery.source, bad["row_digest"].tolist())
    waiting = {row for row, (batch_id, state) in held.items() if batch_id == delivery.batch_id and state != "released"}
    # A stopped delivery settled nothing: its bad rows count again in the next one that brings them.
    settled = {row for row, (_, state) in held.items() if state != "stopped"}
    once = bad.drop_duplicates("row_digest")
    rows = [
        replace(row, external_id=row.external_id or None)
        for row in typed(once[~once["row_digest"].isin(waiting | settled)], BadRow)
    ]
    if rows:
        delivery, batch_id = _opened(connection, delivery, policy, actor, now)
        stored_quarantine.put_in_quarantine(connection, batch_id, delivery.source, rows, now)
        event = Event("rows.quarantined", data={"batch": batch_id, "rows": len(rows)})
        trail.append(connection, [event], at=now, actor=actor)
    return delivery, len(rows) + len(waiting)


def quarantine(
    store: Store, batch_id: int, failures: pd.DataFrame, *, stopped: bool = False, actor: str, now: datetime
) -> int:
    """Put received cases aside; `failures` has case_id, external_id, row_digest, reason, expectation.

    Of a batch that is `stopped` only the reasons are written down: its cases stay received, for the corrected file.
    """
    with store.write() as connection:
        authorize(connection, "intake", actor)
        trail.lock(connection)
        batch = cases.batch(connection, batch_id)
        rows = typed(failures, BadRow)
        if not stopped:
            ids = sorted(cases.received(connection, batch_id, failures["case_id"].tolist()))
            moved = set(cases.set_state(connection, ids, State.QUARANTINED, only_from=State.RECEIVED))
            rows = [row for row in rows if row.case_id in moved]
            events = [Event("case.quarantined", row.case_id, {"expectation": row.expectation}) for row in rows]
            trail.append(connection, events, at=now, actor=actor)
        stored_quarantine.put_in_quarantine(connection, batch_id, batch.source, rows, now)
    return len(rows)


def accept(
    store: Store,
    case_ids: Sequence[int],
    history_ids: Sequence[int],
    *,
    batch_id: int | None = None,
    actor: str,
    now: datetime,
) -> None:
    """Let gated cases go on; history with its known outcome is done at once.

    With `batch_id` only what this batch still owns: a case that another delivery brought anew meanwhile carries other
    values than those that were judged, and waits for that one's gate.
    """
    known = set(history_ids)
    for start in range(0, len(case_ids), CHUNK):
        part = case_ids[start : start + CHUNK]
        with store.write() as connection:
            authorize(connection, "intake", actor)
            trail.lock(connection)
            if batch_id is not None:
                part = sorted(cases.received(connection, batch_id, part))
            live = [case_id for case_id in part if case_id not in known]
            done = [case_id for case_id in part if case_id in known]
            cases.set_state(connection, live, State.ACCEPTED, only_from=State.RECEIVED)
            imported = cases.set_state(connection, done, State.DONE, only_from=State.RECEIVED)
            trail.append(connection, [Event("case.imported", case_id) for case_id in imported], at=now, actor=actor)


def close_batch(
    store: Store, batch_id: int, state: str, *, actor: str, now: datetime, extra: Mapping[str, int] | None = None
) -> None:
    """Record that a batch was gated, stopped or done, once; what is done stays so."""
    with store.write() as connection:
        authorize(connection, "intake", actor)
        trail.lock(connection)
        batch = cases.batch(connection, batch_id)
        if batch.state in {state, "done"}:
            return
        counts = {**cases.state_counts(connection, batch_id), **(extra or {})}
        cases.update_batch(connection, batch_id, state=state, finished_at=max(now, batch.started_at), counts=counts)
        trail.append(connection, [Event(f"batch.{state}", data={"batch": batch_id, **counts})], at=now, actor=actor)


def save_redactions(store: Store, redactions: Sequence[Redaction], *, policy: Policy) -> None:
    """Save redacted texts, what was replaced and the flags found, all by this policy."""
    for start in range(0, len(redactions), CHUNK):
        with store.write() as connection:
            part = redactions[start : start + CHUNK]
            cases.save_redactions(connection, part, policy_version=policy.version)
