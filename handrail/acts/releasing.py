"""A stopped delivery goes on or ends by a person's word."""

from datetime import datetime

from handrail.acts import revising
from handrail.acts.authority import authorize, required
from handrail.case import State
from handrail.errors import Conflict, NotFound
from handrail.store import batches, cases, changes, quarantine, trail
from handrail.store.cases import BatchRecord
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event

REJECTED = "delivery_rejected"
"""The expectation that a row of a rejected delivery is put aside by."""


def release(store: Store, batch_id: int, *, reason: str, actor: str, now: datetime) -> int:
    """Let the good rows of a stopped delivery go on; its bad ones stay in quarantine, each with its reason.

    The rows travel with the next round of the intake, or when the same file is run again.
    What it would change is left out where a later delivery has brought the case anew: an older content turns nothing
    back. Returns how many changes were left out.

    Raises:
        NotFound: there is no such delivery.
        Conflict: it is not stopped.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "settle_deliveries", actor)
        trail.lock(connection)
        _stopped(connection, batch_id)
        count = revising.leave_superseded(connection, batch_id, actor=actor, now=now)
        if count:
            batches.recount(connection, [batch_id])
        cases.update_batch(connection, batch_id, state=batches.RELEASED)
        released = Event("batch.released", data={"batch": batch_id})
        trail.give_reason(connection, trail.append(connection, [released], at=now, actor=actor), reason)
    return count


def reject(store: Store, batch_id: int, *, reason: str, actor: str, now: datetime) -> int:
    """End a stopped delivery: all that came with it lies in quarantine, and enters when it is delivered again.

    Returns how many of its cases were put aside.

    Raises:
        NotFound: there is no such delivery.
        Conflict: it is not stopped.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "settle_deliveries", actor)
        trail.lock(connection)
        batch = _stopped(connection, batch_id)
        sentence = f"Delivery {batch_id} was rejected by {actor}. Deliver the row again once the delivery is right."
        rows = batches.waiting_rows(connection, batch_id, sentence, REJECTED)
        ids = [row.case_id for row in rows if row.case_id is not None]
        cases.set_state(connection, ids, State.QUARANTINED, only_from=State.RECEIVED)
        quarantine.put_in_quarantine(connection, batch_id, batch.source, rows, now)
        changes.drop(connection, batch_id, now)
        cases.update_batch(connection, batch_id, state=batches.REJECTED, finished_at=max(now, batch.started_at))
        batches.recount(connection, [batch_id])
        events = [Event("case.quarantined", case_id, {"expectation": REJECTED}) for case_id in ids]
        events.append(Event("batch.rejected", data={"batch": batch_id, "cases": len(ids)}))
        trail.give_reason(connection, trail.append(connection, events, at=now, actor=actor), reason)
    return len(ids)


def _stopped(connection: Connection, batch_id: int) -> BatchRecord:
    batch = cases.find_batch(connection, batch_id)
    if batch is None:
        raise NotFound(
            f"There is no delivery {batch_id}. Look at the deliveries that are stopped, and name one of them."
        )
    if batch.state != batches.STOPPED:
        raise Conflict(f"Delivery {batch_id} is {batch.state} and not stopped. Nothing is to be released or rejected.")
    return batch
