"""Not acknowledged is not *not executed*: what a receiver may have seen is unknown until it or a person says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest

from handrail.acts import delivering, pausing, settling, undoing
from handrail.errors import Conflict, NotFound, PermanentError, Refused, RetryableError, Unanswered
from handrail.outbox import OutboxAction
from handrail.policy import Stage
from handrail.store import outbox, schema
from handrail.store.engine import Store
from tests.contesting import SHOP, contest, resolve
from tests.scenes import FLOW, FOUNDER, NOW, Scene

SILENT = Unanswered("The receiver did not answer within 10 s.")
AWAY = RetryableError("The receiver is away.")
NO = PermanentError("There is no such account.")
LATER = NOW + timedelta(hours=1)


@dataclass
class Books:
    """A business system: what it executed by key, and with what it answers each delivery; None: it says yes."""

    executed_keys: list[str]
    answer: Exception | type[BaseException] | None = None
    idempotent: bool = True
    executes: bool = True

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        if self.executes:
            fresh = [one.key for one in actions if not (self.idempotent and one.key in self.executed_keys)]
            self.executed_keys += fresh
        if self.answer is not None:
            raise self.answer


class OpenBooks(Books):
    """The same, where one may look."""

    def executed(self, keys: Sequence[str]) -> dict[str, bool]:
        return {key: key in self.executed_keys for key in keys}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store, SHOP)


def deliver(scene: Scene, receiver: delivering.Receiver, at: datetime = NOW) -> int:
    scene.store.clock = lambda: at
    rng = np.random.default_rng(3)
    return delivering.deliver(scene.store, receiver, policy=scene.policy, actor=FLOW, now=at, rng=rng)


def state(scene: Scene) -> str:
    return str(scene.row(schema.Outbox)["state"])


def pause(scene: Scene) -> None:
    pausing.pause(scene.store, "refund", reason="odd", policy=scene.policy, actor=FOUNDER, now=NOW)


def suggest(scene: Scene) -> None:
    pausing.set_stage(scene.store, "refund", Stage.SUGGEST, reason="odd", policy=scene.policy, actor=FOUNDER, now=NOW)


def killed(scene: Scene, books: Books) -> None:
    books.answer = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        deliver(scene, books)


def unanswered(scene: Scene, books: Books) -> None:
    books.answer = SILENT
    deliver(scene, books)


def away(scene: Scene, books: Books) -> None:
    books.answer = AWAY
    deliver(scene, books)


WAYS: list[Callable[[Scene, Books], None]] = [killed, unanswered, away]


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("withhold", [pause, suggest])
def test_whatever_withholds_it_no_action_that_was_handed_over_is_decided_anew(
    scene: Scene, withhold: Callable[[Scene], None], way: Callable[[Scene, Books], None], *, idempotent: bool
) -> None:
    (case,) = scene.automatic(1)
    books = Books([], idempotent=idempotent)
    way(scene, books)
    withhold(scene)
    books.answer = None
    for hours in range(3):
        assert deliver(scene, books, NOW + hours * timedelta(hours=1)) == 0
    assert (state(scene), scene.state(case)) == ("unknown", "decided")
    with pytest.raises(NotFound):
        scene.claim(case)
    assert len(books.executed_keys) == 1, "it was not sent again"
    assert [event["case"] for event in scene.events("action.unknown")] == [case]
    assert scene.trail_is_whole()


@pytest.mark.parametrize("way", WAYS)
def test_a_receiver_that_can_be_asked_settles_what_it_executed(scene: Scene, way: Callable[..., None]) -> None:
    (case,) = scene.automatic(1)
    books = OpenBooks([])
    way(scene, books)
    pause(scene)
    assert deliver(scene, books, LATER) == 0
    assert (state(scene), scene.state(case)) == ("done", "done")
    assert [event["case"] for event in scene.events("action.executed")] == [case]


@pytest.mark.parametrize("way", WAYS)
def test_what_it_says_it_has_not_executed_goes_to_people_with_the_reason_of_the_pause(
    scene: Scene, way: Callable[..., None]
) -> None:
    (case,) = scene.automatic(1)
    scene.audit([case])
    books = OpenBooks([], executes=False)
    way(scene, books)
    pause(scene)
    books.answer = None
    deliver(scene, books, LATER)
    assert (state(scene), scene.state(case)) == ("withdrawn", "queued")
    assert scene.row(schema.Route)["reason"] == "paused"
    assert [row["kind"] for row in scene.rows(schema.WorkItem, state="open")] == ["review"]
    assert [event["case"] for event in scene.events("action.not_executed")] == [case]


def test_what_it_has_not_executed_is_sent_again_where_nothing_withholds_it(scene: Scene) -> None:
    (case,) = scene.automatic(1)
    books = OpenBooks([], SILENT, idempotent=False, executes=False)
    deliver(scene, books)
    assert state(scene) == "unknown"
    books.answer, books.executes = None, True
    assert deliver(scene, books, LATER) == 1
    assert (books.executed_keys, scene.state(case)) == ([scene.row(schema.Outbox)["key"]], "done")


def test_a_receiver_that_cannot_tell_now_is_asked_again_a_minute_later(scene: Scene) -> None:
    scene.automatic(1)
    books = OpenBooks([], SILENT, idempotent=False)
    deliver(scene, books)
    asked: list[Sequence[str]] = []

    class Busy(OpenBooks):
        def executed(self, keys: Sequence[str]) -> dict[str, bool]:
            asked.append(keys)
            raise AWAY

    for seconds in (0, 59, 60):
        deliver(scene, Busy([], idempotent=False), NOW + timedelta(seconds=seconds))
    assert (len(asked), state(scene)) == (2, "unknown")


class TestAPersonWhoKnows:
    @pytest.fixture
    def number(self, scene: Scene) -> int:
        """An unknown action of a paused category."""
        scene.automatic(1)
        killed(scene, Books([]))
        pause(scene)
        deliver(scene, Books([]))
        return int(scene.row(schema.Outbox)["id"])

    def test_confirms_it_and_a_dispute_takes_it_back(self, scene: Scene, number: int) -> None:
        case = scene.row(schema.Case)["id"]
        with pytest.raises(Refused, match="operator ask"):
            resolve(scene, contest(scene, case), "deny")
        settling.confirm_executed(scene.store, number, reason="it is in their books", actor=FOUNDER, now=NOW)
        assert scene.state(case) == "done"
        dispute = scene.row(schema.Dispute)["id"]
        resolve(scene, dispute, "deny")
        books = Books([])
        deliver(scene, books)
        assert books.executed_keys == [outbox.undo_key(scene.rows(schema.Outbox)[0]["key"])]

    def test_says_no_and_the_next_delivery_gives_it_to_people_while_the_pause_lasts(
        self, scene: Scene, number: int
    ) -> None:
        settling.retry(scene.store, number, reason="not in their books", actor=FOUNDER, now=NOW)
        books = Books([])
        assert deliver(scene, books) == 0
        assert (books.executed_keys, scene.states()) == ([], ["queued"])
        assert scene.row(schema.Route)["reason"] == "paused"

    def test_says_no_and_it_is_sent_when_the_pause_is_over(self, scene: Scene, number: int) -> None:
        pausing.resume(scene.store, "refund", reason="fine", policy=scene.policy, actor=FOUNDER, now=NOW)
        assert deliver(scene, Books([])) == 0, "the end of the pause ends no doubt"
        settling.retry(scene.store, number, reason="not in their books", actor=FOUNDER, now=NOW)
        assert deliver(scene, Books([])) == 1

    def test_says_no_and_another_person_decides(self, scene: Scene, number: int) -> None:
        known = {"policy": scene.policy, "actor": FOUNDER, "now": NOW}
        settling.abandon(scene.store, number, reason="not in their books", **known)
        case = scene.row(schema.Case)["id"]
        scene.decide(case, "override", label="tracking")
        books = Books([])
        assert deliver(scene, books) == 1
        assert len(books.executed_keys) == 1

    def test_is_overtaken_by_the_answer_of_a_slow_sender(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        known = {"policy": scene.policy, "actor": FOUNDER, "now": NOW}

        class Slow(Books):
            def execute(self, actions: Sequence[OutboxAction]) -> None:
                pause(scene)
                with pytest.raises(Conflict, match="being sent"):
                    settling.abandon(scene.store, actions[0].id, reason="they did not find it", **known)
                scene.store.clock = lambda: NOW + delivering.LEASE
                settling.abandon(scene.store, actions[0].id, reason="they did not find it", **known)
                assert scene.state(case) == "queued"
                super().execute(actions)

        assert deliver(scene, Slow([])) == 1
        assert (state(scene), scene.state(case)) == ("done", "done")
        assert scene.rows(schema.WorkItem, state="open") == [], "nobody decides anew what was executed"
        assert [event["case"] for event in scene.events("action.late")] == [case]


class TestPeoplesActions:
    def test_an_approval_in_doubt_is_neither_undone_nor_sent_anew_by_a_dispute(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case)
        away(scene, Books([]))
        (number,) = [row["id"] for row in scene.rows(schema.Decision)]
        with pytest.raises(Conflict, match="has been sent"):
            undoing.undo(scene.store, [number], "rita", policy=scene.policy, now=NOW)
        with pytest.raises(Conflict, match="being sent"):
            resolve(scene, contest(scene, case), "override", label="tracking")
        assert [row["state"] for row in scene.rows(schema.Outbox)] == ["retry"]

    def test_an_undo_of_a_dispute_in_doubt_is_settled_before_another_dispute_repeats_the_action(
        self, scene: Scene
    ) -> None:
        (case,) = scene.automatic(1)
        deliver(scene, Books([]))
        resolve(scene, contest(scene, case), "deny")
        deliver(scene, Books([], SILENT, idempotent=False))
        assert scene.rows(schema.Outbox)[1]["state"] == "unknown"
        scene.add_person("max", "escalation_manager", trained_until=LATER)
        with pytest.raises(Refused, match="settle it"):
            resolve(scene, contest(scene, case), "override", actor="max", label="refund")
        assert len(scene.rows(schema.Outbox)) == 2

    def test_after_a_dispute_that_upheld_it_an_unknown_action_still_leads_somewhere(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        unanswered(scene, Books([], idempotent=False))
        resolve(scene, contest(scene, case), "approve")
        assert scene.state(case) == "decided"
        number = scene.row(schema.Outbox)["id"]
        known = {"policy": scene.policy, "actor": FOUNDER, "now": NOW}
        settling.abandon(scene.store, number, reason="not in their books", **known)
        assert scene.state(case) == "queued"
        assert [row["kind"] for row in scene.rows(schema.WorkItem, state="open")] == ["review"]

    def test_giving_up_what_takes_something_back_opens_no_review(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        deliver(scene, Books([]))
        resolve(scene, contest(scene, case), "override", label="tracking")
        claim_back = scene.rows(schema.Outbox)[1]
        deliver(scene, Books([], NO, executes=False))
        known = {"policy": scene.policy, "actor": FOUNDER, "now": NOW}
        settling.abandon(scene.store, claim_back["id"], reason="they keep it", **known)
        assert scene.state(case) == "decided"
        assert scene.rows(schema.WorkItem, state="open") == []


class TestFailedForGood:
    def test_eight_times_without_an_answer_is_unknown_and_not_dead(self, scene: Scene) -> None:
        scene.automatic(1)
        books = Books([], SILENT)
        for hours in range(delivering.ATTEMPTS):
            deliver(scene, books, NOW + hours * timedelta(hours=1))
        assert (state(scene), len(books.executed_keys)) == ("unknown", 1)

    def test_a_refusal_after_an_unanswered_try_may_have_been_executed(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        unanswered(scene, Books([]))
        deliver(scene, Books([], NO, executes=False), LATER)
        assert state(scene) == "dead"
        with pytest.raises(Refused, match="operator ask"):
            resolve(scene, contest(scene, case), "deny")
        number = scene.row(schema.Outbox)["id"]
        settling.confirm_executed(scene.store, number, reason="it is in their books", actor=FOUNDER, now=LATER)
        assert (state(scene), scene.state(case)) == ("done", "done")

    def test_one_refused_at_once_was_not_executed(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        deliver(scene, Books([], NO, executes=False))
        resolve(scene, contest(scene, case), "override", label="tracking")
        assert [row["state"] for row in scene.rows(schema.Outbox)] == ["withdrawn", "new"]


class TestClocks:
    def test_a_lease_runs_on_the_real_clock_whatever_the_business_time(self, scene: Scene) -> None:
        scene.automatic(1)
        with scene.store.write() as connection:
            outbox.take(connection, now=NOW, real=LATER, until=LATER + delivering.LEASE, limit=1)
        with scene.store.read() as connection:
            far = NOW + timedelta(days=3650)
            assert not outbox.is_due(connection, far, LATER)
            assert outbox.is_due(connection, NOW, LATER + delivering.LEASE)

    def test_a_retry_is_found_due_when_business_time_is_far_from_the_machines(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        scene.decide(case)
        real = NOW + timedelta(days=300)
        rng = np.random.default_rng(3)
        known = {"policy": scene.policy, "actor": FLOW, "rng": rng}
        for business in (NOW, NOW + timedelta(days=3650), NOW - timedelta(days=1)):
            scene.store.clock = lambda at=real: at
            delivering.deliver(scene.store, Books([], AWAY), now=business, **known)
            real += delivering.LONGEST_WAIT
        assert scene.row(schema.Outbox)["attempts"] == 3
        scene.store.clock = lambda: real
        assert delivering.deliver(scene.store, Books([]), now=NOW - timedelta(days=30), **known) == 1
        assert scene.state(case) == "done"
