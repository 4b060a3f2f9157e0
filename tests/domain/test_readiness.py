"""What a category needs for its next stage: each requirement below, at and above its bound, and every sentence."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from handrail.estimates import NO_SAMPLE, Estimate, hajek
from handrail.policy import CategoryRules, Consequence, Policy, QueueRules, ReadinessRules, Stage
from handrail.readiness import Rollout, TrackRecord, contradicts, family_level, next_step, step_to

DAY = timedelta(days=1)
CATEGORIES = {
    "refund": CategoryRules(action="pay", consequence=Consequence.LOW),
    "complaint": CategoryRules(action="file", consequence=Consequence.MEDIUM),
    "threat": CategoryRules(action="forward", consequence=Consequence.HIGH),
}
WEEK = ReadinessRules(partial_for=timedelta(days=7), pooled_audits=30)
POLICY = Policy(business="shop", categories=CATEGORIES, readiness=WEEK)
FIXED = Policy(business="shop", categories=CATEGORIES, queues=QueueRules(uncertified="fixed"), readiness=WEEK)


def rate(errors: int, of: int) -> Estimate:
    return hajek([True] * errors + [False] * (of - errors), [1.0] * of)


def record(answers: int = 200, wrong: int = 4, audits: int = 60, rejected: int = 1, **more: Any) -> TrackRecord:  # noqa: ANN401 - its fields
    seen = rate(wrong, answers)
    return TrackRecord(cases=answers, suggested=seen, confident=seen, audits=rate(rejected, audits), **more)


def rollout(category: str = "refund", stage: Stage = Stage.SHADOW, **more: Any) -> Rollout:  # noqa: ANN401 - its fields
    """One that lacks nothing, at two weeks of ninety cases a day."""
    whole: dict[str, Any] = {
        "at_stage": 14 * DAY,
        "version": "3",
        "own": record(),
        "pooled": record(answers=1200, wrong=12, audits=100, rejected=1),
        "days": 14.0,
        "cases_a_day": 90.0,
        "trained": 3,
        "certified": "overall",
        "needed": 0,
        "overdue_audits": 0,
    }
    return Rollout(category=category, stage=stage, **(whole | more))


@pytest.mark.parametrize(
    ("category", "stage", "then"),
    [
        ("refund", Stage.SHADOW, Stage.PARTIAL),
        ("refund", Stage.SUGGEST, Stage.PARTIAL),
        ("refund", Stage.PARTIAL, Stage.AUTO),
        ("refund", Stage.AUTO, None),
        ("refund", Stage.MANUAL, None),
        ("complaint", Stage.SHADOW, Stage.SUGGEST),
        ("complaint", Stage.SUGGEST, None),
        ("complaint", Stage.PARTIAL, None),
        ("threat", Stage.SHADOW, Stage.SUGGEST),
        ("threat", Stage.SUGGEST, None),
    ],
)
def test_every_category_has_one_way_and_only_low_consequence_leads_to_automation(
    category: str, stage: Stage, then: Stage | None
) -> None:
    row = next_step(rollout(category, stage), POLICY)
    assert (row.next_stage, row.ready) == (then, then is not None)
    assert row.reasons, "each answer says why"


def test_it_says_what_it_rests_on_and_that_the_overall_certificate_names_nobody() -> None:
    assert next_step(rollout(), POLICY).sentence == (
        "ready for partial: 3 trained people for 90 cases a day; "
        "certified over all categories together, which guarantees no single category"
    )


def test_missing_labels_are_counted_in_the_sentence() -> None:
    row = next_step(rollout(certified=None, needed=41), POLICY)
    assert row.sentence == (
        "not ready for partial, because 41 more blind labels for a certificate, at least, are needed"
    )
    assert (row.ready, row.missing) == (False, ("certificate",))


@pytest.mark.parametrize(
    "way",
    [
        "3 blind labels contradict confident predictions and wait for a second look",
        "from confidence 0.950 on 4.0% are wrong, and at most 2.0% may be; more labels will not help",
    ],
)
def test_where_labels_are_not_what_is_missing_it_asks_for_none(way: str) -> None:
    row = next_step(rollout(certified=None, needed=41, way=way), POLICY)
    assert row.sentence == f"not ready for partial, because there is no certificate yet: {way}"


def test_what_stays_says_why() -> None:
    assert next_step(rollout("complaint", Stage.SUGGEST), POLICY).sentence == (
        "stays at suggest: an error has a medium cost, so a person confirms every case"
    )
    assert next_step(rollout(stage=Stage.AUTO), POLICY).sentence == "stays at auto: there is no stage after it"


def test_shadow_is_left_for_suggest_only_where_no_certificate_comes_in_time() -> None:
    without: dict[str, Any] = {"certified": None, "needed": 41}
    limit = POLICY.readiness.shadow_at_most
    soon = next_step(rollout(at_stage=limit - timedelta(seconds=1), **without), POLICY)
    assert (soon.next_stage, soon.ready) == (Stage.PARTIAL, False), "at suggest few labels are blind"
    late = next_step(rollout(at_stage=limit, **without), POLICY)
    assert (late.next_stage, late.ready) == (Stage.SUGGEST, True)
    paused = next_step(rollout(at_stage=limit, withheld=("it is paused",)), POLICY)
    assert paused.next_stage is Stage.PARTIAL, "a pause is no missing certificate"


class TestWhatEachStageAsksFor:
    @pytest.mark.parametrize(("trained", "met"), [(1, False), (2, True)])
    def test_two_trained_people_at_least(self, trained: int, met: bool) -> None:
        row = next_step(rollout(trained=trained), POLICY)
        assert ("people" not in row.missing) is met
        assert met or row.reasons == ("1 more trained person is needed for 90 cases a day",)

    @pytest.mark.parametrize(("cases", "met"), [(300.0, True), (300.5, False)])
    def test_as_many_as_the_volume_asks_for(self, cases: float, met: bool) -> None:
        assert ("people" not in next_step(rollout(cases_a_day=cases), POLICY).missing) is met

    @pytest.mark.parametrize(("days", "met"), [(6.9, False), (7.0, True)])
    def test_a_week_of_blind_labels(self, days: float, met: bool) -> None:
        row = next_step(rollout(days=days), POLICY)
        assert ("shadow" not in row.missing) is met
        assert met or row.reasons == ("1 more day of blind labels is needed",)

    def test_a_version_that_never_named_it_takes_it_nowhere(self) -> None:
        row = next_step(rollout(own=replace(record(), cases=0)), POLICY)
        assert row.sentence == "not ready for partial, because version 3 has not named it in any case yet"
        assert next_step(rollout(version=None), POLICY).reasons[0] == "no version serves"

    def test_whatever_withholds_it_is_named(self) -> None:
        row = next_step(rollout(stage=Stage.PARTIAL, withheld=("it is paused", "model review 3 is open")), POLICY)
        assert row.sentence == "not ready for auto, because it is paused; model review 3 is open"

    @pytest.mark.parametrize("stage", [Stage.SHADOW, Stage.SUGGEST, Stage.PARTIAL])
    def test_its_own_labels_may_contradict_what_was_certified_for_all(self, stage: Stage) -> None:
        own = record(answers=60, wrong=12, pending=2, contradicts=True)
        row = next_step(rollout(stage=stage, own=own), POLICY)
        assert row.missing == ("contradiction",)
        (reason,) = row.reasons
        assert reason == (
            "its own blind labels contradict: 12 of 60 confident suggestions were wrong, and 2.0% are allowed; "
            "2 contradictions still wait for another look"
        )
        certified = next_step(rollout(stage=stage, own=own, certified="category"), POLICY)
        assert certified.ready, "a certificate of its own rests on the same labels"

    def test_where_no_certificate_is_asked_for_the_policys_choice_is_said_and_agreement_decides(self) -> None:
        row = next_step(rollout(certified=None, needed=41), FIXED)
        assert row.ready
        assert "not certified: the policy lets its fixed threshold decide" in row.reasons
        doubtful = next_step(rollout(certified=None, own=record(answers=200, wrong=19)), FIXED)
        assert doubtful.missing == ("agreement",)
        assert "the low end has to reach 90.0%" in doubtful.sentence

    @pytest.mark.parametrize(("passed", "met"), [(7 * DAY - timedelta(seconds=1), False), (7 * DAY, True)])
    def test_a_week_at_partial(self, passed: timedelta, met: bool) -> None:
        row = next_step(rollout(stage=Stage.PARTIAL, at_stage=passed), POLICY)
        assert ("partial" not in row.missing) is met

    def test_audits_are_needed_must_not_contradict_and_must_not_be_late(self) -> None:
        partial = rollout(stage=Stage.PARTIAL)
        few = next_step(replace(partial, own=record(audits=9, rejected=0), at_stage=6.1 * DAY), POLICY)
        assert few.reasons == ("1 more day at partial is needed", "1 more audit is needed"), "its own come in time"
        wrong = next_step(replace(partial, own=record(audits=40, rejected=9, audits_contradict=True)), POLICY)
        assert wrong.missing == ("audit_error",)
        assert wrong.reasons[0].startswith("its audits contradict: 22.5%")
        others = next_step(replace(partial, pooled=record(audits=100, rejected=12, audits_contradict=True)), POLICY)
        assert others.reasons[0].startswith("the audits of all categories contradict")
        assert next_step(replace(partial, overdue_audits=1), POLICY).reasons == ("1 audit is overdue",)


class TestASmallCategory:
    """Two cases a day must not wait for ever on a sample that never comes."""

    def test_it_is_judged_with_the_others_and_says_so(self) -> None:
        rare = rollout("complaint", own=record(answers=14, wrong=0), days=7.0)
        row = next_step(rare, POLICY)
        assert row.ready
        assert row.reasons[-1] == (
            "people agree with its suggestions in 99.0% (98.3% to 99.4%) of 1,200 blind labels, "
            "over all categories together, for its own are too few"
        )

    def test_what_its_own_number_can_be_had_of_is_waited_for_and_never_longer_than_the_policy_says(self) -> None:
        steady = rollout("complaint", own=record(answers=24, wrong=0), days=8.0)
        assert next_step(steady, POLICY).reasons == ("6 more blind labels are needed",)
        slower = replace(steady, days=13.9)
        assert next_step(slower, POLICY).ready, "at this pace its own number is not had within two weeks"
        late = replace(steady, own=record(answers=29, wrong=0), days=14.0)
        assert next_step(late, POLICY).ready

    def test_few_of_its_own_may_speak_against_it(self) -> None:
        rare = rollout("complaint", own=record(answers=12, wrong=7), days=14.0)
        row = next_step(rare, POLICY)
        assert row.missing == ("agreement",)
        assert row.reasons[0].startswith(
            "people agree with its suggestions in 41.7% (19.3% to 68.0%) of 12 blind labels"
        )

    def test_its_audits_are_those_of_all(self) -> None:
        rare = rollout(stage=Stage.PARTIAL, own=record(audits=0, rejected=0))
        row = next_step(rare, POLICY)
        assert row.ready
        assert any("100 audits, over all categories together" in reason for reason in row.reasons)
        few = next_step(replace(rare, pooled=record(audits=29, rejected=0)), POLICY)
        assert few.reasons == ("1 more audit, over all categories together, for its own are too few, is needed",)

    def test_nothing_at_all_is_not_agreement(self) -> None:
        none = TrackRecord(1, NO_SAMPLE, NO_SAMPLE, NO_SAMPLE)
        assert not next_step(rollout("complaint", own=none, pooled=none), POLICY).ready


class TestAnyStep:
    def test_a_step_down_asks_for_nothing(self) -> None:
        for to in (Stage.MANUAL, Stage.SHADOW, Stage.SUGGEST, Stage.PARTIAL):
            row = step_to(rollout(stage=Stage.PARTIAL, withheld=("it is paused",)), POLICY, to)
            assert (row.ready, row.requirements, row.sentence) == (True, (), f"{to} asks for nothing")

    def test_a_jump_asks_for_all_that_lies_between(self) -> None:
        row = step_to(rollout(certified=None, needed=41), POLICY, Stage.AUTO)
        assert row.missing == ("certificate", "partial")
        assert "7 more days at partial are needed" in row.reasons

    @pytest.mark.parametrize(("category", "cost"), [("complaint", "medium"), ("threat", "high")])
    def test_what_a_person_must_confirm_is_never_ready_for_automation(self, category: str, cost: str) -> None:
        row = step_to(rollout(category), POLICY, Stage.PARTIAL)
        assert row.missing == ("consequence",)
        assert row.reasons == (f"an error has a {cost} cost, so a person confirms every case",)


@pytest.mark.parametrize(
    ("errors", "of", "surely"), [(1, 1, False), (1, 9, False), (2, 30, False), (3, 60, False), (9, 60, True)]
)
def test_few_errors_contradict_nothing(errors: int, of: int, surely: bool) -> None:
    seen = hajek([True] * errors + [False] * (of - errors), [1.0] * of, family_level(17))
    assert contradicts(seen, 0.02, 17) is surely


@pytest.mark.parametrize("seed", range(2))
def test_the_whole_road_is_walked_in_three_weeks_in_a_shop_of_ninety_cases_a_day(seed: int) -> None:
    """Seventeen categories, the smallest with a case or two a day; the overall certificate comes on day 14."""
    rng = np.random.default_rng(seed)
    names = [f"c{number}" for number in range(17)]
    policy = Policy(
        business="shop",
        categories={name: CategoryRules(action="act", consequence=Consequence.LOW) for name in names},
        readiness=WEEK,
    )
    daily = 90 * rng.dirichlet(np.full(17, 2.0))
    stages, since = dict.fromkeys(names, Stage.SHADOW), dict.fromkeys(names, 0)
    labels, audits = {name: [0, 0] for name in names}, {name: [0, 0] for name in names}
    reached: dict[Stage, list[int]] = {Stage.PARTIAL: [], Stage.AUTO: []}
    for day in range(1, 22):
        for name, cases in zip(names, rng.poisson(daily), strict=True):
            sure = int(rng.binomial(cases, 0.6))
            looked = sure if stages[name] is Stage.SHADOW else int(rng.binomial(sure, 0.25))
            counted = labels[name] if stages[name] is Stage.SHADOW else audits[name]
            counted[0] += looked
            counted[1] += int(rng.binomial(looked, 0.007))
        if day not in (13, 14, 20, 21):
            continue
        pooled = _track(*([sum(part) for part in zip(*counts.values(), strict=True)] for counts in (labels, audits)), 1)
        for name in names:
            own = _track(labels[name], audits[name], len(names))
            row = next_step(
                rollout(
                    name,
                    stages[name],
                    own=own,
                    pooled=pooled,
                    days=float(day),
                    at_stage=(day - since[name]) * DAY,
                    certified="overall" if day >= 14 else None,
                    needed=0 if day >= 14 else 20,
                ),
                policy,
            )
            if row.ready:
                stages[name], since[name] = row.next_stage or stages[name], day
                reached[stages[name]].append(day)
    assert (len(reached[Stage.PARTIAL]), len(reached[Stage.AUTO])) == (17, 17), "none of them waits for ever"
    assert set(reached[Stage.PARTIAL]) == {14}
    assert (min(reached[Stage.AUTO]), max(reached[Stage.AUTO])) == (21, 21)


def _track(labels: list[int], audits: list[int], categories: int) -> TrackRecord:
    level = family_level(categories)
    return TrackRecord(
        labels[0],
        _seen(labels),
        _seen(labels),
        _seen(audits),
        contradicts=contradicts(_seen(labels, level), 0.02, categories),
        audits_contradict=contradicts(_seen(audits, level), 0.02, categories),
    )


def _seen(counts: list[int], level: float = 0.95) -> Estimate:
    of, errors = counts
    return hajek([True] * errors + [False] * (of - errors), [1.0] * of, level)
