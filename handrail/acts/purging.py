"""Inputs, notes and rows past their retention are deleted; open work is warned of, held and unfinished cases wait."""

from dataclasses import dataclass
from datetime import datetime

from handrail.acts.authority import authorize, required
from handrail.errors import Conflict, NotFound, NotPermitted
from handrail.policy import Policy
from handrail.sla import due
from handrail.store import escalations, inbox, retention, staff, trail
from handrail.store.engine import Connection, Store
from handrail.store.escalations import NewEscalation
from handrail.store.retention import CAUSE, INPUTS, NOTES, ROWS, RecordSeries
from handrail.store.trail import Event

PART = 100
"""Of one transaction: a tenth of a second at most, see `benchmarks/retention.py`."""


@dataclass(frozen=True, slots=True)
class Purged:
    """How many were deleted, or would be; of cases whose text is past its time, why others were spared.

    `escalated`: finished with open work, of which the escalation manager was warned now. `waiting`: warned of before,
    within the second period. `held`: somebody holds them. `undecided`, and `undelivered`, decided but not yet carried
    out: they keep their texts until they are finished.
    """

    inputs: int
    notes: int
    quarantined_rows: int
    escalated: int
    waiting: int
    held: int
    undecided: int
    undelivered: int


def purge(store: Store, *, policy: Policy, actor: str, now: datetime, dry_run: bool = True) -> Purged:
    """Delete inputs, notes and quarantined rows that are past the policy's retention; counts what was or would be.

    A finished case with open work is escalated first, and loses its texts a second period (`retention.open_work`)
    later; one that is not finished keeps them. The trail keeps its digests, which without the deleted salts say
    nothing any more.

    Raises:
        NotPermitted: the policy's `retention.purgers` do not name `actor`, nor a role of theirs; a flow never.
    """
    if dry_run:
        return _foreseen(store, policy, now)
    with store.read() as connection:
        _require_purger(connection, policy, actor)
    _end_warnings(store, policy, actor, now)
    escalated = _warn(store, policy, actor, now)
    inputs = _erase(store, INPUTS, policy, actor, now)
    notes = sum(_erase(store, series, policy, actor, now) for series in NOTES)
    rows = _erase(store, ROWS, policy, actor, now)
    with store.read() as connection:
        spared = retention.count_spared(connection, policy, now)
    return Purged(
        inputs, notes, rows, escalated, spared.warned - escalated, spared.held, spared.undecided, spared.undelivered
    )


def hold(store: Store, case_id: int, *, reason: str, actor: str, now: datetime) -> None:
    """Keep what was said in a case, whatever the retention says, until somebody releases it.

    Raises:
        NotFound: there is no such case.
        Conflict: it is held already.
        BadInput: no reason.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "hold_text", actor)
        trail.lock(connection)
        if inbox.case(connection, case_id) is None:
            raise NotFound(
                f"There is no case {case_id}. Look its number up under Cases, or with `handrail trail search`."
            )
        if retention.hold_of(connection, case_id) is not None:
            raise Conflict(f"Case {case_id} is held already. Release it first to hold it for another reason.")
        retention.insert_hold(connection, case_id, actor, now)
        held = trail.append(connection, [Event("case.held", case_id)], at=now, actor=actor)
        trail.give_reason(connection, held, reason)


def release(store: Store, case_id: int, *, reason: str, actor: str, now: datetime) -> None:
    """Let the retention count for a case again.

    Raises:
        NotFound: nothing holds it.
        BadInput: no reason.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "hold_text", actor)
        trail.lock(connection)
        if not retention.end_hold(connection, case_id, actor, now):
            raise NotFound(f"Nothing holds case {case_id}. Its texts go when their time is over.")
        released = Event("case.hold_released", case_id)
        trail.give_reason(connection, trail.append(connection, [released], at=now, actor=actor), reason)


def _require_purger(connection: Connection, policy: Policy, actor: str) -> None:
    purgers = policy.retention.purgers
    person = staff.person(connection, actor)
    if person is None or not {actor, *person.roles}.intersection(purgers):
        named = ", ".join(purgers) or "nobody"
        raise NotPermitted(
            f"{actor} may not purge: the policy's retention.purgers name {named}. Ask them, or change the policy."
        )


def _foreseen(store: Store, policy: Policy, now: datetime) -> Purged:
    with store.read() as connection:
        spared = retention.count_spared(connection, policy, now)
        return Purged(
            inputs=retention.count_due(connection, INPUTS, policy, now),
            notes=sum(retention.count_due(connection, series, policy, now) for series in NOTES),
            quarantined_rows=retention.count_due(connection, ROWS, policy, now),
            escalated=spared.to_warn,
            waiting=spared.warned,
            held=spared.held,
            undecided=spared.undecided,
            undelivered=spared.undelivered,
        )


def _warn(store: Store, policy: Policy, actor: str, now: datetime) -> int:
    """Escalate open work whose text is past its time, each case once."""
    until = due(now, policy.escalation.due_within, policy.sla.calendar)
    escalated, after = 0, 0
    while True:
        with store.read() as connection:
            ids = retention.to_warn(connection, policy, now, after, PART)
        if not ids:
            return escalated
        with store.write() as connection:
            _require_purger(connection, policy, actor)
            trail.lock(connection)
            open_still = retention.still_to_warn(connection, policy, now, ids)
            opened = escalations.insert_escalations(
                connection, [NewEscalation(case_id, CAUSE, None, opened_at=now, due_at=until) for case_id in open_still]
            )
            events = [Event("case.escalated", case_id, {"cause": CAUSE}) for case_id in sorted(opened)]
            trail.append(connection, events, at=now, actor=actor)
        escalated, after = escalated + len(opened), ids[-1]


def _end_warnings(store: Store, policy: Policy, actor: str, now: datetime) -> None:
    """Resolve the warnings of cases that nobody works on any more."""
    while True:
        with store.read() as connection:
            ids = retention.warned_in_vain(connection, PART)
        if not ids:
            return
        with store.write() as connection:
            _require_purger(connection, policy, actor)
            trail.lock(connection)
            for case_id in ids:  # where work has been opened since, the next run warns anew
                escalations.resolve(connection, case_id, CAUSE, actor, now)


def _erase(store: Store, series: RecordSeries, policy: Policy, actor: str, now: datetime) -> int:
    """Delete in small parts: looked for in a snapshot, decided on and deleted in a transaction of its own."""
    erased, after = 0, 0
    while True:
        with store.read() as connection:
            ids = retention.due(connection, series, policy, now, after, PART)
        if not ids:
            return erased
        with store.write() as connection:
            _require_purger(connection, policy, actor)
            trail.lock(connection)
            going = retention.still_due(connection, series, policy, now, ids)
            gone = series.erase(connection, going)
            if series is INPUTS:
                events = [Event("input.purged", case_id) for case_id in going]
            else:
                events = [Event("notes.purged", data={series.name: gone})] if gone else []
            trail.append(connection, events, at=now, actor=actor)
        erased, after = erased + gone, ids[-1]
