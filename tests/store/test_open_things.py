"""After every act, what is open has something behind it that is open too."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import text

from handrail.acts import (
    breaking,
    claiming,
    deciding,
    delivering,
    escalating,
    handing,
    labelling,
    pausing,
    proposing,
    purging,
    settling,
    undoing,
)
from handrail.case import Outcome
from handrail.errors import PermanentError, Refused, RetryableError, Unanswered
from handrail.policy import BreakerRules, DeskRules, LabelRules, Stage
from handrail.ruling import Ruling
from handrail.store import schema
from handrail.store.engine import Store
from tests.contesting import SHOP, contest, resolve, send
from tests.open_things import nothing_left_open
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, Scene

HOUR = timedelta(hours=1)
EVIDENCE = {"reviewed": 40, "rejected": 3, "rate": 0.075}
LONG = timedelta(days=10)


TWO = SHOP.model_copy(update={"desk": DeskRules(second_person=("resume", "set_stage"))})
ONLY_RESUME = SHOP.model_copy(update={"desk": DeskRules(second_person=("resume",))})


class Broken:
    """A receiver that fails in one way."""

    def __init__(self, error: Exception, *, idempotent: bool = True) -> None:
        self.error, self.idempotent = error, idempotent

    def execute(self, actions: object) -> None:
        raise self.error


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store, SHOP)


def pause(scene: Scene, category: str | None = "refund", **values: object) -> None:
    pausing.pause(scene.store, category, **{"reason": "odd", "actor": FOUNDER, **scene.known, **values})


def resume(scene: Scene, category: str | None = "refund", **values: object) -> None:
    pausing.resume(scene.store, category, **{"reason": "looked at", "actor": FOUNDER, **scene.known, **values})


def propose(scene: Scene, act: str, **asked: str) -> None:
    proposing.propose(scene.store, act, asked, reason="fine", actor=FOUNDER, **scene.known)


def late(scene: Scene, at: timedelta = LONG) -> None:
    escalating.escalate_breaches(scene.store, policy=scene.policy, actor=FLOW, now=NOW + at)


def fail(scene: Scene, error: Exception, *, idempotent: bool = True) -> int:
    receiver = Broken(error, idempotent=idempotent)
    known = {"policy": scene.policy, "actor": FLOW, "now": NOW, "rng": np.random.default_rng(1)}
    delivering.deliver(scene.store, receiver, **known)  # type: ignore[arg-type]
    return int(scene.rows(schema.Outbox)[-1]["id"])


def undo_last(scene: Scene, actor: str = "rita", at: timedelta = timedelta(seconds=5)) -> None:
    number = scene.rows(schema.Decision)[-1]["id"]
    undoing.undo(scene.store, [number], actor, policy=scene.policy, now=NOW + at)


def expect(seen: object, wanted: object) -> None:
    assert seen == wanted


Acts = tuple[Callable[[Scene], object], ...]

STORIES: dict[str, Acts] = {
    "a case is approved": (lambda s: s.waiting(1), lambda s: s.decide(1), send),
    "a case is overridden": (lambda s: s.waiting(1), lambda s: s.decide(1, "override", label="tracking"), send),
    "a case is denied": (lambda s: s.waiting(1), lambda s: s.decide(1, "deny", reason_code="out_of_scope")),
    "a decision is undone": (lambda s: s.waiting(1), lambda s: s.decide(1), undo_last, lambda s: s.decide(1)),
    "a denial is undone": (
        lambda s: s.waiting(1),
        lambda s: s.decide(1, "deny", reason_code="legal"),
        undo_last,
        lambda s: s.decide(1),
    ),
    "a second person is asked": (
        lambda s: s.waiting(1),
        lambda s: s.decide(1, "override", label="cancel"),
        lambda s: s.decide(1, "override", "ruth", label="cancel"),
        send,
    ),
    "a second opinion is undone": (
        lambda s: s.waiting(1),
        lambda s: s.decide(1, "override", label="cancel"),
        undo_last,
    ),
    "late work is decided": (lambda s: s.waiting(1), late, lambda s: s.decide(1, at=NOW + LONG)),
    "a late case is decided and taken back": (
        lambda s: s.waiting(1),
        late,
        lambda s: s.decide(1, at=NOW + LONG),
        lambda s: undo_last(s, at=LONG + timedelta(seconds=5)),
        lambda s: s.decide(1, at=NOW + LONG),
    ),
    "late work is acknowledged": (
        lambda s: s.waiting(1),
        late,
        lambda s: escalating.acknowledge(s.store, 1, reason="seen", actor=MANAGER, now=NOW + LONG),
        lambda s: s.decide(1, at=NOW + LONG),
    ),
    "late work is handed over": (
        lambda s: s.waiting(1),
        late,
        lambda s: escalating.hand_over(s.store, 1, 1, "ruth", reason="free", actor=MANAGER, now=NOW + LONG),
        lambda s: s.decide(1, actor="ruth", at=NOW + LONG),
    ),
    "an escalation is late and settled": (
        lambda s: s.waiting(1),
        lambda s: s.decide(1, "deny", reason_code="legal"),
        late,
        lambda s: s.decide(1, "approve", MANAGER, NOW + LONG),
        send,
    ),
    "an escalated audit is settled": (
        lambda s: s.automatic(1),
        lambda s: s.audit([1]),
        send,
        lambda s: s.decide(1, "deny", reason_code="policy"),
        lambda s: s.decide(1, "override", MANAGER, label="tracking"),
    ),
    "a late audit is decided": (
        lambda s: s.automatic(1),
        lambda s: s.audit([1]),
        late,
        lambda s: s.decide(1, "override", at=NOW + LONG, label="refund"),
    ),
    "a late audit ends with a pause": (lambda s: s.automatic(1), lambda s: s.audit([1]), late, pause),
    "a dispute is upheld": (
        lambda s: s.automatic(1),
        send,
        lambda s: contest(s, 1),
        lambda s: resolve(s, 1, "approve"),
    ),
    "a late dispute is ruled on": (
        lambda s: s.automatic(1),
        send,
        lambda s: contest(s, 1),
        late,
        lambda s: resolve(s, 1, "override", at=NOW + LONG, label="tracking"),
        lambda s: send(s, NOW + LONG),
    ),
    "a dispute beside a late audit": (
        lambda s: s.automatic(1),
        lambda s: s.audit([1]),
        send,
        lambda s: contest(s, 1),
        late,
        lambda s: resolve(s, 1, "deny", at=NOW + LONG),
        lambda s: s.decide(1, "override", at=NOW + LONG, label="refund"),
    ),
    "a dispute of an action that died": (
        lambda s: s.waiting(1),
        lambda s: s.decide(1),
        lambda s: fail(s, PermanentError("no")),
        lambda s: contest(s, 1),
        lambda s: resolve(s, 1, "approve"),
        lambda s: settling.retry(s.store, 1, reason="again", actor=FOUNDER, now=NOW),
        send,
    ),
    "a taking back that died is given up": (
        lambda s: s.automatic(1),
        send,
        lambda s: contest(s, 1),
        lambda s: resolve(s, 1, "deny"),
        lambda s: fail(s, PermanentError("no")),
        lambda s: settling.abandon(s.store, 2, reason="by phone", actor=FOUNDER, **s.known),
        lambda s: expect(s.states(), ["done"]),
    ),
    "an action dies and is given up": (
        lambda s: s.automatic(1),
        lambda s: s.audit([1]),
        lambda s: fail(s, PermanentError("no")),
        late,
        lambda s: settling.abandon(s.store, 1, reason="no", actor=FOUNDER, **s.known),
        lambda s: s.decide(1, "override", label="tracking"),
        send,
    ),
    "nobody knows of an action": (
        lambda s: s.automatic(1),
        lambda s: fail(s, Unanswered("lost"), idempotent=False),
        lambda s: settling.confirm_executed(s.store, 1, reason="asked", actor=FOUNDER, now=NOW),
    ),
    "an action is sent again": (
        lambda s: s.automatic(1),
        lambda s: fail(s, RetryableError("away")),
        lambda s: send(s, NOW + HOUR),
    ),
    "a pause and a resume": (lambda s: s.automatic(1), pause, lambda s: s.decide(1), resume, send),
    "everything is paused, and the breaker trips": (
        lambda s: pause(s, None),
        lambda s: pause(s, kind="breaker", actor=FLOW, evidence=EVIDENCE),
        lambda s: resume(s, None),
        lambda s: pausing.close_review(s.store, 1, conclusion="a form", actor=FOUNDER, now=NOW),
    ),
    "the breaker trips where somebody has paused": (
        pause,
        lambda s: pause(s, kind="breaker", actor=FLOW, evidence=EVIDENCE),
    ),
    "the breaker trips while a resume waits for a second person": (
        lambda s: s.publish(TWO),
        pause,
        lambda s: propose(s, "resume", category="refund"),
        lambda s: pause(s, kind="breaker", actor=FLOW, evidence=EVIDENCE),
        lambda s: expect([row["outcome"] for row in s.rows(schema.Proposal)], ["overtaken"]),
    ),
    "a stage is narrowed while a wider one waits for a second person": (
        lambda s: s.publish(ONLY_RESUME),
        lambda s: s.publish(TWO),
        lambda s: propose(s, "set_stage", category="refund", stage="partial"),
        lambda s: s.publish(ONLY_RESUME),
        lambda s: pausing.set_stage(s.store, "refund", Stage.MANUAL, reason="x", actor=FOUNDER, **s.known),
    ),
    "an escalated audit of an unsent action is paused": (
        lambda s: s.automatic(1),
        lambda s: s.audit([1]),
        lambda s: s.decide(1, "deny", reason_code="legal"),
        pause,
        lambda s: s.decide(1, "override", MANAGER, label="tracking"),
        send,
    ),
    "a person leaves with work in hand": (
        lambda s: s.waiting(2),
        lambda s: s.claim(1),
        lambda s: handing.deactivate(s.store, "rita", actor=FOUNDER, now=NOW),
        lambda s: s.decide(1, actor="ruth"),
    ),
    "a batch holds rows that cannot be read": (lambda s: s.take_in({"external_id": "a"}, bad=["b"]),),
    "what is old is deleted": (
        lambda s: s.waiting(1),
        lambda s: s.decide(1),
        send,
        lambda s: purging.purge(s.store, policy=s.policy, actor=FOUNDER, now=NOW + timedelta(days=900), dry_run=False),
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_nothing_stays_open_after_any_act(scene: Scene, story: str) -> None:
    for number, act in enumerate(STORIES[story], start=1):
        act(scene)
        assert nothing_left_open(scene.store, scene.policy, NOW) == [], f"after act {number}"


def test_labels_in_doubt_end_with_their_adjudication(store: Store) -> None:
    scene = Scene(store, SHOP.model_copy(update={"labels": LabelRules(second_share=1.0)}))
    secret = b"k" * 32

    def decide(kind: str, actor: str, label: str) -> None:
        (claim,) = claiming.claim(store, actor, limit=1, kinds=[kind], **scene.known)
        one = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label)
        deciding.decide(store, [one], actor, secret=secret, **scene.known)

    acts: Acts = (
        lambda s: s.waiting(1, suggestion_hidden=True),
        lambda s: decide("review", "rita", "refund"),
        lambda s: decide("recheck", "ruth", "tracking"),
        lambda s: labelling.adjudicate(s.store, 1, "refund", actor=FOUNDER, **s.known),
    )
    for act in acts:
        act(scene)
        assert nothing_left_open(store, scene.policy, NOW) == []
    assert [row["state"] for row in scene.rows(schema.WorkItem)] == ["closed"] * 3


CORRUPTIONS = {
    "waits for nobody": "UPDATE work_items SET state = 'closed'",
    "is not received": "DELETE FROM trail WHERE kind = 'case.received'",
    "nothing late is open": (
        "INSERT INTO escalations (case_id, cause, opened_at, due_at)"
        " SELECT 1, 'sla_breach', opened_at, due_at FROM work_items"
    ),
    "which the policy does not have": "UPDATE work_items SET category = 'weather'",
    "binds no pause": (
        "INSERT INTO model_reviews (category, evidence, opened_at) SELECT 'refund', '{}', opened_at FROM work_items"
    ),
}


@pytest.mark.parametrize("sentence", CORRUPTIONS)
def test_what_stays_open_is_seen(scene: Scene, sentence: str) -> None:
    scene.waiting(1)
    with scene.store.write() as connection:
        if "trail" in CORRUPTIONS[sentence]:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET session_replication_role = replica"))
            else:
                for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                    connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(CORRUPTIONS[sentence]))
    assert any(sentence in one for one in nothing_left_open(scene.store, scene.policy, NOW))


class TestAnAlarmBindsTheResume:
    """Whoever paused first, and whenever the breaker's watch looked last."""

    def test_a_breaker_that_trips_where_somebody_has_paused_binds_the_resume(self, scene: Scene) -> None:
        pause(scene)
        pause(scene, kind="breaker", actor=FLOW, evidence=EVIDENCE)
        (paused,) = scene.events("automation.paused")[1:]
        assert (paused["cause"], paused["review"]) == ("breaker", 1)
        with pytest.raises(Refused, match="model review 1 is still open"):
            resume(scene)
        pausing.close_review(scene.store, 1, conclusion="a form", actor=FOUNDER, now=NOW)
        resume(scene)
        assert [row["until"] for row in scene.rows(schema.Pause)] == [NOW, NOW]
        assert scene.rows(schema.StageChange)[-1]["stage"] == Stage.PARTIAL

    def test_the_breaker_pauses_a_category_once(self, scene: Scene) -> None:
        pause(scene, kind="breaker", actor=FLOW, evidence=EVIDENCE)
        for evidence in (EVIDENCE, None):
            with pytest.raises(Refused, match="paused already"):
                pause(scene, kind="breaker", actor=FLOW, evidence=evidence)

    @pytest.mark.parametrize("rule", ["esr", "literal"])
    @pytest.mark.parametrize("category", ["refund", None])
    def test_a_resume_waits_for_the_look_at_audits_that_trip_the_breaker(
        self, scene: Scene, rule: str, category: str | None
    ) -> None:
        rules = BreakerRules(rule=rule, min_reviewed=10)  # type: ignore[arg-type]
        scene.publish(SHOP.model_copy(update={"breaker": rules}))
        ids = scene.automatic(20)
        scene.audit(ids)
        send(scene)
        pause(scene, category)
        for case_id in ids:
            scene.decide(case_id, "override", label="tracking", reason_code="wrong_category")
        with pytest.raises(Refused, match="breaker of refund has tripped"):
            resume(scene, category, now=NOW + HOUR)
        known = {"policy": scene.policy, "actor": "flow:quality_watch", "now": NOW + HOUR}
        breaking.count(scene.store, "refund", **known)  # type: ignore[arg-type]
        with pytest.raises(Refused, match="breaker of refund has tripped"):
            resume(scene, category, now=NOW + HOUR)
        pause(scene, kind="breaker", actor=FLOW, evidence=EVIDENCE)
        pausing.close_review(scene.store, 1, conclusion="a form", actor=FOUNDER, now=NOW)
        resume(scene, category, now=NOW + HOUR)

    def test_audits_that_say_nothing_hold_no_resume(self, scene: Scene) -> None:
        ids = scene.automatic(3)
        scene.audit(ids)
        send(scene)
        pause(scene)
        scene.decide(ids[0], "override", label="tracking", reason_code="wrong_category")
        resume(scene, now=NOW + HOUR)
        assert scene.row(schema.Pause)["until"] == NOW + HOUR
