"""Rows become cases, or lie in quarantine with their reason."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from handrail.acts.authority import authorize
from handrail.acts.consenting import withdraw
from handrail.case import State
from handrail.labels import NewLabel, Status
from handrail.policy import Policy
from handrail.store import cases, labels, trail
from handrail.store.engine import Connection, Store
from handrail.store.frames import records
from handrail.store.trail import Event
from handrail.trail.chain import digest

CHUNK = 1000
"""Cases per transaction: short enough that the desk never waits longer than a tenth of a second."""
PPM = 1_000_000


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
    held_back = cases.quarantined(connection, delivery.source, part["row_digest"].tolist()) if known else {}
    fresh: list[dict[str, Any]] = []
    corrected: list[tuple[int, dict[str, Any]]] = []
    mine = 0
    refused: list[int] = []
    for row in records(part):
        case_id, state, batch_id = known.get(row["external_id"], (None, None, None))
        if case_id is None:
            fresh.append(row)
        elif batch_id == delivery.batch_id:
            mine += 1
        elif state == State.RECEIVED or (state == State.QUARANTINED and row["row_digest"] not in held_back):
            corrected.append((case_id, row))
        elif not row["consent"]:
            refused.append(case_id)
    withdraw(connection, refused, actor=actor, now=now)
    if not fresh and not corrected:
        return delivery, mine
    delivery = _opened(connection, delivery, policy, actor, now)
    events = _insert(connection, fresh, delivery, now)
    events += _readmit(connection, corrected, delivery, now)
    entered = [*fresh, *(row for _, row in corrected)]
    cases.release_quarantine(connection, delivery.source, [row["external_id"] for row in entered], now)
    trail.append(connection, events, at=now, actor=actor)
    return delivery, len(fresh) + len(corrected) + mine


def _opened(connection: Connection, delivery: Delivery, policy: Policy, actor: str, now: datetime) -> Delivery:
    if delivery.batch_id is not None:
        return delivery
    batch_id = cases.insert_batch(
        connection,
        source=delivery.source,
        file_digest=delivery.file_digest,
        policy_version=policy.version,
        started_at=now,
    )
    opened = Event("batch.opened", data={"batch": batch_id, "policy": policy.version, "file": delivery.file_digest})
    trail.append(connection, [opened], at=now, actor=actor)
    return Delivery(delivery.source, delivery.file_digest, batch_id)


def _case_values(row: Mapping[str, Any], delivery: Delivery, now: datetime) -> dict[str, Any]:
    amount = row["amount"]
    return {
        "batch_id": delivery.batch_id,
        "row_digest": row["row_digest"],
        "received_at": row["received_at"].to_pydatetime()
        if isinstance(row["received_at"], pd.Timestamp)
        else row["received_at"],
        "ingested_at": now,
        "history": bool(row["history"]),
        "has_text": bool(row["text"].strip()),
        "consent": bool(row["consent"]),
        "amount": None if amount is None or pd.isna(amount) else float(amount),
        "fields": row["fields"],
        "flags": [],
    }


def _insert(connection: Connection, rows: Sequence[dict[str, Any]], delivery: Delivery, now: datetime) -> list[Event]:
    values = [
        {
            "source": delivery.source,
            "external_id": row["external_id"],
            "state": State.RECEIVED,
            **_case_values(row, delivery, now),
        }
        for row in rows
    ]
    ids = cases.insert_cases(connection, values)
    inputs = [_input(row) for row in rows]
    cases.insert_inputs(
        connection, [{"case_id": case_id, **values} for case_id, values in zip(ids, inputs, strict=True)]
    )
    labels.insert_labels(connection, _known_labels(zip(ids, rows, strict=True), now))
    cases.insert_given(connection, _given(zip(ids, rows, strict=True)))
    entering = zip(ids, inputs, rows, strict=True)
    return [_entered("case.received", case_id, values, delivery, row) for case_id, values, row in entering]


def _readmit(
    connection: Connection, rows: Sequence[tuple[int, dict[str, Any]]], delivery: Delivery, now: datetime
) -> list[Event]:
    events = []
    for case_id, row in rows:
        values = _input(row)
        cases.readmit(connection, case_id, _case_values(row, delivery, now), values)
        events.append(_entered("case.readmitted", case_id, values, delivery, row))
    labels.insert_labels(connection, _known_labels(rows, now))
    cases.insert_given(connection, _given(rows))
    return events


def _input(row: Mapping[str, Any]) -> dict[str, Any]:
    """The erasable half of a case, under a fresh salt."""
    return {"salt": secrets.token_bytes(16), "text": row["text"], "customer_id": row["customer_id"] or None}


def _entered(kind: str, case_id: int, values: Mapping[str, Any], delivery: Delivery, row: Mapping[str, Any]) -> Event:
    data = {"batch": delivery.batch_id, "input": digest(values["salt"], values["text"])}
    if row.get("given_label"):
        data |= {"given": row["given_label"], "given_ppm": round(row["given_confidence"] * PPM)}
    return Event(kind, case_id, data)


def _given(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What somebody else's model said; nothing where no such prediction is mapped or could be read."""
    return [
        {"case_id": case_id, "label": row["given_label"], "confidence": row["given_confidence"]}
        for case_id, row in rows
        if row.get("given_label")
    ]


def _known_labels(rows: Iterable[tuple[int, Mapping[str, Any]]], now: datetime) -> list[NewLabel]:
    return [
        NewLabel(case_id, row["label"], Status.IMPORTED, "history", labelled_at=now)
        for case_id, row in rows
        if row["history"]
    ]


def _put_aside(
    connection: Connection, bad: pd.DataFrame, delivery: Delivery, *, policy: Policy, actor: str, now: datetime
) -> tuple[Delivery, int]:
    trail.lock(connection)
    held = cases.quarantined(connection, delivery.source, bad["row_digest"].tolist())
    waiting = {row for row, (batch_id, state) in held.items() if batch_id == delivery.batch_id and state != "released"}
    # A stopped delivery settled nothing: its bad rows count again in the next one that brings them.
    settled = {row for row, (_, state) in held.items() if state != "stopped"}
    once = bad.drop_duplicates("row_digest")
    rows = records(once[~once["row_digest"].isin(waiting | settled)])
    if rows:
        delivery = _opened(connection, delivery, policy, actor, now)
        _put(connection, delivery, [{**row, "case_id": None} for row in rows], now)
        event = Event("rows.quarantined", data={"batch": delivery.batch_id, "rows": len(rows)})
        trail.append(connection, [event], at=now, actor=actor)
    return delivery, len(rows) + len(waiting)


def _put(connection: Connection, delivery: Delivery, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    values = [
        {
            "batch_id": delivery.batch_id,
            "source": delivery.source,
            "row_number": row["row_number"],
            "row_digest": row["row_digest"],
            "external_id": row["external_id"] or None,
            "case_id": row["case_id"],
            "reason": row["reason"],
            "expectation": row["expectation"],
            "row": row["row"],
            "at": now,
        }
        for row in rows
    ]
    cases.put_in_quarantine(connection, delivery.source, values)


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
        found = records(failures)
        if not stopped:
            ids = sorted(cases.received(connection, batch_id, [row["case_id"] for row in found]))
            moved = set(cases.set_state(connection, ids, State.QUARANTINED, only_from=State.RECEIVED))
            found = [row for row in found if row["case_id"] in moved]
            events = [Event("case.quarantined", row["case_id"], {"expectation": row["expectation"]}) for row in found]
            trail.append(connection, events, at=now, actor=actor)
        delivery = Delivery(batch["source"], batch["file_digest"], batch_id)
        _put(connection, delivery, [{**row, "row_number": 0, "row": None} for row in found], now)
    return len(found)


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
        if cases.batch(connection, batch_id)["state"] in {state, "done"}:
            return
        counts = {**cases.state_counts(connection, batch_id), **(extra or {})}
        cases.update_batch(connection, batch_id, state=state, finished_at=now, counts=counts)
        trail.append(connection, [Event(f"batch.{state}", data={"batch": batch_id, **counts})], at=now, actor=actor)


def save_redactions(store: Store, rows: pd.DataFrame) -> None:
    """Save redacted texts, what was replaced and the flags found.

    `rows` has case_id, redacted, findings (lists of type, start, end) and flags (tuples of codes).
    """
    for start in range(0, len(rows), CHUNK):
        part = records(rows.iloc[start : start + CHUNK])
        with store.write() as connection:
            cases.save_redaction(
                connection,
                [{"case_id": row["case_id"], "redacted": row["redacted"], "findings": row["findings"]} for row in part],
            )
            cases.save_flags(
                connection, [{"id": row["case_id"], "flags": list(row["flags"])} for row in part if row["flags"]]
            )
