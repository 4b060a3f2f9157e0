"""The watches: missed SLAs, audits, the breaker and drift."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.audit_sampling import audit_sampling
from flows.drift_detection import drift_detection
from flows.quality_watch import QualityLook, quality_watch
from flows.sla_watch import sla_watch
from handrail import sampling
from handrail.acts import certifying, drifting, pausing, reading
from handrail.alpha_spending import Look, Terms
from handrail.certification import Certification
from handrail.drift.verdict import DriftVerdict
from handrail.errors import Refused
from handrail.reading import Reading, Verdict
from handrail.store import audits as stored_audits
from handrail.store import certificates, drifts, heartbeats, models, readings, schema, trail
from tasks.watch import audit, audit_reading, audit_repeat, drift
from tasks.watch.breaker import pause_tripped, read_breaker
from tests.scenes import FOUNDER
from tests.shop import LATER, NOW, Shop, letters

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def beats(shop: Shop) -> dict[str, datetime]:
    with shop.at().store.read() as connection:
        return heartbeats.watches(connection)


class TestSlaWatch:
    def test_a_missed_due_time_escalates_once_and_the_watch_reports_itself(self, shop: Shop) -> None:
        queues = shop.deliver("live.csv", letters(8))["queues"]
        assert shop.run(sla_watch, LATER) == {"breached": 0}
        late = LATER + 30 * DAY
        assert shop.run(sla_watch, late) == {"breached": queues["B"] + queues["C"]}
        assert shop.run(sla_watch, late) == {"breached": 0}
        assert {row["cause"] for row in shop.rows(schema.Escalation)} == {"sla_breach"}
        assert beats(shop) == {"sla_watch": late}


class TestAuditSampling:
    def test_every_approval_is_looked_at_once_with_its_chance(self, shop: Shop) -> None:
        ids = shop.automatic(60)
        counts = shop.run(audit_sampling, LATER)
        draws = shop.rows(schema.AuditDraw)
        assert counts == {"looked_at": 60, "drawn": sum(row["drawn"] for row in draws)}
        assert [row["case_id"] for row in draws] == ids
        rate = shop.policy.sampling.random_rate
        assert all(row["inclusion_probability"] >= rate for row in draws)
        assert shop.run(audit_sampling, LATER + HOUR) == {"looked_at": 0, "drawn": 0}
        assert beats(shop) == {"audit_sampling": LATER + HOUR}

    def test_the_draw_is_repeatable_from_the_seed_in_the_trail(self, shop: Shop) -> None:
        shop.automatic(60)
        occasion = shop.at()
        with occasion.store.read() as connection:
            candidates = stored_audits.undrawn(connection, 1000)
        shop.run(audit_sampling, LATER)
        with occasion.store.read() as connection:
            (event,) = trail.search(connection, kind="audit.draw")
        candidates = candidates.assign(segment="web", amount=pd.to_numeric(candidates["amount"]))
        rules = replace(audit.rules(occasion), at_least=8 / 60)
        fixed = sampling.in_number(candidates, rules, np.random.default_rng(event["seed"]))
        again = sampling.draw(candidates, fixed, np.random.default_rng(event["seed"]))
        assert again["random"].sum() == 8
        assert set(again["case_id"]) == {row["case_id"] for row in shop.rows(schema.AuditDraw) if row["drawn"]}

    def test_every_draw_can_be_made_again_from_the_trail_alone(self, shop: Shop) -> None:
        shop.automatic(60)
        shop.run(audit_sampling, LATER)
        (again,) = audit_repeat.repeat_all(shop.at(), since=NOW)
        assert (again.looked_at, again.differing, again.repeatable) == (60, (), True)
        assert again.drawn == sum(row["drawn"] for row in shop.rows(schema.AuditDraw))
        changed = shop.rows(schema.AuditDraw)[7]
        with shop.at().store.write() as connection:
            table = schema.AuditDraw.__table__
            connection.execute(
                table.update().where(table.c.case_id == changed["case_id"]).values(inclusion_probability=0.5)
            )
        (again,) = audit_repeat.repeat_all(shop.at(), since=NOW)
        assert again.differing == (changed["case_id"],)

    def test_a_draw_whose_event_holds_no_rates_is_said_to_be_unrepeatable(self, shop: Shop) -> None:
        shop.audited(shop.automatic(3), wrong=0)
        assert {one.repeatable for one in audit_repeat.repeat_all(shop.at(), since=NOW)} == {False}

    def test_a_category_is_watched_after_its_resume_and_while_its_breaker_rises(self, shop: Shop) -> None:
        occasion = shop.at(actor=FOUNDER)
        assert audit.watched(occasion) == []
        known = {"policy": occasion.policy, "actor": FOUNDER}
        pausing.pause(occasion.store, "refund", reason="odd", now=LATER, **known)
        assert audit.watched(shop.at(LATER + HOUR)) == []
        pausing.resume(occasion.store, "refund", reason="fine", now=LATER + HOUR, **known)
        assert audit.watched(shop.at(LATER + HOUR)) == ["refund"]
        over = LATER + HOUR + occasion.policy.sampling.strata.watched_for
        assert [audit.watched(shop.at(at)) for at in (over, over + HOUR)] == [["refund"], []]
        for level, expected in ((0.0999, []), (0.1, ["tracking"])):
            seen = Reading("breaker", "tracking", (LATER, over), Verdict.QUIET, {"level": level})
            reading.record(occasion.store, [seen], actor=occasion.actor, now=over)
            assert audit.watched(shop.at(over + HOUR)) == expected

    def test_the_budget_of_a_day_is_what_earlier_draws_left(self, shop: Shop) -> None:
        occasion = shop.at()
        sampled = occasion.policy.sampling.model_copy(update={"minutes_a_day": 4.0})
        tight = replace(occasion, policy=occasion.policy.model_copy(update={"sampling": sampled}))
        shop.automatic(200)
        found = audit.draw(tight)
        assert found.plan.minutes_budget == 4
        assert found.plan.minutes_expected == pytest.approx(4, abs=0.01)
        assert "Nothing" not in found.plan.cut
        none = pd.DataFrame({"case_id": [], "confidence": [], "amount": [], "segment": [], "category": []})
        left = [audit.plan(replace(tight, now=at), none, None).budget for at in (LATER, LATER + DAY)]
        assert left == [max(4.0 - found.drawn, 0), 4.0]

    def test_the_flow_writes_down_what_the_audits_show(self, shop: Shop) -> None:
        ids = shop.automatic(40)
        shop.audited(ids, wrong=10)
        shop.run(audit_sampling, LATER + HOUR)
        with shop.at().store.read() as connection:
            seen = readings.newest(connection, "audits").set_index("subject")
        body = seen.loc["refund", "body"]
        assert (body["auto_approved"], body["audited"], body["errors"], body["rate"]) == (40, 40, 10, 0.25)
        assert seen.loc["refund", "verdict"] == "underpowered", "a quarter of forty tells little beyond the bound"
        assert 0 < body["low"] < 0.2 < body["rate"] < body["high"]
        assert body["needed"] > 1000
        assert body["trend"]["direction"] == "too few to say"
        assert body["estimated"]["n"] == 40
        assert len(body["error_cases"]) == 10
        assert body["strata"] == {"random": {"drawn": 40, "audited": 40, "errors": 10}}
        assert seen.loc["tracking", "verdict"] == "not_measured"
        assert seen.loc["all", "body"]["audited"] == 40

    def test_a_low_end_above_the_bound_is_an_alarm(self, shop: Shop) -> None:
        shop.audited(shop.automatic(40), wrong=20)
        rows = audit_reading.read_audits(shop.at(LATER + HOUR))
        assert {row.subject: row.verdict for row in rows} == {"refund": "alarm", "all": "alarm"}

    def test_a_young_drift_multiplies_the_rates(self, shop: Shop) -> None:
        occasion = shop.at()
        window = (LATER - DAY, LATER)
        known = {"actor": occasion.actor, "now": LATER, "window": window}
        profile = drifting.save_profile(occasion.store, "{}", cause="first", cases=1, **known)
        drifting.record_drift(
            occasion.store, profile_id=profile, columns=["amount"], terms=[], policy=occasion.policy, **known
        )
        factor = occasion.policy.drift.audit_factor
        end = LATER + occasion.policy.drift.audit_factor_for
        assert factor > 1
        assert [audit.rules(shop.at(at)).factor for at in (LATER - HOUR, LATER, end)] == [1, factor, 1]

    def test_a_segment_is_new_until_its_days_have_passed(self) -> None:
        young = NOW - timedelta(days=14)
        seen = {"web": young, "app": young + timedelta(seconds=1)}
        assert sampling.established(seen, young) == {"web"}
        assert sampling.established({"app": NOW}, young) is None


class TestQualityWatch:
    def test_enough_rejected_audits_pause_the_category_with_a_review(self, shop: Shop) -> None:
        shop.audited(shop.automatic(10), wrong=2)  # the limit is a fifth
        result = shop.run(quality_watch, LATER + HOUR)
        assert result.paused == ("refund",)
        (reading,) = result.readings
        assert (reading.reviewed, reading.rejected, reading.tripped) == (10, 2, True)
        (review,) = shop.rows(schema.ModelReview)
        assert review["evidence"]["rejected"] == 2
        (pause,) = shop.rows(schema.Pause)
        assert (pause["kind"], pause["category"], pause["model_review_id"]) == ("breaker", "refund", review["id"])
        assert beats(shop) == {"quality_watch": LATER + HOUR}

    @pytest.mark.parametrize(("audits", "wrong"), [(10, 1), (4, 4)])
    def test_below_the_limit_or_with_too_few_audits_nothing_is_paused(
        self, shop: Shop, audits: int, wrong: int
    ) -> None:
        shop.audited(shop.automatic(audits), wrong=wrong)
        assert shop.run(quality_watch, LATER + HOUR).paused == ()

    def test_only_the_simple_random_draw_counts(self, shop: Shop) -> None:
        shop.audited(shop.automatic(10), wrong=10, random=False)
        found = shop.run(quality_watch, LATER + HOUR)
        assert found == QualityLook((), {}, (), ())

    def test_audits_older_than_the_window_do_not_count(self, shop: Shop) -> None:
        shop.audited(shop.automatic(10), wrong=10)
        late = LATER + shop.policy.breaker.window
        found = shop.run(quality_watch, late)
        assert found.paused == ()
        (reading,) = found.readings
        assert (reading.reviewed, reading.tripped) == (0, False)
        assert (reading.counted, reading.counted_rejected) == (10, 10), "the sequential rule forgets nothing"

    @pytest.mark.parametrize("category", ["refund", None])
    def test_a_category_that_a_person_has_paused_gets_the_breaker_s_review_once(
        self, shop: Shop, category: str | None
    ) -> None:
        shop.audited(shop.automatic(10), wrong=10)
        occasion = shop.at(actor=FOUNDER)
        known = {"policy": occasion.policy, "actor": FOUNDER, "now": LATER}
        pausing.pause(occasion.store, "refund", reason="odd", **known)
        if category is None:
            pausing.pause(occasion.store, None, reason="odd", **known)
        before = shop.rows(schema.Pause)
        assert shop.run(quality_watch, LATER + HOUR).paused == ("refund",)
        (review,) = shop.rows(schema.ModelReview)
        beside = [row for row in shop.rows(schema.Pause) if row not in before]
        assert len(shop.rows(schema.Pause)) == len(before) + 1, "what the person paused stays as it was"
        assert [(row["kind"], row["category"], row["model_review_id"]) for row in beside] == [
            ("breaker", "refund", review["id"])
        ]
        after = shop.rows(schema.Pause)
        assert shop.run(quality_watch, LATER + 2 * HOUR).paused == ()
        assert shop.rows(schema.Pause) == after
        assert shop.rows(schema.ModelReview) == [review]
        with pytest.raises(Refused, match="review"):
            pausing.resume(occasion.store, "refund", reason="it was me", **known)

    def test_after_a_resume_only_what_was_approved_since_counts(self, shop: Shop) -> None:
        ids = shop.automatic(20)
        shop.audited(ids[:10], wrong=10)
        shop.run(quality_watch, LATER + HOUR)
        known = {"actor": FOUNDER, "now": LATER + 2 * HOUR}
        store = shop.at().store
        pausing.close_review(store, 1, conclusion="looked at", **known)
        pausing.resume(store, "refund", reason="reviewed", policy=shop.policy, **known)
        shop.audited(ids[10:], wrong=10, moment=LATER + 3 * HOUR)
        assert shop.run(quality_watch, LATER + 4 * HOUR).paused == (), "they were approved before the pause"

    def test_a_pause_by_somebody_else_meanwhile_does_no_harm(self, shop: Shop) -> None:
        shop.audited(shop.automatic(10), wrong=10)
        occasion = shop.at(LATER + HOUR)
        readings = read_breaker(occasion)
        pause_tripped(occasion, readings)
        assert pause_tripped(occasion, readings) == []


class TestDrift:
    def weeks(self, shop: Shop) -> dict[str, Any]:
        """A quiet week, which becomes the reference, then a week of dear cases in other words."""
        shop.deliver("quiet.csv", letters(60))
        assert shop.run(drift_detection, LATER).note.startswith("no reference yet")
        later = LATER + 8 * DAY
        strange = [
            {
                **case,
                "amount": 400,
                "text": f"{case['text']} frobnicator widget gizmo",
                "received_at": later.isoformat(),
            }
            for case in letters(60)
        ]
        shop.deliver("strange.csv", strange, later)
        found: DriftVerdict = shop.run(drift_detection, later + HOUR)
        return found

    def test_too_few_cases_make_no_reference(self, shop: Shop) -> None:
        shop.deliver("quiet.csv", letters(29))
        shop.run(drift_detection, LATER)
        assert shop.rows(schema.Profile) == []

    def test_a_shift_is_found_once_and_becomes_the_next_reference(self, shop: Shop) -> None:
        found = self.weeks(shop)
        assert found.drifted
        assert "amount" in found.columns
        assert any("frobnicator" in one.term for one in found.new_terms)
        assert [row["cause"] for row in shop.rows(schema.Profile)] == ["first", "drift 1 absorbed"]
        again = shop.run(drift_detection, LATER + 8 * DAY + 2 * HOUR)
        assert (again.drifted, again.note) == (False, "no shift")

    def test_a_shift_raises_audits_and_voids_certificates(self, shop: Shop) -> None:
        terms = Terms("1", "refund", 0.02, 0.05, NOW + 60 * DAY)
        found = Look(terms, 1, 0.025, Certification(0.9, 0.4, 0, 200, 0), 300, (NOW, NOW), (NOW, NOW))
        certifying.record_look(shop.at().store, found, actor=FOUNDER, now=NOW)
        self.weeks(shop)
        moment = LATER + 8 * DAY + HOUR
        with shop.at().store.read() as connection:
            assert drifts.audits_raised(connection, moment)
            assert certificates.certificates(connection, "1", moment).empty
        assert audit.rules(shop.at(moment)).factor == shop.policy.drift.audit_factor

    def test_a_quiet_week_is_no_drift(self, shop: Shop) -> None:
        shop.deliver("quiet.csv", letters(60))
        shop.run(drift_detection, LATER)
        later = LATER + 8 * DAY
        same = [{**case, "received_at": later.isoformat()} for case in letters(60)]
        shop.deliver("same.csv", same, later)
        assert shop.run(drift_detection, later + HOUR).drifted is False

    def test_too_few_cases_are_no_drift(self, shop: Shop) -> None:
        shop.deliver("quiet.csv", letters(60))
        shop.run(drift_detection, LATER)
        found = shop.run(drift_detection, LATER + 30 * DAY)
        assert (found.drifted, found.note) == (False, "too few cases: 0 of 30")

    def test_another_models_confidence_is_not_compared(self, shop: Shop) -> None:
        shop.deliver("quiet.csv", letters(60))
        shop.run(drift_detection, LATER)
        with shop.at().store.write() as connection:
            models.set_serving(connection, model_version=None)
        verdict = drift.watch(shop.at(LATER))
        assert verdict.report is not None
        assert not {column.name for column in verdict.report.columns} & set(drift.MODEL_COLUMNS)
