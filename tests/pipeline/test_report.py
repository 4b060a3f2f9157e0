"""The report of a time-lapse is one page that needs nothing else, shows every week, and hides no figure."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail.estimates import Estimate, clopper_pearson
from handrail.sample import EVENTS
from tasks import findings
from tasks.plots import weekly
from tasks.plots.certificates import certificate_table
from tasks.report import page, write
from tasks.shortfalls import shortfalls
from tasks.story import Planted, Story, Week

START = datetime(2026, 1, 5, tzinfo=UTC)
HOSTILE = "<script>alert('&')</script>"
VOID = {"meta", "link", "br", "img", "hr", "input"}
WEEKS = 24


class Page(HTMLParser):
    """Balanced tags, what is asked of elsewhere, and the words of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.errors: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.labelled_by: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        known = dict(attrs)
        self.references += [str(known[name]) for name in ("src", "href", "srcset", "action") if name in known]
        self.ids += [str(known["id"])] if "id" in known else []
        self.labelled_by += str(known.get("aria-labelledby", "")).split()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.errors.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def kpi(name: str, value: float | None, unit: str) -> dict[str, Any]:
    measured = 0.0 if value is None else value
    written = f"{measured:.1%}" if unit == "share" else f"{measured:,.2f} {unit}"
    return {
        "name": name, "value": value, "unit": unit, "cases": 1600 if value is not None else 0,
        "formula": f"how {name} is reckoned", "shown": "not measured" if value is None else written,
    }  # fmt: skip


def gap_rows(number: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for grouping, names in {"region": ["city", "coast", "hills", "plains"], "tier": ["basic", "plus"]}.items():
        for name in names:
            biased = name == "coast" and number >= 21
            gap = float(rng.normal(-0.07 if biased else 0.0, 0.008))
            rate = 0.88 + gap
            verdict = "gap" if biased else "underpowered" if name == "hills" else "no gap shown"
            rows.append({
                "grouping": grouping, "group": name, "cases": 900, "rate": round(rate, 4), "gap": round(gap, 4),
                "low": round(rate - 0.02, 4), "high": round(rate + 0.02, 4), "verdict": verdict,
            })  # fmt: skip
    return rows


def agreement_rows(number: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    if number == 1:
        return []
    served = "1" if number < 8 else "3" if number < 16 else "4"
    waiting = {6: "3", 7: "3", 12: "2", 14: "4", 15: "4", 22: "5"}.get(number)
    found = [(served, "champion")] + ([(waiting, "challenger")] if waiting else [])
    return [
        {
            "model": version, "role": role, "compared": 1200, "blind": 160,
            "agreed": float(0.88 + int(version) / 100 + rng.normal(0, 0.005)),
            "blind_agreed": None if number == 5 else float(0.84 + int(version) / 100 + rng.normal(0, 0.012)),
        }
        for version, role in found
    ]  # fmt: skip


def week(number: int, rng: np.random.Generator) -> Week:
    cases = int(rng.integers(1500, 1750))
    share = 0.0 if number < 4 else min(0.55, 0.12 + 0.025 * number)
    automatic = int(cases * share)
    quick = 0 if number < 3 else int((cases - automatic) * 0.65)
    wrong = int(rng.binomial(automatic, 0.05 if number == 16 else 0.012)) if automatic else 0
    audits = int(automatic * 0.06)
    found = (
        clopper_pearson(int(rng.binomial(audits, wrong / automatic)), audits)
        if audits
        else Estimate(0, 0, 1, 0, 0, "no sample")
    )
    return Week(
        number=number, cases=cases, queues={"A": automatic, "B": quick, "C": cases - automatic - quick},
        reasons={"stage_shadow": cases - automatic - quick, "confident": automatic, "review band": quick},
        audited=None if number in {1, 9} else found, automatic=automatic, wrong_automatic=wrong,
        reviewed=cases - automatic,
        breaches=int(number % 5 == 0) * 7, quarantined=3, gaps=gap_rows(number, rng) if number >= 3 else [],
        agreement=agreement_rows(number, rng),
        kpis=[
            kpi("time saved per case", None if number == 1 else 0.4 + 0.11 * number, "minutes"),
            kpi("automation share", share, "share"),
            kpi("mean time to resolution", 14.0 - 0.4 * number, "hours"),
            kpi("cost per case", None if number == 1 else 4.4 - 0.07 * number, "EUR"),
            kpi("CSAT", None, "of 5"),
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def story() -> Story:
    """Twenty-four weeks as the sample business might go, with one hostile category name."""
    rng = np.random.default_rng(7)
    weeks = [week(number, rng) for number in range(1, WEEKS + 1)]
    for number, term in ((8, "ThermoBlend 3"), (16, "parcel locker"), (18, "summer sale")):
        weeks[number - 1].drift = {
            "drifted": True,
            "columns": ["text_length"],
            "terms": [term, "pls", "asap"],
            "cases": 1600,
        }
        weeks[number - 1].retrained = [{"version": str(number // 4), "cause": "drift"}]
    weeks[2].stages = ["9 categories → suggest"]
    weeks[3].stages = ["9 categories → partial"]
    weeks[15].paused = [HOSTILE, "delivery_status"]
    weeks[16].resumed = ["delivery_status"]
    weeks[7].judged = [
        {"outcome": "promoted", "version": "3", "reasons": [], "gain": 0.21, "low": 0.05, "high": 0.37, "cases": 412}
    ]
    weeks[12].judged = [{
        "outcome": "refused", "version": "2", "gain": 0.01, "low": -0.08, "high": 0.1, "cases": 220,
        "reasons": ["the gain is not certain enough: at 95% confidence it may be as low as -0.080 EUR per case"],
    }]  # fmt: skip
    weeks[15].judged = [
        {"outcome": "promoted", "version": "4", "reasons": [], "gain": 0.4, "low": 0.1, "high": 0.7, "cases": 512}
    ]
    weeks[20].judged = [{"outcome": "waiting", "version": "5", "reasons": ["31 more fresh withheld labels are needed"]}]
    weeks[21].rolled_back = "3"
    statuses = ("retired", "refused", "champion", "rolled_back", "challenger")
    return Story(
        seed=7, start="2026-01-05", weeks=weeks,
        planted=[
            Planted(event.week, event.name, None if event.name == "typos_slang" else event.week) for event in EVENTS
        ],
        versions=[
            {
                "version": str(number), "status": status, "cause": "by_hand" if number == 1 else "drift",
                "labels": 1494 + 900 * number,
                "metrics": {"accuracy": 0.86 + number / 100, "ece": 0.06 - number / 200} if number != 5 else {},
            }
            for number, status in enumerate(statuses, start=1)
        ],
        reviews=[
            {
                "id": 1, "category": HOSTILE,
                "evidence": {"reviewed": 41, "rejected": 3, "rate": 3 / 41, "tripped": True},
                "opened_at": pd.Timestamp(START + timedelta(weeks=15, days=2)),
                "closed_at": pd.NaT, "closed_by": None, "conclusion": None,
            },
            {
                "id": 2, "category": "delivery_status", "evidence": {"cause": "reported"},
                "opened_at": pd.Timestamp(START + timedelta(weeks=15, days=3)),
                "closed_at": pd.Timestamp(START + timedelta(weeks=16)),
                "closed_by": "stella", "conclusion": "errors looked at",
            },
        ],
        certificates=[
            {
                "certificate": name, "threshold": threshold, "labels": labels, "errors": errors, "max_error": 0.02,
                "delta": 0.05, "until": threshold and START + timedelta(weeks=30), "needed": needed, "note": note,
            }
            for name, threshold, labels, errors, needed, note in (
                ("overall", 0.971, 1204, 11, 0, "certified, guarantees no single category"),
                (HOSTILE, None, 60, None, 123, "not certifiable yet: 123 more blind labels are needed"),
            )
        ],
        audited=clopper_pearson(9, 612), automatic=9876, wrong_automatic=137, trail_events=181_234, trail_valid=True,
        effects=38_111, states={"done": 39_000, "decided": 42}, flow_runs=318, seconds=412.4,
    )  # fmt: skip


@pytest.fixture(scope="module")
def html(story: Story) -> str:
    return page(story, breaker_limit=0.05)


def test_the_page_is_written_where_asked_and_in_folders_that_were_not_there(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "reports" / "time-lapse.html"
    assert write(story, file) == file
    assert file.read_text(encoding="utf-8") == page(story)


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script(html: str) -> None:
    found = Page(html)
    assert [reference for reference in found.references if not reference.startswith("#")] == []
    assert not {"script", "iframe", "object", "link"} & set(found.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert not re.search(r"\son\w+=", html)


def test_the_page_stays_small(html: str) -> None:
    assert len(html.encode()) < 600_000


@pytest.mark.parametrize("weeks", [0, 1, WEEKS])
def test_every_tag_is_closed_in_its_turn_and_every_picture_has_its_name(story: Story, weeks: int) -> None:
    found = Page(page(Story(story.seed, story.start, weeks=story.weeks[:weeks], reviews=story.reviews)))
    assert found.errors == []
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert set(found.labelled_by) <= set(found.ids)


def test_names_from_outside_are_escaped_wherever_they_stand(html: str) -> None:
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(") >= 5  # pauses, reviews, week's notes, mark in both drawings, its table


def test_every_week_stands_in_the_table_of_weeks_with_its_own_figures(story: Story) -> None:
    table = findings.week_table(story)
    assert [row[0] for row in table.rows] == [str(number) for number in range(1, WEEKS + 1)]
    for row, known in zip(table.rows, story.weeks, strict=True):
        assert row[1:5] == (str(known.cases), *(str(known.queues[name]) for name in "ABC"))
        assert row[5] == f"{known.automation_share:.0%}"
        assert row[-1] == "; ".join(known.notes())


def test_what_the_table_holds_is_on_the_page(story: Story, html: str) -> None:
    text = Page(html).text
    for row in findings.week_table(story).rows:
        assert " ".join(row[:6]) in text
        assert re.sub(r"\s+", " ", row[-1]) in text


def test_reasons_are_summed_over_the_weeks_and_the_most_frequent_stands_first() -> None:
    weeks = [Week(1, reasons={"auto": 1, "no_text": 2, "novel": 0}), Week(2, reasons={"auto": 5})]
    rows = findings.reason_table(Story(7, "2026-01-05", weeks=weeks)).rows
    assert rows == [("auto", "6", "75.0%"), ("no text", "2", "25.0%")]


def test_a_week_without_audits_says_so_and_is_no_zero(story: Story) -> None:
    rows = {row[0]: row for row in findings.week_table(story).rows}
    assert rows["9"][6] == "not measured"
    assert rows["1"][6:8] == ("not measured", "–")  # no estimate at all
    assert rows["3"][6:8] == ("not measured", "–")  # an estimate from no audit
    measured = story.weeks[9].audited
    assert measured is not None
    between = f"[{measured.low:.1%}–{measured.high:.1%}]"
    assert rows["10"][6] == f"{measured.rate:.1%} {between}, {measured.errors} of {measured.n} audits"


def test_the_cards_hold_the_closing_figures_beside_the_truth(html: str) -> None:
    text = Page(html).text
    assert f"{9 / 612:.2%}" in text
    assert "9 of 612 audits found one" in text
    assert f"truth: {137 / 9876:.2%}, 137 of 9,876 auto-approvals, inside the interval" in text
    for figure in ("318", "181,234 events verified", "38,111 effects", "2 1 refused; 5 versions in all"):
        assert figure in text


def test_a_broken_trail_is_said_in_the_card_and_among_the_shortfalls(story: Story) -> None:
    text = Page(page(Story(1, "2026-01-05", trail_valid=False, trail_events=3))).text
    assert "BROKEN" in text
    assert "The audit trail does not verify." in text
    assert "BROKEN" not in Page(page(story)).text


def test_each_planted_event_says_whether_it_was_found(story: Story) -> None:
    found = {row[1]: (row[3], row[4]) for row in findings.planted_table(story).rows}
    assert found["new product"] == ("drift found in its week", "text_length, “ThermoBlend 3”, “pls”, “asap”")
    assert found["typos slang"][0] == "NOT found in its week"
    assert found["new category"][0].startswith("not asked of a watch")
    assert found["label bias"] == ("gap shown in weeks 21, 22, 23, 24", "region coast")


@pytest.mark.parametrize(("shown_in", "is_found"), [(19, False), (20, True), (24, True), (None, False)])
def test_the_label_bias_is_found_by_a_gap_in_its_week_or_later(shown_in: int | None, is_found: bool) -> None:
    gap = {"grouping": "region", "group": "coast", "verdict": "gap"}
    weeks = [Week(number, gaps=[gap] if number == shown_in else []) for number in range(1, 25)]
    event = Planted(20, "label_bias", 20)
    assert findings.is_found(event, Story(7, "2026-01-05", weeks=weeks, planted=[event])) is is_found


def test_a_refused_version_says_why(story: Story) -> None:
    said = {row[0]: row[-1] for row in findings.version_table(story).rows}
    assert said["v2"].startswith(
        "refused in week 13; gain 0.010 a case on 220 withheld cases; the gain is not certain enough"
    )
    assert said["v3"].startswith("promoted in week 8")
    assert said["v5"] == "waiting in week 21; 31 more fresh withheld labels are needed"
    assert said["v1"] == "not judged"


def test_certificates_say_what_holds_until_when_and_what_is_missing(story: Story, html: str) -> None:
    overall, missing = certificate_table(story).rows
    assert overall[:5] == ("overall", "0.971", "1,204", "11", f"{START + timedelta(weeks=30):%Y-%m-%d}")
    assert overall[5] == "at most 2.0% wrong with 95.0% certainty; certified, guarantees no single category"
    assert missing == (HOSTILE, "–", "60", "–", "–", "not certifiable yet: 123 more blind labels are needed")
    assert "guarantees no single category" in Page(html).text


def test_pauses_say_when_the_category_came_back_and_reviews_on_what_evidence(story: Story) -> None:
    assert findings.pause_table(story).rows == [(HOSTILE, "16", "not yet"), ("delivery_status", "16", "17")]
    first, second = findings.review_table(story).rows
    assert first[2:] == ("3 of 41 audited approvals rejected (7.3%)", "not yet", "", "")
    assert second[2:] == ("cause reported", "2026-04-27", "stella", "errors looked at")


def test_a_pause_of_everything_is_called_so() -> None:
    weeks = [Week(1, paused=[float("nan")])]  # type: ignore[list-item] - how a database's null arrives
    assert findings.pause_table(Story(7, "2026-01-05", weeks=weeks)).rows == [("everything", "1", "not yet")]


def test_shortfalls_name_what_went_wrong_and_leave_out_what_did_not(story: Story) -> None:
    said = "\n".join(shortfalls(story, 0.05))
    assert "none was audited, so the error is not measured: week 9." in said
    assert "Nothing was auto-approved, so there was no error to measure: weeks 1, 2, 3." in said
    assert "Planted and not found: typos slang (week 12)." in said
    assert "Drift was reported without a planted event: week 18." in said
    assert f"Still paused at the end: {HOSTILE}." in said
    assert "Too few cases to find a gap that matters in 1 of 6 groups: region hills." in said
    assert "Model reviews still open at the end: 1." in said
    assert "Cases not settled at the end: 42." in said
    assert "KPIs that were never measured: CSAT." in said
    assert "does not verify" not in said


@pytest.mark.parametrize(("wrong", "is_named"), [(4, False), (5, True), (6, True)])
def test_an_error_at_the_breakers_limit_without_a_pause_is_a_shortfall(wrong: int, is_named: bool) -> None:
    weeks = [Week(1, automatic=100, wrong_automatic=wrong)]
    said = shortfalls(Story(7, "2026-01-05", weeks=weeks, trail_valid=True), 0.05)
    assert any("nothing was paused: week 1." in sentence for sentence in said) is is_named


@pytest.mark.parametrize(("low", "high", "is_missed"), [(0.05, 0.2, False), (0.06, 0.2, True), (0.0, 0.04, True)])
def test_an_interval_that_misses_the_truth_is_a_shortfall(low: float, high: float, is_missed: bool) -> None:
    weeks = [Week(1, automatic=100, wrong_automatic=5, audited=Estimate(0.1, low, high, 50, 5, "test"))]
    said = shortfalls(Story(7, "2026-01-05", weeks=weeks, trail_valid=True), None)
    assert any("missed the truth: week 1." in sentence for sentence in said) is is_missed


def test_the_breakers_limit_is_drawn_where_it_is_known(story: Story, html: str) -> None:
    assert Page(html).text.count("breaker's limit 5%") == 2
    assert "breaker's limit" not in page(story)


def test_an_empty_story_gives_a_page_that_says_what_is_missing() -> None:
    text = Page(page(Story(3, "2026-01-05"))).text
    assert "Time-lapse: 0 weeks" in text
    assert text.count("Not measured: there is nothing to draw.") == 9
    for words in ("There was no week.", "No version was trained.", "Nothing was paused.", "no case was routed"):
        assert words in text


def test_the_last_weeks_kpis_stand_beside_the_time_in_shadow() -> None:
    before = {"before": 2.5, "before_cases": 3200, "low": 0.25, "high": 0.75}
    story = Story(7, "2026-01-05", weeks=[Week(1, kpis=[kpi("cost per case", 4.0, "EUR") | before]), Week(2)])
    (row,) = weekly.before_after(story).rows
    assert row[:6] == ("cost per case", "4.00 EUR", "0.25 to 0.75", "1,600", "2.50 EUR", "3,200")
    assert not weekly.before_after(Story(7, "2026-01-05", weeks=[Week(1)])).rows
