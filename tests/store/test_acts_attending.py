"""How each watch's runs went, and what follows from it: alerts that end with the next success, and not before."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from handrail.acts import alerting, attending
from handrail.acts.alerting import CALM, Swept
from handrail.dead_mans_switch import WATCHES as DEAD_MANS
from handrail.errors import NotPermitted
from handrail.store import alerts, heartbeats, schema, watch_runs
from handrail.store.engine import Store
from handrail.store.migrations import configure
from handrail.watches import ALERTING, BY_NAME, STEADY, WATCHES, Off, Runs, Sight
from tests.scenes import FLOW, NOW, POLICY, Scene

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PAUSED = dict.fromkeys(BY_NAME) | {"sla_watch": Off.PAUSED}
ON = dict.fromkeys(BY_NAME)


@pytest.fixture
def scene(store: Store) -> Scene:
    """A shop of which every watch has just been heard."""
    scene = Scene(store)
    look(scene, NOW)
    return scene


def look(scene: Scene, at: datetime, *names: str) -> None:
    """Let watches look, all of them when none is named; the dead-man's switch hears of it."""
    for name in names or BY_NAME:
        attending.begin(scene.store, name, actor=FLOW, now=at)
        attending.succeed(scene.store, name, actor=FLOW, now=at)
    with scene.store.write() as connection:
        for name in set(DEAD_MANS).intersection(names or BY_NAME):
            heartbeats.beat(connection, name, at)


def fail(scene: Scene, at: datetime, name: str = "drift_detection", error: str = "database_busy") -> None:
    attending.begin(scene.store, name, actor=FLOW, now=at)
    attending.fail(scene.store, name, error=error, actor=FLOW, now=at)


def runs(scene: Scene, name: str = "drift_detection") -> Runs:
    with scene.store.read() as connection:
        return watch_runs.runs(connection)[name]


def sweep(scene: Scene, at: datetime, channels: tuple[str, ...] | None = ("ops",)) -> Swept:
    """A sweep as the flow makes it: alerting looks too."""
    with scene.when(at):
        swept = alerting.sweep(scene.store, policy=POLICY, channels=channels, actor=FLOW, now=at)
    look(scene, at, ALERTING)
    return swept


def standing(scene: Scene) -> list[tuple[str, str, str]]:
    with scene.store.read() as connection:
        return [(row.kind, row.subject, row.severity) for row in alerts.open_alerts(connection)]


class TestRuns:
    def test_a_run_begins_and_succeeds(self, scene: Scene) -> None:
        attending.begin(scene.store, "sla_watch", actor=FLOW, now=NOW + MINUTE)
        assert runs(scene, "sla_watch") == Runs(NOW + MINUTE, NOW + MINUTE, NOW, steady_since=NOW)
        attending.succeed(scene.store, "sla_watch", actor=FLOW, now=NOW + MINUTE)
        assert runs(scene, "sla_watch") == Runs(NOW + MINUTE, None, NOW + MINUTE, steady_since=NOW)

    def test_it_is_steady_while_no_success_is_late(self, scene: Scene) -> None:
        patience = BY_NAME["sla_watch"].patience
        look(scene, NOW + patience, "sla_watch")
        assert runs(scene, "sla_watch").steady_since == NOW
        late = NOW + 2 * patience + MINUTE
        look(scene, late, "sla_watch")
        assert runs(scene, "sla_watch").steady_since == late

    def test_of_failures_the_first_moment_and_the_newest_kind_are_kept(self, scene: Scene) -> None:
        fail(scene, NOW + HOUR)
        fail(scene, NOW + 2 * HOUR, error="bad_input")
        found = runs(scene)
        assert (found.failed_since, found.error, found.succeeded_at) == (NOW + HOUR, "bad_input", NOW)
        look(scene, NOW + 3 * HOUR, "drift_detection")
        assert (runs(scene).failed_since, runs(scene).error) == (None, None)

    def test_a_run_that_never_ended_stays_the_one_under_way(self, scene: Scene) -> None:
        attending.begin(scene.store, "retraining", actor=FLOW, now=NOW + HOUR)
        attending.begin(scene.store, "retraining", actor=FLOW, now=NOW + 2 * HOUR)
        assert runs(scene, "retraining").begun_at == NOW + HOUR

    def test_only_whoever_watches_may_say_so(self, scene: Scene) -> None:
        with pytest.raises(NotPermitted):
            attending.succeed(scene.store, "sla_watch", actor="rita", now=NOW)

    def test_what_a_server_says_stays_until_one_says_otherwise(self, scene: Scene) -> None:
        attending.switch(scene.store, PAUSED, actor=FLOW, now=NOW + MINUTE)
        attending.switch(scene.store, PAUSED, actor=FLOW, now=NOW + HOUR)
        found = runs(scene, "sla_watch")
        assert (found.off, found.off_since, found.asked_at) == (Off.PAUSED, NOW + MINUTE, NOW + HOUR)
        attending.switch(scene.store, ON, actor=FLOW, now=NOW + 2 * HOUR)
        assert runs(scene, "sla_watch").off is None

    def test_where_all_are_on_nothing_is_written(self, scene: Scene) -> None:
        attending.switch(scene.store, ON | {"triage": Off.MISSING}, actor=FLOW, now=NOW + HOUR)
        assert {row["asked_at"] for row in scene.rows(schema.WatchRuns)} == {None}


class TestTroubles:
    def test_a_watch_that_fails_is_an_alert_until_it_looks_again(self, scene: Scene) -> None:
        fail(scene, NOW + MINUTE)
        sweep(scene, NOW + 2 * MINUTE)
        assert standing(scene) == [("watch_failing", "drift_detection", "warning")]
        row = scene.row(schema.Alert)
        assert "“drift watch” has failed since 2026-03-02 09:01 UTC (database_busy)" in row["sentence"]
        for hours in (1, 4):
            fail(scene, NOW + hours * HOUR)
            sweep(scene, NOW + hours * HOUR + MINUTE)
        assert standing(scene) == [("watch_failing", "drift_detection", "warning")]
        assert scene.count(schema.Alert) == 1
        look(scene, NOW + 5 * HOUR)
        swept = sweep(scene, NOW + 5 * HOUR + MINUTE)
        assert swept.cleared == (row["id"],)

    def test_one_of_the_dead_mans_watches_that_fails_too_long_is_critical(self, scene: Scene) -> None:
        fail(scene, NOW + MINUTE, "sla_watch")
        sweep(scene, NOW + 2 * MINUTE)
        assert standing(scene) == [("watch_failing", "sla_watch", "warning")]
        look(scene, NOW + HOUR, *(name for name in BY_NAME if name != "sla_watch"))
        sweep(scene, NOW + HOUR)
        assert standing(scene) == [("watch_failing", "sla_watch", "critical")]

    def test_a_watch_that_prefect_does_not_start_is_an_alert_at_once(self, scene: Scene) -> None:
        """Also within its period: it has not missed anything yet, and will."""
        off = ON | {"sla_watch": Off.PAUSED, "kpi_report": Off.UNSCHEDULED, "retention": Off.MISSING}
        attending.switch(scene.store, off, actor=FLOW, now=NOW + MINUTE)
        sweep(scene, NOW + 2 * MINUTE)
        assert sorted(standing(scene)) == [
            ("watch_off", "kpi_report", "warning"),
            ("watch_off", "retention", "warning"),
            ("watch_off", "sla_watch", "critical"),
        ]

    def test_a_server_that_does_not_answer_clears_nothing(self, scene: Scene) -> None:
        attending.switch(scene.store, PAUSED, actor=FLOW, now=NOW + MINUTE)
        for minute in range(2, 30, 9):
            sweep(scene, NOW + minute * MINUTE)
        assert ("watch_off", "sla_watch", "critical") in standing(scene)
        attending.switch(scene.store, ON, actor=FLOW, now=NOW + 30 * MINUTE)
        look(scene, NOW + 31 * MINUTE)
        sweep(scene, NOW + 31 * MINUTE + CALM)
        assert standing(scene) == []

    def test_a_watch_that_nobody_runs_is_an_alert(self, scene: Scene) -> None:
        for minute in (0, 15, 35):
            sweep(scene, NOW + minute * MINUTE)
        assert ("watch_overdue", "sla_watch", "warning") not in standing(scene)
        sweep(scene, NOW + 36 * MINUTE)
        assert ("watch_overdue", "sla_watch", "warning") in standing(scene)

    def test_after_a_night_all_are_given_the_time_to_catch_up(self, scene: Scene) -> None:
        morning = NOW + DAY
        sweep(scene, morning)
        sweep(scene, morning + STEADY - MINUTE)
        assert standing(scene) == []
        sweep(scene, morning + STEADY)
        assert {kind for kind, _, _ in standing(scene)} == {"watch_overdue"}

    def test_whoever_alerts_is_never_called_late_by_itself(self, scene: Scene) -> None:
        sweep(scene, NOW + DAY)
        sweep(scene, NOW + DAY + STEADY)
        assert ALERTING not in {subject for _, subject, _ in standing(scene)}

    def test_the_dead_mans_own_alert_is_not_told_twice(self, scene: Scene) -> None:
        for at in (NOW + 2 * DAY, NOW + 2 * DAY + STEADY):
            sweep(scene, at)
        found = standing(scene)
        assert {subject for kind, subject, _ in found if kind == "watch_silent"} == set(DEAD_MANS)
        assert not set(DEAD_MANS) & {subject for kind, subject, _ in found if kind == "watch_overdue"}


class TestChannelsUnknown:
    def test_channels_that_cannot_be_read_are_an_alert_and_clear_none(self, scene: Scene) -> None:
        """Nobody knows which channel fails: that is no reason to call its trouble over."""
        fail(scene, NOW)
        swept = [sweep(scene, NOW + minute * MINUTE, None) for minute in (0, 4, 7)]
        assert ("channels", "all", "critical") in standing(scene)
        assert sum(one.planned for one in swept) == 0
        assert sweep(scene, NOW + 8 * MINUTE).planned == 2, "they are told when they can be read"

    def test_a_channel_that_failed_stays_one_that_failed(self, scene: Scene) -> None:
        with scene.store.write() as connection:
            number = alerts.insert_alert(
                connection, NOW, kind="drift", subject="all", severity="warning", sentence="It drifts."
            )
            alerts.plan(connection, [(number, "ops", 1, NOW)])
            (row,) = alerts.take(connection, ("ops",), now=NOW, until=NOW + HOUR)
            alerts.postpone(connection, row.id, 1, state="dead", next_at=NOW, error="it is away")
        sweep(scene, NOW)
        assert ("channel", "ops", "critical") in standing(scene)
        for minute in (4, 8):
            sweep(scene, NOW + minute * MINUTE, None)
        assert ("channel", "ops", "critical") in standing(scene)


class TestOutlook:
    def test_it_is_read_from_the_runs_and_not_from_the_alerts(self, scene: Scene) -> None:
        with scene.store.read() as connection:
            assert attending.seen(connection, NOW + MINUTE).sight is Sight.WHOLE
            assert attending.seen(connection, NOW + timedelta(days=40)).sight is Sight.NOBODY
            assert alerts.open_alerts(connection) == []

    def test_a_new_workspace_has_not_been_looked_at(self, store: Store) -> None:
        Scene(store)
        with store.read() as connection:
            seen = attending.seen(connection, NOW)
        assert (seen.sight, seen.looked_at) == (Sight.NEVER, None)
        assert len(seen.looks) == len(WATCHES) - 1, "retention is nobody's look"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def earlier(request: pytest.FixtureRequest, tmp_path: object) -> Store:
    """A database as it was before runs were noted."""
    url = f"sqlite:///{tmp_path}/earlier.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return Store(url)


def test_an_upgraded_workspace_knows_what_its_watches_have_seen(earlier: Store) -> None:
    from alembic import command

    with earlier._transaction(earlier._writing) as connection:
        command.upgrade(configure(connection), "0004")
        connection.execute(
            text("INSERT INTO watches (name, succeeded_at) VALUES ('sla_watch', :at), ('desk', :at)"), {"at": NOW}
        )
        connection.execute(
            text(
                "INSERT INTO readings (watch, subject, at, window_from, window_to, verdict, body)"
                " VALUES ('drift', 'all', :at, :at, :at, 'quiet', '{}'),"
                " ('drift', 'all', :later, :at, :at, 'quiet', '{}')"
            ),
            {"at": NOW, "later": NOW + HOUR},
        )
    earlier.upgrade()
    with earlier.read() as connection:
        found = watch_runs.runs(connection)
    earlier.dispose()
    assert {name: one.succeeded_at for name, one in found.items()} == {"sla_watch": NOW, "drift_detection": NOW + HOUR}
