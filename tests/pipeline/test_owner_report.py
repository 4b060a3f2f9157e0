"""The report of a rehearsal answers its owner first, needs nothing else, and hides neither ranges nor gaps."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.kpi.estimate import MonthlyEstimate, estimate
from handrail.proportions import in_percent
from tasks.rehearsal import owner_report, worth
from tasks.rehearsal.comparison import beside, pays_more
from tasks.rehearsal.happening import Happening
from tasks.rehearsal.owner_report import answers, page, unmeasured
from tasks.rehearsal.plots import owner
from tasks.rehearsal.telling import KINDS, RehearsalStory, WatchedSubject, together
from tasks.rehearsal.watches import came_to
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
    ours, naive, settled, hindsight = beside(told, month).rows
    assert told.found.naive.share == 0.5
    assert naive[1].startswith("50.0% (")
    assert naive[2].startswith("0.00% (0.00% to ")
    hours = 0.5 * month.terms.cases_a_month * month.terms.minutes_manual / 60
    assert naive[3] == f"{hours:,.0f}"
    assert hindsight[1].startswith("100.0% (")
    assert all(re.search(r"\(.* to .*\)", cell) for cell in (*ours[1:], *settled[1:]))


def test_what_nobody_could_see_is_no_all_clear() -> None:
    said = " ".join(unmeasured(telling()))
    assert "Whether all was well where the watch “groups” looked" in said
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
    assert short.count("Rehearse at least 28 days") == 1


def test_the_launch_says_when_it_was_named_and_what_went_through() -> None:
    text = Page(page(telling())).text
    assert "A watch pointed out words of voucher on day 33." in text
    assert "0 of its cases went out automatically" in text
    assert "The launch" not in Page(page(telling(replace(rehearsed(), launch=None)))).text


def test_a_day_with_many_words_of_one_kind_is_one_entry() -> None:
    many = [Happening(21, "stage", f"c{at}: partial") for at in range(6)]
    (one,) = together([*many, many[0]])
    assert one == Happening(21, "stage", "c0: partial; c1: partial; c2: partial; c3: partial; and 2 more")
    assert [entry.lane for entry in together([Happening(3, "model", "v"), Happening(3, "certificate", "c")])] == [
        "certificate",
        "model",
    ]


def month_of(told: RehearsalStory) -> MonthlyEstimate:
    """The month that a told rehearsal comes to."""
    assert told.found.running is not None
    return estimate(told.found.running, worth.terms_of(told.found.running, told.policy))


def test_errors_after_a_launch_do_not_hide_behind_the_mean() -> None:
    told = telling(rehearsed(wrong=8, launched=7))
    around = told.found.around_launch
    assert around is not None
    assert around.day == 43
    assert (around.before and around.before.of, around.after and around.after.of) == (240, 160)
    said = " ".join(answers(told, month_of(told)))
    assert (
        "voucher, a new category that was launched then, first came on day 43. Before, 0.00% of 240 (0.00% to " in said
    )
    assert ", 10.00% of 160 (" in said
    assert "The later errors are more than your goal allows." in said
    assert "was launched then" not in " ".join(answers(telling(), month_of(telling())))


def test_money_left_stands_beside_the_naive_rule_and_the_better_one_is_named() -> None:
    told = telling(rehearsed(automated=40, wrong=2))
    month = month_of(told)
    ours, naive, *_ = beside(told, month).rows
    assert ours[6].startswith(f"{round(month.expected.net):,} (")
    # The naive rule automates half of the cases without an error, ours two fifths.
    worth_of_time = 0.5 * month.terms.cases_a_month * month.terms.minutes_manual * month.terms.minute
    assert naive[6].startswith(f"{round(worth_of_time):,} (")
    more = round(worth_of_time - month.expected.net)
    said = pays_more(told, month)
    assert said[0].startswith(f"The naive rule pays {more:,} EUR a month more than Handrail")
    assert said[1].startswith("What the difference buys:")
    assert "stops where the proof cannot be renewed" in said[1]
    assert len(said) == 2, "it makes fewer errors here, so that no price of an error turns it round"
    (better,) = pays_more(telling(), month_of(telling()))
    assert better.startswith("Handrail pays ")


def test_where_the_naive_rule_pays_more_the_price_of_an_error_that_turns_it_round_does() -> None:
    found = rehearsed(automated=40)
    found = replace(found, naive=replace(found.naive, error=0.1))
    told = telling(found)
    assert found.running is not None
    terms = replace(worth.terms_of(found.running, told.policy), error=1.0, error_costs={})
    said = " ".join(pays_more(told, estimate(found.running, terms)))
    price = float(re.search(r"from about (\d+) EUR an error on", said)[1])  # type: ignore[index]
    for cost, first in ((price - 1, "The naive rule pays"), (price + 1, "Handrail pays")):
        assert pays_more(told, estimate(found.running, replace(terms, error=cost)))[0].startswith(first)


def test_hindsight_stands_beside_our_own_figures_of_the_same_weeks() -> None:
    told = telling(rehearsed(wrong=8, launched=8))
    rows = {row[0]: row for row in beside(told, month_of(told)).rows}
    assert rows["Handrail (weeks 4 to 7)"][2].startswith("0.00% (")
    assert not rows["Handrail (weeks 4 on)"][2].startswith("0.00% (")
    short = telling(rehearsed(weeks=6))
    assert len(beside(short, month_of(short)).rows) == 3, "the same weeks once"


def test_a_watch_tells_of_events_and_not_of_looks() -> None:
    r4, quiet = WatchedSubject("reviewers", "r4", {"alarm": 44, "quiet": 3}, 42), {"quiet": 80}
    assert came_to("reviewers", [r4, WatchedSubject("reviewers", "everybody", quiet)]) == "Alarm: r4 (first on day 42)."
    few, none = (
        WatchedSubject("breaker", "a", {"underpowered": 65}),
        WatchedSubject("breaker", "b", {"not_measured": 20}),
    )
    assert came_to("breaker", [few, none]) == (
        "It never had enough to say anything of its 2 categories: that is no all-clear."
    )
    assert came_to("breaker", [few, WatchedSubject("breaker", "c", quiet)]) == (
        "No alarm. It had enough to judge 1 of 2 categories."
    )
    assert "44" not in Page(page(telling())).text


def test_a_break_even_that_is_met_in_any_case_says_so() -> None:
    rows = {row[0]: row[1:] for row in worth.rows(month_of(telling()))}
    assert rows[worth.PAYS_FROM] == ("any volume",) * 3
    assert rows[worth.PAID_BACK] == ("in the first weeks",) * 3
    assert rows["licences"] == ("no price given",) * 3
    text = Page(page(telling())).text
    assert "pays from cases a day" not in text
    assert "It pays at any number of cases: the policy has no fixed costs." in text
    assert "the first month pays it back" in text
    assert "it is the goal, not the money, that sets the limit" in text
    priced = Page(page(telling(policy=policy(licences_a_month=30.0)))).text
    assert re.search(r"It pays from \d+\.\d cases a day on", priced)


def test_a_certificate_that_ended_stands_in_the_answer_and_in_what_it_needs() -> None:
    text = Page(page(telling(uncertified_day=54, missing_answers=170, audit_minutes=0.5))).text
    first = text[: text.index("Who settled the cases")]
    assert "In short: switch on, but it will pause" in first
    assert "On day 54 the last certificate" in first
    assert "for want of at least 170 answers; from then on people decided everything again" in first
    assert "those without automation among them" in first
    needed = text[text.index("What it would need") :]
    assert "At least 170 more audits before day 54" in needed
    assert "about 85 minutes" in needed
    assert "Nothing more than what was rehearsed" not in needed
    assert "Switch on, but it will pause: on day 54" in needed
    unknown = Page(page(telling(uncertified_day=54))).text
    assert "renew a certificate in time" in unknown[unknown.index("What it would need") :]
    assert "In short: not yet" in Page(page(telling(rehearsed(wrong=20), uncertified_day=54))).text
    assert "the last certificate" not in Page(page(telling())).text


def test_the_words_of_the_product_are_plain_or_explained_and_the_order_of_a_day_is_said() -> None:
    assert not {"doubt", "gold", "settling differences"} & set(KINDS.values())
    text = Page(page(telling())).text
    assert "A certificate is the proof" in " ".join(text.split())
    assert "gold" not in text
    assert "the times of day are exchanged at random" in text
    assert "test cases, which have a known answer" in text


def test_what_is_lost_is_a_red_mark_that_points_down() -> None:
    ran_out = Happening(54, "certificate", "the certificate ran out", bad=True)
    blamed = Happening(12, "person", "the watch over people's work pointed out r4", bad=True)
    passed = Happening(20, "person", "r4 passed another test")
    drawn = owner.plot_time_line(telling(happenings=(ran_out, blamed, passed))).drawings[0]
    assert drawn.count('class="mark down"') == 2
    assert drawn.count('class="mark diamond"') == 1
    assert 'class="mark up"' not in drawn
    assert [one.bad for one in together([passed, replace(blamed, day=20)])] == [False, True]


def test_nothing_more_is_needed_only_where_every_watch_saw_and_the_launch_was_noticed() -> None:
    quiet = (WatchedSubject("breaker", "refund", {"quiet": 40}),)
    fine = telling(watched=quiet, stuck={})
    assert "Nothing more than what was rehearsed" in Page(page(fine)).text
    blind = Page(page(telling(stuck={}))).text
    assert "Nothing more than" not in blind
    assert "the watch “groups” never had enough" in blind[blind.index("What it would need") :]
    found = rehearsed(wrong=8, launched=7)
    assert found.launch is not None
    missed = telling(replace(found, launch=replace(found.launch, named_day=None)), watched=quiet, stuck={})
    text = Page(page(missed)).text
    assert "no watch noticed voucher, and 16 of its cases went out" in text[text.index("What it would need") :]


def test_the_owner_reads_words_and_not_settings() -> None:
    text = " ".join(Page(page(telling(waiting={"doubt": 1}))).text.split())
    assert "1 waited (1 for second looks where people and model differ)" in text
    assert "on average over all 56 days" in text
    for jargon in ("on the mean over", "blind share", "1 ×", "--people FILE"):
        assert jargon not in text
    assert not re.search(r"[0-9],?[0-9]*[.][0-9]{2} EUR a month", text), "money in whole units"


def test_without_a_policy_no_goal_and_no_price_is_called_yours() -> None:
    given = " ".join(Page(page(telling())).text.split())
    assert "No policy was given" not in given
    assert "a minute costs" in given
    assert "as your policy says" in given
    assert "The plot of people's minutes counts only" in given
    text = " ".join(Page(page(telling(policy_given=False))).text.split())
    assert "No policy was given: goal, minutes a case, price of a minute and of an error are the sample's." in text
    assert "your goal" not in text.lower()
    assert "your policy" not in text.lower()
    assert "the sample's, since no policy was given" in text


def test_what_all_categories_lack_is_told_once() -> None:
    lacking = ("no version serves", "no certificate")
    text = Page(page(telling(stuck={"refund": lacking, "invoice": lacking}))).text
    assert text.count("no version serves; no certificate") == 1
    assert "all categories" in text[text.index("Categories that people still decide") :]
