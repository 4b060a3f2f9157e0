"""Rows become cases, or lie in quarantine with their reason."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import pandas as pd

from handrail.acts import revising
from handrail.acts.authority import authorize
from handrail.acts.consenting import withdraw
from handrail.case import NewCase, NewInput, State
from handrail.inbound_rows import BadRow
from handrail.labels import NewLabel, Status
from handrail.policy import Policy
from handrail.ppm import PPM
from handrail.revisions import MADE_HERE, made_here
from handrail.rows import GoodRow
from handrail.store import batches, cases, changes, given_predictions, labels, trail
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
    """What became of one chunk of rows: each is one of these. `reopened` of the `new` go on from a decided case.

    `elsewhere` of the duplicates were brought by another source, word for word. `made_here` names the ids that Handrail
    made for cases that it opened again: their rows lie in quarantine, or lay there before.
    """

    delivery: Delivery
    new: int
    duplicates: int
    quarantined: int
    changed: int = 0
    reopened: int = 0
    elsewhere: int = 0
    made_here: frozenset[str] = frozenset()


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
    """Store parsed rows as received cases and unreadable ones in quarantine; what is known already is looked at anew.

    The same content again is a duplicate. Other content changes a case that waits once the delivery has passed its
    gate, and opens a decided one again; consent that a row refuses is withdrawn from the known case at once. `good` and
    `bad` have the columns of `handrail.rows.Parsed`. Each chunk is one transaction, so that a killed run is completed
    by running the same file again.
    """
    taken = Taken(delivery, 0, 0, 0)
    for start in range(0, len(good), CHUNK):
        with store.write() as connection:
            authorize(connection, "intake", actor)
            part = good.iloc[start : start + CHUNK]
            taken = _take_chunk(connection, part, taken, policy=policy, actor=actor, now=now)
    if len(bad):
        with store.write() as connection:
            authorize(connection, "intake", actor)
            taken = _with_bad(connection, bad, taken, policy=policy, actor=actor, now=now)
    return taken


def _take_chunk(
    connection: Connection, part: pd.DataFrame, taken: Taken, *, policy: Policy, actor: str, now: datetime
) -> Taken:
    trail.lock(connection)
    made = changes.made_names(connection, taken.delivery.source, part["external_id"].tolist())
    if made:
        is_made = part["external_id"].isin(made)
        bad, part = _made_here(part[is_made]), part[~is_made]
        taken = replace(taken, made_here=taken.made_here | made)
        taken = _with_bad(connection, bad, taken, policy=policy, actor=actor, now=now)
    delivery = taken.delivery
    found = revising.sort(connection, typed(part, GoodRow), delivery.source, delivery.batch_id, policy)
    withdraw(connection, found.refused, actor=actor, now=now)
    if found.fresh or found.corrected or found.changed or found.reopened:
        delivery, batch_id = _opened(connection, delivery, policy, actor, now)
        _enter(connection, found, delivery.source, batch_id, actor=actor, now=now)
    new = len(found.fresh) + len(found.corrected) + len(found.reopened) + found.mine
    changed = len(found.changed) + found.again
    return replace(
        taken,
        delivery=delivery,
        new=taken.new + new,
        duplicates=taken.duplicates + len(part) - new - changed,
        changed=taken.changed + changed,
        reopened=taken.reopened + len(found.reopened),
        elsewhere=taken.elsewhere + found.elsewhere,
    )


def _enter(
    connection: Connection, found: revising.Sorted, source: str, batch_id: int, *, actor: str, now: datetime
) -> None:
    """Write what is new of a chunk: cases, corrected ones, changes that wait for the gate, and reopened cases."""
    earlier = {case_id: found.corrected[case_id] for case_id in sorted(found.earlier)}
    revising.note_replaced(connection, earlier, batch_id, actor=actor, now=now)
    events = _insert(connection, found.fresh, source, batch_id, now)
    events += _readmit(connection, found.corrected, source, batch_id, now)
    trail.append(connection, events, at=now, actor=actor)
    revising.wait(connection, found.changed, batch_id, now)
    revising.reopen(connection, revising.as_changes(found.reopened), batch_id, source, actor=actor, now=now)
    entered = [row.external_id for row in (*found.fresh, *found.corrected.values())]
    # A reopened case lies aside under its own name, and its row brings that of the first.
    entered += {name for _, name in cases.names(connection, sorted(found.corrected)).values()} - {*entered}
    came_again = sorted({*found.corrected, *found.changed, *found.reopened})
    left = sorted({*found.left, *batches.stopped_with(connection, source, entered, came_again)})
    stored_quarantine.release_quarantine(connection, source, entered, now)
    _replace_emptied(connection, left, batch_id, actor=actor, now=now)


def _replace_emptied(connection: Connection, left: Sequence[int], by: int, *, actor: str, now: datetime) -> None:
    """Count batches anew that rows have left, and end stopped ones behind which nothing waits any more."""
    emptied = batches.emptied(connection, left)
    for number in emptied:
        changes.drop(connection, number, now)
        cases.update_batch(connection, number, state=batches.REPLACED)
    batches.recount(connection, left)
    events = [Event("batch.replaced", data={"batch": number, "by": by}) for number in emptied]
    trail.append(connection, events, at=now, actor=actor)


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
        flags=list(row.marks),
    )


def _insert(connection: Connection, rows: Sequence[GoodRow], source: str, batch_id: int, now: datetime) -> list[Event]:
    inputs = [_input(row) for row in rows]
    ids = cases.insert_cases(connection, [_case(row, source, batch_id, now) for row in rows])
    cases.insert_inputs(connection, dict(zip(ids, inputs, strict=True)))
    entering = dict(zip(ids, rows, strict=True))
    labels.insert_labels(connection, _known_labels(entering, now))
    given_predictions.insert(connection, _given(entering))
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
    given_predictions.insert(connection, _given(rows))
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


def _made_here(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that no source can have meant for the case whose id they bear, as bad ones."""
    cells = rows[["external_id", "text", "amount", "customer_id"]]
    read = [{name: str(cell) for name, cell in row.items() if not pd.isna(cell)} for row in cells.to_dict("records")]
    reasons = [made_here(name) for name in rows["external_id"]]
    known = rows[["row_number", "external_id", "row_digest"]]
    return known.assign(reason=reasons, expectation=MADE_HERE, row=pd.Series(read, index=rows.index, dtype=object))


def _with_bad(
    connection: Connection, bad: pd.DataFrame, taken: Taken, *, policy: Policy, actor: str, now: datetime
) -> Taken:
    """Put bad rows aside, and count them with the others."""
    delivery, put_aside = _put_aside(connection, bad, taken.delivery, policy=policy, actor=actor, now=now)
    repeats = taken.duplicates + len(bad) - put_aside
    return replace(taken, delivery=delivery, quarantined=taken.quarantined + put_aside, duplicates=repeats)


def _put_aside(
    connection: Connection, bad: pd.DataFrame, delivery: Delivery, *, policy: Policy, actor: str, now: datetime
) -> tuple[Delivery, int]:
    trail.lock(connection)
    held = stored_quarantine.quarantined(connection, delivery.source, bad["row_digest"].tolist())
    waiting = {row for row, (batch_id, state) in held.items() if batch_id == delivery.batch_id and state != "corrected"}
    # A stopped or rejected delivery settled nothing: its bad rows count again in the next one that brings them.
    settled = {row for row, (_, state) in held.items() if state not in ("stopped", "rejected")}
    once = bad.drop_duplicates("row_digest")
    rows = [
        replace(row, external_id=row.external_id or None)
        for row in typed(once[~once["row_digest"].isin(waiting | settled)], BadRow)
    ]
    if rows:
        delivery, batch_id = _opened(connection, delivery, policy, actor, now)
        moved = stored_quarantine.put_in_quarantine(connection, batch_id, delivery.source, rows, now)
        event = Event("rows.quarantined", data={"batch": batch_id, "rows": len(rows)})
        trail.append(connection, [event], at=now, actor=actor)
        _replace_emptied(connection, moved, batch_id, actor=actor, now=now)
    return delivery, len(rows) + len(waiting)


def note_read(store: Store, batch_id: int, rows: int, *, actor: str) -> None:
    """Keep how many rows of a delivery were read, known ones included: its gate takes the share of bad ones of them."""
    with store.write() as connection:
        authorize(connection, "intake", actor)
        kept = cases.batch(connection, batch_id).counts
        cases.update_batch(connection, batch_id, counts={**kept, "read": rows})


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
        moved_from = stored_quarantine.put_in_quarantine(connection, batch_id, batch.source, rows, now)
        batches.recount(connection, [*moved_from, batch_id])
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
        counts = {**asdict(batches.counts(connection, batch_id)), **(extra or {})}
        # A run that names an earlier moment, or a clock that went back, never lets a delivery end before it began.
        ended = max(now, batch.started_at, batch.finished_at or now)
        cases.update_batch(connection, batch_id, state=state, finished_at=ended, counts=counts)
        trail.append(connection, [Event(f"batch.{state}", data={"batch": batch_id, **counts})], at=now, actor=actor)


def save_redactions(store: Store, redactions: Sequence[Redaction], *, policy: Policy) -> None:
    """Save redacted texts, what was replaced and the flags found, all by this policy.

    Of a text that changed meanwhile nothing is saved.
    """
    for start in range(0, len(redactions), CHUNK):
        part = redactions[start : start + CHUNK]
        with store.write() as connection:
            salts = changes.salts(connection, [one.case_id for one in part])
            current = [one for one in part if one.salt is None or one.salt == salts.get(one.case_id)]
            cases.save_redactions(connection, current, policy_version=policy.version)
