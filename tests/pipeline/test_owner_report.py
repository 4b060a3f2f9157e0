"""The report of a rehearsal answers its owner first, needs nothing else, and hides neither ranges nor gaps."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.kpi.estimate import estimate
from handrail.proportions import in_percent
from tasks.rehearsal import owner_report, worth
from tasks.rehearsal.owner_report import answers, page, unmeasured
from tasks.rehearsal.telling import Happening, together
from tests.pipeline.test_report import Page
from tests.rehearsed_weeks import HOSTILE, policy, rehearsed, telling


def test_the_page_is_whole_and_asks_nothing_of_the_network(tmp_path: Path) -> None:
    html = owner_report.write(telling(), tmp_path / "deep" / "report.html").read_text(encoding="utf-8")
    seen = Page(html)
    assert (seen.errors, seen.open, seen.references) == ([], [], [])
    assert "script" not in seen.tags
    assert len(seen.ids) == len(set(seen.ids))
    assert set(seen.labelled_by) <= set(seen.ids)
    assert "url(" not in html
    assert "@import" not in html
    assert HOSTILE not in html
    assert HOSTILE in seen.text


def test_the_first_sentences_say_whether_it_would_have_paid_and_been_safe() -> None:
    told = telling(rehearsed(wrong=1))
    running = told.found.running
    assert running is not None
    assert running.error is not None
    month = estimate(running, worth.terms_of(running, told.policy))
    share, error, money = answers(told, month)
    assert f"{in_percent(running.share.value)} ({running.share.low:.1%} to {running.share.high:.1%})" in share
    assert "from day 22 on" in share
    assert f"{running.error.low:.2%} to {running.error.high:.2%}" in error
    assert f"{running.error.of:,}" in error
    assert "That is safe by your goal" in error
    assert money.startswith("It would have paid")
    assert f"({month.conservative.net:,.0f} to {month.optimistic.net:,.0f})" in money
    # An error of either category has its own price; what went out as an invoice was a refund.
    assert month.expected.parts["errors"] == pytest.approx(month.expected.errors * 20)


@pytest.mark.parametrize(("wrong", "words"), [(0, "That is safe"), (2, "cannot be said yet"), (20, "is not safe")])
def test_safe_is_said_by_the_range_and_not_by_its_middle(wrong: int, words: str) -> None:
    told = telling(rehearsed(wrong=wrong))
    assert told.found.running is not None
    month = estimate(told.found.running, worth.terms_of(told.found.running, told.policy))
    assert words in answers(told, month)[1]


def test_the_recommendation_ends_the_page_with_its_rules() -> None:
    text = Page(page(telling())).text
    end = text[text.rindex("Recommendation") :]
    assert "Switch on: safe: 0.0% wrong" in end
    assert text.index("In short: switch on") < text.index("Who settled the cases")
    bad = Page(page(telling(rehearsed(wrong=20)))).text
    assert "In short: not yet" in bad
    assert "Not yet, because at least" in bad[bad.rindex("Recommendation") :]
    assert "certificate.max_error" in bad[bad.index("What it would need") :]


def test_every_rule_stands_beside_ours_with_its_count_and_range() -> None:
    told = telling(rehearsed(wrong=1))
    assert told.found.running is not None
    month = estimate(told.found.running, worth.terms_of(told.found.running, told.policy))
    ours, naive, hindsight = owner_report.beside(told, month).rows
    assert told.found.naive.share == 0.5
    assert naive[1].startswith("50.0% (")
    assert naive[2].startswith("0.00% (0.00% to ")
    hours = 0.5 * month.terms.cases_a_month * month.terms.minutes_manual / 60
    assert naive[3] == f"{hours:,.0f}"
    assert hindsight[1].startswith("100.0% (")
    assert all(re.search(r"\(.* to .*\)", cell) for cell in ours[1:])


def test_what_nobody_could_see_is_no_all_clear() -> None:
    said = " ".join(unmeasured(telling()))
    assert "What these watches look for: fairness." in said
    assert "Week 4: no automatic case was audited" in said
    assert "the steward's time, licences, trainings cost: the policy has no figure" in said
    priced = policy(steward_minutes_a_week=60.0, licences_a_month=30.0, retraining=5.0)
    assert "the policy has no figure" not in " ".join(unmeasured(telling(policy=priced)))
    idle = telling(replace(rehearsed(automated=0), first_certificate_day=None))
    assert "A certificate was never earned" in " ".join(unmeasured(idle))


def test_without_an_automatic_case_or_an_ordinary_week_it_says_so() -> None:
    idle = Page(page(telling(rehearsed(automated=0)))).text
    assert "people would have decided everything" in idle
    assert "is not measured" in idle
    assert "In short: not yet" in idle
    short = Page(page(telling(rehearsed(weeks=2)))).text
    assert "Too few days were rehearsed" in short
    assert "Rehearse at least 28 days" in short


def test_the_launch_says_when_it_was_named_and_what_went_through() -> None:
    text = Page(page(telling())).text
    assert "A watch named voucher on day 33." in text
    assert "0 of its cases went out automatically" in text
    assert "The launch" not in Page(page(telling(replace(rehearsed(), launch=None)))).text


def test_a_day_with_many_words_of_one_kind_is_one_entry() -> None:
    many = [Happening(21, "stage", f"c{at}: partial") for at in range(6)]
    (one,) = together([*many, many[0]])
    assert one == Happening(21, "stage", "c0: partial; c1: partial; c2: partial; c3: partial; and 2 more")
    assert [entry.lane for entry in together([Happening(3, "version", "v"), Happening(3, "certificate", "c")])] == [
        "certificate",
        "version",
    ]
