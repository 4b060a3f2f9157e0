"""Reviewers test themselves and practise; the desk slips gold cases in among their work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from handrail import gold
from handrail.acts import labelling, qualifying
from handrail.acts.authority import authorize
from handrail.case import Outcome
from handrail.decision import NewDecision
from handrail.errors import Conflict, NotFound, Refused
from handrail.gold import Chance, GoldAnswer, GoldTest, OpenTest, Rolling
from handrail.policy import Consequence, Policy
from handrail.store import cases, decisions, reviewer_quality, staff, trail, work
from handrail.store import labels as label_rows
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event
from handrail.work import NewWork

_PACE = timedelta(days=7)
_NEWEST = 10
"""Practice answers that are shown again."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of one gold case: what was said (None: that no category fits), what is attested."""

    case_id: int
    said: str | None
    attested: str
    right: bool
    seeded: bool = False
    """It carried a wrong suggestion."""


@dataclass(frozen=True, slots=True)
class PracticeCase:
    """A gold case to practise on, as its reviewer reads it."""

    case_id: int
    text: str | None
    amount: float | None
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where a person stands: training, tests (newest first), the cases slipped in, what may be begun."""

    trained_until: datetime | None
    open_test: OpenTest | None
    tests: Sequence[GoldTest]
    rolling: Rolling
    lost_at: datetime | None
    again_from: datetime | None
    unseen: int
    practised: Sequence[Feedback]
    slipped_in: Sequence[Feedback]


def slip_in(store: Store, person: str, *, policy: Policy, secret: bytes, now: datetime) -> bool:
    """Let a gold case come next for `person`, by the policy's share and number; tells whether one will.

    Called right before claiming; asked again before the next decision, it changes nothing. The case is one that they
    never met, it is due a little before the ordinary work, and looks like it: no older, with the same fields. Nothing
    is slipped in during a test, into an empty queue, or when no such case is left. The trail, which they may search,
    hears of it with the decision.
    """
    with store.read() as connection:
        after = reviewer_quality.newest_decision(connection, person)
        lately = reviewer_quality.decided_since(connection, person, now - _PACE) if policy.labels.gold_share else 0
    if not gold.is_due(secret, person, after, policy.labels, a_week=lately):
        return False
    with store.write() as connection:
        authorize(connection, "decide", person)
        trail.lock(connection)
        if reviewer_quality.newest_decision(connection, person) != after or reviewer_quality.has_open_gold(
            connection, person
        ):
            return False
        ordinary = reviewer_quality.next_ordinary(connection)
        fitting = gold.passing(reviewer_quality.candidates(connection, person), ordinary) if ordinary else []
        if ordinary is None or not fitting:
            return False
        chance = Chance(secret, person, after)
        drawn, like = fitting[chance.pick("case", len(fitting))], ordinary.before(chance)
        blind = labelling.gold_work(drawn.case_id, person, now=like.opened_at, due_at=like.due_at, slipped_in=True)
        blind = replace(blind, shown_received_at=like.received_at)
        work.insert_work(connection, [_seeded(connection, chance, blind, drawn.label, policy, now)])
    return True


def _seeded(
    connection: Connection, chance: Chance, blind: NewWork, attested: str, policy: Policy, now: datetime
) -> NewWork:
    """The work of a gold case with a wrong suggestion, or `blind` as it is."""
    if not gold.is_seeded(chance, policy.labels):
        return blind
    since = now - policy.labels.training_valid_for
    label = gold.wrong_suggestion(
        chance,
        attested,
        _for_quick_work(policy, cases.shown(connection, blind.case_id).amount),
        reviewer_quality.predicted(connection, blind.case_id),
        reviewer_quality.mistaken_for(connection, attested, since=since),
    )
    if label is None:
        return blind
    confidence = gold.confidence(chance, reviewer_quality.quick_confidences(connection), policy.queues)
    return replace(blind, suggestion_hidden=False, category=label, shown_label=label, shown_confidence=confidence)


def _for_quick_work(policy: Policy, amount: float | None) -> list[str]:
    """The categories that quick work may be suggested for: with a high consequence it would be in another queue."""
    return [name for name, rules in policy.categories.items() if rules.consequence_at(amount) is not Consequence.HIGH]


def feedback(store: Store, decision_id: int, *, actor: str, policy: Policy, now: datetime) -> Feedback | None:
    """What became of a gold case that was slipped in, told when `actor` can no longer undo; None for all other work."""
    with store.read() as connection:
        row = reviewer_quality.answer(connection, decision_id, actor)
    return None if row is None or row.decided_at > now - policy.desk.undo_within else _feedback(row)


def begin(store: Store, person: str, *, policy: Policy, now: datetime, rng: np.random.Generator) -> int:
    """Hand oneself a test, of gold cases that one never met; returns how many.

    Raises:
        Conflict: a test of theirs is not finished.
        Refused: the last one is too recent, or too few gold cases are left.
    """
    with store.write() as connection:
        authorize(connection, "decide", person)
        trail.lock(connection)
        labelling.require_no_open_test(connection, person)
        again = _again_from(reviewer_quality.tests(connection, person), policy)
        if again is not None and again > now:
            raise Refused(f"Your last test is too recent. Practise, and begin another one from {again:%Y-%m-%d %H:%M}.")
        fitting = reviewer_quality.unseen_gold(connection, person)["case_id"].to_numpy()
        missing = policy.labels.gold_cases - len(fitting)
        if missing > 0:
            raise Refused(f"{missing} more gold cases that are new to you are needed. Ask a data curator for them.")
        ids = rng.permutation(fitting)[: policy.labels.gold_cases].tolist()
        return labelling.open_test(connection, person, ids, policy=policy, actor=person, now=now)


def _again_from(tests: Sequence[GoldTest], policy: Policy) -> datetime | None:
    """When one may begin the next test oneself; None without an earlier one."""
    closed = [test.closed_at for test in tests if test.closed_at is not None]
    return max(closed) + policy.labels.test_again_after if closed else None


def practice_case(store: Store, person: str, *, policy: Policy, secret: bytes) -> PracticeCase | None:
    """A gold case to practise on; the same until it is answered.

    None while no more are left than the next test of `person` needs.
    """
    with store.read() as connection:
        authorize(connection, "decide", person)
        case_id = _to_practise(connection, person, policy=policy, secret=secret)
        if case_id is None:
            return None
        shown = cases.shown(connection, case_id)
    return PracticeCase(case_id, shown.redacted, shown.amount, shown.fields)


def practise(
    store: Store, person: str, case_id: int, label: str | None, *, policy: Policy, secret: bytes, now: datetime
) -> Feedback:
    """Answer the practice case, None where no category fits, and hear at once; it never tests this person any more.

    Raises:
        NotFound: the policy has no such category.
        Conflict: it is not the case that they practise on.
    """
    if label is not None:
        policy.category(label)
    with store.write() as connection:
        authorize(connection, "decide", person)
        trail.lock(connection)
        known = label_rows.gold_case(connection, case_id)
        if known is None or _to_practise(connection, person, policy=policy, secret=secret) != case_id:
            raise Conflict(f"Case {case_id} is not what you practise on now. Go on with the next one.")
        outcome = Outcome.DENY if label is None else Outcome.OVERRIDE
        practised = NewDecision(
            case_id=case_id,
            work_item_id=None,
            kind="gold",
            outcome=outcome,
            proposed=None,
            label=label,
            reason_code=None,
            actor=person,
            blind=True,
            seconds=None,
            decided_at=now,
        )
        decisions.insert_decisions(connection, [practised])
        trail.append(connection, [Event("gold.practised", case_id)], at=now, actor=person)
    return Feedback(case_id, label, known.label, label == known.label)


def _to_practise(connection: Connection, person: str, *, policy: Policy, secret: bytes) -> int | None:
    unseen = reviewer_quality.unseen_gold(connection, person)["case_id"].tolist()
    if len(unseen) <= policy.labels.gold_cases:
        return None
    return int(min(unseen, key=lambda case_id: Chance(secret, person, case_id).of("practice")))


def training_progress(store: Store, person: str, *, policy: Policy, now: datetime) -> TrainingProgress:
    """Where `person` stands; of a test under way only how much is left, of an answer nothing before it stands."""
    stands = now - policy.desk.undo_within
    with store.read() as connection:
        authorize(connection, "decide", person)
        tests = reviewer_quality.tests(connection, person)
        lost = qualifying.losses(connection, person)
        trained = staff.person(connection, person)
        return TrainingProgress(
            trained_until=None if trained is None else trained.trained_until,
            open_test=label_rows.open_test(connection, person),
            tests=[test for test in tests if test.closed_at is not None],
            rolling=qualifying.rolling_of(connection, person, policy=policy, until=stands),
            lost_at=lost[-1] if lost else None,
            again_from=_again_from(tests, policy),
            unseen=len(reviewer_quality.unseen_gold(connection, person)),
            practised=[_feedback(row) for row in reviewer_quality.practised(connection, person, _NEWEST)],
            slipped_in=[
                _feedback(row)
                for row in reviewer_quality.answers(connection, person, until=stands, limit=policy.labels.gold_window)
            ],
        )


def result(store: Store, person: str, test_id: int) -> tuple[GoldTest, list[Feedback]]:
    """One's own finished test with the attested category of each case that still counts.

    Raises:
        NotFound: it is not a finished test of `person`.
    """
    with store.read() as connection:
        authorize(connection, "decide", person)
        test = next((one for one in reviewer_quality.tests(connection, person) if one.id == test_id), None)
        if test is None or test.passed is None:
            raise NotFound(f"You have no finished test {test_id}. See your tests under Training.")
        rows = reviewer_quality.test_answers(connection, test)
    return test, [_feedback(row) for row in rows if row.retired_at is None]


def _feedback(answer: GoldAnswer) -> Feedback:
    return Feedback(answer.case_id, answer.answer, answer.attested, answer.right, answer.seeded is not None)
