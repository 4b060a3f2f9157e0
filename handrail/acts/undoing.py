"""Whoever decided takes it back for a moment, while nothing has followed: as if it had not been, but for the trail."""

from collections.abc import Collection, Sequence
from datetime import datetime

from handrail.acts import claiming
from handrail.acts.authority import authorize
from handrail.acts.claiming import ACTS, Claim
from handrail.acts.rerun import rerun
from handrail.decision import Decision
from handrail.errors import Conflict, NotFound
from handrail.policy import Policy
from handrail.store import contradictions, escalations, retention, staff, trail, undone, work
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event
from handrail.window import INSTANT
from handrail.work import WorkItem

FOLLOWING = ("second", "recheck", "doubt", "adjudication", "escalation")
"""Kinds of work that a decision opens by itself."""
WAITING = ("review", "second", "escalation")
"""Kinds of work for which a case waits."""


@rerun
def undo(store: Store, decision_ids: Sequence[int], actor: str, *, policy: Policy, now: datetime) -> list[Claim]:
    """Take decisions back within the policy's time: all of these or none. The work is reserved for `actor` again.

    Decision, note, label, action and the work that it opened vanish in one transaction; what was resolved is open
    again. The trail keeps what was decided, and that it was undone.

    Raises:
        NotFound: a decision does not exist, or was undone already.
        Conflict: another's decision, the time is over, or something has followed: the action went out, somebody
            works on the case, a dispute or escalation was settled, a test was graded, the content is deleted.
    """
    with store.write() as connection:
        staff.lock(connection, actor)  # who is deactivated meanwhile is given nothing back
        known = undone.decisions(connection, decision_ids)
        items = work.items(connection, [decision.work_item_id for decision in known.values() if decision.work_item_id])
        _authorize(connection, {decision.kind for decision in known.values()}, actor)
        trail.lock(connection)
        # Two undo at once: the second waited for the work and must not believe what it had read before.
        known = undone.decisions(connection, decision_ids)
        for number in decision_ids:
            if number not in known:
                raise NotFound(f"Decision {number} does not exist, or was undone already. Take the next case.")
        _refuse_deleted(connection, known.values())
        for decision in known.values():
            _refuse(connection, decision, actor, policy=policy, now=now)
            _take_back(connection, decision)
        events = [Event("decision.undone", decision.case_id, {"decision": decision.id}) for decision in known.values()]
        trail.append(connection, events, at=now, actor=actor)
        again = [items[decision.work_item_id] for decision in known.values() if decision.work_item_id is not None]
        undone.reopen_work(connection, [item.id for item in again])
        # What was late of the work that vanished is late no more.
        escalations.end_without_work(connection, [decision.case_id for decision in known.values()], actor, now)
        return claiming.lease(connection, again, actor, policy=policy)


def _authorize(connection: Connection, kinds: set[str], actor: str) -> None:
    if kinds != {"adjudication"}:
        authorize(connection, "decide", actor)
    for act in sorted({ACTS[kind] for kind in kinds if kind in ACTS}):
        authorize(connection, act, actor)


def _refuse_deleted(connection: Connection, decisions: Collection[Decision]) -> None:
    """Raise where nobody could decide again: a finished case may lose its content within the time to undo."""
    ids = {decision.case_id for decision in decisions}
    for case_id in sorted(ids - retention.with_content(connection, sorted(ids))):
        raise Conflict(
            f"The decision on case {case_id} stands: what was read of the case is deleted by now, as the retention "
            "rules ask, and nobody can look again. Take the next case."
        )


def _refuse(connection: Connection, decision: Decision, actor: str, *, policy: Policy, now: datetime) -> None:
    """Raise where a decision has to stand."""
    name = f"The decision on case {decision.case_id}"
    if decision.actor != actor:
        raise Conflict(f"{name} is not yours. Ask the escalation manager to look at the case again.")
    if decision.work_item_id is None:
        raise Conflict(f"{name} was practice, and you were told the answer. It stands; go on with the next case.")
    if decision.kind == "dispute":
        raise Conflict(f"{name} has answered a customer and stands. Open another dispute if it was wrong.")
    within = policy.desk.undo_within
    if now >= decision.decided_at + within:
        seconds = round(within.total_seconds())
        raise Conflict(f"{name} is older than {seconds} seconds and stands. Ask the escalation manager to look at it.")
    # An audit of what was not executed after all would have nothing to look at, and its case waits for others.
    if decision.kind == "audit" and undone.waits(connection, decision.case_id):
        raise Conflict(f"{name} stands: its action was taken back since, and people decide the case anew.")
    if undone.is_followed(connection, decision):
        raise Conflict(f"{name} stands: somebody has decided or disputed the case since. Ask the escalation manager.")
    if decision.kind == "gold" and _was_graded(connection, decision):
        raise Conflict(f"{name} was the last of its kind and has been counted. It stands; go on with the next case.")


def _was_graded(connection: Connection, decision: Decision) -> bool:
    """Whether a training or test was judged by this answer."""
    since, until = decision.decided_at, decision.decided_at + INSTANT
    return any(
        trail.search(connection, kind=kind, since=since, until=until, actor=decision.actor, limit=1)
        for kind in ("person.tested", "person.training_lost")
    )


def _take_back(connection: Connection, decision: Decision) -> None:
    name = f"The decision on case {decision.case_id}"
    following = [] if decision.kind == "gold" else undone.later_work(connection, decision)
    own = [item.id for item in following if _is_opened_by(item, decision)]
    if len(own) < len(following) or undone.withdraw_work(connection, own) < len(own):
        raise Conflict(f"{name} stands: somebody works on what followed from it. Ask the escalation manager.")
    if not undone.take_action_back(connection, decision):
        raise Conflict(f"{name} stands: its action has been sent. Open a dispute if it was wrong.")
    said = _said(connection, decision)
    reopened = "case.escalated" in said and undone.was_escalated(connection, decision.case_id)
    if reopened or not undone.take_escalations_back(connection, decision):
        raise Conflict(f"{name} stands: the case has been escalated before. Ask the escalation manager.")
    opened = contradictions.take_back(connection, decision.case_id, decision.id, decision.decided_at)
    differed = opened or bool({"label.settled", "label.disputed"}.intersection(said))
    disputed = decision.kind == "recheck" and differed
    undone.take_labels_back(connection, decision, disputed=disputed)
    undone.remove(connection, decision)
    if decision.kind in WAITING:
        undone.queue_again(connection, decision.case_id)


def _is_opened_by(item: WorkItem, decision: Decision) -> bool:
    return item.kind in FOLLOWING and item.opened_at == decision.decided_at


def _said(connection: Connection, decision: Decision) -> list[str]:
    """The kinds of events that the case has from the moment of the decision."""
    found = trail.search(
        connection, case=decision.case_id, since=decision.decided_at, until=decision.decided_at + INSTANT, limit=100
    )
    return [event["kind"] for event in found]
