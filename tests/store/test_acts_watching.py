"""Missed SLAs, audit draws, reference profiles and drifts."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from handrail import sampling
from handrail.acts import drawing, drifting, escalating, pausing
from handrail.store import audits, drifts, schema, work
from handrail.store.engine import Store
from handrail.window import Window
from tests.scenes import FLOW, FOUNDER, NOW, Scene

SECOND = timedelta(seconds=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def escalate(scene: Scene, at: datetime) -> pd.DataFrame:
    return escalating.escalate_breaches(scene.store, policy=scene.policy, actor="flow:sla_watch", now=at)


class TestBreaches:
    def test_work_is_late_after_its_due_time_and_escalates_once(self, scene: Scene) -> None:
        due = NOW + timedelta(hours=4)
        (case_id,) = scene.waiting(1, due_at=due)
        scene.waiting(1, due_at=due + timedelta(hours=1))
        assert escalate(scene, due).empty, "at the due time itself the work is in time"
        late = escalate(scene, due + SECOND)
        assert late["case_id"].tolist() == [case_id]
        assert escalate(scene, due + SECOND).empty
        escalation = scene.row(schema.Escalation)
        assert (escalation["cause"], escalation["case_id"]) == ("sla_breach", case_id)
        assert escalation["due_at"] == due + SECOND + scene.policy.escalation.due_within
        assert [event["case"] for event in scene.events("case.escalated")] == [case_id]

    def test_late_work_still_waits_and_its_decision_resolves_the_escalation(self, scene: Scene) -> None:
        due = NOW + timedelta(hours=4)
        (case_id,) = scene.waiting(1, due_at=due)
        escalate(scene, due + SECOND)
        assert scene.state(case_id) == "queued"
        scene.decide(case_id, at=due + SECOND * 2)
        assert scene.row(schema.Escalation)["resolved_by"] == "rita"

    def test_a_second_breach_opens_the_escalation_anew(self, scene: Scene) -> None:
        due = NOW + timedelta(hours=4)
        (case_id,) = scene.waiting(1, due_at=due)
        escalate(scene, due + SECOND)
        scene.decide(case_id, "override", at=due + SECOND, label="cancel")
        second = scene.rows(schema.WorkItem, state="open")[0]["due_at"]
        assert len(escalate(scene, second + SECOND)) == 1
        escalation = scene.row(schema.Escalation)
        assert (escalation["resolved_at"], escalation["opened_at"]) == (None, second + SECOND)

    def test_work_decided_while_the_watch_was_looking_does_not_escalate(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        due = NOW + timedelta(hours=4)
        (case_id,) = scene.waiting(1, due_at=due)
        with scene.store.read() as connection:
            seen = work.breached(connection, due + SECOND, 10)
        scene.decide(case_id, at=due)
        monkeypatch.setattr(work, "breached", lambda *_: seen)
        assert escalate(scene, due + SECOND).empty
        assert scene.count(schema.Escalation) == 0

    def test_silence_is_no_approval(self, scene: Scene) -> None:
        scene.waiting(2)
        for days in (1, 10, 100):
            escalate(scene, NOW + timedelta(days=days))
        assert scene.states() == ["queued", "queued"]
        assert scene.count(schema.Decision) == scene.count(schema.Outbox) == 0


class TestAudits:
    def test_every_approval_that_was_looked_at_keeps_its_chance(self, scene: Scene) -> None:
        ids = scene.automatic(3)
        draws = pd.DataFrame(
            {
                "case_id": ids,
                "category": "refund",
                "drawn": [True, False, False],
                "random": [True, False, False],
                "stratum": ["random", None, None],
                "inclusion_probability": [0.05, 0.0975, 0.05],
            }
        )
        opened = drawing.draw_audits(scene.store, draws, seed=11, policy=scene.policy, actor=FLOW, now=NOW)
        assert opened == 1
        rows = scene.rows(schema.AuditDraw)
        assert [row["inclusion_probability"] for row in rows] == [0.05, 0.0975, 0.05]
        assert [row["drawn"] for row in rows] == [True, False, False]
        assert {row["seed"] for row in rows} == {11}
        work = scene.row(schema.WorkItem)
        assert (work["id"], work["case_id"], work["kind"]) == (rows[0]["work_item_id"], ids[0], "audit")
        assert work["suggestion_hidden"] is True
        assert work["due_at"] == NOW + scene.policy.sla.audit
        (event,) = scene.events("audit.draw")
        assert (event["seed"], event["looked_at"], event["drawn"]) == (11, 3, 1)
        assert scene.events("audit.drawn")[0]["probability_ppm"] == 50_000

    def test_the_draw_can_be_repeated_from_its_seed(self, scene: Scene) -> None:
        ids = scene.automatic(40)
        with scene.store.read() as connection:
            candidates = audits.undrawn(connection, 100)
        assert candidates["case_id"].tolist() == ids
        rules = sampling.SamplingRules(0.3, 0.97, 0.05, 200, 0.1, 0.1)
        candidates = candidates.assign(segment="web")
        seed = 123
        drawn = sampling.draw(candidates, rules, np.random.default_rng(seed))
        looked = candidates[["case_id", "category"]].merge(drawn, on="case_id", how="left")
        looked = looked.assign(
            drawn=looked["stratum"].notna(),
            random=looked["random"].eq(True),
            inclusion_probability=looked["inclusion_probability"].fillna(0.3),
        )
        drawing.draw_audits(scene.store, looked, seed=seed, policy=scene.policy, actor=FLOW, now=NOW)
        stored = {row["case_id"] for row in scene.rows(schema.AuditDraw, drawn=True)}
        again = sampling.draw(candidates, rules, np.random.default_rng(scene.rows(schema.AuditDraw)[0]["seed"]))
        assert stored == set(again["case_id"])
        assert 0 < len(stored) < 40

    def test_an_approval_is_looked_at_once(self, scene: Scene) -> None:
        ids = scene.automatic(2)
        scene.waiting(1)
        scene.audit(ids[:1])
        with scene.store.read() as connection:
            assert audits.undrawn(connection, 10)["case_id"].tolist() == ids[1:]

    def test_what_a_pause_returned_meanwhile_is_not_audited(self, scene: Scene) -> None:
        returned, *_ = scene.automatic(1)
        pausing.pause(scene.store, "refund", reason="odd", actor=FOUNDER, **scene.known)
        (kept,) = scene.automatic(1, "tracking")
        scene.audit([returned, kept])
        assert [row["case_id"] for row in scene.rows(schema.AuditDraw)] == [kept]
        assert [row["case_id"] for row in scene.rows(schema.WorkItem) if row["kind"] == "audit"] == [kept]

    def test_audits_report_rejections_with_the_time_of_approval(self, scene: Scene) -> None:
        first, second, third = scene.automatic(3)
        scene.audit([first, second, third])
        later = NOW + timedelta(hours=2)
        scene.decide(first, "override", at=later, label="refund")
        scene.decide(second, "override", at=later, label="tracking")
        with scene.store.read() as connection:
            found = audits.audits(connection, Window.up_to(later, since=NOW))
            assert audits.audits(connection, Window(NOW, later)).empty, "what happens at its end is the next one's"
        assert found["rejected"].tolist() == [False, True]
        assert found["random"].tolist() == [True, True]
        assert {at.to_pydatetime() for at in found["approved_at"]} == {NOW}
        assert found["category"].tolist() == ["refund", "refund"]

    def test_when_each_segment_was_first_seen(self, scene: Scene) -> None:
        scene.accepted(1, fields={"channel": "web"}, received_at=NOW - timedelta(days=2))
        scene.accepted(1, fields={"channel": "web"}, received_at=NOW - timedelta(days=1))
        scene.accepted(1, fields={"channel": "app"}, received_at=NOW - timedelta(hours=1))
        scene.accepted(1, fields={})
        with scene.store.read() as connection:
            seen = audits.first_seen(connection, "channel")
        assert seen == {"web": NOW - timedelta(days=2), "app": NOW - timedelta(hours=1)}


class TestDrift:
    def save(self, scene: Scene, cause: str = "first") -> int:
        return drifting.save_profile(
            scene.store, "{}", cause=cause, cases=150, window=(NOW - timedelta(days=7), NOW), actor=FLOW, now=NOW
        )

    def record(self, scene: Scene, profile_id: int) -> tuple[int, int]:
        return drifting.record_drift(
            scene.store,
            profile_id=profile_id,
            columns=["amount"],
            terms=[{"term": "gadget", "lift": 9.0}],
            window=(NOW - timedelta(days=7), NOW),
            policy=scene.policy,
            actor=FLOW,
            now=NOW,
        )

    def test_the_newest_profile_is_the_reference_and_earlier_ones_stay(self, scene: Scene) -> None:
        with scene.store.read() as connection:
            assert drifts.newest_profile(connection) is None
        self.save(scene)
        second = self.save(scene, "drift 1 absorbed")
        with scene.store.read() as connection:
            newest = drifts.newest_profile(connection)
        assert newest is not None
        assert (newest.id, newest.cause) == (second, "drift 1 absorbed")
        assert scene.count(schema.Profile) == 2

    def test_a_drift_raises_audits_for_the_policys_time(self, scene: Scene) -> None:
        self.record(scene, self.save(scene))
        end = NOW + scene.policy.drift.audit_factor_for
        with scene.store.read() as connection:
            assert not drifts.audits_raised(connection, NOW - SECOND)
            assert drifts.audits_raised(connection, NOW)
            assert drifts.audits_raised(connection, end - SECOND)
            assert not drifts.audits_raised(connection, end)

    def test_new_words_stand_in_the_erasable_row_and_not_in_the_trail(self, scene: Scene) -> None:
        drift_id, voided = self.record(scene, self.save(scene))
        (event,) = scene.events("drift.detected")
        assert (event["drift"], event["columns"], event["terms"]) == (drift_id, ["amount"], 1)
        assert (event["certificates_voided"], voided) == (0, 0)
        assert "gadget" not in str(event)
        with scene.store.read() as connection:
            assert drifts.drifts(connection)["terms"].iloc[0] == [{"term": "gadget", "lift": 9.0}]
