"""Every figure of `handrail status`, `handrail report kpi`, Monitoring and the demo's report, beside plain SQL.

The small workspace is built here, with events on the very bounds of the windows. The demo's is looked at where
HANDRAIL_DEMO_HOME names it: `make sums` does so after `make demo`.
"""

import html
import json
import os
import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.proportions import in_percent
from handrail.sample import generate
from handrail.workspace import Workspace
from tests.desks import client_of
from tests.plain_sql import Ask, Facts, Prices, last, on_postgres, on_sqlite
from tests.sum_worlds import AT, World, build, look
from tests.workspaces import Handrail

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Faces:
    """A workspace as people see it at one moment."""

    workspace: Workspace
    at: datetime
    ask: Ask

    def facts(self, at: datetime | None = None) -> Facts:
        """Plain SQL at that moment."""
        body = json.loads(self.ask("SELECT body FROM policies ORDER BY id DESC LIMIT 1")[0][0])["costs"]
        prices = Prices(body["minutes_manual"], body["minutes_quick"], body["minute"], body["error"])
        return Facts(self.ask, at or self.at, prices)

    def command(self, *words: str) -> Any:  # noqa: ANN401 - any JSON value
        """What a command says at that moment."""
        handrail = Handrail(self.workspace.home, self.workspace.database_url)
        return handrail.ask(*words, "--as-of", self.at.isoformat())

    def said(self, *words: str) -> str:
        """The same for people, on one line."""
        handrail = Handrail(self.workspace.home, self.workspace.database_url)
        return " ".join(handrail(*words, "--as-of", self.at.isoformat()).out.split())

    def page(self, path: str) -> str:
        """A page of the desk, for somebody who may read everything."""
        from desk.app import create_app

        app = create_app(self.workspace, clock=lambda: self.at)
        try:
            found = client_of(app, "stella").get(path)
        finally:
            app.state.desk.close()
        assert found.status_code == 200
        return found.text


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Faces:
    """The small workspace, after one look of every watch."""
    home = tmp_path_factory.mktemp("sums") / "home"
    if request.param == "sqlite":
        workspace, address = Workspace(home), None
    else:
        server = request.getfixturevalue("postgres_server")
        address = server.create(request.getfixturevalue("postgres_template"))
        workspace = Workspace(home, address)
    build(workspace)
    look(workspace)
    return Faces(workspace, AT, on_sqlite(str(home / "handrail.db")) if address is None else on_postgres(address))


@pytest.fixture(scope="module")
def demo() -> Faces:
    """The demo's workspace, at the moment when its story ends."""
    home = os.environ.get("HANDRAIL_DEMO_HOME")
    if not home:
        pytest.skip("HANDRAIL_DEMO_HOME names no demo: `make demo`, then `make sums`")
    ask = on_sqlite(f"{home}/handrail.db")
    ((newest,),) = ask("SELECT max(decided_at) FROM decisions")
    return Faces(Workspace(Path(home).resolve()), moment(newest), ask)


def moment(cell: datetime | str) -> datetime:
    """A moment as either database gives it."""
    return cell if isinstance(cell, datetime) else datetime.fromisoformat(cell).replace(tzinfo=UTC)


def text_of(markup: str) -> str:
    """What stands there, without marks and with plain spaces."""
    plain = html.unescape(re.sub(r"<[^>]+>", " ", markup))
    return " ".join(plain.replace("\N{NARROW NO-BREAK SPACE}%", "%").split())


def table_of(page: str, first: str, *, section: str | None = None) -> list[dict[str, str]]:
    """The rows of the table whose first column is called so, within the section with that id."""
    if section is not None:
        page = page[page.index(f'id="{section}"') :]
        page = page[: page.index("</section>")]
    for markup in re.findall(r"<table.*?</table>", page, re.DOTALL):
        columns = [text_of(cell) for cell in re.findall(r"<th scope=\"col\".*?</th>", markup, re.DOTALL)]
        if columns and columns[0] == first:
            rows = re.findall(r"<tr[^>]*>(.*?)</tr>", markup.split("</thead>")[1], re.DOTALL)
            cells = [[text_of(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]
            return [dict(zip(columns, row, strict=True)) for row in cells]
    raise AssertionError(f"no table begins with {first}")


def percent(share: float | None) -> str:
    """A share as the desk writes it, without its thin space."""
    return "–" if share is None else in_percent(share)


def check_status(faces: Faces) -> None:
    facts, status = faces.facts(), faces.command("status")
    assert status["cases"] == facts.states()
    assert status["outbox"] == facts.actions()
    assert {(row["queue"], row["kind"]): (row["waiting"], row["overdue"]) for row in status["waiting"]} == (
        facts.waiting()
    )
    assert status["escalations"] == facts.open_escalations()
    cases, automatic = facts.routed(7)
    assert status["routed_7d"] == {"cases": cases, "automatic": automatic}
    assert status["automation_share_7d"] == (pytest.approx(automatic / cases) if cases else None)
    found, known = status["audited_28d"], facts.audited()
    assert (found["approvals"], found["audited"], found["rejected"]) == (
        known["approvals"], known["audited"], known["wrong"],
    )  # fmt: skip
    assert found["rate"] == (None if known["rate"] is None else pytest.approx(known["rate"]))
    said = faces.said("status")
    assert f"({automatic:,} of {cases:,} routed cases)" in said or not cases
    if known["audited"]:
        assert f"{known['wrong']:,} of {known['audited']:,} audited approvals of 28 days were wrong" in said
        assert f"how they were drawn: {in_percent(known['rate'])} (" in said
    assert f"escalated {status['escalations']} open" in said


def check_kpis(faces: Faces, days: int) -> None:
    facts = faces.facts()
    figures = {row["name"]: row for row in faces.command("report", "kpi", "--days", str(days), "--by", "week",
                                                         "--by", "category", "--by", "channel")}  # fmt: skip
    known = facts.kpis(**last(days, faces.at))
    assert {name: (row["value"], row["cases"]) for name, row in figures.items()} == {
        name: (None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9), cases)
        for name, (value, cases) in known.items()
    }
    by_hand, measured = facts.by_hand()
    assert (figures["time saved per case"]["before"], figures["time saved per case"]["before_cases"]) == (
        pytest.approx(by_hand), measured,
    )  # fmt: skip
    rechecked, slipped = facts.slips()
    assert figures["error rate of auto-approvals"]["before_cases"] == rechecked
    assert figures["error rate of auto-approvals"]["before"] == (slipped / rechecked if rechecked else None)
    check_groups(faces, figures, days)


def check_groups(faces: Faces, figures: dict[str, Any], days: int) -> None:
    """Each part, and that the parts make the whole; the weeks are counted back from now and tile the window."""
    facts = faces.facts()
    for name in ("automation share", "error rate of auto-approvals", "escalation rate"):
        for grouping, groups in figures[name]["by"].items():
            assert sum(group["cases"] for group in groups) == figures[name]["cases"], (name, grouping)
    for back in range(-(-days // 7)):
        until = faces.at + timedelta(microseconds=1) - 7 * back * DAY
        label, (routed, automatic) = f"{until - 7 * DAY:%Y-%m-%d}", Facts(
            faces.ask, until - timedelta(microseconds=1), facts.prices
        ).routed(min(7, days - 7 * back))  # fmt: skip
        week = next((group for group in figures["automation share"]["by"]["week"] if group["group"] == label), None)
        assert (0 if week is None else week["cases"]) == routed
        assert week is None or week["value"] == (automatic / routed if routed else None)
    for group in figures["error rate of auto-approvals"]["by"]["category"]:
        audits, wrong = facts.random_audits(
            **last(days, faces.at), where=" AND r.category = :name", name=group["group"]
        )
        assert (group["cases"], group["value"]) == (audits, wrong / audits if audits else None)


def read_at(faces: Faces, watch: str) -> datetime:
    """When a watch looked last."""
    return moment(faces.ask("SELECT max(at) FROM readings WHERE watch = :watch", watch=watch)[0][0])


def check_monitoring(faces: Faces) -> None:
    page = faces.page("/monitoring")
    check_audits(faces, page)
    check_breaker(faces, page)
    check_watched_kpis(faces, page)
    check_people(faces, page)


def check_audits(faces: Faces, page: str) -> None:
    facts = faces.facts(read_at(faces, "audits"))
    known = facts.audited()
    assert (
        f"{known['wrong']:,} of {known['audited']:,} audited approvals of the last four weeks were wrong; weighted for "
        f"how they were drawn: {percent(known['rate'])} ("
    ) in text_of(page)
    rows = {row["Category"]: row for row in table_of(page, "Category", section="audits")}
    for name, row in rows.items():
        mine = known if name == "all" else facts.audited(category=name.replace(" ", "_"))
        assert (row["Approved"], row["Audited"], row["Wrong"], row["Error"]) == (
            f"{mine['approvals']:,}", f"{mine['audited']:,}", f"{mine['wrong']:,}", percent(mine["rate"]),
        )  # fmt: skip
        assert (row["Error"] == "0.0%") == (row["Wrong"] == "0" and row["Audited"] != "0")
    assert sum(int(row["Audited"].replace(",", "")) for name, row in rows.items() if name != "all") == known["audited"]


def check_breaker(faces: Faces, page: str) -> None:
    """What each rule has counted: the sequential one since it began, both only what can no longer be undone."""
    for row in table_of(page, "Category", section="breaker"):
        category = row["Category"].replace(" ", "_")
        ((body, at),) = faces.ask(
            "SELECT body, at FROM readings WHERE id = (SELECT max(id) FROM readings WHERE watch = 'breaker'"
            " AND subject = :category)", category=category,
        )  # fmt: skip
        figures = json.loads(body) if isinstance(body, str) else body
        since = moment(figures["since"]) if figures["since"] else moment(at)
        stands = moment(at) - timedelta(seconds=10) + timedelta(microseconds=1)
        facts, mine = faces.facts(), {"where": " AND r.category = :name", "name": category}
        assert (int(row["Audited"]), int(row["Rejected"])) == facts.random_audits(since, stands, **mine)
        window = moment(at) + timedelta(microseconds=1) - breaker_window(faces)
        audits, wrong = facts.random_audits(window, stands, **mine)
        assert row["In the window"] == f"{wrong} of {audits}"


def breaker_window(faces: Faces) -> timedelta:
    import pandas as pd

    body = json.loads(faces.ask("SELECT body FROM policies ORDER BY id DESC LIMIT 1")[0][0])
    return pd.Timedelta(body["breaker"]["window"]).to_pytimedelta()


def check_watched_kpis(faces: Faces, page: str) -> None:
    at = read_at(faces, "kpi")
    ((since,),) = faces.ask("SELECT max(window_from) FROM readings WHERE watch = 'kpi'")
    known = faces.facts(at).kpis(moment(since), at + timedelta(microseconds=1))
    rows = {row["Figure"]: row for row in table_of(page, "Figure", section="kpis")}
    assert set(rows) == set(known)
    for name, (value, cases) in known.items():
        assert rows[name]["Cases"] == f"{cases:,}"
        shown = rows[name]["Now"]
        if value is None:
            assert shown == "not measured"
        elif shown.endswith("%"):
            assert shown == in_percent(value)
        else:
            assert shown.split()[0] == f"{value:,.2f}"


def check_people(faces: Faces, page: str) -> None:
    """Who is looked at, and how many opinions the agreement rests on; the alert and the page Reviewers agree."""
    at = read_at(faces, "reviewers")
    rows = faces.ask("SELECT subject, verdict FROM readings WHERE watch = 'reviewers' AND at = :at", at=at)
    people = [subject for subject, _ in rows if subject != "everybody"]
    alarmed = [subject for subject, verdict in rows if verdict == "alarm" and subject != "everybody"]
    assert f"{len(people)} looked at, {len(alarmed)} with a signal that stands out." in text_of(page)
    reviewers = faces.page("/reviewers")
    named = {row["Reviewer"].removesuffix(" decides no more") for row in table_of(reviewers, "Reviewer")}
    assert set(people) <= named
    ((items, ratings),) = faces.ask(
        "SELECT count(*), sum(people) FROM (SELECT case_id, count(DISTINCT actor) AS people FROM decisions WHERE blind"
        " AND kind IN ('review', 'audit', 'second', 'recheck') AND decided_at >= :since AND decided_at < :until"
        " AND (label IS NOT NULL OR (outcome = 'deny' AND reason_code NOT IN ('policy', 'legal')))"
        " GROUP BY case_id HAVING count(DISTINCT actor) > 1) AS twice",
        since=at - 28 * DAY, until=at + timedelta(microseconds=1),
    )  # fmt: skip
    if items:
        rows = table_of(page, "Category", section="agreement")
        (whole,) = [row for row in rows if row["Category"] == "all"]
        assert (whole["Cases"], whole["Opinions"]) == (f"{items:,}", f"{ratings:,}")


class TestSmallWorkspace:
    def test_the_status_is_what_the_tables_hold(self, small: Faces) -> None:
        check_status(small)

    @pytest.mark.parametrize("days", [10, 28, 84])
    def test_every_kpi_is_what_the_tables_hold_and_its_parts_make_the_whole(self, small: Faces, days: int) -> None:
        check_kpis(small, days)

    def test_monitoring_shows_what_the_tables_hold(self, small: Faces) -> None:
        check_monitoring(small)

    def test_operations_counts_as_the_status_does(self, small: Faces) -> None:
        page = text_of(small.page("/operations"))
        facts, seen = small.facts(), 0
        for category in World.policy.categories:
            cases, automatic = facts.routed(7, category)
            said = f"{percent(automatic / cases)} ({automatic} of {cases} cases)" if cases else "no case came"
            assert said in page
            seen += cases
        assert seen == facts.routed(7)[0]

    def test_events_on_a_bound_belong_to_one_window_alone(self, small: Faces) -> None:
        """What happens at this moment counts, what happened exactly a week ago counts for the week before."""
        facts, week = small.facts(), timedelta(weeks=1)
        by_week = [Facts(small.ask, AT - week * back, facts.prices).routed(7) for back in range(12)]
        assert tuple(map(sum, zip(*by_week, strict=True))) == facts.routed(84)
        on_bounds = "SELECT count(*) FROM routes WHERE assigned_at = :at"
        assert all(facts.one(on_bounds, at=AT - week * back) for back in range(3)), "the world has none on its bounds"


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
        page = (demo.workspace.reports / "time-lapse.html").read_text(encoding="utf-8")
        weeks, kpis = table_of(page, "week", section="weeks"), table_of(page, "week", section="kpis")
        errors, total = table_of(page, "week", section="errors"), [0, 0, 0, 0, 0]
        start = datetime.fromisoformat(re.findall(r"From (\S+) on", page)[0]).replace(tzinfo=UTC)
        seed = int(re.findall(r"seed (\d+)", page)[0])
        truth = generate(len(weeks), seed).cases.set_index("external_id")["truth_label"]
        for number, (row, error, kpi) in enumerate(zip(weeks, errors, kpis, strict=True), start=1):
            evening = start + timedelta(weeks=number, hours=8)
            window, facts = last(7, evening), demo.facts(evening)
            queues = facts.counts("SELECT queue, count(*) FROM routes WHERE assigned_at >= :since"
                                  " AND assigned_at < :until GROUP BY queue", **window)  # fmt: skip
            assert {name: int(row[name]) for name in "ABC"} == {name: queues.get(name, 0) for name in "ABC"}
            audits, wrong, rate = facts.audits_decided(**window)
            assert (int(error["audits"]), int(error["errors found"])) == (audits, wrong)
            assert error["audited error"] == ("not measured" if rate is None else in_percent(rate))
            approved, false = automatic(demo, truth, **window)
            assert (int(error["auto-approvals"]), int(error["wrong in truth"])) == (approved, false)
            by_people = facts.one("SELECT count(*) FROM decisions WHERE kind NOT IN ('automatic', 'gold')"
                                  " AND decided_at >= :since AND decided_at < :until", **window)  # fmt: skip
            missed = facts.one("SELECT count(*) FROM escalations WHERE cause = 'sla_breach' AND opened_at >= :since"
                               " AND opened_at < :until", **window)  # fmt: skip
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
        " o.decision_id = d.id AND o.state <> 'withdrawn')", since=since, until=until,
    )  # fmt: skip
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
    ((every,),) = demo.ask("SELECT count(*) FROM decisions WHERE kind = 'automatic' AND decided_at < :until",
                           until=window["until"])  # fmt: skip
    assert approved == every
    ((people,),) = demo.ask("SELECT count(*) FROM decisions WHERE kind NOT IN ('automatic', 'gold')"
                            " AND decided_at < :until", until=window["until"])  # fmt: skip
    assert by_people == people
    with sqlite3.connect(demo.workspace.actions_path) as ledger:
        ((effects,),) = ledger.execute("SELECT count(*) FROM executed").fetchall()
    assert effects == facts.actions()["done"], "every effect is an action that is done, and the other way round"
