"""What is wrong with the data of one category, grouping, column or person is told, and stops nobody else's watch."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from flows.agreement_watch import agreement_watch
from flows.audit_sampling import audit_sampling
from flows.drift_detection import drift_detection
from flows.fairness_watch import fairness_watch
from flows.quality_watch import quality_watch, rows_of
from handrail import reviewers
from handrail.acts import alerting, claiming, deciding, pausing, publishing
from handrail.alerts import troubles
from handrail.case import Outcome
from handrail.reviewers import ReviewerRecords, SignalBounds
from handrail.ruling import Ruling
from handrail.store import heartbeats, readings, schema
from handrail.store.frames import records
from tasks.views import operations, overview
from tasks.watch import agreement, audit_reading, blind_share, breaker, breaker_evidence, drift
from tasks.watch import fairness as fairness_watches
from tasks.watch.drift_readings import verdict_of
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop, letters

HOUR = timedelta(hours=1)


def fails_for(subject: str, function: Callable[..., Any], place: int = 1) -> Callable[..., Any]:
    """The function, which raises for one subject."""

    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes
        if args[place] == subject:
            raise ZeroDivisionError(f"{subject} cannot be read")
        return function(*args, **kwargs)

    return call


def newest(shop: Shop, watch: str) -> dict[str, dict[str, Any]]:
    with shop.at().store.read() as connection:
        return {row["subject"]: row for row in records(readings.newest(connection, watch))}


def standing(shop: Shop, moment: datetime = LATER + HOUR) -> dict[tuple[str, str], tuple[str, str]]:
    """What stands as trouble: severity and sentence by kind and subject."""
    with shop.at().store.read() as connection:
        found = troubles(alerting.survey(connection, policy=shop.policy, channels=(), now=moment))
    return {(one.kind, one.subject): (str(one.severity), one.sentence) for one in found}


@pytest.fixture(scope="module")
def sick_home(learned_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Refunds have a state that nobody can read; tracking is rejected far too often."""
    shop = Shop(Path(shutil.copytree(learned_home, tmp_path_factory.mktemp("sick") / "home")))
    shop.audited(shop.automatic(10), wrong=0)
    shop.run(quality_watch, LATER + timedelta(minutes=10))
    shop.audited(shop.automatic(20, category="tracking"), wrong=15, category="tracking")
    with shop.at().store.write() as connection:
        connection.execute(update(schema.BreakerState).values(log_evidence={"not": "a list"}))
    return shop.workspace.home


@pytest.fixture
def sick(sick_home: Path, tmp_path: Path) -> Shop:
    """That shop, for one test."""
    return Shop(Path(shutil.copytree(sick_home, tmp_path / "home")))


class TestCategory:
    def test_the_others_are_read_and_can_pause(self, sick: Shop) -> None:
        found = sick.run(quality_watch, LATER + HOUR)
        assert found.paused == ("tracking",)
        assert list(found.unread) == ["refund"]
        with sick.at().store.read() as connection:
            assert heartbeats.watches(connection)["quality_watch"] == LATER + HOUR

    def test_it_gets_a_reading_that_says_so_and_never_quiet(self, sick: Shop) -> None:
        sick.run(quality_watch, LATER + HOUR)
        kept = newest(sick, "breaker")
        assert (kept["refund"]["verdict"], kept["tracking"]["verdict"]) == ("unreadable", "alarm")
        assert kept["refund"]["body"]["fault"]
        table = rows_of(breaker.look(sick.at(LATER + 2 * HOUR)))
        assert table[0]["category"] == "refund"
        assert "Could not be read" in table[0]["warnings"]

    def test_it_raises_an_alert_at_once_and_is_held(self, sick: Shop) -> None:
        sick.run(quality_watch, LATER + HOUR)
        severity, sentence = standing(sick)["breaker_unread", "refund"]
        assert severity == "critical"
        assert "nothing of it is approved automatically" in sentence
        assert overview.overview(sick.at(LATER + HOUR)).holds.unwatched == ("refund",)
        queues = sick.deliver("more.csv", letters(10, only="refund"), LATER + HOUR)["queues"]
        assert (queues["A"], queues["B"]) == (0, 10)
        assert {row["reason"] for row in sick.rows(schema.Route)[-10:]} == {"held"}

    def test_a_look_that_succeeds_gives_automation_back(self, sick: Shop) -> None:
        sick.run(quality_watch, LATER + HOUR)
        with sick.at().store.write() as connection:
            (tracking,) = sick.rows(schema.BreakerState, category="tracking")
            mended = update(schema.BreakerState).where(schema.BreakerState.category == "refund")
            connection.execute(mended.values(log_evidence=[-1.0] * len(tracking["log_evidence"])))
        assert sick.run(quality_watch, LATER + 2 * HOUR).unread == {}
        assert ("breaker_unread", "refund") not in standing(sick, LATER + 2 * HOUR)
        assert sick.deliver("more.csv", letters(5, only="refund"), LATER + 2 * HOUR)["queues"]["A"] == 5

    def test_a_look_that_could_read_nothing_has_not_watched(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(breaker, "_read_category", None)
        assert len(shop.run(quality_watch, LATER + HOUR).unread) == 4
        with shop.at().store.read() as connection:
            assert heartbeats.watches(connection).get("quality_watch") != LATER + HOUR

    def test_evidence_that_cannot_be_gathered_delays_no_pause(
        self, sick: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(breaker_evidence.suspects, "telling_terms", None)
        assert sick.run(quality_watch, LATER + HOUR).paused == ("tracking",)
        (review,) = sick.rows(schema.ModelReview)
        assert (review["evidence"]["rejected"], review["evidence"]["reviewed"]) == (15, 20)

    def test_one_that_cannot_be_paused_is_held_until_it_can(self, sick: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pausing, "pause", fails_for("tracking", pausing.pause))
        assert sick.run(quality_watch, LATER + HOUR).paused == ()
        assert newest(sick, "breaker")["tracking"]["verdict"] == "unreadable"
        monkeypatch.undo()
        assert sick.run(quality_watch, LATER + 2 * HOUR).paused == ("tracking",)

    def test_an_operator_sees_it_beside_the_others(self, sick: Shop) -> None:
        sick.run(quality_watch, LATER + HOUR)
        views = {view.name: view for view in operations.categories(sick.at(LATER + HOUR))}
        assert [name for name, view in views.items() if view.unread] == ["refund"]
        assert views["tracking"].reading is not None

    def test_the_blind_share_and_the_audits_of_the_others_are_read(
        self, sick: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(blind_share, "compare", None)
        monkeypatch.setattr(audit_reading, "_read", fails_for("refund", audit_reading._read))
        sick.run(quality_watch, LATER + HOUR)
        sick.run(audit_sampling, LATER + HOUR)
        assert {row["verdict"] for row in newest(sick, "blind_share").values()} == {"unreadable"}
        kept = newest(sick, "audits")
        assert kept["refund"]["verdict"] == "unreadable"
        assert kept["tracking"]["verdict"] == "alarm"
        assert standing(sick)["watch_unread", "audits"][0] == "warning"


def test_a_sick_grouping_stops_no_other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = shop.policy.fairness.model_copy(update={"groups": ("region", "channel")})
    policy = shop.policy.model_copy(update={"fairness": rules})
    publishing.publish(shop.at().store, policy, actor=FOUNDER, now=LATER)
    shop.deliver("live.csv", letters(20))
    shop.work()
    monkeypatch.setattr(fairness_watches, "_compare", fails_for("region", fairness_watches._compare))
    compared = shop.run(fairness_watch, LATER + HOUR)
    assert {one.grouping for one in compared if one.rows()} == {"channel"}
    kept = newest(shop, "fairness")
    assert (kept["region"]["verdict"], kept["channel"]["verdict"] == "unreadable") == ("unreadable", False)
    assert "region" in standing(shop)["watch_unread", "fairness"][1]


def test_a_sick_column_stops_no_other_and_the_whole_is_not_quiet(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("first.csv", letters(40))
    shop.run(drift_detection, LATER + HOUR)
    real = drift.drift.measure

    def measure(reference: Any, values: Any) -> Any:  # noqa: ANN401 - of the measure
        return 1 / 0 if reference.name == "amount" else real(reference, values)

    monkeypatch.setattr(drift.drift, "measure", measure)
    found = shop.run(drift_detection, LATER + 2 * HOUR)
    assert (found.drifted, verdict_of(found)) == (False, "unreadable")
    kept = newest(shop, "drift")
    assert kept["amount"]["verdict"] == "unreadable"
    assert kept["text_length"]["verdict"] == "quiet"
    assert "amount" in standing(shop)["watch_unread", "drift"][1]


def test_a_sick_person_stops_nobody_elses_signals_and_is_not_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("live.csv", letters(40))
    store, known = shop.at().store, {"policy": shop.policy, "now": LATER}
    for name in ("rita", "ruth"):
        claims = claiming.claim(store, name, limit=6, **known)
        rulings = [Ruling(one.item_id, one.fence, Outcome.OVERRIDE, "complaint") for one in claims]
        deciding.decide(store, rulings, name, **known)
    asked, real = set(), reviewers.look

    def look(evidence: ReviewerRecords, bounds: SignalBounds) -> Any:  # noqa: ANN401 - of the look
        asked.update(evidence.reviewers)
        return 1 / 0 if "rita" in evidence.reviewers else real(evidence, bounds)

    monkeypatch.setattr(agreement.reviewers, "look", look)
    shop.run(agreement_watch, LATER + HOUR)
    kept = newest(shop, "reviewers")
    assert kept["rita"]["verdict"] == "unreadable"
    assert asked == {"rita", "ruth"}, "the others are judged without her"
    sentence = standing(shop)["watch_unread", "reviewers"][1]
    assert "rita" not in sentence
    assert "1 reviewer" in sentence
