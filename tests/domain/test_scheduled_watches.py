"""When a watch is due, overdue, failing or off, and what may be said where nobody has looked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prefect._vendor.croniter import croniter

from handrail.dead_mans_switch import WATCHES as DEAD_MANS
from handrail.watches import (
    BY_NAME,
    CRASHED,
    LATE_AT_LEAST,
    LONGEST_RUN,
    SKEW,
    WATCHES,
    Deployed,
    Off,
    Runs,
    Sight,
    Watch,
    WatchStatus,
    in_words,
    judge,
    judge_all,
    outlook,
    switched_off,
)

NOW = datetime(2026, 3, 2, 9, 3, tzinfo=UTC)
BEGAN = NOW - timedelta(days=90)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SLA = BY_NAME["sla_watch"]
DEPLOYMENTS = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())["deployments"]
CRONS = {one["name"]: one["schedules"][0] for one in DEPLOYMENTS if "schedules" in one}


def told(at: datetime) -> str:
    return f"{at:%H:%M}"


def look(runs: Runs, at: datetime = NOW, watch: Watch = SLA, began: datetime | None = BEGAN) -> WatchStatus:
    return judge(watch, runs, began=began, now=at)


def all_well(at: datetime = NOW) -> dict[str, Runs]:
    return {watch.name: Runs(succeeded_at=at) for watch in WATCHES}


class TestSchedules:
    def test_what_is_scheduled_in_prefect_is_a_watch_here_and_the_other_way_round(self) -> None:
        assert set(CRONS) == {watch.deployment for watch in WATCHES}
        assert all(schedule["timezone"] == "UTC" for schedule in CRONS.values())

    @given(
        watch=st.sampled_from(WATCHES),
        now=st.datetimes(datetime(2024, 2, 1), datetime(2032, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    )
    def test_a_watch_is_due_exactly_when_prefect_starts_it(self, watch: Watch, now: datetime) -> None:
        before = croniter(CRONS[watch.deployment]["cron"], now + timedelta(microseconds=1)).get_prev(datetime)
        assert watch.schedule.latest(now) == before

    def test_every_watch_of_the_dead_mans_switch_is_one_of_them(self) -> None:
        assert set(DEAD_MANS) <= set(BY_NAME)

    def test_alerting_comes_last_and_retention_is_left_to_people(self) -> None:
        assert WATCHES[-1].name == "alerting"
        assert [watch.name for watch in WATCHES if watch.by_hand] == ["retention"]


class TestDue:
    def test_what_never_ran_is_due(self) -> None:
        assert look(Runs()).is_due

    @pytest.mark.parametrize(("ran", "due"), [("09:00", False), ("08:59", True), ("09:02", False)])
    def test_it_is_due_once_after_each_moment_of_its_schedule(self, ran: str, due: bool) -> None:
        at = NOW.replace(hour=int(ran[:2]), minute=int(ran[3:]))
        assert look(Runs(succeeded_at=at)).is_due is due

    def test_a_call_every_quarter_of_an_hour_runs_it_every_quarter_of_an_hour(self) -> None:
        """A run takes a moment: by its length alone every second call would find nothing due."""
        first = NOW.replace(minute=0, second=5)
        assert look(Runs(succeeded_at=first), first.replace(minute=15, second=1)).is_due

    def test_what_deletes_is_never_due(self) -> None:
        assert not look(Runs(), watch=BY_NAME["retention"]).is_due
        assert look(Runs(), watch=BY_NAME["retention"]).overdue_since is None


class TestOverdue:
    def test_it_is_overdue_when_its_period_and_its_patience_are_over(self) -> None:
        last = NOW - SLA.patience
        assert SLA.patience == 15 * MINUTE + LATE_AT_LEAST
        assert look(Runs(succeeded_at=last)).overdue_since is None
        assert look(Runs(succeeded_at=last), NOW + MINUTE).overdue_since == last + 15 * MINUTE

    def test_whoever_calls_handrail_watch_every_quarter_of_an_hour_is_never_late(self) -> None:
        for watch in WATCHES:
            assert watch.patience > 15 * MINUTE + 5 * MINUTE

    def test_the_clock_of_what_never_ran_starts_with_the_workspace(self) -> None:
        assert look(Runs(), began=NOW - SLA.patience).overdue_since is None
        assert look(Runs(), began=NOW - SLA.patience - MINUTE).overdue_since is not None
        assert look(Runs(), began=None).overdue_since is None

    def test_a_success_at_a_later_time_than_now_tells_nothing_of_now(self) -> None:
        """Somebody let it look with --as-of next year: that hides no silence of today."""
        assert look(Runs(succeeded_at=NOW + SKEW)).looked_at is not None
        seen = look(Runs(succeeded_at=NOW + SKEW + MINUTE))
        assert (seen.looked_at, seen.is_due) == (None, True)
        assert seen.overdue_since is not None


class TestFailing:
    def test_a_failure_stands_until_the_next_success(self) -> None:
        seen = look(Runs(succeeded_at=NOW - HOUR, failed_since=NOW - MINUTE, error="database_busy"))
        assert (seen.failed_since, seen.error, seen.is_well) == (NOW - MINUTE, "database_busy", False)

    def test_what_failed_is_due_at_once_so_that_the_next_call_shows_why(self) -> None:
        weekly = BY_NAME["drift_detection"]
        fresh = Runs(succeeded_at=NOW - MINUTE)
        assert not look(fresh, watch=weekly).is_due
        assert look(replace(fresh, failed_since=NOW, error="database_busy"), watch=weekly).is_due
        assert not look(replace(fresh, failed_since=NOW), watch=BY_NAME["retention"]).is_due

    def test_a_run_that_never_said_how_it_ended_has_crashed(self) -> None:
        begun = NOW - LONGEST_RUN
        assert look(Runs(succeeded_at=NOW, begun_at=begun)).failed_since is None
        seen = look(Runs(succeeded_at=NOW, begun_at=begun), NOW + MINUTE)
        assert (seen.is_running, seen.failed_since, seen.error) == (False, begun, CRASHED)

    def test_after_a_period_what_did_not_end_no_longer_keeps_others_from_looking(self) -> None:
        begun = Runs(begun_at=NOW)
        assert look(begun, NOW + 15 * MINUTE).is_running
        assert not look(begun, NOW + 16 * MINUTE).is_running
        training = BY_NAME["retraining"]
        assert look(begun, NOW + HOUR, training).is_running
        assert not look(begun, NOW + HOUR + MINUTE, training).is_running


class TestOff:
    def test_what_prefect_does_not_start_is_off_with_its_reason(self) -> None:
        on = dict.fromkeys((watch.deployment for watch in WATCHES), Deployed(is_paused=False, is_scheduled=True))
        assert set(switched_off(on).values()) == {None}
        some = {**on, "sla-watch": Deployed(is_paused=True, is_scheduled=True)}
        some["audit-sampling"] = replace(on["audit-sampling"], is_scheduled=False)
        del some["retraining"]
        found = {name: why for name, why in switched_off(some).items() if why}
        assert found == {"sla_watch": Off.PAUSED, "audit_sampling": Off.UNSCHEDULED, "retraining": Off.MISSING}

    def test_it_stays_off_until_somebody_else_lets_it_look(self) -> None:
        off = Runs(succeeded_at=NOW - HOUR, off=Off.PAUSED, off_since=NOW - HOUR, asked_at=NOW - MINUTE)
        assert look(off).off is Off.PAUSED
        assert look(replace(off, succeeded_at=NOW - MINUTE)).off is Off.PAUSED, "as the server said just then"
        assert look(replace(off, succeeded_at=NOW)).off is None
        assert look(replace(off, succeeded_at=None)).off is Off.PAUSED


class TestOutlook:
    def test_only_where_all_have_looked_nothing_is_wrong(self) -> None:
        seen = outlook(judge_all(all_well(), began=BEGAN, now=NOW))
        assert seen.sight is Sight.WHOLE
        assert seen.calm(told) == "Nothing is wrong. Last look 09:03."

    @pytest.mark.parametrize("alone", [{}, {"alerting": Runs(succeeded_at=NOW)}])
    def test_where_nobody_has_looked_yet_every_face_says_so_and_how_to_begin(self, alone: dict[str, Runs]) -> None:
        """Alerting only tells what others see: its look alone is none."""
        seen = outlook(judge_all(alone, began=NOW, now=NOW))
        assert seen.sight is Sight.NEVER
        assert seen.calm(told).startswith("Nobody has looked yet. Start the watches with `handrail up`")
        assert "`handrail watch`" in seen.calm(told)

    def test_where_nobody_looks_any_more_it_says_since_when(self) -> None:
        seen = outlook(judge_all(all_well(), began=BEGAN, now=NOW + timedelta(days=30)))
        assert seen.sight is Sight.NOBODY
        assert seen.calm(told).startswith("Nobody has looked since 09:03. ")

    def test_where_alerting_is_dead_the_others_do_not_make_it_calm(self) -> None:
        runs = {**all_well(), "alerting": Runs(succeeded_at=NOW - HOUR)}
        assert outlook(judge_all(runs, began=BEGAN, now=NOW)).calm(told).startswith("Nobody has looked since 08:03.")

    @pytest.mark.parametrize(
        ("runs", "said"),
        [
            (Runs(), "SLA watch has not looked yet"),
            (Runs(succeeded_at=NOW - HOUR), "SLA watch last looked 08:03"),
            (Runs(succeeded_at=NOW, failed_since=NOW, error="refused"), "SLA watch has failed since 09:03 (refused)"),
            (Runs(succeeded_at=NOW, off=Off.PAUSED, off_since=NOW, asked_at=NOW), "is switched off in Prefect since"),
        ],
    )
    def test_where_one_does_not_look_the_others_vouch_for_themselves_alone(self, runs: Runs, said: str) -> None:
        seen = outlook(judge_all({**all_well(), "sla_watch": runs}, began=BEGAN, now=NOW))
        assert seen.sight is Sight.IN_PART
        assert seen.calm(told).startswith("Nothing was found. Last look 09:03, but not at everything: SLA watch. Start")
        (missing,) = seen.missing(told)
        assert said in missing

    @given(st.dictionaries(st.sampled_from(list(BY_NAME)), st.integers(-5, 40_000)))
    def test_it_is_never_calm_while_any_watch_is_silent(self, ages: dict[str, int]) -> None:
        runs = {name: Runs(succeeded_at=NOW - age * MINUTE) for name, age in ages.items()}
        looks = judge_all(runs, began=BEGAN, now=NOW)
        asked = [one for one in looks if one.watch.by_hand is None]
        assert (outlook(looks).sight is Sight.WHOLE) == all(one.is_well for one in asked)

    def test_the_reason_is_told_before_the_silence(self) -> None:
        silent = look(Runs(succeeded_at=NOW - HOUR, failed_since=NOW, error="refused", off=Off.MISSING))
        assert in_words(silent, told).startswith("is switched off in Prefect (it is not deployed)")
