"""Troubles are raised once, stand while they are found, are told once a channel and time, and are over."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from handrail.acts import alerting, attending, drifting, escalating, pausing, reading
from handrail.acts.alerting import ATTEMPTS, CALM, LEASE, TOLD_EVERY, TRIES, Swept
from handrail.alerts import Telling
from handrail.dead_mans_switch import WATCHES
from handrail.errors import Conflict, NotFound, NotPermitted
from handrail.policy import AlertRules
from handrail.reading import Reading, Verdict
from handrail.store import alerts, schema
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, POLICY, Scene

MINUTE = timedelta(minutes=1)
WINDOW = (NOW - timedelta(days=7), NOW)
SIGNALS = {"signals": [{"name": "glances", "verdict": "alarm"}, {"name": "bias", "verdict": "quiet"}]}
OPS = ("ops",)
BOTH = ("mail", "ops")


@pytest.fixture
def scene(store: Store) -> Scene:
    """The shop, of which every watch has just been heard."""
    return Scene(store)


def sweep(scene: Scene, at: datetime, channels: tuple[str, ...] = OPS, *, beat: bool = True) -> Swept:
    """A sweep; the watches have been heard at that moment, if not said otherwise."""
    for name in WATCHES if beat else ():
        attending.note_watch(scene.store, name, actor=FLOW, now=at)
    with scene.when(at):
        return alerting.sweep(scene.store, policy=scene.policy, channels=channels, actor=FLOW, now=at)


def rise(scene: Scene, verdict: Verdict = Verdict.ALARM, at: datetime = NOW, subject: str = "refund") -> None:
    """The breaker's newest reading."""
    reading.record(scene.store, [Reading("breaker", subject, WINDOW, verdict)], actor=FLOW, now=at)


def calm(scene: Scene, at: datetime) -> None:
    rise(scene, Verdict.QUIET, at)


def tell(scene: Scene, at: datetime, channels: tuple[str, ...] = OPS, *, errors: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - rows
    """Take what is due and say what became of it; the deliveries that were taken."""
    taken = alerting.take(scene.store, channels, actor=FLOW, now=at)
    alerting.settle(scene.store, taken, errors or {}, actor=FLOW, now=at, rng=np.random.default_rng(1))
    return taken


def told(taken: list[Telling]) -> list[tuple[str, str, int]]:
    return [(one.channel, one.kind, one.number) for one in taken]


def standing(scene: Scene) -> list[tuple[str, str]]:
    with scene.store.read() as connection:
        return [(row.kind, row.subject) for row in alerts.open_alerts(connection)]


def kinds(scene: Scene) -> list[str]:
    return [event["kind"] for event in scene.events() if str(event["kind"]).startswith("alert.")]


class TestRaisedOnce:
    def test_a_trouble_is_raised_once_and_stands_while_it_is_found(self, scene: Scene) -> None:
        rise(scene)
        assert len(sweep(scene, NOW).raised) == 1
        for minute in range(1, 4):
            assert sweep(scene, NOW + minute * MINUTE).raised == ()
        row = scene.row(schema.Alert)
        assert (row["kind"], row["subject"], row["severity"]) == ("error_spike", "refund", "critical")
        assert (row["raised_at"], row["seen_at"]) == (NOW, NOW + 3 * MINUTE)
        assert kinds(scene) == ["alert.raised"]

    def test_any_number_of_sweeps_at_once_raise_and_tell_it_once(self, scene: Scene) -> None:
        rise(scene)
        with ThreadPoolExecutor(8) as threads:
            swept = list(threads.map(lambda _: sweep(scene, NOW, beat=False), range(24)))
        assert sum(len(one.raised) for one in swept) == 1
        assert scene.count(schema.Alert) == scene.count(schema.AlertDelivery) == 1
        with ThreadPoolExecutor(8) as threads:
            taken = list(threads.map(lambda _: alerting.take(scene.store, OPS, actor=FLOW, now=NOW), range(24)))
        assert sorted(map(len, taken)) == [0] * 23 + [1]

    def test_a_sweep_that_finds_nothing_new_writes_nothing(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        before = scene.row(schema.Alert)
        sweep(scene, NOW + MINUTE / 2)
        assert scene.row(schema.Alert) == before
        assert alerting.sweep(scene.store, policy=POLICY, channels=OPS, actor=FLOW, now=NOW + MINUTE / 2).standing == 1

    def test_only_the_watch_may_sweep_and_deliver(self, scene: Scene) -> None:
        for act in (
            lambda: alerting.sweep(scene.store, policy=POLICY, channels=OPS, actor="rita", now=NOW),
            lambda: alerting.take(scene.store, OPS, actor="rita", now=NOW),
        ):
            with pytest.raises(NotPermitted):
                act()


class TestOver:
    def test_it_is_over_when_it_was_not_found_for_a_while_and_that_is_told_once(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        assert told(tell(scene, NOW)) == [("ops", "error_spike", 1)]
        calm(scene, NOW + MINUTE)
        assert sweep(scene, NOW + CALM - timedelta(seconds=1)).cleared == ()
        assert len(sweep(scene, NOW + CALM).cleared) == 1
        assert told(tell(scene, NOW + CALM)) == [("ops", "error_spike", alerts.OVER)]
        assert sweep(scene, NOW + 2 * CALM) == Swept()
        assert tell(scene, NOW + 2 * CALM) == []
        assert kinds(scene) == ["alert.raised", "alert.cleared"]

    def test_what_is_missing_for_a_moment_stands_whatever_else_happens(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        calm(scene, NOW + MINUTE)
        rise(scene, at=NOW + MINUTE, subject="tracking")
        swept = sweep(scene, NOW + MINUTE)
        assert (len(swept.raised), swept.cleared) == (1, ())

    def test_what_was_over_before_it_was_told_is_not_told(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        calm(scene, NOW + MINUTE)
        sweep(scene, NOW + CALM)
        assert tell(scene, NOW + CALM) == []
        assert scene.row(schema.AlertDelivery)["state"] == "dropped"

    def test_what_is_being_sent_while_it_ends_is_told_as_over_too(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        calm(scene, NOW + MINUTE)
        late = NOW + CALM - timedelta(seconds=1)
        taken = alerting.take(scene.store, OPS, actor=FLOW, now=late)
        sweep(scene, NOW + CALM)
        alerting.settle(scene.store, taken, {}, actor=FLOW, now=NOW + CALM, rng=np.random.default_rng(1))
        assert told(tell(scene, NOW + CALM)) == [("ops", "error_spike", alerts.OVER)]

    def test_what_flickers_within_minutes_stands_and_is_told_once(self, scene: Scene) -> None:
        messages = []
        for minute in range(60):
            at = NOW + minute * MINUTE
            rise(scene, Verdict.QUIET if minute % 4 else Verdict.ALARM, at)
            sweep(scene, at)
            messages += tell(scene, at)
        assert told(messages) == [("ops", "error_spike", 1)]
        assert scene.count(schema.Alert) == 1

    def test_what_comes_and_goes_for_hours_is_not_told_each_time(self, scene: Scene) -> None:
        messages = []
        for minute in (minute for minute in range(120) if minute % 8 in {0, 3, 7}):
            at = NOW + minute * MINUTE
            rise(scene, Verdict.QUIET if minute % 8 else Verdict.ALARM, at)
            sweep(scene, at)
            messages += [(at, row.number) for row in tell(scene, at)]
        assert scene.count(schema.Alert) > 10
        raised = [at for at, number in messages if number == 1]
        assert all(later - earlier >= TOLD_EVERY for earlier, later in pairwise(raised))
        assert len(messages) <= 2 * 4 * 2

    def test_by_a_clock_that_goes_back_nothing_is_over(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        calm(scene, NOW)
        assert sweep(scene, NOW - timedelta(hours=1)).cleared == ()


class TestTold:
    def test_it_is_told_again_after_the_policys_time_and_not_before(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        tell(scene, NOW)
        again = NOW + POLICY.alerts.repeat_after
        sweep(scene, again - timedelta(seconds=1))
        assert tell(scene, again - timedelta(seconds=1)) == []
        sweep(scene, again)
        assert told(tell(scene, again)) == [("ops", "error_spike", 2)]

    def test_what_somebody_takes_care_of_is_not_told_again_but_as_over(self, scene: Scene) -> None:
        rise(scene)
        (number,) = sweep(scene, NOW).raised
        tell(scene, NOW)
        alerting.acknowledge(scene.store, number, actor=MANAGER, now=NOW + MINUTE)
        later = NOW + 2 * POLICY.alerts.repeat_after
        sweep(scene, later)
        assert tell(scene, later) == []
        calm(scene, later)
        sweep(scene, later + CALM)
        assert told(tell(scene, later + CALM)) == [("ops", "error_spike", alerts.OVER)]
        assert scene.row(schema.Alert)["acknowledged_by"] == MANAGER

    def test_an_alert_that_is_over_or_taken_or_unknown_cannot_be_taken(self, scene: Scene) -> None:
        rise(scene)
        (number,) = sweep(scene, NOW).raised
        alerting.acknowledge(scene.store, number, actor=MANAGER, now=NOW)
        with pytest.raises(Conflict, match="mona takes care"):
            alerting.acknowledge(scene.store, number, actor=FOUNDER, now=NOW)
        with pytest.raises(NotFound):
            alerting.acknowledge(scene.store, 99, actor=FOUNDER, now=NOW)
        calm(scene, NOW + MINUTE)
        sweep(scene, NOW + CALM)
        with pytest.raises(Conflict, match="is over"):
            alerting.acknowledge(scene.store, number, actor=FOUNDER, now=NOW + CALM)

    def test_below_the_policys_severity_nobody_is_told(self, scene: Scene) -> None:
        scene.policy = POLICY.model_copy(update={"alerts": AlertRules(at_least="critical")})
        reading.record(scene.store, [Reading("blind_share", "refund", WINDOW, Verdict.ALARM)], actor=FLOW, now=NOW)
        assert len(sweep(scene, NOW).raised) == 1
        assert tell(scene, NOW) == []

    def test_a_channel_that_is_added_hears_of_what_stands(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        tell(scene, NOW)
        sweep(scene, NOW + MINUTE, BOTH)
        assert told(tell(scene, NOW + MINUTE, BOTH)) == [("mail", "error_spike", 1)]

    def test_a_killed_sender_is_followed_by_another_when_its_lease_is_over(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        first = alerting.take(scene.store, OPS, actor=FLOW, now=NOW)
        assert alerting.take(scene.store, OPS, actor=FLOW, now=NOW + LEASE - timedelta(seconds=1)) == []
        assert len(tell(scene, NOW + LEASE)) == 1
        failed = {"ops": "It did not answer."}
        alerting.settle(scene.store, first, failed, actor=FLOW, now=NOW + LEASE, rng=np.random.default_rng(1))
        assert scene.row(schema.AlertDelivery)["state"] == "sent", "who comes back late changes nothing"

    def test_who_comes_back_while_another_sends_changes_nothing(self, scene: Scene) -> None:
        rise(scene)
        sweep(scene, NOW)
        first = alerting.take(scene.store, OPS, actor=FLOW, now=NOW)
        alerting.take(scene.store, OPS, actor=FLOW, now=NOW + LEASE)
        for errors in ({}, {"ops": "It did not answer."}):
            alerting.settle(scene.store, first, errors, actor=FLOW, now=NOW + LEASE, rng=np.random.default_rng(1))
            row = scene.row(schema.AlertDelivery)
            assert (row["state"], row["attempts"], row["next_at"]) == ("leased", 2, NOW + 2 * LEASE)


class TestFailingChannels:
    def test_a_failing_channel_is_an_alert_told_over_the_others_and_over_when_it_takes_messages_again(
        self, scene: Scene
    ) -> None:
        rise(scene)
        at = NOW
        sweep(scene, at, BOTH)
        for _ in range(TRIES):
            tell(scene, at, BOTH, errors={"ops": "Connection refused."})
            at += timedelta(minutes=11)
            if _ < TRIES - 1:
                assert ("channel", "ops") not in standing(scene)
        sweep(scene, at, BOTH)
        assert ("channel", "ops") in standing(scene)
        taken = tell(scene, at, BOTH)
        assert ("mail", "channel", 1) in told(taken)
        assert ("ops", "channel", 1) not in told(taken)
        assert ("ops", "error_spike", 1) in told(taken), "and what it missed is told as soon as it takes messages"
        sweep(scene, at + CALM + MINUTE, BOTH)
        assert standing(scene) == [("error_spike", "refund")]
        assert told(tell(scene, at + CALM + MINUTE, BOTH)) == [("mail", "channel", alerts.OVER)]

    def test_after_the_last_attempt_it_is_given_up_and_a_test_brings_what_was_missed(self, scene: Scene) -> None:
        rise(scene)
        at = NOW
        sweep(scene, at)
        for attempt in range(1, ATTEMPTS + 1):
            assert [one.attempts for one in tell(scene, at, errors={"ops": "Connection refused."})] == [attempt]
            at += timedelta(minutes=11)
        assert scene.row(schema.AlertDelivery)["state"] == "dead"
        assert tell(scene, at) == []
        sweep(scene, at)
        assert ("channel", "ops") in standing(scene)
        said = alerting.try_channel(scene.store, "ops", lambda: "No.", actor=MANAGER, now=at)
        assert (said, tell(scene, at)) == ("No.", [])
        assert alerting.try_channel(scene.store, "ops", lambda: None, actor=MANAGER, now=at) is None
        assert told(tell(scene, at)) == [("ops", "error_spike", 1)]
        sweep(scene, at + CALM)
        assert ("channel", "ops") not in standing(scene)
        assert [event["reached"] for event in scene.events() if event["kind"] == "alert.channel_tested"] == [
            False,
            True,
        ]

    def test_a_channel_that_takes_anything_after_it_gave_something_up_fails_no_longer(self, scene: Scene) -> None:
        rise(scene)
        at = NOW
        sweep(scene, at)
        for _ in range(ATTEMPTS):
            tell(scene, at, errors={"ops": "Connection refused."})
            at += timedelta(minutes=11)
        rise(scene, at=at, subject="tracking")
        sweep(scene, at)
        assert ("channel", "ops") in standing(scene)
        assert len(tell(scene, at)) == 1
        sweep(scene, at + CALM)
        assert ("channel", "ops") not in standing(scene)

    def test_the_waits_grow_with_full_jitter_and_stay_below_their_bound(self, scene: Scene) -> None:
        rise(scene)
        at, waits = NOW, []
        sweep(scene, at)
        for _ in range(ATTEMPTS - 1):
            tell(scene, at, errors={"ops": "no"})
            waits.append(scene.row(schema.AlertDelivery)["next_at"] - at)
            at = scene.row(schema.AlertDelivery)["next_at"]
        share = np.random.default_rng(1).random()
        assert waits[0] == pytest.approx(timedelta(seconds=2) * share, abs=timedelta(milliseconds=1))
        assert all(timedelta() < wait <= alerting.LONGEST_WAIT for wait in waits)

    def test_nobody_may_test_a_channel_who_may_not_take_care_of_alerts(self, scene: Scene) -> None:
        with pytest.raises(NotPermitted):
            alerting.try_channel(scene.store, "ops", lambda: None, actor="rita", now=NOW)


class TestFound:
    """Each trouble as the acts bring it about."""

    def test_a_breakers_pause_with_its_review(self, scene: Scene) -> None:
        pausing.pause(
            scene.store,
            "refund",
            reason="3 of 45",
            kind="breaker",
            evidence={"reviewed": 45},
            actor=FLOW,
            **scene.known,
        )
        rise(scene)
        sweep(scene, NOW)
        assert standing(scene) == [("breaker", "refund")]
        assert "model review 1" in scene.row(schema.Alert)["sentence"]
        pausing.close_review(scene.store, 1, conclusion="fine", actor=FOUNDER, now=NOW)
        sweep(scene, NOW)
        assert "handrail resume" in scene.row(schema.Alert)["sentence"], "the sentence follows what is to be done"

    def test_a_persons_pause_is_none(self, scene: Scene) -> None:
        pausing.pause(scene.store, "refund", reason="holiday", actor=FOUNDER, **scene.known)
        assert sweep(scene, NOW) == Swept()

    def test_late_work_by_queue_and_late_escalations(self, scene: Scene) -> None:
        scene.waiting(3)
        sweep(scene, late := NOW + timedelta(days=30))
        assert standing(scene) == [("sla", "B")]
        escalating.escalate_breaches(scene.store, policy=POLICY, actor=FLOW, now=late)
        sweep(scene, late + timedelta(days=30))
        assert ("sla", "escalations") in standing(scene)

    def test_a_silent_watch(self, scene: Scene) -> None:
        sweep(scene, NOW)
        sweep(scene, NOW + POLICY.watches.silent_for + MINUTE, beat=False)
        assert sorted(standing(scene)) == [("watch_silent", name) for name in sorted(WATCHES)]

    def test_a_drift_while_it_raises_audits(self, scene: Scene) -> None:
        profile = drifting.save_profile(scene.store, "{}", cause="first", cases=1, window=WINDOW, actor=FLOW, now=NOW)
        drifting.record_drift(
            scene.store,
            profile_id=profile,
            columns=["channel"],
            terms=[],
            window=WINDOW,
            policy=POLICY,
            actor=FLOW,
            now=NOW,
        )
        until = NOW + POLICY.drift.audit_factor_for
        sweep(scene, NOW)
        assert standing(scene) == [("drift", "all")]
        sweep(scene, until - MINUTE)
        assert standing(scene) == [("drift", "all")]
        sweep(scene, until + CALM)
        assert standing(scene) == []

    def test_actions_that_do_not_go_out(self, scene: Scene) -> None:
        scene.automatic(2)
        assert sweep(scene, NOW + MINUTE) == Swept()
        sweep(scene, NOW + alerting.PATIENCE + timedelta(hours=1))
        assert standing(scene) == [("outbox", "waiting")]

    def test_a_category_or_grouping_that_is_no_more_is_no_trouble(self, scene: Scene) -> None:
        rise(scene, subject="abolished")
        reading.record(scene.store, [Reading("fairness", "planet", WINDOW, Verdict.ALARM)], actor=FLOW, now=NOW)
        assert sweep(scene, NOW) == Swept()

    def test_reviewers_who_are_not_in_the_last_look_are_no_trouble(self, scene: Scene) -> None:
        reading.record(scene.store, [Reading("reviewers", "rita", WINDOW, Verdict.ALARM, SIGNALS)], actor=FLOW, now=NOW)
        sweep(scene, NOW)
        assert standing(scene) == [("reviewers", "all")]
        later = NOW + timedelta(days=7)
        reading.record(scene.store, [Reading("reviewers", "ron", WINDOW, Verdict.QUIET)], actor=FLOW, now=later)
        sweep(scene, later)
        assert standing(scene) == []
