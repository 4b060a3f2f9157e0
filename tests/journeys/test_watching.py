"""Without a server: `handrail watch` runs what is due, and no face says that all is well where nobody has looked."""

import json
import sqlite3
from contextlib import closing

import pytest

from handrail.watches import WATCHES
from tests.workspaces import Handrail

MONDAY = "2026-01-12T08:00:00+00:00"
"""As `init` founds a workspace at the real time, its business clock stands before: nothing is overdue then."""
AT_ONCE = "2026-01-12T08:00:30+00:00"
LATER = "2026-01-12T08:16:00+00:00"


def outcomes(rows: list[dict[str, str]]) -> dict[str, str]:
    return {row["watch"]: row["outcome"] for row in rows}


def watch(handrail: Handrail, at: str) -> dict[str, str]:
    return outcomes(handrail.ask("watch", "--as-of", at))


def break_table(handrail: Handrail, name: str) -> None:
    with closing(sqlite3.connect(handrail.home / "handrail.db")) as connection:
        connection.execute(f"ALTER TABLE {name} RENAME TO away")


def mend_table(handrail: Handrail, name: str) -> None:
    with closing(sqlite3.connect(handrail.home / "handrail.db")) as connection:
        connection.execute(f"ALTER TABLE away RENAME TO {name}")


class TestNobodyLooked:
    def test_a_new_workspace_says_that_nobody_has_looked_and_how_to_begin(self, begun: Handrail) -> None:
        told = begun("alerts")
        assert told.out.startswith("Nobody has looked yet. Start the watches with `handrail up`")
        assert "Nothing is wrong" not in told.out
        found = begun.ask("alerts")
        assert (found["alerts"], found["looked_at"], found["watched"]) == ([], None, "never")
        assert "nobody has looked yet: silence means nothing" in begun("status").out
        assert begun.ask("status")["watched"] == "never"
        (finding,) = [one for one in begun.ask("doctor") if one["what"] == "watches"]
        assert finding["sentence"].startswith("Nobody has looked yet.")

    def test_after_a_month_of_silence_it_says_since_when(self, begun: Handrail) -> None:
        watch(begun, MONDAY)
        assert begun("alerts", "--as-of", AT_ONCE).out == "Nothing is wrong. Last look 2026-01-12 08:00 UTC.\n"
        late = "2026-02-12T08:00:00+00:00"
        assert begun("alerts", "--as-of", late).out.startswith("Nobody has looked since 2026-01-12 08:00 UTC.")
        status = begun("status", "--as-of", late).out
        assert "WATCHED    last look 2026-01-12 08:00 UTC: silence means nothing" in status
        assert max(map(len, status.splitlines())) <= 80
        found = {row["watch"]: row for row in begun.ask("status", "--as-of", late)["watches"]}
        assert found["sla_watch"]["overdue_since"] == "2026-01-12T08:15:00+00:00"

    def test_audits_that_nobody_made_are_no_good_news(self, begun: Handrail) -> None:
        assert "audits     nothing was approved automatically in 28 days" in begun("status").out


class TestWatch:
    def test_everything_due_runs_once_in_order_and_nothing_is_due_at_once_again(self, begun: Handrail) -> None:
        rows = begun.ask("watch", "--as-of", MONDAY)
        assert [row["watch"] for row in rows] == [one.name for one in WATCHES]
        assert outcomes(rows) == {one.name: "succeeded" for one in WATCHES} | {"retention": "left_out"}
        assert all(row["ran"] == (row["seconds"] is not None) for row in rows)
        assert rows[-1]["watch"] == "alerting"
        assert set(watch(begun, AT_ONCE).values()) == {"not_due", "left_out"}
        again = watch(begun, LATER)
        ran = [name for name, outcome in again.items() if outcome == "succeeded"]
        assert ran == ["queue_assignment", "sla_watch", "alerting"], "what is due every quarter of an hour"
        told = begun("watch", "--as-of", LATER)
        assert (told.code, told.err) == (0, "")
        assert "SLA watch        not due" in told.out

    def test_with_all_also_what_is_not_due_runs(self, begun: Handrail) -> None:
        watch(begun, MONDAY)
        assert set(outcomes(begun.ask("watch", "--all", "--as-of", AT_ONCE)).values()) == {"succeeded", "left_out"}

    def test_one_that_fails_is_named_recorded_and_alerted_and_the_others_look(self, begun: Handrail) -> None:
        break_table(begun, "profiles")
        told = begun("watch", "--as-of", MONDAY, "--json")
        assert told.code == 1
        assert told.err.startswith("1 of 12 watches failed. drift watch: ")
        assert told.err.endswith("The others have looked.\n")
        rows = {row["watch"]: row for row in json.loads(told.out)}
        assert (rows["drift_detection"]["outcome"], rows["kpi_report"]["outcome"]) == ("failed", "succeeded")
        assert rows["drift_detection"]["error"]
        alerts = begun.ask("alerts", "--as-of", AT_ONCE)
        assert [(one["kind"], one["subject"]) for one in alerts["alerts"]] == [("watch_failing", "drift_detection")]
        assert alerts["watched"] == "in_part"
        assert "but not at everything: drift watch." in begun("alerts", "--as-of", AT_ONCE).out.replace("\n", " ")
        assert "drift watch: has failed since 2026-01-12 08:00 UTC" in begun("status", "--as-of", AT_ONCE).out

        mend_table(begun, "profiles")
        assert watch(begun, LATER)["drift_detection"] == "succeeded", "what failed stays due"
        assert begun.ask("alerts", "--as-of", LATER)["alerts"] == []

    def test_a_failure_that_cannot_be_written_down_is_told(self, begun: Handrail) -> None:
        watch(begun, MONDAY)
        with closing(sqlite3.connect(begun.home / "handrail.db")) as connection:
            connection.execute(
                "CREATE TRIGGER full BEFORE UPDATE ON watch_runs WHEN NEW.error IS NOT NULL"
                " BEGIN SELECT RAISE(ABORT, 'full'); END"
            )
            connection.commit()
        break_table(begun, "escalations")
        told = begun("watch", "--as-of", LATER)
        assert told.code == 1
        assert "The failure of alerting could not be written down" in told.err

    def test_two_at_once_do_not_do_things_twice(self, begun: Handrail) -> None:
        from datetime import UTC, datetime

        from handrail.acts import leasing
        from handrail.store.engine import Store

        store = Store(f"sqlite:///{begun.home / 'handrail.db'}")
        with leasing.take(store, "watch", clock=lambda: datetime.now(UTC)):
            assert "Another watch is running since" in begun("watch", "--as-of", MONDAY).refusal
        store.dispose()
        assert watch(begun, MONDAY)["sla_watch"] == "succeeded"

    def test_one_that_somebody_else_runs_is_left_to_them(self, begun: Handrail) -> None:
        with closing(sqlite3.connect(begun.home / "handrail.db")) as connection:
            connection.execute(
                "INSERT INTO watch_runs (name, begun_at) VALUES ('quality_watch', '2026-01-12 07:59:00.000000')"
            )
            connection.commit()
        assert watch(begun, MONDAY)["quality_watch"] == "running"

    def test_without_a_workspace_it_says_how_to_make_one(self, tmp_path: object) -> None:
        from pathlib import Path

        assert "Run `handrail init`." in Handrail(Path(str(tmp_path)) / "nowhere")("watch").refusal


@pytest.mark.parametrize("parameters", [("act", "promote"), ("act", "rollback")])
def test_what_is_asked_for_by_hand_is_none_of_the_watchs_looks(begun: Handrail, parameters: tuple[str, str]) -> None:
    from flows.deployment import deployment
    from handrail.errors import HandrailError

    with pytest.raises(HandrailError):
        deployment.fn(**{parameters[0]: parameters[1]}, home=str(begun.home))
    assert begun.rows("SELECT * FROM watch_runs") == []
