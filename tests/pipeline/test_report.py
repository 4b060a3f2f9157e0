"""The report of the rehearsal is one page that needs nothing else, shows every week, and hides no figure."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from handrail.estimates import Estimate
from handrail.fairness import GapVerdict
from tasks.rehearsal import findings
from tasks.rehearsal.plots import weekly
from tasks.rehearsal.plots.certificates import certificate_table
from tasks.rehearsal.report import page, write
from tasks.rehearsal.shortfalls import shortfalls
from tasks.rehearsal.story import Gap, Planted, Story, Week
from tests.told_weeks import HOSTILE, START, WEEKS, kpi, twenty_four_weeks

VOID = {"meta", "link", "br", "img", "hr", "input"}


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


@pytest.fixture(scope="module")
def story() -> Story:
    return twenty_four_weeks()


@pytest.fixture(scope="module")
def html(story: Story) -> str:
    return page(story, breaker_limit=0.05)


def test_the_page_is_written_where_asked_and_in_folders_that_were_not_there(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "reports" / "rehearsal.html"
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
    gap = Gap("region", "coast", 900, rate=0.81, low=0.79, high=0.83, gap=-0.07, verdict=GapVerdict.GAP)
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
    assert first[2:] == ("3 of 41 audits drawn at random were rejected", "not yet", "", "")
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
    assert "Rehearsal: 0 weeks" in text
    assert text.count("Not measured: there is nothing to draw.") == 9
    for words in ("There was no week.", "No version was trained.", "Nothing was paused.", "no case was routed"):
        assert words in text


def test_the_last_weeks_kpis_stand_beside_the_time_in_shadow() -> None:
    cost = kpi("cost per case", 4.0, "EUR", before=2.5, before_cases=3200, low=0.25, high=0.75)
    story = Story(7, "2026-01-05", weeks=[Week(1, kpis=(cost,)), Week(2)])
    (row,) = weekly.before_after(story).rows
    assert row[:6] == ("cost per case", "4.00 EUR", "0.25 to 0.75", "1,600", "2.50 EUR", "3,200")
    assert not weekly.before_after(Story(7, "2026-01-05", weeks=[Week(1)])).rows
