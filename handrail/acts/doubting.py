"""A blind label that contradicts a sure prediction is looked at by another trained person before it counts.

It holds nothing back: the customer's action goes on as decided. What waits is what the label proves.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handrail import labels
from handrail.acts import second_opinions
from handrail.acts.authority import authorize
from handrail.labels import NO_CATEGORY, NewLabel, Status
from handrail.policy import Consequence, Policy
from handrail.queues import Queue
from handrail.ruling import Ruling
from handrail.settlement import NextStep
from handrail.sla import due
from handrail.store import contradictions, decisions, models, staff, trail, work
from handrail.store import labels as label_rows
from handrail.store.contradictions import DROPPED, STANDS, KnownContradiction, OpenContradiction, Opinion
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event
from handrail.work import NewWork, WorkOnCase


@dataclass(frozen=True, slots=True)
class GivenOpinion:
    """A ruling that was just written, the work that it ruled on, and what its giver's training makes of it."""

    decision_id: int
    item: WorkOnCase
    ruling: Ruling
    status: Status

    def opinion(self, policy: Policy) -> str | None:
        """Which category it holds for true; None where it is not blind, not a trained person's, or speaks of none."""
        if (
            not self.item.suggestion_hidden
            or self.status != Status.ACCEPTED
            or self.item.kind not in contradictions.LOOKS
        ):
            return None
        reason = self.ruling.reason_code
        return labels.opinion(self.ruling.outcome, self.ruling.label, reason, policy.escalation.reasons)


def lock(connection: Connection, items: Iterable[WorkOnCase]) -> None:
    """Hold the looks that a ruling on other work of their case may settle: work comes before the trail."""
    contradictions.lock_looks(connection, {item.case_id for item in items if item.kind != "doubt"})


def settle(
    connection: Connection,
    looks: Sequence[GivenOpinion],
    disputed: Collection[int],
    *,
    policy: Policy,
    actor: str,
    now: datetime,
) -> None:
    """Open, go on with and settle the contradictions of cases that were just ruled on, in the same transaction.

    `disputed` are cases whose random recheck differs from the first label; where no version was sure, the consensus
    or a person settles them. A ruling for a reason that escalates waits for nobody: it opens nothing.
    """
    doubted = _consider(connection, looks, disputed, policy=policy, actor=actor, now=now)
    differing = [number for number in disputed if number not in doubted]
    second_opinions.settle(connection, differing, policy=policy, actor=actor, now=now)


def _consider(
    connection: Connection,
    looks: Sequence[GivenOpinion],
    disputed: Collection[int],
    *,
    policy: Policy,
    actor: str,
    now: datetime,
) -> set[int]:
    """Which of the cases have a contradiction that is open, or that was settled now."""
    for one in looks:
        if one.item.kind == "adjudication":
            adjudicate(connection, one.item.case_id, one.ruling.label, now)
    blind = [one for one in looks if one.item.suggestion_hidden and one.item.kind in contradictions.LOOKS]
    if not blind:
        return set()
    ids = {one.item.case_id for one in blind}
    standing = contradictions.unsettled(connection, ids)
    fresh: dict[int, tuple[GivenOpinion, tuple[str, ...]]] = {}
    if policy.labels.settle_differences:  # what is open goes on whatever the policy says by now
        others = [one for one in blind if one.item.case_id not in standing]
        fresh = _contradicting(connection, others, disputed, policy)
    if fresh:
        fresh = {number: one for number, one in fresh.items() if number not in contradictions.recorded(connection, ids)}
    opened = [_opened(one, said, policy, now) for one, said in fresh.values()]
    contradictions.insert(connection, opened)
    both = standing | {one.case_id: one for one in opened}
    _go_on(connection, both, policy=policy, actor=actor, now=now)
    return set(both)


def adjudicate(connection: Connection, case_id: int, label: str | None, now: datetime) -> None:
    """Let the word of who settles two labels be that on the case's contradiction, where it has one."""
    if case_id in contradictions.unsettled(connection, [case_id]):
        contradictions.settle(connection, case_id, label=label, by="adjudication", now=now)
        work.close_kind(connection, case_id, "doubt", now)


def let_stand(connection: Connection, case_ids: Collection[int], *, actor: str, now: datetime) -> None:
    """Let what is open of these count as it stands: nobody is left who could look, or nothing to look at.

    Where two people differed by then, the case proves nothing.
    """
    for number in contradictions.open_ones(connection, case_ids):
        contradictions.settle(connection, number, label=None, by=STANDS, now=now)
        work.close_kind(connection, number, "doubt", now)
        if len(contradictions.opinions(connection, [number], ()).get(number, ())) == 1:
            contradictions.accept_again(connection, number)
        trail.append(connection, [Event("difference.stands", number)], at=now, actor=actor)


def reconsider(connection: Connection, case_ids: Collection[int], *, policy: Policy, actor: str, now: datetime) -> None:
    """Let the contradictions of these cases rest on what counts by now: some of it was withdrawn, or reinstated.

    What nobody who counts contradicts any more is dropped, and comes back with its label. Else it rests on the first
    who contradicts, and is settled anew by those who are left, or by others. What a person in charge settled stands.
    """
    every = contradictions.every(connection, case_ids)
    given = contradictions.opinions(connection, every, policy.escalation.reasons)
    adjudicated = contradictions.adjudicated(connection, every)
    reopened: dict[int, OpenContradiction] = {}
    for number, one in every.items():
        opinions = given.get(number, [])
        against = [each for each in opinions if any(each.opinion != said for said in one.of.predictions)]
        if not (against or (opinions and number in adjudicated)):
            _drop(connection, number, one, actor=actor, now=now)
            continue
        first = next(iter(against or opinions)).decision_id
        contradictions.rest_on(connection, number, first)
        if number in adjudicated:
            if one.settled_by != "adjudication":
                adjudicate(connection, number, adjudicated[number], now)
                work.close_kind(connection, number, "adjudication", now)
        elif not _is_settled_as(opinions, one):
            contradictions.take_consensus(connection, number)
            reopened[number] = replace(one.of, decision_id=first)
            if one.settled_by is not None:
                trail.append(connection, [Event("difference.reopened", number)], at=now, actor=actor)
        elif one.label is not None:
            contradictions.give_consensus_again(connection, number, one.label)
    _go_on(connection, reopened, policy=policy, actor=actor, now=now)


def _drop(connection: Connection, number: int, one: KnownContradiction, *, actor: str, now: datetime) -> None:
    """What is left of a case agrees with what was predicted, or nothing is left."""
    contradictions.take_consensus(connection, number)
    contradictions.accept_again(connection, number)
    if one.settled_by != DROPPED:
        contradictions.settle(connection, number, label=None, by=DROPPED, now=now)
        for kind in ("doubt", "adjudication"):
            work.close_kind(connection, number, kind, now)
        trail.append(connection, [Event("difference.dropped", number)], at=now, actor=actor)


def _is_settled_as(opinions: Sequence[Opinion], one: KnownContradiction) -> bool:
    """Whether these looks settle it as it was settled."""
    come_to = contradictions.resolution(opinions, one.of)
    label = None if come_to.opinion == NO_CATEGORY else come_to.opinion
    return one.settled_by == contradictions.LOOKED and come_to.next is NextStep.SETTLED and label == one.label


def go_on(store: Store, *, policy: Policy, actor: str, now: datetime) -> list[int]:
    """Open the looks that contradictions have lost, and let those stand that nobody can look at any more.

    Their work may have been closed with the case's, all who could have looked may have gone, or the content has been
    deleted. Returns the cases that stand from now on.
    """
    with store.read() as connection:
        if contradictions.waiting(connection).empty:
            return []
    with store.write() as connection:
        authorize(connection, "watch", actor)
        contradictions.lock_looks(connection, contradictions.waiting(connection)["case_id"].tolist())
        trail.lock(connection)
        waits = contradictions.waiting(connection)
        ids, readable = waits["case_id"].tolist(), set(waits.loc[waits["readable"], "case_id"])
        looks = contradictions.with_open_look(connection, ids)
        able = may_be_looked_at(connection, ids, now) & readable
        vain = [number for number in ids if number not in able and looks.get(number, set()) <= {"doubt"}]
        lost = {number for number in ids if number in able and number not in looks}
        let_stand(connection, vain, actor=actor, now=now)
        _go_on(connection, contradictions.unsettled(connection, lost), policy=policy, actor=actor, now=now)
    return vain


def doubt_earlier(store: Store, version: str, *, since: datetime, policy: Policy, actor: str, now: datetime) -> int:
    """Open looks at labels given since then that `version` surely contradicts, the newest first; how many.

    So many a day as the policy has room for: a new challenger may contradict the labels of weeks at once.
    """
    rules = policy.labels
    if not (rules.settle_differences and rules.earlier_differences_a_day):
        return 0
    with store.write() as connection:
        authorize(connection, "watch", actor)
        trail.lock(connection)
        day = contradictions.opened_since(connection, now - timedelta(days=1))
        room = max(0, rules.earlier_differences_a_day - day)
        rows = contradictions.earlier(connection, version, since=since) if room else []
        sure = {one.case_id: one.category for one in rows if is_sure(one.category, one.confidence, one.amount, policy)}
        able = may_be_looked_at(connection, sure, now)
        chosen = [number for number in sure if number in able][:room]
        return _doubt_earlier(connection, {one: sure[one] for one in chosen}, policy=policy, actor=actor, now=now)


def _doubt_earlier(connection: Connection, cases: dict[int, str], *, policy: Policy, actor: str, now: datetime) -> int:
    """Open contradictions of labels given earlier; `cases` say what is surely predicted by now."""
    given = contradictions.opinions(connection, cases, policy.escalation.reasons)
    due_at = due(now, policy.sla.audit, policy.sla.calendar)
    opened = {
        number: OpenContradiction(
            number, given[number][0].decision_id, category, None, drawn=False, opened_at=now, due_at=due_at
        )
        for number, category in cases.items()
        if given.get(number) and given[number][0].opinion != category
    }
    contradictions.insert(connection, list(opened.values()))
    _go_on(connection, opened, policy=policy, actor=actor, now=now)
    return len(opened)


def may_be_looked_at(connection: Connection, case_ids: Collection[int], now: datetime) -> set[int]:
    """Which of these cases some trained person may still look at: one who has not decided them."""
    able = {name for name, one in staff.active(connection).items() if one.may_take("doubt", now)}
    by = decisions.deciders(connection, sorted(case_ids))
    return {number for number in case_ids if able - by.get(number, set())}


def _contradicting(
    connection: Connection, looks: Sequence[GivenOpinion], disputed: Collection[int], policy: Policy
) -> dict[int, tuple[GivenOpinion, tuple[str, ...]]]:
    """Looks that contradict what a version surely said, with that; and rechecks that differ where one agreed.

    A recheck is a first look where what it was to repeat counts no longer, or never did.
    """
    given = contradictions.opinions(connection, {one.item.case_id for one in looks}, policy.escalation.reasons)
    firsts = {
        one.item.case_id: (one, opinion)
        for one in looks
        if (
            one.item.kind in label_rows.FIRST_LOOKS
            or one.item.case_id in disputed
            or (one.item.kind == "recheck" and len(given.get(one.item.case_id, ())) == 1)
        )
        and (opinion := one.opinion(policy)) is not None
        and one.ruling.reason_code not in policy.escalation.reasons
    }
    if not firsts:
        return {}
    said = _surely_said(connection, [one.item for one, _ in firsts.values()], policy)
    return {
        number: (one, said[number])
        for number, (one, opinion) in firsts.items()
        if any(category != opinion for category in said.get(number, ()))
    }


def _surely_said(connection: Connection, items: Sequence[WorkOnCase], policy: Policy) -> dict[int, tuple[str, ...]]:
    """What was executed by itself, and what the serving version and the challenger surely said, by case."""
    serving = models.serving(connection)
    versions = (serving.model_version, serving.challenger)
    amounts = {item.case_id: item.amount for item in items}
    found: dict[int, dict[str, None]] = {
        item.case_id: {item.proposed: None} for item in items if item.kind == "audit" and item.proposed is not None
    }
    for number, category, confidence in contradictions.predictions(connection, amounts, versions):
        if is_sure(category, confidence, amounts[number], policy):
            found.setdefault(number, {})[category] = None
    return {number: tuple(said) for number, said in found.items()}


def is_sure(category: str, confidence: float, amount: float | None, policy: Policy) -> bool:
    """Whether a prediction is one that would be executed by itself, stages and certificates set aside."""
    if category not in policy.categories or confidence <= policy.auto_above(category):
        return False
    return policy.category(category).consequence_at(amount) is Consequence.LOW


def _opened(look: GivenOpinion, said: tuple[str, ...], policy: Policy, now: datetime) -> OpenContradiction:
    due_at = due(now, policy.sla.audit, policy.sla.calendar)
    own = look.opinion(policy)
    # Of three that differ the person contradicts at least one: it comes first.
    first, *others = sorted(said, key=lambda category: category == own)
    also = next(iter(others), None)
    return OpenContradiction(
        look.item.case_id, look.decision_id, first, also, drawn=False, opened_at=now, due_at=due_at
    )


def _go_on(
    connection: Connection, standing: dict[int, OpenContradiction], *, policy: Policy, actor: str, now: datetime
) -> None:
    if not standing:
        return
    given = contradictions.opinions(connection, standing, policy.escalation.reasons)
    looks = contradictions.with_open_look(connection, standing)
    able = may_be_looked_at(connection, standing, now)
    for number, one in standing.items():
        opinions = given.get(number, [])
        found = contradictions.resolution(opinions, one)
        open_looks = looks.get(number, set())
        if found.next is NextStep.SETTLED and found.opinion is not None:
            _settle(connection, number, found.opinion, opinions, policy=policy, actor=actor, now=now)
        elif open_looks:
            _wait(connection, replace(one, drawn="recheck" in open_looks))
        elif found.next is NextStep.LOOK and number in able:
            _wait(connection, one)
            work.insert_work(connection, [_work("doubt", one, policy, now)])
        elif len(opinions) > 1:
            _wait(connection, one)
            work.insert_work(connection, [_work("adjudication", one, policy, now)])
            trail.append(connection, [Event("label.disputed", number)], at=now, actor=actor)
        else:
            let_stand(connection, [number], actor=actor, now=now)


def _wait(connection: Connection, one: OpenContradiction) -> None:
    """Both labels are provisional while others look."""
    contradictions.wait(connection, one.case_id, drawn=one.drawn)
    label_rows.unsettle(connection, [one.case_id])


def _work(kind: str, one: OpenContradiction, policy: Policy, now: datetime) -> NewWork:
    due_at = due(now, policy.sla.audit, policy.sla.calendar)
    return NewWork(one.case_id, kind, Queue.C, None, suggestion_hidden=True, opened_at=now, due_at=due_at)


def _settle(
    connection: Connection,
    case_id: int,
    opinion: str,
    opinions: Sequence[Opinion],
    *,
    policy: Policy,
    actor: str,
    now: datetime,
) -> None:
    label = None if opinion == NO_CATEGORY else opinion
    contradictions.settle(connection, case_id, label=label, by=contradictions.LOOKED, now=now)
    work.close_kind(connection, case_id, "doubt", now)
    label_rows.unsettle(connection, [case_id])
    if label is not None and label in policy.categories:
        adjudicated = NewLabel(case_id, label, Status.ADJUDICATED, "consensus", blind=True, labelled_at=now)
        label_rows.insert_labels(connection, [adjudicated])
    said = {"label": label or "no category", "looks": len(opinions)}
    trail.append(connection, [Event("difference.settled", case_id, said)], at=now, actor=actor)
