"""What governs automation is read where it is acted on, and believed only as it was published and told to the trail."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import text

from handrail.acts import alerting, attending, deciding, delivering, models, pausing, publishing, routing
from handrail.case import Outcome
from handrail.dead_mans_switch import WATCHES
from handrail.errors import Refused
from handrail.policy import Policy, Stage
from handrail.queues import Queue, Reason, Situation
from handrail.ruling import Ruling
from handrail.stand_in import StandIn
from handrail.store import alerts, policies, schema, situation
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, NOW, POLICY, Scene
from tests.store.test_acts_delivering import Receiver, deliver

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SILENT = POLICY.watches.silent_for
FORGED = POLICY.model_copy(
    update={"categories": {n: r.model_copy(update={"auto_above": 0.01}) for n, r in POLICY.categories.items()}}
)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def sql(scene: Scene, statement: str, **values: object) -> None:
    """What somebody does past Handrail."""
    with scene.store.write() as connection:
        connection.execute(text(statement), values)


def seen(scene: Scene, at: datetime = NOW) -> Situation:
    with scene.when(at), scene.store.read() as connection:
        return situation.read(connection, scene.policy, at)


def beat(scene: Scene, at: datetime) -> None:
    for name in WATCHES:
        attending.note_watch(scene.store, name, actor=FLOW, now=at)


def move(scene: Scene, category: str, to: Stage, at: datetime) -> None:
    pausing.set_stage(scene.store, category, to, reason="plan", policy=scene.policy, actor=FOUNDER, now=at)


def standing(scene: Scene, at: datetime) -> list[tuple[str, str, str]]:
    with scene.when(at):
        alerting.sweep(scene.store, policy=scene.policy, channels=(), actor=FLOW, now=at)
    with scene.store.read() as connection:
        return [(row.kind, row.subject, row.severity) for row in alerts.open_alerts(connection)]


class TestSilence:
    def test_no_change_of_a_stage_or_policy_starts_the_clock_of_a_watch_that_has_run(self, scene: Scene) -> None:
        beat(scene, NOW)
        later = NOW + 160 * DAY
        move(scene, "complaint", Stage.SUGGEST, later)
        move(scene, "tracking", Stage.PARTIAL, later)
        publishing.publish(scene.store, POLICY.model_copy(update={"owner": "x"}), actor=FOUNDER, now=later)
        found = seen(scene, later)
        assert [one.watch for one in found.silent] == sorted(WATCHES)
        assert all(found.is_held(name) for name in POLICY.categories)
        assert {("watch_silent", name, "critical") for name in WATCHES} <= set(standing(scene, later))

    def test_a_watch_that_never_ran_counts_from_the_first_raise_of_each_category(self, store: Store) -> None:
        rules = {n: r.model_copy(update={"stage": Stage.SHADOW}) for n, r in POLICY.categories.items()}
        scene = Scene(store, POLICY.model_copy(update={"categories": rules}))
        assert seen(scene, NOW + 90 * DAY).silent == ()
        move(scene, "refund", Stage.AUTO, NOW + DAY)
        move(scene, "tracking", Stage.PARTIAL, NOW + DAY + SILENT)
        move(scene, "refund", Stage.SUGGEST, NOW + DAY + SILENT)
        move(scene, "refund", Stage.AUTO, NOW + DAY + SILENT)
        publishing.publish(store, scene.policy.model_copy(update={"owner": "x"}), actor=FOUNDER, now=NOW + 2 * DAY)
        found = seen(scene, NOW + DAY + SILENT + HOUR)
        assert {one.categories for one in found.silent} == {("refund",)}
        assert (found.is_held("refund"), found.is_held("tracking")) == (True, False)
        beat(scene, NOW + DAY + SILENT + HOUR)
        assert seen(scene, NOW + DAY + SILENT + HOUR).silent == ()

    def test_a_beat_under_a_clock_that_was_ahead_is_mended_by_the_next_one(self, scene: Scene) -> None:
        beat(scene, NOW + 400 * DAY)
        assert [one.ahead for one in seen(scene).silent] == [True] * 3
        beat(scene, NOW)
        assert seen(scene).silent == ()


class TestDecideWhereYouWrite:
    """A case is scored before, and routed by what holds where its route is written."""

    def assign(self, scene: Scene, change: Callable[[], object]) -> dict[str, int]:
        ids = scene.scored(2)

        def routes(waiting: routing.Waiting) -> pd.DataFrame:
            found = waiting.situation
            held = found.is_paused("refund") or found.is_held("refund") or found.is_altered("refund")
            automatic = not held and found.stages["refund"] is Stage.AUTO
            route = {"queue": Queue.A, "reason": Reason.AUTO} if automatic else {"queue": "B", "reason": Reason.HELD}
            return pd.DataFrame(
                [
                    {
                        "case_id": case,
                        **route,
                        "reasons": (route["reason"],),
                        "category": "refund",
                        "confidence": 0.99,
                        "threshold": 0.95,
                        "stage": "auto",
                        "control": False,
                        "suggestion_hidden": False,
                        "blind_chance": None,
                        "model_version": "1",
                        "due_at": NOW,
                    }
                    for case in waiting.cases["case_id"]
                ]
            )

        change()
        return routing.assign(scene.store, ids, routes, policy=scene.policy, actor=FLOW, now=NOW)

    def test_where_nothing_changed_cases_are_automatic(self, scene: Scene) -> None:
        assert self.assign(scene, lambda: None) == {"A": 2, "B": 0, "C": 0}

    @pytest.mark.parametrize("what", ["pause", "stage", "hold", "policy row", "stage row"])
    def test_what_changed_between_score_and_route_counts(self, scene: Scene, what: str) -> None:
        known = {"reason": "odd", "policy": scene.policy, "actor": FOUNDER, "now": NOW}
        changes: dict[str, Callable[[], object]] = {
            "pause": lambda: pausing.pause(scene.store, "refund", **known),
            "stage": lambda: pausing.set_stage(scene.store, "refund", Stage.SUGGEST, **known),
            "hold": lambda: beat(scene, NOW - SILENT - HOUR),
            "policy row": lambda: sql(scene, "UPDATE policies SET body = :body", body=FORGED.model_dump_json()),
            "stage row": lambda: sql(
                scene,
                "INSERT INTO stage_changes (category, stage, since, actor, reason) SELECT 'refund', 'partial',"
                " published_at, 'eve', 'x' FROM policies",
            ),
        }
        assert self.assign(scene, changes[what]) == {"A": 0, "B": 2, "C": 0}
        assert scene.count(schema.Outbox) == 0
        assert scene.trail_is_whole()

    def test_under_a_policy_that_was_replaced_nothing_is_routed(self, scene: Scene) -> None:
        other = POLICY.model_copy(update={"owner": "somebody"})
        change = lambda: publishing.publish(scene.store, other, actor=FOUNDER, now=NOW)  # noqa: E731
        assert self.assign(scene, change) == {"A": 0, "B": 0, "C": 0}
        assert scene.states() == ["accepted", "accepted"]


class TestSending:
    """What would not be approved by now is not sent either."""

    @pytest.mark.parametrize(
        ("what", "reason"),
        [
            ("held", "held"),
            ("policy", "altered"),
            ("stage", "altered"),
            ("suggest", "stage_suggest"),
            ("shadow", "stage_shadow"),
            ("lifted pause", "altered"),
        ],
    )
    def test_automatic_actions_not_yet_sent_go_to_people(self, scene: Scene, what: str, reason: str) -> None:
        automatic, by_hand = scene.automatic(2), scene.waiting(1, category="tracking")
        scene.decide(by_hand[0])
        if what == "held":
            beat(scene, NOW - SILENT - HOUR)
        elif what == "policy":
            sql(scene, "UPDATE policies SET body = :body", body=FORGED.model_dump_json())
        elif what == "stage":
            move(scene, "refund", Stage.PARTIAL, NOW)
            sql(scene, "UPDATE stage_changes SET stage = 'auto'")
        elif what == "lifted pause":
            pausing.pause(scene.store, "refund", reason="odd", actor=FOUNDER, **scene.known)
            sql(scene, "DELETE FROM pauses")
            (returned,) = {row["reason"] for row in scene.rows(schema.Route, category="refund")}
            assert returned == "paused"
            reason = "paused"
        else:
            move(scene, "refund", Stage(what), NOW)
        receiver = Receiver()
        deliver(scene, receiver)
        assert receiver.calls == [by_hand]
        assert [scene.state(case) for case in automatic] == ["queued", "queued"]
        routes = [scene.row(schema.Route, case_id=case) for case in automatic]
        assert {(row["queue"], row["reason"]) for row in routes} == {(Reason(reason).queue, reason)}
        open_work = [scene.row(schema.WorkItem, case_id=case) for case in automatic]
        assert {item["suggestion_hidden"] for item in open_work} == {what == "shadow"}
        assert {event["reason"] for event in scene.events("action.withdrawn")} == {reason}
        assert scene.trail_is_whole()

    def test_what_a_killed_sender_left_of_a_held_category_is_neither_sent_nor_decided_anew(self, scene: Scene) -> None:
        (case,) = scene.automatic(1)
        with pytest.raises(KeyboardInterrupt):
            deliver(scene, Receiver(_killed, idempotent=True))
        move(scene, "refund", Stage.SUGGEST, NOW)
        receiver = Receiver(idempotent=True)
        deliver(scene, receiver)
        assert receiver.calls == []
        deliver(scene, receiver, NOW + delivering.LEASE)
        assert (receiver.calls, scene.state(case)) == ([], "decided")
        assert scene.row(schema.Outbox)["state"] == "unknown"


def _killed(_: object) -> None:
    raise KeyboardInterrupt


BODY = "UPDATE policies SET body = :body"
VERSION = "UPDATE policies SET version = :version"
TAMPERINGS = {
    "content": [(BODY, {"body": FORGED.model_dump_json()})],
    "digest": [(VERSION, {"version": "0" * 12})],
    "both": [(BODY, {"body": FORGED.model_dump_json()}), (VERSION, {"version": FORGED.version})],
    "no JSON": [(BODY, {"body": "auto_above: 0.01"})],
    "invalid": [(BODY, {"body": '{"business": "shop", "queues": {"auto_above": 0.01}}'})],
    "deleted": [("DELETE FROM policies", {})],
}


class TestThePolicyInForce:
    @pytest.fixture(params=list(TAMPERINGS))
    def tampered(self, request: pytest.FixtureRequest, scene: Scene) -> Scene:
        scene.automatic(1)
        for statement, values in TAMPERINGS[request.param]:
            sql(scene, statement, **values)
        return scene

    def test_what_was_not_published_automates_nothing_and_raises_an_alarm(self, tampered: Scene) -> None:
        found = seen(tampered)
        assert all(found.is_altered(name) for name in POLICY.categories)
        assert ("policy_altered", "all", "critical") in standing(tampered, NOW)
        (row,) = [row for row in tampered.rows(schema.Alert) if row["kind"] == "policy_altered"]
        assert "`handrail policy publish FILE`" in row["sentence"]

    def test_publishing_the_right_policy_cures_it(self, tampered: Scene) -> None:
        assert publishing.publish(tampered.store, POLICY, actor=FOUNDER, now=NOW)
        assert seen(tampered).altered == ()
        with tampered.store.read() as connection:
            found = policies.in_force(connection)
        assert found == policies.InForce(POLICY, None)
        assert not publishing.publish(tampered.store, POLICY, actor=FOUNDER, now=NOW)

    def test_a_workspace_is_not_begun_a_second_time(self, tampered: Scene) -> None:
        assert not publishing.found(tampered.store, POLICY, founder="eve", now=NOW)

    def test_nothing_is_widened_meanwhile_and_everything_can_be_paused(self, tampered: Scene) -> None:
        with tampered.store.read() as connection:
            found = policies.in_force(connection)
        assert found is not None
        known = {"reason": "x", "policy": found.policy, "actor": FOUNDER, "now": NOW}
        with pytest.raises(Refused, match="handrail policy publish"):
            pausing.set_stage(tampered.store, "refund", Stage.PARTIAL, **known)
        pausing.pause(tampered.store, None, **known)
        with pytest.raises(Refused, match="handrail policy publish"):
            pausing.resume(tampered.store, None, **known)


class TestTheStandIn:
    def test_it_is_the_newest_policy_that_can_be_believed(self, scene: Scene) -> None:
        newer = POLICY.model_copy(update={"owner": "somebody"})
        publishing.publish(scene.store, newer, actor=FOUNDER, now=NOW)
        sql(scene, "UPDATE policies SET body = '{' WHERE id = (SELECT max(id) FROM policies)")
        found = self.in_force(scene)
        assert isinstance(found, StandIn)
        assert (found.owner, found.categories) == (POLICY.owner, POLICY.categories)

    def test_without_one_it_takes_its_names_from_the_trail(self, scene: Scene) -> None:
        move(scene, "refund", Stage.PARTIAL, NOW)
        sql(scene, "UPDATE policies SET body = ''")
        found = self.in_force(scene)
        assert (found.business, list(found.categories)) == ("shop", ["refund"])
        assert found.auto_above("refund") == 1.0

    def test_no_action_is_chosen_under_it(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        sql(scene, "UPDATE policies SET body = '{'")
        scene.policy = self.in_force(scene)
        claim = scene.claim(case)
        ruling = Ruling(claim.item_id, claim.fence, Outcome.APPROVE)
        with pytest.raises(Refused, match="cannot be read"):
            deciding.decide(scene.store, [ruling], "rita", policy=scene.policy, now=NOW, secret=b"s" * 32)
        assert scene.count(schema.Outbox) == 0

    @staticmethod
    def in_force(scene: Scene) -> Policy:
        with scene.store.read() as connection:
            found = policies.in_force(connection)
        assert found is not None
        return found.policy


class TestOtherRows:
    def test_a_stage_that_the_trail_does_not_tell_holds_its_category_until_it_is_set(self, scene: Scene) -> None:
        move(scene, "refund", Stage.SUGGEST, NOW)
        for statement in (
            "UPDATE stage_changes SET stage = 'auto'",
            "UPDATE stage_changes SET stage = 'full'",
            "DELETE FROM stage_changes",
        ):
            sql(scene, statement)
            found = seen(scene)
            assert (found.is_altered("refund"), found.is_altered("tracking")) == (True, False)
        assert ("stage_altered", "refund", "critical") in standing(scene, NOW)
        move(scene, "refund", Stage.AUTO, NOW)
        assert seen(scene).altered == ()
        assert seen(scene).stages["refund"] is Stage.AUTO

    def test_a_pause_that_was_lifted_outside_holds_until_it_is_resumed(self, scene: Scene) -> None:
        known = {"reason": "odd", "actor": FOUNDER, **scene.known}
        for category in ("refund", None):
            pausing.pause(scene.store, category, **known)
        sql(scene, "UPDATE pauses SET until = since")
        assert [(one.what, one.category) for one in seen(scene).altered] == [("pause", None), ("pause", "refund")]
        for category in ("refund", None):
            pausing.pause(scene.store, category, **known)
            pausing.resume(scene.store, category, **known)
        assert seen(scene).altered == ()

    def test_a_version_that_serves_by_sql_approves_nothing_until_it_is_rolled_back(self, scene: Scene) -> None:
        for version in ("1", "2"):
            scene.add_version(version)
            if version == "1":
                models.set_champion(scene.store, "1", reason="the first", actor=FOUNDER, now=NOW)
        sql(scene, "UPDATE serving SET model_version = '2'")
        assert seen(scene).is_altered("refund")
        assert ("serving_altered", "all", "critical") in standing(scene, NOW)
        assert models.roll_back(scene.store, reason="it was not promoted", actor=FOUNDER, now=NOW) == "1"
        assert seen(scene).altered == ()
        assert {row["version"]: row["status"] for row in scene.rows(schema.ModelVersion)} == {
            "1": "champion",
            "2": "rolled_back",
        }
        assert scene.row(schema.Serving)["challenger"] is None
