"""A workspace as its faces show it, each figure held beside plain SQL."""

import html
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handrail.proportions import in_percent
from handrail.workspace import Workspace
from tests.desks import client_of
from tests.plain_sql import STANDS, Ask, Facts, Prices, last
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
        known["approvals"],
        known["audited"],
        known["wrong"],
    )
    assert found["rate"] == (None if known["rate"] is None else pytest.approx(known["rate"]))
    said = faces.said("status")
    assert f"({automatic:,} of {cases:,} routed cases)" in said or not cases
    if known["audited"]:
        assert f"{known['wrong']:,} of {known['audited']:,} audited approvals of 28 days were wrong" in said
        assert f"how they were drawn: {in_percent(known['rate'])} (" in said
    assert f"escalated {status['escalations']} open" in said


def check_kpis(faces: Faces, days: int) -> None:
    facts = faces.facts()
    figures = {
        row["name"]: row
        for row in faces.command(
            "report", "kpi", "--days", str(days), "--by", "week", "--by", "category", "--by", "channel"
        )
    }
    known = facts.kpis(**last(days, faces.at))
    assert {name: (row["value"], row["cases"]) for name, row in figures.items()} == {
        name: (None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9), cases)
        for name, (value, cases) in known.items()
    }
    by_hand, measured = facts.by_hand()
    assert (figures["time saved per case"]["before"], figures["time saved per case"]["before_cases"]) == (
        pytest.approx(by_hand),
        measured,
    )
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
        label, (routed, automatic) = (
            f"{until - 7 * DAY:%Y-%m-%d}",
            Facts(faces.ask, until - timedelta(microseconds=1), facts.prices).routed(min(7, days - 7 * back)),
        )
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
    check_blind_share(faces, page)
    check_fairness(faces, page)
    check_drift(faces, page)


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
            f"{mine['approvals']:,}",
            f"{mine['audited']:,}",
            f"{mine['wrong']:,}",
            percent(mine["rate"]),
        )
        assert (row["Error"] == "0.0%") == (row["Wrong"] == "0" and row["Audited"] != "0")
    assert sum(int(row["Audited"].replace(",", "")) for name, row in rows.items() if name != "all") == known["audited"]


def check_breaker(faces: Faces, page: str) -> None:
    """What each rule has counted: the sequential one since it began, both only what can no longer be undone."""
    for row in table_of(page, "Category", section="breaker"):
        category = row["Category"].replace(" ", "_")
        ((body, at),) = faces.ask(
            "SELECT body, at FROM readings WHERE id = (SELECT max(id) FROM readings WHERE watch = 'breaker'"
            " AND subject = :category)",
            category=category,
        )
        figures = json.loads(body) if isinstance(body, str) else body
        since = moment(figures["since"]) if figures["since"] else moment(at)
        stands = moment(at) - timedelta(seconds=10) + timedelta(microseconds=1)
        facts, mine = faces.facts(), {"where": " AND r.category = :name", "name": category}
        assert (int(row["Audited"]), int(row["Rejected"])) == facts.random_audits(since, stands, **mine)
        window = moment(at) + timedelta(microseconds=1) - breaker_time(faces, "window")
        audits, wrong = facts.random_audits(window, stands, **mine)
        assert row["In the window"] == f"{wrong} of {audits}"


def breaker_time(faces: Faces, name: str) -> timedelta:
    """A length of time of the policy's breaker."""
    import pandas as pd

    body = json.loads(faces.ask("SELECT body FROM policies ORDER BY id DESC LIMIT 1")[0][0])
    return pd.Timedelta(body["breaker"][name]).to_pytimedelta()


def check_blind_share(faces: Faces, page: str) -> None:
    """Decisions on queue B without the suggestion: the window of the newest reading, and the horizon before it."""
    for row in table_of(page, "Category", section="blind-share") if "blind-share" in page else []:
        category = row["Category"].replace(" ", "_")
        ((since, until),) = faces.ask(
            "SELECT window_from, window_to FROM readings WHERE id = (SELECT max(id) FROM readings"
            " WHERE watch = 'blind_share' AND subject = :category)",
            category=category,
        )
        lately = moment(since), moment(until)
        for column, (begin, end) in {
            "Lately": lately,
            "Before": (lately[0] - breaker_time(faces, "horizon"), lately[0]),
        }.items():
            ((reviewed, rejected),) = faces.ask(
                "SELECT count(*), coalesce(sum(CASE WHEN d.outcome <> 'approve' THEN 1 ELSE 0 END), 0) FROM decisions d"
                " JOIN routes r ON r.case_id = d.case_id WHERE d.kind = 'review' AND d.blind AND r.queue = 'B'"
                " AND r.category = :category AND d.decided_at >= :since AND d.decided_at < :until",
                category=category,
                since=begin,
                until=end,
            )
            assert row[column] == f"{rejected} of {reviewed}"


COUNTED = {
    "approval": "d.kind NOT IN ('automatic', 'gold') AND d.proposed IS NOT NULL",
    "override": "d.kind NOT IN ('automatic', 'gold') AND d.proposed IS NOT NULL",
    "error": "d.kind = 'audit' AND EXISTS (SELECT 1 FROM audit_draws a WHERE a.case_id = d.case_id AND a.random)",
    "waiting hours": f"d.kind IN ('automatic', 'review') AND {STANDS.format('d')}",
}
"""What each comparison of groups rests on."""
HITS = {"approval": "d.outcome = 'approve'", "override": "d.outcome = 'override'", "error": "d.outcome <> 'approve'"}


def check_fairness(faces: Faces, page: str) -> None:
    at = read_at(faces, "fairness")
    for row in table_of(page, "Group", section="fairness"):
        grouping, group = row["Group"].split(": ", 1)
        hits = HITS.get(row["What"], "1 = 0")
        ((rows, cases, hit),) = faces.ask(
            f"SELECT count(*), count(DISTINCT d.case_id), sum(CASE WHEN {hits} THEN 1 ELSE 0 END) FROM decisions d"  # noqa: S608
            " JOIN cases c ON c.id = d.case_id JOIN routes r ON r.case_id = d.case_id WHERE d.decided_at >= :since"
            f" AND d.decided_at < :until AND {COUNTED[row['What']]}"
            f" AND c.fields->>'{grouping.replace(' ', '_')}' = :name",
            name=group,
            **last(28, at),
        )
        is_wait = row["What"] == "waiting hours"
        assert row["Counted"] == f"{cases if is_wait else rows:,}"
        if not is_wait and rows:
            assert row["Figure"] == in_percent(round(hit / rows, 4))


def check_drift(faces: Faces, page: str) -> None:
    at = read_at(faces, "drift")
    ((since, until),) = faces.ask(
        "SELECT window_from, window_to FROM readings WHERE watch = 'drift' AND subject = 'all' AND at = :at", at=at
    )
    ((cases,),) = faces.ask(
        "SELECT count(*) FROM cases c JOIN case_inputs i ON i.case_id = c.id WHERE NOT c.history AND c.consent"
        " AND i.redacted IS NOT NULL AND c.received_at >= :since AND c.received_at < :until",
        since=moment(since),
        until=moment(until),
    )
    assert f"{cases:,} cases " in text_of(page[page.index('id="drift"') :])


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
    assert f"{len(people)} looked at, {len(alarmed)} named by random rechecks or gold cases." in text_of(page)
    reviewers = faces.page("/reviewers")
    named = {row["Reviewer"].removesuffix(" decides no more") for row in table_of(reviewers, "Reviewer")}
    assert set(people) <= named
    ((items, ratings),) = faces.ask(
        "SELECT count(*), sum(people) FROM (SELECT case_id, count(DISTINCT actor) AS people FROM decisions WHERE blind"
        " AND kind IN ('review', 'audit', 'second', 'recheck') AND decided_at >= :since AND decided_at < :until"
        " AND (label IS NOT NULL OR (outcome = 'deny' AND reason_code NOT IN ('policy', 'legal')))"
        " AND case_id IN (SELECT case_id FROM rechecks)"
        " GROUP BY case_id HAVING count(DISTINCT actor) > 1) AS twice",
        since=at - 28 * DAY,
        until=at + timedelta(microseconds=1),
    )
    if items:
        rows = table_of(page, "Category", section="agreement")
        (whole,) = [row for row in rows if row["Category"] == "all"]
        assert (whole["Cases"], whole["Opinions"]) == (f"{items:,}", f"{int(ratings):,}")
