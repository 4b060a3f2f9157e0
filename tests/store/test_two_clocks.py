"""Business time dates the work; the real clock says who is alive, and the trail never runs backwards."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import bindparam, select, text

from handrail.acts import attending, claiming, deciding, publishing, undoing
from handrail.case import Outcome
from handrail.errors import Conflict
from handrail.founding import ALTERED, BEGUN, Founding, Kind
from handrail.ruling import Ruling
from handrail.store import founding, schema, situation, trail
from handrail.store.engine import Store
from handrail.store.migrations import configure
from handrail.store.trail import Event
from handrail.trail.chain import GENESIS, link
from handrail.trail.encoding import encode
from handrail.watches import WatchStatus
from tests.scenes import FLOW, FOUNDER, NOW, POLICY, Scene

HOUR = timedelta(hours=1)
LEASE = POLICY.leases.duration
FAR = datetime(2036, 1, 1, tzinfo=UTC)


@pytest.fixture
def live(store: Store) -> Scene:
    return Scene(store, kind=Kind.LIVE)


@pytest.fixture
def rehearsal(store: Store) -> Scene:
    return Scene(store)


def write(scene: Scene, at: datetime, *, shown: datetime | None = None) -> None:
    """Append an event that is dated `at` while the real clock shows `shown`."""
    with scene.when(shown or NOW), scene.store.write() as connection:
        trail.append(connection, [Event("test.event")], at=at, actor=FLOW)


def moments(scene: Scene) -> list[datetime]:
    return [datetime.fromisoformat(event["at"]) for event in scene.events("test.event")]


class TestTrail:
    def test_a_live_one_never_runs_backwards(self, live: Scene) -> None:
        for at in (NOW + HOUR, NOW, NOW + 2 * HOUR):
            write(live, at)
        assert moments(live) == [NOW + HOUR, NOW + HOUR, NOW + 2 * HOUR]
        with live.store.read() as connection:
            verified = trail.verify(connection)
        assert (verified.valid, verified.backwards, verified.note) == (True, 0, None)

    def test_a_rehearsals_keeps_the_moments_it_was_asked_for_and_says_where_they_go_back(
        self, rehearsal: Scene
    ) -> None:
        for at in (NOW + HOUR, NOW):
            write(rehearsal, at)
        assert moments(rehearsal) == [NOW + HOUR, NOW]
        with rehearsal.store.read() as connection:
            verified = trail.verify(connection)
        assert verified.valid
        assert verified.first_backwards == rehearsal.events()[-1]["seq"]
        assert verified.note is not None

    @pytest.mark.parametrize("shown", [NOW - HOUR, FAR])
    def test_a_jump_of_the_clock_is_noted_once_and_work_goes_on(self, live: Scene, shown: datetime) -> None:
        for _ in range(3):
            write(live, shown, shown=shown)
        (jumped,) = live.events("clock.jumped")
        assert jumped["seconds"] == (shown - NOW).total_seconds()
        assert len(moments(live)) == 3
        assert moments(live) == sorted(moments(live))
        assert live.trail_is_whole()

    def test_each_jump_is_noted(self, live: Scene) -> None:
        for shown in (NOW - HOUR, NOW - HOUR + timedelta(minutes=1), NOW - 3 * HOUR):
            write(live, shown, shown=shown)
        assert [event["seconds"] for event in live.events("clock.jumped")] == [-3600, -2 * 3600 - 60]

    def test_a_clock_that_is_set_right_by_minutes_is_no_jump(self, live: Scene) -> None:
        for shown in (NOW - timedelta(minutes=5), NOW + HOUR, NOW + timedelta(days=31)):
            write(live, shown, shown=shown)
        assert live.events("clock.jumped") == []

    def test_a_run_that_dates_its_work_at_its_start_makes_no_jump(self, live: Scene) -> None:
        write(live, NOW + HOUR, shown=NOW + HOUR)
        write(live, NOW, shown=NOW + HOUR)
        assert live.events("clock.jumped") == []

    def test_a_rehearsals_clock_is_bent_on_purpose(self, rehearsal: Scene) -> None:
        for shown in (FAR, NOW):
            write(rehearsal, shown, shown=shown)
        assert rehearsal.events("clock.jumped") == []

    def test_a_head_with_another_moment_is_a_break(self, live: Scene) -> None:
        with live.store.write() as connection:
            connection.execute(schema.TrailHead.__table__.update().values(at=FAR))
        assert not live.trail_is_whole()

    def test_a_draw_that_the_trail_dates_later_says_when_its_rows_stand(self, live: Scene) -> None:
        ids = live.automatic(2)
        write(live, NOW + HOUR)
        live.audit(ids)
        (draw,) = live.events("audit.draw")
        assert datetime.fromisoformat(draw["at"]) == NOW + HOUR
        assert {row["drawn_at"] for row in live.rows(schema.AuditDraw)} == {datetime.fromisoformat(draw["drawn_at"])}


class TestLeases:
    @pytest.mark.parametrize("dated", [NOW - timedelta(days=400), FAR])
    def test_none_is_born_expired_and_none_outlives_its_time(self, rehearsal: Scene, dated: datetime) -> None:
        (case_id,) = rehearsal.waiting(1)
        claim = claiming.claim_case(rehearsal.store, case_id, "rita", policy=POLICY, now=dated)
        assert claim.lease_until == NOW + LEASE
        with pytest.raises(Conflict, match="held by rita"):
            claiming.claim_case(rehearsal.store, case_id, "ruth", policy=POLICY, now=dated)
        with rehearsal.when(NOW + LEASE):
            assert claiming.claim_case(rehearsal.store, case_id, "ruth", policy=POLICY, now=dated).fence > claim.fence

    @pytest.mark.parametrize("leap", [-HOUR, HOUR])
    def test_a_clock_that_jumps_an_hour_loses_and_doubles_nothing(self, live: Scene, leap: timedelta) -> None:
        (case_id,) = live.waiting(1)
        claim = live.claim(case_id)
        with live.when(NOW + leap):
            live.rule(claim, at=NOW + leap)
            with pytest.raises(Conflict, match="decided already"):
                live.rule(claim, at=NOW + leap)
        assert live.count(schema.Decision) == 1
        assert live.count(schema.Outbox) == 1
        assert live.trail_is_whole()

    def test_a_lease_that_a_jump_ended_goes_to_one_and_the_fence_keeps_the_other_out(self, live: Scene) -> None:
        (case_id,) = live.waiting(1)
        first = live.claim(case_id)
        with live.when(NOW + HOUR):
            second = claiming.claim_case(live.store, case_id, "ruth", policy=POLICY, now=NOW + HOUR)
        with live.when(NOW):
            with pytest.raises(Conflict, match="no longer yours"):
                live.rule(first)
            live.rule(second, actor="ruth")
        assert live.count(schema.Decision) == 1

    def test_an_undo_finds_a_decision_that_the_trail_dated_later(self, live: Scene) -> None:
        (case_id,) = live.waiting(1)
        claim, second = live.claim(case_id), timedelta(seconds=1)
        write(live, NOW + second)
        one = Ruling(claim.item_id, claim.fence, Outcome.DENY, reason_code="legal")
        (number,) = deciding.decide(live.store, [one], "rita", hold=10 * second, **live.known)
        (event,) = live.events("case.decided")
        assert datetime.fromisoformat(event["at"]) == live.row(schema.Decision, id=number)["decided_at"]
        undoing.undo(live.store, [number], "rita", policy=POLICY, now=NOW + 2 * second)
        assert (live.count(schema.Decision), live.count(schema.Escalation)) == (0, 0)

    def test_an_action_goes_out_by_the_clock_also_where_its_decision_is_dated_later(self, live: Scene) -> None:
        (case_id,) = live.waiting(1)
        claim, hold = live.claim(case_id), timedelta(seconds=10)
        write(live, FAR, shown=FAR)
        ruling = Ruling(claim.item_id, claim.fence, Outcome.APPROVE)
        deciding.decide(live.store, [ruling], "rita", hold=hold, **live.known)
        assert live.row(schema.Decision, case_id=case_id)["decided_at"] == FAR
        assert live.row(schema.Outbox, case_id=case_id)["next_at"] == NOW + hold

    def test_a_decision_is_never_dated_before_its_work_was_there(self, live: Scene) -> None:
        (case_id,) = live.waiting(1)
        live.rule(live.claim(case_id), at=NOW - HOUR)
        assert live.row(schema.Decision, case_id=case_id)["decided_at"] == NOW


class TestDeadMansSwitch:
    def silent(self, scene: Scene, dated: datetime, shown: datetime) -> bool:
        with scene.when(shown), scene.store.read() as connection:
            return bool(situation.read(connection, POLICY, dated).silent)

    def beat(self, scene: Scene) -> None:
        for name in ("audit_sampling", "quality_watch", "sla_watch"):
            attending.note_watch(scene.store, name, actor=FLOW, now=scene.store.clock())

    def test_a_run_dated_far_away_neither_hides_a_silence_nor_makes_one(self, rehearsal: Scene) -> None:
        self.beat(rehearsal)
        for dated in (NOW, FAR, NOW - timedelta(days=400)):
            assert not self.silent(rehearsal, dated, NOW + HOUR)
            assert self.silent(rehearsal, dated, NOW + POLICY.watches.silent_for + HOUR)

    @pytest.mark.parametrize("leap", [-HOUR, HOUR])
    def test_a_clock_that_jumps_an_hour_holds_nothing(self, live: Scene, leap: timedelta) -> None:
        self.beat(live)
        assert not self.silent(live, NOW + leap, NOW + leap)


class TestWatches:
    def look(self, scene: Scene, at: datetime) -> WatchStatus:
        with scene.when(at), scene.store.read() as connection:
            (found,) = [one for one in attending.looks(connection, at) if one.watch.name == "sla_watch"]
        return found

    def test_one_that_looked_before_the_clock_went_back_looks_again_and_is_well(self, live: Scene) -> None:
        for at in (NOW + HOUR, NOW):
            attending.begin(live.store, "sla_watch", actor=FLOW, now=at)
            attending.succeed(live.store, "sla_watch", actor=FLOW, now=at)
            assert self.look(live, NOW).is_due is (at > NOW)
        assert self.look(live, NOW).looked_at == NOW

    def test_one_that_was_under_way_while_the_clock_jumped_ends_as_it_began(self, live: Scene) -> None:
        attending.begin(live.store, "sla_watch", actor=FLOW, now=NOW)
        for leap in (HOUR / 2, -HOUR):
            assert self.look(live, NOW + leap).failed_since is None
        attending.succeed(live.store, "sla_watch", actor=FLOW, now=NOW)
        assert self.look(live, NOW).is_well


class TestFounding:
    def test_it_says_of_which_kind_the_workspace_is_for_good(self, store: Store) -> None:
        scene = Scene(store, kind=Kind.REHEARSAL)
        assert not publishing.found(store, POLICY, founder=FOUNDER, now=NOW, workspace=Kind.LIVE)
        with scene.store.read() as connection:
            assert founding.read(connection).is_rehearsal

    def test_who_says_nothing_begins_a_live_one(self, store: Store) -> None:
        publishing.found(store, POLICY, founder=FOUNDER, now=NOW)
        with store.read() as connection:
            assert founding.read(connection).kind is Kind.LIVE

    def test_an_empty_database_is_live(self, store: Store) -> None:
        with store.read() as connection:
            assert founding.read(connection).kind is Kind.LIVE

    @pytest.mark.parametrize("alone", [True, False])
    def test_one_that_was_changed_counts_as_live_and_is_told(self, sqlite_store: Store, *, alone: bool) -> None:
        publishing.found(sqlite_store, POLICY, founder=FOUNDER, now=NOW)
        if not alone:
            Scene(sqlite_store).automatic(1)
        with sqlite_store.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER trail_refuses_update")
            connection.exec_driver_sql(
                "UPDATE trail SET body = CAST(replace(CAST(body AS TEXT), '\"live\"', '\"rehearsal\"') AS BLOB)"
                " WHERE seq = 1"
            )
        with sqlite_store.read() as connection:
            read = founding.read(connection)
            assert (read.kind, read.altered) == (Kind.LIVE, ALTERED)
            assert not trail.verify(connection).valid

    def test_one_that_was_forged_with_its_own_hash_counts_as_live_too(self, sqlite_store: Store) -> None:
        Scene(sqlite_store, kind=Kind.LIVE).automatic(1)
        with sqlite_store.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER trail_refuses_update")
            body = connection.exec_driver_sql("SELECT body FROM trail WHERE seq = 1").scalar_one()
            forged = body.replace(b'"live"', b'"rehearsal"')
            connection.exec_driver_sql(
                "UPDATE trail SET body = ?, hash = ? WHERE seq = 1", (forged, link(GENESIS, forged))
            )
        with sqlite_store.read() as connection:
            assert founding.read(connection).altered == ALTERED

    def test_another_kind_in_its_column_and_a_second_founding_make_no_rehearsal(self, sqlite_store: Store) -> None:
        Scene(sqlite_store, kind=Kind.LIVE).automatic(1)
        with sqlite_store.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER trail_refuses_update")
            connection.exec_driver_sql("UPDATE trail SET kind = 'test.event' WHERE seq = 1")
            trail.append(connection, [Event(BEGUN, data={"workspace": "rehearsal"})], at=NOW, actor=FLOW)
        with sqlite_store.read() as connection:
            assert founding.read(connection) == Founding(Kind.LIVE)

    def test_a_founding_that_is_not_the_first_event_is_none(self, store: Store) -> None:
        with store.write() as connection:
            trail.append(connection, [Event("test.event")], at=NOW, actor=FLOW)
            trail.append(connection, [Event(BEGUN, data={"workspace": "rehearsal"})], at=NOW, actor=FLOW)
        with store.read() as connection:
            assert not founding.read(connection).is_rehearsal

    def test_a_first_event_that_is_gone_or_no_longer_json_counts_as_live(self, sqlite_store: Store) -> None:
        Scene(sqlite_store).automatic(1)
        with sqlite_store.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER trail_refuses_update")
            connection.exec_driver_sql("DROP TRIGGER trail_refuses_delete")
            connection.exec_driver_sql("UPDATE trail SET body = X'7b' WHERE seq = 1")
        with sqlite_store.read() as connection:
            assert founding.read(connection) == Founding(Kind.LIVE, ALTERED)
        with sqlite_store.write() as connection:
            connection.exec_driver_sql("DELETE FROM trail WHERE seq = 1")
        with sqlite_store.read() as connection:
            assert founding.read(connection) == Founding(Kind.LIVE, ALTERED)


def begun_before_kinds(url: str, **event: str) -> Store:
    """A workspace whose tables and founding are those of the version before this one."""
    earlier = Store(url)
    ordinary = {"seq": 1, "kind": BEGUN, "actor": "anna", "business": "sample", "policy": "p", "at": text_of(NOW)}
    body = encode({**ordinary, **event})
    row = {"at": NOW, "kind": BEGUN, "body": body, "hash": link(GENESIS, body)}
    with earlier._transaction(earlier._writing) as connection:
        command.upgrade(configure(connection), "0005")
        connection.execute(
            text("INSERT INTO trail (seq, at, kind, body, hash) VALUES (1, :at, :kind, :body, :hash)").bindparams(
                bindparam("at", type_=schema.UtcDateTime)
            ),
            row,
        )
        connection.execute(text("UPDATE trail_head SET seq = 1, hash = :hash"), row)
    earlier.upgrade()
    return earlier


def text_of(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


class TestUpgrade:
    @pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
    def url(self, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        if request.param == "sqlite":
            return f"sqlite:///{tmp_path / 'earlier.db'}"
        return str(request.getfixturevalue("postgres_url"))

    def test_the_trail_goes_on_from_its_newest_event(self, url: str) -> None:
        earlier = begun_before_kinds(url)
        earlier.clock = lambda: NOW
        with earlier.write() as connection:
            trail.append(connection, [Event("test.event")], at=NOW - HOUR, actor=FLOW)
        with earlier.read() as connection:
            ends = connection.execute(select(schema.TrailHead.at)).scalar_one()
            verified = trail.verify(connection)
        earlier.dispose()
        assert (ends, verified.valid, verified.backwards) == (NOW, True, 0)

    def test_it_is_live_unless_its_founding_is_the_demos(self, url: str) -> None:
        earlier = begun_before_kinds(url)
        with earlier.read() as connection:
            assert founding.read(connection).kind is Kind.LIVE
        earlier.dispose()

    def test_the_demos_is_a_rehearsal(self, tmp_path: Path) -> None:
        midnight = datetime(2026, 1, 5, tzinfo=UTC)
        earlier = begun_before_kinds(f"sqlite:///{tmp_path / 'demo.db'}", actor="stella", at=text_of(midnight))
        with earlier.read() as connection:
            assert founding.read(connection).is_rehearsal
        earlier.dispose()
