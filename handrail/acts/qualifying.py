"""What gold answers do to a training: a test begins or renews it, the newest slipped-in cases may end it."""

from datetime import datetime

from handrail import gold, labels
from handrail.gold import Rolling
from handrail.labels import Status
from handrail.policy import Policy
from handrail.store import labels as label_rows
from handrail.store import reviewer_quality, staff, trail
from handrail.store.engine import Connection
from handrail.store.trail import Event

LOST = "person.training_lost"


def conclude(connection: Connection, person: str, *, policy: Policy, now: datetime) -> None:
    """Draw the consequences of gold cases that `person` has just decided, in the transaction of the decision."""
    finish_test(connection, person, policy=policy, actor=person, now=now)
    weigh_training(connection, person, policy=policy, now=now)


def finish_test(connection: Connection, person: str, *, policy: Policy, actor: str, now: datetime) -> None:
    """Grade the test of `person` when none of its gold cases is open; passed, it renews their training from now on.

    A failed test takes nothing away: a training that still counts goes on counting, until it ends, is lost to the
    cases slipped in, or a product owner takes it. Earlier labels stay provisional either way: who has learnt it today
    did not know it yesterday.
    """
    test = label_rows.open_test(connection, person)
    if test is None or test.left:
        return
    right, judged = label_rows.graded(connection, test)
    passed = labels.passes(right, judged, policy.labels)
    label_rows.close_test(connection, test.id, right=right, passed=passed, closed_at=now)
    known = staff.person(connection, person)
    if passed and known is not None:
        until = now + policy.labels.training_valid_for
        staff.change(connection, person, trained_until=until)
    data = {"person": person, "test": test.id, "cases": judged, "right": right, "passed": passed}
    trail.append(connection, [Event("person.tested", data=data)], at=now, actor=actor)


def weigh_training(connection: Connection, person: str, *, policy: Policy, now: datetime) -> None:
    """End a training whose newest slipped-in gold cases are right less often than the policy's bar asks."""
    known = staff.person(connection, person)
    if known is None or labels.status(known.trained_until, now) is not Status.ACCEPTED:
        return
    rolling = rolling_of(connection, person, policy=policy)
    if not rolling.ends_training:
        return
    staff.change(connection, person, trained_until=now)
    lost = Event(LOST, data={"person": person, "cases": rolling.judged, "right": rolling.right})
    trail.append(connection, [lost], at=now, actor=person)


def rolling_of(connection: Connection, person: str, *, policy: Policy, until: datetime | None = None) -> Rolling:
    """The gold cases slipped in since the last test that `person` passed, and since they last lost their training."""
    passed = [test.closed_at for test in reviewer_quality.tests(connection, person) if test.passed and test.closed_at]
    since = max([*passed[:1], *losses(connection, person)[-1:]], default=None)
    found = reviewer_quality.answers(connection, person, since=since, until=until, limit=policy.labels.gold_window)
    return gold.rolling([answer.right for answer in found], policy.labels)


def losses(connection: Connection, person: str) -> list[datetime]:
    """When `person` lost their training to gold cases, the oldest first."""
    events = trail.search(connection, kind=LOST, limit=10_000)
    return [datetime.fromisoformat(event["at"]) for event in events if event["person"] == person]
