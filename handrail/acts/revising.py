"""Known cases that come again: the same is a duplicate, other content changes what waits or reopens what is decided."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from handrail.acts import doubting
from handrail.acts.authority import authorize
from handrail.case import NewCase, NewInput, State
from handrail.labels import NewLabel, Status
from handrail.policy import Policy
from handrail.revisions import REOPENED_MARK, STATED, Arrival, Content, arrival, differs, is_same_request
from handrail.rows import GoodRow
from handrail.store import cases, changes, given_predictions, labels, predictions, routes, superseded, trail, work
from handrail.store import quarantine as stored_quarantine
from handrail.store.cases import EnteredCase
from handrail.store.changes import CaseContent, NewChange, WaitingChange
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event
from handrail.trail.chain import digest

CHUNK = 1000
_ANEW = (State.SCORED, State.QUEUED, State.QUARANTINED)


@dataclass(slots=True)
class Sorted:
    """The rows of one chunk by what becomes of them.

    `mine` and `again` count rows that this batch has taken in before, as cases and as changes; `elsewhere` counts those
    that another source has brought, word for word. `earlier` names the `corrected` cases whose content was good and is
    kept; `refused` are known cases whose row refuses consent.
    """

    fresh: list[GoodRow] = field(default_factory=list)
    corrected: dict[int, GoodRow] = field(default_factory=dict)
    earlier: set[int] = field(default_factory=set)
    changed: dict[int, GoodRow] = field(default_factory=dict)
    reopened: dict[int, GoodRow] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    left: set[int] = field(default_factory=set)
    mine: int = 0
    again: int = 0
    elsewhere: int = 0


def sort(connection: Connection, rows: Sequence[GoodRow], source: str, batch_id: int | None, policy: Policy) -> Sorted:
    """Sort rows by what the store holds of their cases; the caller holds the trail."""
    found = Sorted()
    known = cases.known(connection, source, [row.external_id for row in rows])
    digests = [row.row_digest for row in rows]
    held_back = stored_quarantine.held_back(connection, source, digests) if known else set()
    other = [row for row in rows if (case := known.get(row.external_id)) and _needs_reading(case, row, batch_id)]
    ids = [known[row.external_id].id for row in other]
    versions = changes.versions(connection, ids)
    outcomes = labels.imported_labels(connection, [known[row.external_id].id for row in other if row.history])
    again = changes.of_batch(connection, batch_id, ids)
    twins = changes.others(connection, source, [row.external_id for row in rows if row.external_id not in known])
    for row in rows:
        case = known.get(row.external_id)
        if case is None:
            if any(is_same_request(content_of(row), one) for _, _, one in twins.get(row.external_id, ())):
                found.elsewhere += 1
            else:
                found.fresh.append(row)
        elif case.batch_id == batch_id:
            found.mine += 1
        elif case.id in again:
            found.again += 1
        else:
            _sort_known(found, case, row, versions.get(case.id, ()), outcomes.get(case.id), held_back, policy)
    return found


def _needs_reading(case: EnteredCase, row: GoodRow, batch_id: int | None) -> bool:
    return case.batch_id != batch_id and case.row_digest != row.row_digest


def _sort_known(
    found: Sorted,
    case: EnteredCase,
    row: GoodRow,
    versions: Sequence[Content],
    outcome: str | None,
    held_back: Collection[str],
    policy: Policy,
) -> None:
    relevant, state = policy.model.fields, State(case.state)
    came = arrival(content_of(row), versions, state, relevant=relevant, history=case.history)
    is_call = case.batch_digest.startswith(cases.CALL)
    if state is State.RECEIVED and (case.batch_state == "stopped" or not is_call):
        # What a stopped or killed delivery left goes on with the one that brings it anew.
        found.corrected[case.id] = row
        found.left.add(case.batch_id)
        if came is not Arrival.DUPLICATE and case.batch_state != "stopped":
            found.earlier.add(case.id)
        return
    if state is State.QUARANTINED and row.row_digest not in held_back:
        found.corrected[case.id] = row
        found.left.add(case.batch_id)
        return
    if not row.consent:
        found.refused.append(case.id)
    if state is State.QUARANTINED:
        return
    is_outcome = row.history and row.label is not None and row.label != outcome and case.row_digest != row.row_digest
    if came is Arrival.REOPENED:
        found.reopened[case.id] = row
    elif came is Arrival.CHANGED or is_outcome:
        found.changed[case.id] = row


def clashes(connection: Connection, rows: Sequence[GoodRow], source: str, *, is_mapped: bool) -> list[tuple[str, str]]:
    """Ids of rows that a source has brought with other content, each with that source.

    Of `source` itself only where nobody has named it: two files without a mapping may come from two systems, and then
    the same id is another customer's.
    """
    known = cases.known(connection, source, [row.external_id for row in rows])
    others = changes.others(connection, source, [row.external_id for row in rows if row.external_id not in known])
    own = {} if is_mapped else changes.standing(connection, [case.id for case in known.values()])
    made = changes.made_names(connection, source, list(known))
    found = []
    for row in rows:
        if row.external_id in made:
            continue  # such a row is put aside, with its reason
        twins = others.get(row.external_id, ())
        if twins and not any(is_same_request(content_of(row), content) for _, _, content in twins):
            found.append((row.external_id, twins[0][1]))
        case = known.get(row.external_id)
        before = own.get(case.id) if case else None
        if before and None not in (before.customer_id, row.customer_id) and before.customer_id != row.customer_id:
            found.append((row.external_id, source))
    return found


def content_of(row: GoodRow) -> Content:
    """What a row says, to be compared with what is known."""
    return Content(
        row.text, None if row.amount is None else float(row.amount), row.fields, bool(row.consent), row.customer_id
    )


def wait(connection: Connection, rows: Mapping[int, GoodRow], batch_id: int, now: datetime) -> None:
    """Keep changes of known cases until the gate of their batch has spoken."""
    changes.insert_changes(connection, batch_id, [_change(case_id, row) for case_id, row in rows.items()], now)


def _change(case_id: int, row: GoodRow) -> NewChange:
    came = content_of(row)
    return NewChange(
        case_id=case_id,
        row_digest=row.row_digest,
        received_at=row.received_at,
        text=row.text,
        salt=secrets.token_bytes(16),
        customer_id=row.customer_id or None,
        amount=came.amount,
        consent=came.consent,
        fields=dict(row.fields),
        marks=list(row.marks),
        label=str(row.label) if row.history and row.label is not None else None,
        given_label=row.given_label,
        given_confidence=row.given_confidence,
    )


def note_replaced(
    connection: Connection, rows: Mapping[int, GoodRow], batch_id: int, *, actor: str, now: datetime
) -> None:
    """Keep what cases said that their new rows are about to replace, where nobody has looked at them yet."""
    before = changes.standing(connection, sorted(rows))
    kept = {case_id: row for case_id, row in rows.items() if before[case_id].salt is not None}
    wait(connection, kept, batch_id, now)
    events = []
    for change in changes.waiting(connection, batch_id, len(kept)):
        if change.case_id in kept:
            changes.keep_earlier(connection, change.id, before[change.case_id], now)
            events.append(_changed(change.case_id, batch_id, before[change.case_id], None))
    trail.append(connection, events, at=now, actor=actor)


def reopen(
    connection: Connection, came: Mapping[int, NewChange], batch_id: int, source: str, *, actor: str, now: datetime
) -> dict[int, int]:
    """Let changed requests of decided cases go on as cases of their own, received with this batch: decided → new.

    They never run by themselves: whatever the model says, a person sees that something was decided before.
    """
    if not came:
        return {}
    before, firsts = changes.standing(connection, sorted(came)), changes.first_of(connection, sorted(came))
    names = cases.names(connection, [first for first, _ in firsts.values()])
    wanted = [(names[first][1], count + 1) for first, count in (firsts[case_id] for case_id in came)]
    free = _free_names(connection, source, wanted)
    new = [_reopened(change, source, name, batch_id, now) for change, name in zip(came.values(), free, strict=True)]
    ids = dict(zip(came, cases.insert_cases(connection, new), strict=True))
    inputs = {ids[old]: NewInput(change.salt, change.text, change.customer_id) for old, change in came.items()}
    cases.insert_inputs(connection, inputs)
    given_predictions.insert(connection, {ids[old]: said for old, change in came.items() if (said := _given(change))})
    changes.insert_reopenings(connection, [(ids[old], old, firsts[old][0]) for old in came])
    events = []
    for old, change in came.items():
        brought = {"batch": batch_id, "input": digest(change.salt, change.text)}
        events.append(Event("case.received", ids[old], brought))
        events.append(Event("case.reopened", ids[old], {"earlier": old, **_digests(before[old], change)}))
    trail.append(connection, events, at=now, actor=actor)
    return ids


def _free_names(connection: Connection, source: str, wanted: Sequence[tuple[str, int]]) -> list[str]:
    """The external ids of reopened cases by (first id, number); the next number where the source has an id like it."""
    free: dict[int, str] = {}
    numbers = [number for _, number in wanted]
    while len(free) < len(wanted):
        asked = {at: f"{wanted[at][0]} (reopened {numbers[at]})" for at in range(len(wanted)) if at not in free}
        taken = cases.taken_names(connection, source, list(asked.values())) | set(free.values())
        for at, name in asked.items():
            if name in taken:
                numbers[at] += 1
            else:
                free[at] = name
                taken.add(name)
    return [free[at] for at in range(len(wanted))]


def as_changes(rows: Mapping[int, GoodRow]) -> dict[int, NewChange]:
    """Rows as the changes that they bring, by known case."""
    return {case_id: _change(case_id, row) for case_id, row in rows.items()}


def _reopened(change: NewChange, source: str, external_id: str, batch_id: int, now: datetime) -> NewCase:
    return NewCase(
        source=source,
        external_id=external_id,
        batch_id=batch_id,
        row_digest=change.row_digest,
        received_at=change.received_at,
        ingested_at=now,
        has_text=bool(change.text.strip()),
        consent=change.consent,
        amount=change.amount,
        fields=change.fields,
        flags=[*change.marks, REOPENED_MARK],
    )


def _given(change: NewChange) -> tuple[str, float] | None:
    said, confidence = change.given_label, change.given_confidence
    return (said, confidence) if said and confidence is not None else None


def apply(store: Store, batch_id: int, *, policy: Policy, actor: str, now: datetime) -> None:
    """Let the changes of a gated batch take effect, each by what its case is at that moment.

    What waits says the new content and is scored, flagged and routed again; work that somebody holds on it ends, and
    the next to look sees the earlier text. Where people have ruled on the case or must settle it, it stays with them,
    without the suggestion that the earlier text brought. A case decided meanwhile is reopened. A known outcome becomes
    a label.
    """
    while True:
        with store.write() as connection:
            authorize(connection, "intake", actor)
            waiting = changes.waiting(connection, batch_id, CHUNK)
            if not waiting:
                return
            open_work = changes.open_kinds(connection, [one.case_id for one in waiting])
            trail.lock(connection)
            leave_superseded(connection, batch_id, actor=actor, now=now)
            # Anew: somebody may have decided while the work was being locked.
            waiting = changes.waiting(connection, batch_id, CHUNK)
            before = changes.standing(connection, [one.case_id for one in waiting])
            outcomes = labels.imported_labels(connection, [one.case_id for one in waiting])
            _label(connection, waiting, outcomes, batch_id, actor=actor, now=now)
            for one in waiting:
                _settle(
                    connection,
                    one,
                    before[one.case_id],
                    open_work.get(one.case_id, {}),
                    batch_id,
                    policy=policy,
                    actor=actor,
                    now=now,
                )


def leave_superseded(connection: Connection, batch_id: int, *, actor: str, now: datetime) -> int:
    """Leave out changes of a batch that are older than what has come since; the caller holds the trail.

    Returns how many.
    """
    count = superseded.drop_superseded(connection, batch_id, now)
    if count:
        left_out = Event("changes.superseded", data={"batch": batch_id, "changes": count})
        trail.append(connection, [left_out], at=now, actor=actor)
    return count


def _settle(
    connection: Connection,
    one: WaitingChange,
    before: CaseContent,
    open_work: Mapping[int, str],
    batch_id: int,
    *,
    policy: Policy,
    actor: str,
    now: datetime,
) -> None:
    came, stood = _content(one), _stood(before, one)
    relevant = {*policy.model.fields, STATED}
    is_decided = one.state in {State.DECIDED, State.DONE} and not one.history
    if not differs(came, stood, relevant):
        changes.settle(connection, [one.id], changes.LABELLED if one.label else changes.DROPPED, now)
        return
    if is_decided:
        again = arrival(came, [stood], one.state, relevant=relevant, history=False) is Arrival.REOPENED
        if again:
            new = reopen(connection, {one.case_id: one}, batch_id, one.source, actor=actor, now=now)
            cases.set_state(connection, list(new.values()), State.ACCEPTED, only_from=State.RECEIVED)
        changes.settle(connection, [one.id], changes.REOPENED if again else changes.DROPPED, now)
        return
    changes.replace_content(connection, one, before)
    given_predictions.replace(connection, one.case_id, _given(one))
    changes.keep_earlier(connection, one.id, before, now)
    trail.append(connection, [_changed(one.case_id, batch_id, before, one)], at=now, actor=actor)
    predictions.forget(connection, [one.case_id])
    doubting.let_stand(connection, [one.case_id], actor=actor, now=now)  # others would look at another text
    if one.state is State.QUEUED and (before.is_touched or set(open_work.values()) != {"review"}):
        items = [item for item, kind in open_work.items() if kind not in work.ASIDE]
        work.hand_on(connection, items, suggestion_hidden=True)
    elif one.state in _ANEW:
        work.close_work(connection, list(open_work), now)
        routes.withdraw(connection, [one.case_id])
        if one.state is State.QUARANTINED:
            stored_quarantine.release_quarantine(connection, one.source, [one.external_id], now)
            cases.set_state(connection, [one.case_id], State.RECEIVED, only_from=State.QUARANTINED)
            cases.set_state(connection, [one.case_id], State.ACCEPTED, only_from=State.RECEIVED)
        else:
            cases.set_state(connection, [one.case_id], State.ACCEPTED, only_from=one.state)


def _label(
    connection: Connection,
    waiting: Sequence[WaitingChange],
    outcomes: Mapping[int, str],
    batch_id: int,
    *,
    actor: str,
    now: datetime,
) -> None:
    """A known outcome that came late becomes a label; one that was corrected takes the place of the first."""
    late = [one for one in waiting if one.label is not None and one.label != outcomes.get(one.case_id)]
    labels.remove_imported(connection, [one.case_id for one in late if one.case_id in outcomes])
    labels.insert_labels(
        connection,
        [NewLabel(one.case_id, str(one.label), Status.IMPORTED, "history", labelled_at=now) for one in late],
    )
    events = [Event("case.outcome_known", one.case_id, {"batch": batch_id}) for one in late]
    trail.append(connection, events, at=now, actor=actor)


def _content(one: WaitingChange) -> Content:
    return Content(one.text, one.amount, one.fields, one.consent, one.customer_id)


def _stood(before: CaseContent, came: WaitingChange) -> Content:
    """What the case said; consent that its row refused was withdrawn at once, and still is a change."""
    consent = before.consent or not came.consent
    return Content(before.text, before.amount, before.fields, consent, before.customer_id)


def _changed(case_id: int, batch_id: int, before: CaseContent, came: NewChange | None) -> Event:
    return Event("case.changed", case_id, {"batch": batch_id, **_digests(before, came)})


def _digests(before: CaseContent, came: NewChange | None) -> dict[str, str]:
    """Both texts' digests, each keyed by its own erasable salt."""
    found = {}
    if came is not None:
        found["input"] = digest(came.salt, came.text)
    if before.salt is not None and before.text is not None:
        found["before"] = digest(before.salt, before.text)
    return found
