"""People decide the work that they claimed; several rulings of one session may share a transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from handrail import labels
from handrail.acts import doubting, overturning, qualifying, rechecking, second_opinions
from handrail.acts.authority import authorize
from handrail.acts.claiming import ACTS
from handrail.acts.overturning import Overturning
from handrail.acts.rerun import rerun
from handrail.case import Outcome, State
from handrail.decision import NewDecision
from handrail.errors import BadInput, Conflict, NotFound
from handrail.labels import NewLabel
from handrail.outbox import NewAction
from handrail.policy import Policy
from handrail.queues import Queue
from handrail.ruling import Ruling
from handrail.sla import due
from handrail.store import cases, changes, decisions, disputes, escalations, outbox, policies, staff, trail, work
from handrail.store import labels as label_rows
from handrail.store.disputes import Contested
from handrail.store.engine import Connection, Store
from handrail.store.escalations import NewEscalation
from handrail.store.labels import BlindLabel
from handrail.store.trail import Event
from handrail.work import NewWork, WorkOnCase


@dataclass(frozen=True, slots=True)
class _Matter:
    """Work that is ruled on, with what was said of its case before.

    `chosen` are the labels decided on by people, `first` is the label that a second review is compared with; of a case
    that is `drawn`, with that chance, another person repeats a blind label. `contested` is what a dispute is about.
    """

    item: WorkOnCase
    chosen: Collection[str]
    first: BlindLabel | None
    drawn: float | None
    contested: Contested | None


@dataclass
class _Batch:
    """Rows of one session, written together; a number is the place of a decision among them."""

    hold: timedelta
    decisions: list[NewDecision] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    labels: list[NewLabel] = field(default_factory=list)
    actions: list[tuple[int, WorkOnCase, str]] = field(default_factory=list)
    work: list[NewWork] = field(default_factory=list)
    escalations: list[NewEscalation] = field(default_factory=list)
    decided: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    disputed: list[int] = field(default_factory=list)
    rechecks: list[tuple[int, int, float]] = field(default_factory=list)
    overturning: list[tuple[int, WorkOnCase, Contested, Ruling]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@rerun
def decide(
    store: Store,
    rulings: Sequence[Ruling],
    actor: str,
    *,
    policy: Policy,
    now: datetime,
    secret: bytes = b"",
    hold: timedelta = timedelta(0),
) -> list[int]:
    """Apply rulings: decision, label, action and trail event together or not at all; the decisions' ids, in order.

    Actions are held back for `hold`, in which they can be undone. `secret` is the workspace's key: it draws the cases
    whose blind label another person repeats. Only a policy without second labels can do without it.

    Raises:
        Conflict: the lease was lost (stale fence), or the case is decided; nothing of this call is written.
        BadInput: an override without a label, a label the policy does not know, an approval of nothing.
        NotPermitted: an escalation or adjudication that `actor` may not settle.
    """
    with store.write() as connection:
        items = _items(connection, rulings, actor)
        trail.lock(connection)
        _refuse_former_policy(connection, policy)
        # By a clock that went back no decision is dated before its work was there, nor before the newest event: rows
        # and events of one decision share their moment, by which an undo finds them.
        dated = trail.moment(connection, max([now, *(item.opened_at for item in items.values())]))
        now, hold = dated, hold - (dated - now)  # its action waits by the clock all the same
        person = staff.person(connection, actor)
        status = labels.status(person.trained_until if person else None, now)
        matters = _matters(connection, items.values(), secret, policy, actor, now)
        changed = changes.changed_since(connection, {item.case_id: item.opened_at for item in items.values()})
        _refuse_second_ruling(connection, items.values(), actor)
        batch = _Batch(hold=hold)
        looks: dict[int, tuple[WorkOnCase, Ruling]] = {}
        for ruling in rulings:
            matter = matters.get(ruling.item_id)
            if matter is None:
                raise NotFound(
                    f"Work item {ruling.item_id} does not exist. List what waits with `handrail queue list`."
                )
            _refuse_former_request(matter.item, ruling, changed)
            _check_lease(matter.item, ruling, actor, again=ruling.item_id in looks)
            completed = _completed(ruling, matter, policy)
            _apply(batch, matter, completed, status=status, actor=actor, policy=policy, now=now)
            looks[ruling.item_id] = (matter.item, completed)
        numbers = _write(connection, batch, [one.item_id for one in rulings], actor=actor, policy=policy, now=now)
        overturned = [
            Overturning(numbers[place], item, contested, ruling) for place, item, contested, ruling in batch.overturning
        ]
        overturning.settle(connection, overturned, policy=policy, actor=actor, now=now, hold=hold)
        given = [
            doubting.GivenOpinion(numbers[place], *look, status=status) for place, look in enumerate(looks.values())
        ]
        doubting.settle(connection, given, batch.disputed, policy=policy, actor=actor, now=now)
        if any(item.kind == "gold" for item in items.values()):
            qualifying.conclude(connection, actor, policy=policy, now=now)
        escalations.end_without_work(connection, sorted({one.case_id for one in batch.decisions}), actor, now)
    return numbers


def _refuse_former_policy(connection: Connection, policy: Policy) -> None:
    """Categories may have gone since the policy was read: what is chosen by it would go nowhere."""
    if policies.newest_version(connection) == policy.version:
        return
    found = policies.in_force(connection)
    if found is not None and not policy.categories.keys() <= found.policy.categories.keys():
        raise Conflict("The policy has changed since you opened the case. Look at it again, and decide by the new one.")


def _items(connection: Connection, rulings: Sequence[Ruling], actor: str) -> dict[int, WorkOnCase]:
    """The work that is ruled on, by id, if `actor` may rule on all of it."""
    items = work.items(connection, [ruling.item_id for ruling in rulings])
    doubting.lock(connection, items.values())
    kinds = {item.kind for item in items.values()}
    if kinds != {"adjudication"}:
        authorize(connection, "decide", actor)
    for act in sorted({ACTS[kind] for kind in kinds if kind in ACTS}):
        authorize(connection, act, actor)
    return items


def _matters(
    connection: Connection, items: Collection[WorkOnCase], secret: bytes, policy: Policy, actor: str, now: datetime
) -> dict[int, _Matter]:
    """The work that is ruled on with what was said before, by id of the work."""
    ids = [item.case_id for item in items]
    chosen = decisions.chosen(connection, ids)
    first = label_rows.first_blind(connection, [item.case_id for item in items if item.kind == "recheck"])
    drawn = rechecking.drawn(connection, secret, ids, actor, policy=policy, now=now)
    contested = disputes.contested(connection, [item.id for item in items if item.kind == "dispute"])
    return {
        item.id: _Matter(
            item,
            chosen=chosen.get(item.case_id, ()),
            first=first.get(item.case_id),
            drawn=drawn.get(item.case_id),
            contested=contested.get(item.id),
        )
        for item in items
    }


def _refuse_second_ruling(connection: Connection, items: Collection[WorkOnCase], actor: str) -> None:
    """Nobody rules twice on one case, by whatever work; a test is no ruling."""
    ids = [item.case_id for item in items if item.kind != "gold" and item.is_open]
    twice = decisions.decided_by(connection, actor, ids) | {case_id for case_id in ids if ids.count(case_id) > 1}
    if twice:
        raise Conflict(f"Case {min(twice)} was decided by you before. Take another with `handrail queue next`.")


def _refuse_former_request(item: WorkOnCase, ruling: Ruling, changed: Collection[int]) -> None:
    """Raise where the case says something else by now than when its work was claimed."""
    if item.case_id in changed and (not item.is_open or item.fence != ruling.fence):
        raise Conflict(
            f"The request of case {item.case_id} changed while you had it. Nothing was decided; open the case again "
            "and read what it says now."
        )


def _check_lease(item: WorkOnCase, ruling: Ruling, actor: str, *, again: bool) -> None:
    """Raise where the work is not `actor`'s to rule on; `again` when this call has ruled on it before."""
    if again or not item.is_open:
        raise Conflict(f"Case {item.case_id} is decided already. Take the next one with `handrail queue next`.")
    if item.holder == actor and item.fence != ruling.fence:
        raise Conflict(
            f"Case {item.case_id} is no longer yours here: you claimed it again since. "
            "Decide it where you opened it last."
        )
    if item.holder != actor:
        raise Conflict(
            f"Case {item.case_id} is no longer yours: its lease ended and {item.holder or 'nobody'} holds it. "
            "Claim it again and look once more before deciding."
        )


def _completed(ruling: Ruling, matter: _Matter, policy: Policy) -> Ruling:
    """The ruling with its label; choosing the proposed label blindly is an approval."""
    item, proposed = matter.item, matter.item.proposed
    ruling.require_reason_of(policy)
    if matter.contested is not None:
        return _on_dispute(ruling, matter.contested.standing, policy)
    if ruling.outcome is Outcome.APPROVE:
        return _approval(ruling, item, policy)
    if ruling.outcome is Outcome.OVERRIDE:
        if ruling.label is None:
            raise BadInput("An override needs the right category. Add `--label CATEGORY`.")
        policy.category(ruling.label)
        if ruling.label == proposed:
            return Ruling(item.id, ruling.fence, Outcome.APPROVE, proposed, None, ruling.note, ruling.seconds)
        return ruling
    if ruling.reason_code is None:
        raise BadInput("A denial needs a reason. Add `--reason policy|legal|out_of_scope|…`.")
    if ruling.label is not None:
        policy.category(ruling.label)
    return ruling


def _approval(ruling: Ruling, item: WorkOnCase, policy: Policy) -> Ruling:
    # Who approves unseen would count as a blind label that agrees with the model.
    if item.proposed is None or item.suggestion_hidden:
        raise BadInput(f"Case {item.case_id} has no suggestion to approve. Use `override --label CATEGORY`.")
    if item.proposed not in policy.categories and item.kind != "gold":
        policy.category(item.proposed)
    return Ruling(item.id, ruling.fence, Outcome.APPROVE, item.proposed, None, ruling.note, ruling.seconds)


def _on_dispute(ruling: Ruling, standing: str | None, policy: Policy) -> Ruling:
    """A ruling on a dispute; who chooses what was decided before lets the first decision stand."""
    if not (ruling.answer or "").strip():
        raise BadInput("A dispute ends with an answer to the customer. Settle it with `handrail dispute resolve`.")
    if ruling.outcome is Outcome.OVERRIDE:
        if ruling.label is None:
            raise BadInput("Another decision needs the right category. Choose one (`--label CATEGORY`).")
        policy.category(ruling.label)
    wanted = ruling.label if ruling.outcome is Outcome.OVERRIDE else None
    if ruling.outcome is Outcome.APPROVE or wanted == standing:
        return replace(ruling, outcome=Outcome.APPROVE, label=standing, reason_code=None)
    if ruling.reason_code is None:
        raise BadInput("Whoever changes a decision says why. Choose a reason (`--reason CODE`).")
    return replace(ruling, label=wanted)


def _apply(
    batch: _Batch,
    matter: _Matter,
    ruling: Ruling,
    *,
    status: labels.Status,
    actor: str,
    policy: Policy,
    now: datetime,
) -> None:
    item, place, case_id, kind = matter.item, len(batch.decisions), matter.item.case_id, matter.item.kind
    batch.decisions.append(
        NewDecision(
            case_id=case_id,
            work_item_id=item.id,
            kind=kind,
            outcome=ruling.outcome,
            proposed=item.proposed,
            label=ruling.label,
            reason_code=ruling.reason_code,
            actor=actor,
            blind=item.suggestion_hidden,
            seconds=ruling.seconds,
            decided_at=now,
            trained=status is labels.Status.ACCEPTED,
        )
    )
    if ruling.note:
        batch.notes.append((place, ruling.note))
    if kind == "gold":  # no label and no action; and the trail, which anybody may search, keeps no answer
        batch.events.append(Event("gold.decided", case_id))
        return
    said = {"outcome": str(ruling.outcome), "label": ruling.label, "reason": ruling.reason_code}
    batch.events.append(Event("case.decided", case_id, {"work": kind, **said}))
    _label(batch, matter, ruling, status=status, actor=actor, policy=policy, now=now)
    if kind == "adjudication":
        return
    if matter.contested is not None:
        batch.overturning.append((place, item, matter.contested, ruling))
        return
    if (
        ruling.outcome is not Outcome.APPROVE
        and ruling.reason_code in policy.escalation.reasons
        and kind != "escalation"
    ):
        _escalate(batch, item, ruling.reason_code, actor=actor, policy=policy, now=now)
        return
    # Otherwise the action has gone out: of an audit, and of what an audit escalated.
    waits = item.case_state is State.QUEUED and kind not in ("audit", "recheck", "doubt")
    looked_at_again = waits and second_opinions.is_needed(
        item, ruling.outcome, ruling.label, chosen=matter.chosen, policy=policy
    )
    if looked_at_again:
        batch.work.append(second_opinions.second_look(item, policy, now))
    elif waits:
        _act(batch, place, item, ruling)
    if matter.drawn is not None and _is_first_blind_label(item, ruling):
        batch.rechecks.append((place, case_id, matter.drawn))
        batch.work += [] if looked_at_again else [second_opinions.recheck(item, policy, now)]


def _label(
    batch: _Batch,
    matter: _Matter,
    ruling: Ruling,
    *,
    status: labels.Status,
    actor: str,
    policy: Policy,
    now: datetime,
) -> None:
    """The label that a ruling gives; a second one that differs from the first puts both in doubt."""
    item = matter.item
    if ruling.label is not None and ruling.label in policy.categories:
        batch.labels.append(
            NewLabel(
                case_id=item.case_id,
                label=ruling.label,
                status=labels.Status.ADJUDICATED if item.kind == "adjudication" else status,
                provenance=item.kind,
                reviewer=actor,
                blind=item.suggestion_hidden,
                reason_code=ruling.reason_code,
                labelled_at=now,
            )
        )
    opinion = labels.opinion(ruling.outcome, ruling.label, ruling.reason_code, policy.escalation.reasons)
    if item.kind == "recheck" and second_opinions.differs(matter.first, opinion, status):
        batch.disputed.append(item.case_id)


def _is_first_blind_label(item: WorkOnCase, ruling: Ruling) -> bool:
    return item.suggestion_hidden and item.kind in label_rows.FIRST_LOOKS and ruling.label is not None


def _act(batch: _Batch, place: int, item: WorkOnCase, ruling: Ruling) -> None:
    """What a ruling does to a case that waits for it: nothing more, or the action."""
    if ruling.outcome is Outcome.DENY or ruling.label is None:
        batch.done.append(item.case_id)
        return
    batch.decided.append(item.case_id)
    batch.actions.append((place, item, ruling.label))


def _escalate(batch: _Batch, item: WorkOnCase, cause: str, *, actor: str, policy: Policy, now: datetime) -> None:
    due_at = due(now, policy.escalation.due_within, policy.sla.calendar)
    batch.escalations.append(NewEscalation(item.case_id, cause, actor, opened_at=now, due_at=due_at))
    batch.work.append(
        NewWork(
            item.case_id, "escalation", Queue.C, item.proposed, suggestion_hidden=False, opened_at=now, due_at=due_at
        )
    )
    batch.events.append(Event("case.escalated", item.case_id, {"cause": cause}))


def _write(
    connection: Connection, batch: _Batch, item_ids: list[int], *, actor: str, policy: Policy, now: datetime
) -> list[int]:
    """Write the batch; the ids of its decisions."""
    numbers = decisions.insert_decisions(connection, batch.decisions)
    decisions.insert_notes(connection, {numbers[place]: text for place, text in batch.notes})
    label_rows.insert_labels(connection, batch.labels)
    rechecking.keep(connection, batch.rechecks, numbers, actor, now=now)
    outbox.put(
        connection,
        [
            NewAction(
                case_id=item.case_id,
                decision_id=numbers[place],
                key=outbox.key(item.source, item.external_id, label),
                action=policy.category(label).action,
                category=label,
                automatic=False,
                created_at=now,
                next_at=now + batch.hold,
            )
            for place, item, label in batch.actions
        ],
    )
    work.close_work(connection, item_ids, now)
    escalations.insert_escalations(connection, batch.escalations)
    work.insert_work(connection, batch.work)
    cases.set_state(connection, batch.decided, State.DECIDED, only_from=State.QUEUED)
    cases.set_state(connection, batch.done, State.DONE, only_from=State.QUEUED)
    trail.append(connection, batch.events, at=now, actor=actor)
    return numbers
