"""A customer contests a decision: it is taken down, and somebody who has never decided the case looks again."""

from datetime import datetime, timedelta

from handrail import pii
from handrail.acts import deciding
from handrail.acts.authority import authorize
from handrail.case import State
from handrail.decision import Decision
from handrail.errors import BadInput, Conflict, NotFound, Refused
from handrail.policy import Policy
from handrail.queues import Queue
from handrail.ruling import Ruling
from handrail.sla import due
from handrail.store import disputes, escalations, trail, work
from handrail.store.engine import Connection, Store
from handrail.store.escalations import NewEscalation
from handrail.store.trail import Event
from handrail.work import NewWork

LONGEST = 20_000
"""Characters of what a customer says, and of what they are told."""


def open_dispute(store: Store, case_id: int, text: str, *, actor: str, policy: Policy, now: datetime) -> int:
    """Take down what the customer says, without the personal data that is found in it; the dispute's id.

    It is due within the policy's time for escalations. The text lies where it can be erased, and not in the trail.

    Raises:
        NotFound: there is no such case.
        Refused: it is not decided, what was read of it is deleted, or Handrail did not decide it.
        Conflict: a dispute on it is open already.
        BadInput: no text, or more than `LONGEST` characters.
    """
    said = pii.redact(_bounded(text, "what the customer says"), policy.privacy.redact, policy.privacy.phone_region)
    with store.write() as connection:
        authorize(connection, "open_dispute", actor)
        trail.lock(connection)
        first = _contested(connection, case_id)
        due_at = due(now, policy.escalation.due_within, policy.sla.calendar)
        again = NewWork(
            case_id, "dispute", Queue.C, first.standing, suggestion_hidden=False, opened_at=now, due_at=due_at
        )
        escalation = NewEscalation(case_id, "dispute", first.actor, opened_at=now, due_at=due_at)
        (item_id,) = work.insert_work(connection, [again])
        escalations.insert_escalations(connection, [escalation])
        dispute = disputes.add(
            connection,
            case_id=case_id,
            work_item_id=item_id,
            first_decision_id=first.id,
            first_decider=first.actor,
            opened_by=actor,
            opened_at=now,
            text=said.text,
        )
        opened = Event("dispute.opened", case_id, {"dispute": dispute, "decision": first.id})
        trail.append(connection, [opened], at=now, actor=actor)
    return dispute


def resolve(
    store: Store,
    ruling: Ruling,
    actor: str,
    *,
    policy: Policy,
    now: datetime,
    secret: bytes = b"",
    hold: timedelta = timedelta(0),
) -> None:
    """Rule on a dispute: approve lets the first decision stand, override chooses another category, deny none.

    What is to be sent is held back for `hold`.

    Raises:
        NotFound: the work is no dispute.
        BadInput: no answer to the customer, no reason for a change, a category that the policy does not know.
        Conflict: the lease was lost, or an action of the case is being sent at this moment.
        Refused: nobody knows whether an action of the case reached its receiver.
    """
    with store.read() as connection:
        authorize(connection, "resolve_dispute", actor)
        if not disputes.contested(connection, [ruling.item_id]):
            raise NotFound(f"Work item {ruling.item_id} is no dispute. List them with `handrail dispute list`.")
    if ruling.answer is not None:
        _bounded(ruling.answer, "what the customer is told")
    deciding.decide(store, [ruling], actor, policy=policy, now=now, secret=secret, hold=hold)


def _contested(connection: Connection, case_id: int) -> Decision:
    """The decision in force of a case that may be disputed."""
    case = disputes.contestable(connection, case_id)
    if case is None:
        raise NotFound(f"There is no case {case_id}. Look its number up under Cases, or with `handrail trail search`.")
    if case.state not in (State.DECIDED, State.DONE):
        raise Refused(f"Case {case_id} is not decided yet. What the customer says belongs into the note of its review.")
    if case.disputed:
        raise Conflict(f"A dispute on case {case_id} is open already. Wait until it is closed.")
    first = disputes.decision_in_force(connection, case_id)
    if first is None:
        raise Refused(
            f"Case {case_id} came in as history: it was decided before Handrail. Take the request in as a new case."
        )
    if not case.readable:
        raise Refused(
            f"What was read of case {case_id} is deleted, as the retention rules ask, so nobody can look again. "
            "Take the request in as a new case."
        )
    return first


def _bounded(text: str, what: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise BadInput(f"There is nothing in {what}. Write it down in a sentence or two.")
    if len(stripped) > LONGEST:
        raise BadInput(f"There are {len(stripped):,} characters in {what}. Shorten it to {LONGEST:,}.")
    return stripped
