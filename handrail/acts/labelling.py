"""Data curators attest gold cases, test reviewers on them, and settle provisional labels."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

import numpy as np
import pandas as pd

from handrail import gold as gold_rules
from handrail.acts import qualifying, second_opinions
from handrail.acts.authority import authorize, required
from handrail.acts.intake import CHUNK
from handrail.case import NewCase, NewInput, State
from handrail.errors import BadInput, Conflict, NotFound, Refused
from handrail.gold import GoldTest
from handrail.labels import Status
from handrail.permissions import PERMITTED
from handrail.policy import Policy
from handrail.sla import due
from handrail.store import cases, escalations, reviewer_quality, staff, trail, work
from handrail.store import labels as label_rows
from handrail.store.cases import Redaction
from handrail.store.engine import Connection, Store
from handrail.store.frames import records, typed
from handrail.store.reviewer_quality import Commonplace
from handrail.store.trail import Event
from handrail.trail.chain import digest
from handrail.work import NewWork

SOURCE = "gold"
"""Source of the cases that a curator has written by hand."""


@dataclass(frozen=True, slots=True)
class GoldRow:
    """A gold case as a curator wrote it by hand."""

    text: str
    label: str


def attest(store: Store, case_id: int, label: str, *, policy: Policy, actor: str, now: datetime) -> None:
    """Vouch for the category of a finished case: it tests reviewers from now on, and never trains or judges a model.

    The trail keeps a keyed digest of the category: it proves what was attested, and tells nobody the answer.

    Raises:
        NotFound: no such case, its text has been purged, or the policy has no such category.
        Refused: the case still waits for people.
        Conflict: it is a gold case already.
    """
    policy.category(label)
    with store.write() as connection:
        authorize(connection, "attest_gold", actor)
        case = label_rows.attestable(connection, case_id)
        if case is None or not case.has_text or case.redacted is None:
            raise NotFound(f"Case {case_id} does not exist or has no text any more. Attest another one.")
        if case.state not in (State.DECIDED, State.DONE) or case.waits:
            raise Refused(f"Case {case_id} still waits for people. Attest it when it is decided.")
        known = label_rows.gold_case(connection, case_id)
        if known is not None and known.retired_at is None:
            raise Conflict(f"Case {case_id} is gold already. Retire it first with `handrail gold retire {case_id}`.")
        origin = known.origin if known is not None else "history" if case.history else "review"
        _save(connection, case_id, label, origin, case.salt, actor, now)


def _save(
    connection: Connection, case_id: int, label: str, origin: str, salt: bytes, actor: str, now: datetime
) -> None:
    label_rows.save_gold(connection, case_id=case_id, label=label, origin=origin, attested_by=actor, attested_at=now)
    attested = Event("gold.attested", case_id, {"origin": origin, "label": digest(salt, label)})
    trail.append(connection, [attested], at=now, actor=actor)


def write(store: Store, cases_by_hand: pd.DataFrame, *, policy: Policy, actor: str, now: datetime) -> dict[str, int]:
    """Store gold cases written by hand; `cases_by_hand` has text (redacted) and label.

    Returns how many are new and how many texts were known. They are done from the beginning: no queue, no model.

    Raises:
        BadInput: a row without a text, or a text with two categories. NotFound: a label the policy does not know.
        Conflict: a known text with another category, or one that was retired. Nothing is stored then.
    """
    rows = [replace(row, text=row.text.strip()) for row in typed(cases_by_hand, GoldRow)]
    once = _once(rows, policy)
    with store.read() as connection:
        authorize(connection, "attest_gold", actor)
        _require_agreement(connection, once)
    new = 0
    for start in range(0, len(once), CHUNK):
        with store.write() as connection:
            authorize(connection, "attest_gold", actor)
            trail.lock(connection)
            part = dict(list(once.items())[start : start + CHUNK])
            known = cases.known(connection, SOURCE, [name[:16] for name in part])
            fresh = {name: row for name, row in part.items() if name[:16] not in known}
            _write(connection, fresh, policy, actor, now)
            new += len(fresh)
    return {"written": new, "duplicates": len(rows) - new}


def _once(rows: Sequence[GoldRow], policy: Policy) -> dict[str, GoldRow]:
    """Each text once, by its digest."""
    once: dict[str, GoldRow] = {}
    for number, row in enumerate(rows, start=1):
        if not row.text:
            raise BadInput(f"Row {number} has no text. A gold case needs a text and its category: fill it in.")
        policy.category(row.label)
        first = once.setdefault(sha256(row.text.encode()).hexdigest(), row)
        if first.label != row.label:
            raise BadInput(f"Row {number} has the text of an earlier row and another category. Keep one of them.")
    return once


def _require_agreement(connection: Connection, once: Mapping[str, GoldRow]) -> None:
    found = cases.known(connection, SOURCE, [name[:16] for name in once])
    for name, row in once.items():
        case = found.get(name[:16])
        known = None if case is None else label_rows.gold_case(connection, case.id)
        if known is None or (known.label == row.label and known.retired_at is None):
            continue
        first = "" if known.retired_at else f"`handrail gold retire {known.case_id}`, then "
        raise Conflict(
            f"Gold case {known.case_id} has this text and {'was retired' if known.retired_at else 'another category'}. "
            f"Correct it with {first}`handrail gold attest {known.case_id} {row.label}`."
        )


def _write(connection: Connection, rows: Mapping[str, GoldRow], policy: Policy, actor: str, now: datetime) -> None:
    if not rows:
        return
    batch_id = cases.insert_batch(
        connection,
        source=SOURCE,
        file_digest=sha256("".join(rows).encode()).hexdigest(),
        policy_version=policy.version,
        started_at=now,
    )
    cases.update_batch(connection, batch_id, state="done", finished_at=now, counts={"received": len(rows)})
    looks = reviewer_quality.commonplace(connection)  # without a channel it would be known for what it is
    ids = cases.insert_cases(connection, [_case(batch_id, name, looks, now) for name in rows])
    salts = [secrets.token_bytes(16) for _ in rows]
    written = list(zip(ids, salts, rows.values(), strict=True))
    cases.insert_inputs(connection, {case_id: NewInput(salt, row.text) for case_id, salt, row in written})
    cases.save_redactions(connection, [Redaction(case_id, row.text) for case_id, _, row in written])
    received = [
        Event("case.received", case_id, {"batch": batch_id, "input": digest(salt, row.text)})
        for case_id, salt, row in written
    ]
    trail.append(connection, received, at=now, actor=actor)
    for case_id, salt, row in written:
        _save(connection, case_id, row.label, "written", salt, actor, now)


def _case(batch_id: int, name: str, looks: Commonplace, now: datetime) -> NewCase:
    """A case that is done: history without a label, so that no watch takes it for traffic and no model for truth."""
    return NewCase(
        source=SOURCE,
        external_id=name[:16],
        batch_id=batch_id,
        row_digest=name,
        fields=dict(looks.fields),
        amount=looks.amounts[int(name[:8], 16) % len(looks.amounts)] if looks.amounts else None,
        received_at=now,
        ingested_at=now,
        history=True,
        state=State.DONE,
    )


def retire(store: Store, case_id: int, *, reason: str, policy: Policy, actor: str, now: datetime) -> None:
    """Use a gold case no longer: open work on it closes, and a test under way goes on, or ends, without it.

    Raises:
        NotFound: it is no gold case in use.
        BadInput: there is no reason.
    """
    sentence = required(reason)
    with store.write() as connection:
        authorize(connection, "attest_gold", actor)
        trail.lock(connection)
        if not label_rows.retire_gold(connection, case_id, now):
            raise NotFound(f"Case {case_id} is no gold case in use. See `handrail gold list`.")
        seq = trail.append(connection, [Event("gold.retired", case_id)], at=now, actor=actor)
        trail.give_reason(connection, seq, sentence)
        for person in label_rows.close_gold_work(connection, case_id, now):
            qualifying.finish_test(connection, person, policy=policy, actor=actor, now=now)
        escalations.end_without_work(connection, [case_id], actor, now)


def gold(store: Store, *, actor: str) -> pd.DataFrame:
    """Gold cases with their answers, for curators only; None stands for an answer that may still test the curator."""
    with store.read() as connection:
        authorize(connection, "attest_gold", actor)
        found = label_rows.gold(connection)
        person = staff.person(connection, actor)
        if person is None or not PERMITTED["decide"].intersection(person.roles):
            return found
        secret = found["case_id"].isin(reviewer_quality.untold_gold(connection, actor))
    return found.assign(label=found["label"].astype(object).mask(secret, None))


def listed(store: Store, *, status: str | None, limit: int, actor: str) -> pd.DataFrame:
    """Labels with their standing, newest first, beside the category whose action went out."""
    with store.read() as connection:
        authorize(connection, "read_labels", actor)
        return label_rows.listed(connection, status=status, limit=limit)


def test(store: Store, person: str, *, policy: Policy, actor: str, now: datetime, rng: np.random.Generator) -> int:
    """Hand `person` the policy's number of gold cases, to be labelled blind; returns how many.

    Cases that have not tested them yet come first, otherwise they are drawn. Never one that they attested or decided.

    Raises:
        NotFound: nobody of that name may decide.
        Conflict: a test of theirs is not finished.
        Refused: too few gold cases fit.
    """
    with store.write() as connection:
        authorize(connection, "test_people", actor)
        trail.lock(connection)
        known = staff.person(connection, person)
        if known is None or not PERMITTED["decide"].intersection(known.roles):
            raise NotFound(f"{person} is no reviewer. Add them with `handrail people add {person} --role reviewer`.")
        require_no_open_test(connection, person)
        fitting = label_rows.testable(connection, person)
        missing = policy.labels.gold_cases - len(fitting)
        if missing > 0:
            raise Refused(f"{missing} more gold cases are needed to test {person}. Attest them with `handrail gold`.")
        drawn = fitting.assign(chance=rng.random(len(fitting))).sort_values(["tested", "chance"])
        ids = drawn["case_id"].head(policy.labels.gold_cases).tolist()
        return open_test(connection, person, ids, policy=policy, actor=actor, now=now)


def require_no_open_test(connection: Connection, person: str) -> None:
    """Refuse a second test while one is not finished.

    Raises:
        Conflict: there is one; says how much of it is left.
    """
    unfinished = label_rows.open_test(connection, person)
    if unfinished is not None:
        raise Conflict(f"{person} still has {unfinished.left} gold cases to label. Let them finish first.")


def open_test(
    connection: Connection, person: str, ids: Sequence[int], *, policy: Policy, actor: str, now: datetime
) -> int:
    """Open the work of a test of `person` in the caller's transaction; returns of how many cases."""
    due_at = due(now, policy.sla.manual, policy.sla.calendar)
    rows = [gold_work(case_id, person, now=now, due_at=due_at, slipped_in=False) for case_id in ids]
    work.insert_work(connection, rows)
    test_id = label_rows.insert_test(connection, person=person, opened_at=now, cases=len(ids))
    opened = Event(reviewer_quality.TEST_OPENED, data={"person": person, "test": test_id, "cases": len(ids)})
    trail.append(connection, [opened], at=now, actor=actor)
    return len(ids)


def gold_work(case_id: int, person: str, *, now: datetime, due_at: datetime, slipped_in: bool) -> NewWork:
    """A gold case as blind work for `person`."""
    return NewWork(
        case_id=case_id,
        kind="gold",
        queue=gold_rules.queue_of(slipped_in=slipped_in),
        category=None,
        suggestion_hidden=True,
        opened_at=now,
        due_at=due_at,
        assigned_to=person,
    )


def cancel_test(store: Store, person: str, *, reason: str, actor: str, now: datetime) -> None:
    """End an unfinished test without a result; its answers are told to nobody, and a training stays what it was.

    Raises:
        NotFound: they have none.
        BadInput: there is no reason.
    """
    sentence = required(reason)
    with store.write() as connection:
        authorize(connection, "test_people", actor)
        trail.lock(connection)
        test = label_rows.open_test(connection, person)
        if test is None:
            raise NotFound(f"{person} has no unfinished test. Hand one out with `handrail people test {person}`.")
        label_rows.withdraw_test(connection, person, now)
        label_rows.close_test(connection, test.id, closed_at=now)
        cancelled = Event("person.test_cancelled", data={"person": person, "test": test.id, "left": test.left})
        seq = trail.append(connection, [cancelled], at=now, actor=actor)
        trail.give_reason(connection, seq, sentence)


def tests(store: Store, *, actor: str) -> list[GoldTest]:
    """Everybody's tests, newest first, with counts and without answers; an unfinished one has no `closed_at`."""
    with store.read() as connection:
        authorize(connection, "test_people", actor)
        return reviewer_quality.tests(connection, None)


def adjudicate(store: Store, case_id: int, label: str, *, policy: Policy, actor: str, now: datetime) -> None:
    """Settle the provisional labels of a case; only then it trains. Whether it was labelled blindly does not change.

    Open adjudication of the case closes with it. No action follows: that of the case has been decided.

    Raises:
        NotFound: the case has no provisional label, or the policy has no such category.
        Conflict: one of them is the actor's own, or the case has been settled since.
    """
    policy.category(label)
    with store.write() as connection:
        authorize(connection, "adjudicate", actor)
        given = records(label_rows.of_case(connection, case_id))
        provisional = [row for row in given if row["status"] == Status.PROVISIONAL]
        if not provisional:
            raise NotFound(f"Case {case_id} has no provisional label. See `handrail labels list --status provisional`.")
        if any(row["status"] == Status.ADJUDICATED for row in given):
            raise Conflict(f"Case {case_id} has been adjudicated. See `handrail labels list`.")
        if any(row["reviewer"] == actor for row in provisional):
            raise Conflict(f"You labelled case {case_id} yourself. Let somebody else adjudicate it.")
        blind = all(row["blind"] for row in provisional)
        label_rows.insert_labels(connection, [second_opinions.adjudicated(case_id, label, actor, now, blind=blind)])
        work.close_kind(connection, case_id, "adjudication", now)
        escalations.end_without_work(connection, [case_id], actor, now)
        settled = Event("label.adjudicated", case_id, {"label": label, "labels": len(provisional)})
        trail.append(connection, [settled], at=now, actor=actor)
