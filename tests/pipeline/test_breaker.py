"""The breaker's two rules at work: both are read and kept, the policy's pauses; the blind share warns beside them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from flows.quality_watch import quality_watch
from handrail.acts import alerting, claiming, deciding, pausing, publishing
from handrail.case import Outcome
from handrail.errors import Refused
from handrail.policy import BreakerRules, Policy
from handrail.ruling import Ruling
from handrail.store import schema
from tasks.occasion import Occasion
from tasks.views import operations
from tasks.watch import breaker_power
from tasks.watch.blind_share import read_blind_share
from tasks.watch.breaker import look, read_breaker
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop, letters

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEPT = ("breaker", "blind_share")


def ruled(shop: Shop, **breaker: object) -> Policy:
    """The shop under other rules of the breaker."""
    rules = shop.policy.breaker.model_copy(update=breaker)
    policy = shop.policy.model_copy(update={"breaker": rules})
    publishing.publish(shop.at().store, policy, actor=FOUNDER, now=LATER)
    return policy


def readings(shop: Shop, watch: str = "breaker", subject: str = "refund") -> list[dict[str, Any]]:
    return [row for row in shop.rows(schema.Reading, watch=watch) if row["subject"] == subject]


class TestRules:
    @pytest.mark.parametrize(("rule", "paused"), [("esr", ["refund"]), ("literal", [])])
    def test_the_policys_rule_pauses_and_both_are_kept(self, shop: Shop, rule: str, paused: list[str]) -> None:
        ruled(shop, rule=rule, min_reviewed=40, limit=0.05)
        shop.audited(shop.automatic(20), wrong=10)
        found = shop.run(quality_watch, LATER + HOUR)
        assert list(found.paused) == paused
        (reading,) = found.readings
        assert reading.alarm_at is not None
        assert reading.level > 1
        assert not reading.literal_tripped
        (kept,) = readings(shop)
        assert kept["verdict"] == ("alarm" if rule == "esr" else "underpowered")
        assert (kept["body"]["rule"], kept["body"]["counted"], kept["body"]["counted_rejected"]) == (rule, 20, 10)

    def test_a_healthy_category_goes_on_and_what_cannot_be_seen_is_said(self, shop: Shop) -> None:
        ruled(shop, rule="esr", limit=0.05)
        shop.audited(shop.automatic(10), wrong=0)
        (reading,) = shop.run(quality_watch, LATER + HOUR).readings
        assert not reading.tripped
        assert 0 < reading.level < 0.01
        assert any("cannot be relied on to see 5%" in sentence for sentence in reading.warnings)
        (kept,) = readings(shop)
        assert kept["verdict"] == "underpowered"

    def test_evidence_adds_up_over_looks_that_see_little_each(self, shop: Shop) -> None:
        ruled(shop, rule="esr", limit=0.05, window=timedelta(hours=2))
        ids = shop.automatic(24)
        for hour in range(6):
            shop.audited(ids[4 * hour : 4 * hour + 4], wrong=2, moment=LATER + 3 * hour * HOUR)
            found = shop.run(quality_watch, LATER + 3 * hour * HOUR + HOUR)
            if found.paused:
                break
        assert found.paused == ("refund",)
        assert found.readings[0].reviewed == 4, "the window holds the newest alone"
        assert hour > 1

    def test_a_decision_that_can_be_undone_trips_neither_rule_yet(self, shop: Shop) -> None:
        shop.audited(shop.automatic(10), wrong=10)
        undo = shop.policy.desk.undo_within
        early = shop.run(quality_watch, LATER + undo - timedelta(microseconds=1))
        assert (early.readings, early.paused) == ((), ())
        assert shop.run(quality_watch, LATER + undo).paused == ("refund",)

    def test_a_rule_that_only_watched_pauses_nothing_when_it_comes_into_force(self, shop: Shop) -> None:
        ruled(shop, rule="literal", min_reviewed=40, limit=0.05)
        ids = shop.automatic(40)
        shop.audited(ids[:20], wrong=10)
        (watched,) = shop.run(quality_watch, LATER + HOUR).readings
        assert watched.alarm_at is not None, "beside the rule in force it is read and shown"
        ruled(shop, rule="esr")
        assert shop.run(quality_watch, LATER + 2 * HOUR).paused == ()
        shop.audited(ids[20:22], wrong=1, moment=LATER + 3 * HOUR)
        (begun,) = shop.run(quality_watch, LATER + 4 * HOUR).readings
        assert (begun.counted, begun.alarm_at) == (2, None)
        shop.audited(ids[22:], wrong=12, moment=LATER + 5 * HOUR)
        assert shop.run(quality_watch, LATER + 6 * HOUR).paused == ("refund",)

    def test_a_category_paused_by_hand_gets_its_review_when_the_breaker_trips(self, shop: Shop) -> None:
        shop.audited(shop.automatic(10), wrong=10)
        known = {"policy": shop.policy, "actor": FOUNDER, "now": LATER}
        pausing.pause(shop.at().store, "refund", reason="odd", **known)
        assert shop.run(quality_watch, LATER + HOUR).paused == ("refund",)
        assert [row["kind"] for row in shop.rows(schema.Pause)] == ["operator", "breaker"]
        (review,) = shop.rows(schema.ModelReview)
        with pytest.raises(Refused, match=f"model review {review['id']} is still open"):
            pausing.resume(shop.at().store, "refund", reason="fine", **known)
        with shop.at().store.read() as connection:
            facts = alerting.survey(connection, policy=shop.policy, channels=(), now=LATER + HOUR)
        assert facts.breakers == {"refund": review["id"]}
        assert shop.run(quality_watch, LATER + 2 * HOUR).paused == (), "once is enough"

    def test_a_page_reads_without_counting(self, shop: Shop) -> None:
        shop.audited(shop.automatic(10), wrong=1)
        occasion = shop.at(LATER + HOUR)
        (before,) = read_breaker(occasion).readings
        assert (before.reviewed, before.counted) == (10, 0)
        look(occasion)
        (after,) = read_breaker(occasion).readings
        assert (after.reviewed, after.counted) == (10, 10)
        (view,) = (view for view in operations.categories(occasion) if view.name == "refund")
        assert view.reading == after


class TestKeeping:
    def test_a_reading_is_kept_when_something_is_new_or_a_day_has_passed(self, shop: Shop) -> None:
        ids = shop.automatic(20)
        shop.audited(ids[:10], wrong=0)
        for after, expected in ((1, 1), (2, 1), (24, 1), (25, 2)):
            shop.run(quality_watch, LATER + after * HOUR)
            assert len(readings(shop)) == expected, after
        shop.audited(ids[10:], wrong=0, moment=LATER + 26 * HOUR)
        shop.run(quality_watch, LATER + 27 * HOUR)
        assert len(readings(shop)) == 3

    def test_categories_without_audits_say_that_nobody_measures_them(self, shop: Shop) -> None:
        shop.run(quality_watch, LATER)
        for watch in KEPT:
            kept = shop.rows(schema.Reading, watch=watch)
            assert {row["subject"] for row in kept} == set(shop.policy.categories)
            assert {row["verdict"] for row in kept} == {"not_measured"}

    def test_the_simulation_is_not_run_again_where_an_earlier_look_has_kept_it(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.audited(shop.automatic(10), wrong=0)
        first = look(shop.at(LATER + HOUR))
        monkeypatch.setattr(breaker_power, "_simulated", None)
        assert look(shop.at(LATER + 2 * HOUR)).readings[0].reliability == first.readings[0].reliability


class TestEvidence:
    def test_a_pause_hands_cases_terms_groups_and_the_path_to_its_review(self, shop: Shop) -> None:
        ruled(shop, limit=0.05)
        cases = letters(40, only="refund")
        for case in cases:
            case["region"] = "east" if "since Monday" in case["text"] else "west"
        assert shop.deliver("odd.csv", cases)["queues"]["A"] == 40
        ids = [row["case_id"] for row in shop.rows(schema.Outbox)]
        odd = {row["case_id"] for row in shop.rows(schema.CaseInput) if "since Monday" in row["text"]}
        wrong = [case_id for case_id in ids if case_id in odd]
        shop.audited([*wrong, *(case_id for case_id in ids if case_id not in odd)], wrong=len(wrong))
        shop.run(quality_watch, LATER + HOUR)
        (review,) = shop.rows(schema.ModelReview)
        found = review["evidence"]
        assert set(found["cases"]) == set(wrong)
        assert {"since", "monday", "since monday"}.intersection(one["term"] for one in found["terms"])
        (east,) = (one for one in found["groups"] if one["group"] == "east")
        assert (east["rejected"], east["stands_out"]) == (len(wrong), True)
        assert found["path"][-1]["reviewed"] == len(ids)
        assert found["window"]["rejected"] == found["rejected"] == len(wrong)
        assert "money" not in json.dumps(found), "no case text"


class TestBlindShare:
    def blind(self, shop: Shop, name: str, count: int, *, wrong: int, days: int) -> None:
        """Complaints that people decide without seeing what the model says."""
        moment = LATER + days * DAY
        assert shop.deliver(name, letters(count, only="complaint"), moment)["queues"]["B"] >= count - 10
        with shop.at().store.write() as connection:
            for table in ("routes", "work_items"):
                connection.exec_driver_sql(f"UPDATE {table} SET suggestion_hidden = 1 WHERE category = 'complaint'")  # noqa: S608
        occasion = shop.at(moment)
        done = 0
        for right, part in ((False, wrong), (True, count - wrong)):
            done += decide(shop, occasion, part, right=right)
        assert done >= count - 10

    def test_a_rise_warns_and_pauses_nothing(self, shop: Shop) -> None:
        ruled(shop, window=timedelta(days=2))
        self.blind(shop, "before.csv", 40, wrong=2, days=0)
        self.blind(shop, "lately.csv", 24, wrong=14, days=5)
        found = shop.run(quality_watch, LATER + 5 * DAY + HOUR)
        assert found.paused == ()
        kept = readings(shop, "blind_share", "complaint")[-1]
        assert kept["verdict"] == "alarm"
        assert (kept["body"]["rejected"], kept["body"]["rejected_before"]) == (14, 2)

    def test_the_same_rate_is_quiet_and_few_decisions_are_too_few(self, shop: Shop) -> None:
        ruled(shop, window=timedelta(days=2))
        self.blind(shop, "before.csv", 40, wrong=20, days=0)
        self.blind(shop, "lately.csv", 9, wrong=5, days=5)
        (few,) = read_blind_share(shop.at(LATER + 5 * DAY + HOUR))
        assert (few.subject, few.verdict) == ("complaint", "underpowered")
        self.blind(shop, "more.csv", 20, wrong=10, days=5)
        (more,) = read_blind_share(shop.at(LATER + 5 * DAY + 2 * HOUR))
        assert more.verdict == "quiet"

    def test_what_is_seen_with_the_suggestion_does_not_count(self, shop: Shop) -> None:
        shop.deliver("seen.csv", letters(20, only="complaint"))
        shop.work(kinds=["review"], right=False)
        assert read_blind_share(shop.at(LATER + HOUR)) == []


def decide(shop: Shop, occasion: Occasion, count: int, *, right: bool) -> int:
    """Let one person decide so much of what waits."""
    known = {"policy": occasion.policy, "now": occasion.now}
    claims = claiming.claim(occasion.store, "rita", limit=count, kinds=["review"], **known) if count else []
    label = "complaint" if right else "tracking"
    rulings = [Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label) for claim in claims]
    return len(deciding.decide(occasion.store, rulings, "rita", **known)) if rulings else 0


def test_the_default_rule_is_the_one_with_a_guarantee() -> None:
    assert BreakerRules().rule == "esr"
