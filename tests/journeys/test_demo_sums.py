"""The demo's workspace and report, beside plain SQL and the ground truth: `make demo`, then `make sums`."""

import os
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.proportions import in_percent
from handrail.sample import generate
from handrail.workspace import Workspace
from tests.plain_sql import last, on_sqlite
from tests.sum_checks import Faces, check_kpis, check_monitoring, check_status, moment, table_of, text_of


@pytest.fixture(scope="module")
def demo() -> Faces:
    """The demo's workspace, at the moment when its story ends."""
    home = os.environ.get("HANDRAIL_DEMO_HOME")
    if not home:
        pytest.skip("HANDRAIL_DEMO_HOME names no demo: `make demo`, then `make sums`")
    ask = on_sqlite(f"{home}/handrail.db")
    ((newest,),) = ask("SELECT max(decided_at) FROM decisions")
    return Faces(Workspace(Path(home).resolve()), moment(newest), ask)


@pytest.mark.faults
class TestDemo:
    def test_the_status_is_what_the_tables_hold(self, demo: Faces) -> None:
        check_status(demo)

    @pytest.mark.parametrize("days", [7, 28, 168])
    def test_every_kpi_is_what_the_tables_hold(self, demo: Faces, days: int) -> None:
        check_kpis(demo, days)

    def test_monitoring_shows_what_the_tables_hold(self, demo: Faces) -> None:
        check_monitoring(demo)

    def test_every_week_of_the_report_is_what_the_tables_and_the_truth_hold(self, demo: Faces) -> None:
        page = (demo.workspace.reports / "rehearsal.html").read_text(encoding="utf-8")
        weeks, kpis = table_of(page, "week", section="weeks"), table_of(page, "week", section="kpis")
        errors, total = table_of(page, "week", section="errors"), [0, 0, 0, 0, 0]
        start = datetime.fromisoformat(re.findall(r"From (\S+) on", page)[0]).replace(tzinfo=UTC)
        seed = int(re.findall(r"seed (\d+)", page)[0])
        truth = generate(len(weeks), seed).cases.set_index("external_id")["truth_label"]
        for number, (row, error, kpi) in enumerate(zip(weeks, errors, kpis, strict=True), start=1):
            evening = start + timedelta(weeks=number, hours=8)
            window, facts = last(7, evening), demo.facts(evening)
            queues = facts.counts(
                "SELECT queue, count(*) FROM routes WHERE assigned_at >= :since"
                " AND assigned_at < :until GROUP BY queue",
                **window,
            )
            assert {name: int(row[name]) for name in "ABC"} == {name: queues.get(name, 0) for name in "ABC"}
            audits, wrong, rate = facts.audits_decided(**window)
            assert (int(error["audits"]), int(error["errors found"])) == (audits, wrong)
            assert error["audited error"] == ("not measured" if rate is None else in_percent(rate))
            approved, false = automatic(demo, truth, **window)
            assert (int(error["auto-approvals"]), int(error["wrong in truth"])) == (approved, false)
            by_people = facts.one(
                "SELECT count(*) FROM decisions WHERE kind NOT IN ('automatic', 'gold')"
                " AND decided_at >= :since AND decided_at < :until",
                **window,
            )
            missed = facts.one(
                "SELECT count(*) FROM escalations WHERE cause = 'sla_breach' AND opened_at >= :since"
                " AND opened_at < :until",
                **window,
            )
            assert (int(row["by people"]), int(row["missed SLAs"])) == (by_people, missed)
            for name, (value, _) in facts.kpis(**window).items():
                shown = kpi[name].split()[0] if value is not None else kpi[name]
                written = "not measured" if value is None else in_percent(value) if "%" in shown else f"{value:,.2f}"
                assert shown == written, (number, name)
            total = [one + more for one, more in zip(total, (approved, false, audits, wrong, by_people), strict=True)]
        check_totals(demo, text_of(page), last(7 * len(weeks), start + timedelta(weeks=len(weeks), hours=8)), total)


def automatic(demo: Faces, truth: Any, since: datetime, until: datetime) -> tuple[int, int]:  # noqa: ANN401 - a series
    """Auto-approvals of the window whose action was not withdrawn, and how many the ground truth calls wrong."""
    rows = demo.ask(
        "SELECT c.external_id, d.label FROM decisions d JOIN cases c ON c.id = d.case_id WHERE d.kind = 'automatic'"
        " AND d.decided_at >= :since AND d.decided_at < :until AND EXISTS (SELECT 1 FROM outbox o WHERE"
        " o.decision_id = d.id AND o.state <> 'withdrawn')",
        since=since,
        until=until,
    )
    return len(rows), sum(label != truth[name] for name, label in rows)


def check_totals(demo: Faces, page: str, window: dict[str, datetime], total: list[int]) -> None:
    """The closing figures are the sums of the weeks, and what the tables hold of the whole time at once."""
    approved, false, audits, wrong, by_people = total
    facts = demo.facts(window["until"] - timedelta(microseconds=1))
    assert facts.audits_decided(**window)[:2] == (audits, wrong)
    rate = facts.audits_decided(**window)[2]
    assert f"{in_percent(rate, 2)} [" in page
    assert f"{wrong:,} of {audits:,} audits found one" in page
    assert f"truth: {in_percent(false / approved, 2)}, {false:,} of {approved:,} auto-approvals" in page
    ((every,),) = demo.ask(
        "SELECT count(*) FROM decisions WHERE kind = 'automatic' AND decided_at < :until", until=window["until"]
    )
    assert approved == every
    ((people,),) = demo.ask(
        "SELECT count(*) FROM decisions WHERE kind NOT IN ('automatic', 'gold') AND decided_at < :until",
        until=window["until"],
    )
    assert by_people == people
    with sqlite3.connect(demo.workspace.actions_path) as ledger:
        ((effects,),) = ledger.execute("SELECT count(*) FROM executed").fetchall()
    assert effects == facts.actions()["done"], "every effect is an action that is done, and the other way round"
