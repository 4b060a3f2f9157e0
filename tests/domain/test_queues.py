from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.case import Case, Prediction, State
from handrail.dead_mans_switch import Silence
from handrail.governing import Alteration
from handrail.policy import AmountStep, CategoryRules, Consequence, Policy, QueueRules, Stage
from handrail.queues import Queue, Reason, Route, Situation, explain, route, route_many

CATEGORIES = {
    "easy": CategoryRules(action="send", consequence=Consequence.LOW, stage=Stage.AUTO),
    "money": CategoryRules(
        action="refund",
        consequence=Consequence.LOW,
        consequence_by_amount=(
            AmountStep(above=100, consequence=Consequence.MEDIUM),
            AmountStep(above=500, consequence=Consequence.HIGH),
        ),
        amount_limit=1000,
        stage=Stage.AUTO,
        auto_above=0.97,
    ),
    "partly": CategoryRules(action="book", consequence=Consequence.LOW, stage=Stage.PARTIAL, partial_share=0.5),
    "grave": CategoryRules(action="call", consequence=Consequence.HIGH, stage=Stage.SHADOW),
}
FIXED = Policy(business="test", queues=QueueRules(uncertified="fixed"), categories=CATEGORIES)
REVIEW = Policy(business="test", categories=CATEGORIES)
CALM = Situation()
NOW = datetime(2026, 1, 5, tzinfo=UTC)
SILENT = Silence("sla_watch", NOW, NOW)
NEVER_RAN = Silence("sla_watch", NOW, NOW, ("money", "partly"))
FORGED = Alteration("policy", None, "Publish it anew.")
FORGED_STAGE = Alteration("stage", "money", "Set it anew.")


def case(**changes: object) -> Case:
    values = {
        "id": 1,
        "source": "s",
        "external_id": "e",
        "received_at": datetime(2026, 1, 5, tzinfo=UTC),
        "state": State.SCORED,
        "has_text": True,
        "consent": True,
    }
    return Case(**(values | changes))


def said(label: str = "easy", confidence: float = 0.99, *, novel: bool = False) -> Prediction:
    return Prediction(label, confidence, 0.1, novel, "1")


def routed(
    situation: Situation = CALM,
    policy: Policy = FIXED,
    *,
    draw: float = 0.0,
    amount: float | None = None,
    label: str = "easy",
    confidence: float = 0.99,
    novel: bool = False,
    **of_case: object,
) -> Route:
    return route(case(amount=amount, **of_case), said(label, confidence, novel=novel), situation, policy, draw=draw)


def test_a_confident_low_consequence_case_is_approved_by_itself() -> None:
    chosen = routed()
    assert (chosen.queue, chosen.reason, chosen.reasons) == (Queue.A, Reason.AUTO, (Reason.AUTO,))
    assert (chosen.threshold, chosen.stage, chosen.control) == (0.95, Stage.AUTO, False)


@pytest.mark.parametrize(
    ("confidence", "queue", "reason"),
    [
        (0.6999, Queue.C, Reason.LOW_CONFIDENCE),
        (0.70, Queue.B, Reason.BELOW_THRESHOLD),
        (0.7001, Queue.B, Reason.BELOW_THRESHOLD),
        (0.9499, Queue.B, Reason.BELOW_THRESHOLD),
        (0.95, Queue.B, Reason.BELOW_THRESHOLD),
        (0.9501, Queue.A, Reason.AUTO),
        (float("nan"), Queue.C, Reason.LOW_CONFIDENCE),
    ],
)
def test_confidence_bands_hold_on_both_sides_and_at_equality(confidence: float, queue: Queue, reason: Reason) -> None:
    chosen = routed(confidence=confidence)
    assert (chosen.queue, chosen.reason) == (queue, reason)


@pytest.mark.parametrize(("confidence", "queue"), [(0.969, Queue.B), (0.97, Queue.B), (0.971, Queue.A)])
def test_a_category_may_ask_for_more_confidence_than_the_policy(confidence: float, queue: Queue) -> None:
    chosen = routed(label="money", confidence=confidence)
    assert (chosen.queue, chosen.threshold) == (queue, 0.97)


@pytest.mark.parametrize(
    ("certified", "confidence", "queue"),
    [
        ({"easy": 0.98}, 0.979, Queue.B),
        ({"easy": 0.98}, 0.98, Queue.A),
        ({"easy": 0.98}, 0.981, Queue.A),
        ({"easy": 0.90}, 0.95, Queue.B),
        ({"easy": 0.90}, 0.951, Queue.A),
        ({"easy": 0.95}, 0.95, Queue.B),
        ({None: 0.98}, 0.979, Queue.B),
        ({None: 0.98}, 0.98, Queue.A),
        ({"easy": 0.96, None: 0.99}, 0.97, Queue.A),
    ],
)
def test_a_certificate_only_raises_the_threshold_and_the_category_s_own_comes_first(
    certified: dict[str | None, float], confidence: float, queue: Queue
) -> None:
    chosen = routed(Situation(certified=certified), REVIEW, confidence=confidence)
    own = certified.get("easy", certified.get(None, 0.0))
    assert (chosen.queue, chosen.threshold) == (queue, max(0.95, own))


def test_without_a_certificate_nothing_is_approved_unless_the_policy_says_fixed() -> None:
    chosen = routed(policy=REVIEW)
    assert (chosen.queue, chosen.reason, chosen.threshold) == (Queue.B, Reason.NOT_CERTIFIED, None)
    assert routed(Situation(certified={"money": 0.5}), REVIEW).reason is Reason.NOT_CERTIFIED
    assert routed(policy=FIXED).queue is Queue.A


@pytest.mark.parametrize(
    ("amount", "queue", "reason"),
    [
        (100.0, Queue.A, Reason.AUTO),
        (100.01, Queue.B, Reason.MEDIUM_CONSEQUENCE),
        (500.0, Queue.B, Reason.MEDIUM_CONSEQUENCE),
        (500.01, Queue.C, Reason.HIGH_CONSEQUENCE),
        (1000.0, Queue.C, Reason.HIGH_CONSEQUENCE),
        (1000.01, Queue.C, Reason.FLAGGED),
        (None, Queue.A, Reason.AUTO),
    ],
)
def test_consequence_and_limit_follow_the_amount(amount: float | None, queue: Queue, reason: Reason) -> None:
    chosen = routed(label="money", amount=amount)
    assert (chosen.queue, chosen.reason) == (queue, reason)
    assert chosen.flags == (("amount",) if reason is Reason.FLAGGED else ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"consent": False}, Reason.NO_CONSENT),
        ({"has_text": False}, Reason.NO_TEXT),
        ({"flags": ("legal",)}, Reason.FLAGGED),
        ({"situation": Situation(stages={"easy": Stage.MANUAL})}, Reason.STAGE_MANUAL),
        ({"situation": Situation(stages={"easy": Stage.SHADOW})}, Reason.STAGE_SHADOW),
        ({"novel": True}, Reason.NOVEL),
        ({"label": "unheard_of"}, Reason.UNKNOWN_CATEGORY),
        ({"label": "grave", "situation": Situation(stages={"grave": Stage.AUTO})}, Reason.HIGH_CONSEQUENCE),
    ],
)
def test_these_go_to_a_person_s_own_decision(changes: dict[str, object], reason: Reason) -> None:
    chosen = routed(**changes)
    assert (chosen.queue, chosen.reason) == (Queue.C, reason)


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        (Situation(paused={"easy"}), Reason.PAUSED),
        (Situation(all_paused=True), Reason.PAUSED),
        (Situation(silent=(SILENT,)), Reason.HELD),
        (Situation(altered=(FORGED,)), Reason.ALTERED),
        (Situation(altered=(Alteration("stage", "easy", "Set it anew."),)), Reason.ALTERED),
        (Situation(silent=(NEVER_RAN, replace(NEVER_RAN, categories=("easy",)))), Reason.HELD),
        (Situation(unwatched={"easy"}), Reason.HELD),
        (Situation(stages={"easy": Stage.SUGGEST}), Reason.STAGE_SUGGEST),
    ],
)
def test_what_withholds_automation_asks_a_person_to_confirm(situation: Situation, reason: Reason) -> None:
    chosen = routed(situation)
    assert (chosen.queue, chosen.reason) == (Queue.B, reason)


def test_a_pause_of_another_category_changes_nothing() -> None:
    assert routed(Situation(paused={"money"})).queue is Queue.A


def test_a_watch_that_never_ran_and_a_forged_stage_concern_their_categories_alone() -> None:
    assert routed(Situation(silent=(NEVER_RAN,), altered=(FORGED_STAGE,))).queue is Queue.A
    assert routed(Situation(silent=(NEVER_RAN,), altered=(FORGED_STAGE,)), label="money").reasons == (
        Reason.ALTERED,
        Reason.HELD,
    )


def test_a_case_that_no_model_has_scored_goes_to_a_person() -> None:
    chosen = route(case(), None, CALM, FIXED, draw=0.0)
    assert (chosen.queue, chosen.reason, chosen.stage, chosen.threshold) == (Queue.C, Reason.NO_MODEL, None, None)


@pytest.mark.parametrize(
    ("draw", "queue", "control"),
    [(0.0, Queue.A, False), (0.4999, Queue.A, False), (0.5, Queue.B, True), (0.9, Queue.B, True)],
)
def test_a_partial_rollout_lets_its_share_through_and_keeps_the_rest_as_control(
    draw: float, queue: Queue, control: bool
) -> None:
    chosen = routed(label="partly", draw=draw)
    assert (chosen.queue, chosen.control) == (queue, control)


def test_only_cases_that_chance_alone_held_back_belong_to_the_control_group() -> None:
    chosen = routed(label="partly", draw=0.9, confidence=0.9)
    assert chosen.reasons == (Reason.BELOW_THRESHOLD, Reason.CONTROL_GROUP)
    assert not chosen.control


def test_every_matching_reason_is_kept_in_the_order_of_the_rules() -> None:
    situation = Situation(paused={"grave"}, silent=(SILENT,), altered=(FORGED,))
    chosen = routed(
        situation, REVIEW, label="grave", confidence=0.5, novel=True, consent=False, has_text=False, flags=("safety",)
    )
    assert [str(reason) for reason in chosen.reasons] == [
        "no_consent",
        "no_text",
        "flagged",
        "stage_shadow",
        "novel",
        "low_confidence",
        "high_consequence",
        "paused",
        "altered",
        "held",
        "not_certified",
        "below_threshold",
    ]


def test_every_reason_is_explained_in_a_sentence_of_its_own() -> None:
    sentences = [explain(reason) for reason in Reason]
    assert len(set(sentences)) == len(Reason)
    assert all(sentence.endswith(".") for sentence in sentences)
    assert explain("novel") == explain(Reason.NOVEL)


confidences = st.one_of(st.sampled_from([0.70, 0.95, 0.97, 0.98]), st.floats(0, 1), st.just(float("nan")))
labels = st.sampled_from([*CATEGORIES, "unheard_of"])
situations = st.builds(
    Situation,
    stages=st.dictionaries(st.sampled_from(list(CATEGORIES)), st.sampled_from(list(Stage))),
    paused=st.frozensets(labels),
    all_paused=st.booleans(),
    silent=st.sampled_from([(), (SILENT,), (NEVER_RAN,), (NEVER_RAN, SILENT)]),
    unwatched=st.frozensets(labels),
    altered=st.sampled_from([(), (FORGED,), (FORGED_STAGE,)]),
    certified=st.dictionaries(st.sampled_from([None, *CATEGORIES]), st.sampled_from([0.5, 0.95, 0.98])),
)
rows = st.lists(
    st.tuples(
        st.booleans(),
        st.booleans(),
        st.lists(st.sampled_from(["policy", "legal", "safety"]), unique=True, max_size=2),
        st.one_of(st.none(), st.sampled_from([100.0, 500.0, 1000.0]), st.floats(0, 2000)),
        st.one_of(st.none(), st.builds(said, labels, confidences, novel=st.booleans())),
        st.one_of(st.just(0.5), st.floats(0, 1, exclude_max=True)),
    ),
    max_size=8,
)


def plain(chosen: Route) -> dict[str, object]:
    return {
        "queue": str(chosen.queue),
        "reason": str(chosen.reason),
        "reasons": tuple(map(str, chosen.reasons)),
        "threshold": chosen.threshold,
        "stage": chosen.stage and str(chosen.stage),
        "control": chosen.control,
        "flags": chosen.flags,
    }


@settings(deadline=None, max_examples=150)
@given(rows=rows, situation=situations, policy=st.sampled_from([FIXED, REVIEW]))
def test_many_cases_are_routed_exactly_as_one_by_one(rows: list[tuple], situation: Situation, policy: Policy) -> None:
    frame = pd.DataFrame(
        {
            "consent": [row[0] for row in rows],
            "has_text": [row[1] for row in rows],
            "flags": pd.Series([row[2] for row in rows], dtype=object),
            "amount": pd.Series([row[3] for row in rows], dtype=float),
            "label": pd.Series([row[4] and row[4].label for row in rows], dtype=object),
            "confidence": pd.Series([row[4].confidence if row[4] else None for row in rows], dtype=float),
            "novel": pd.Series([row[4] and row[4].novel for row in rows], dtype=object),
        }
    )
    frame.index = frame.index[::-1]
    many = route_many(frame, situation, policy, [row[5] for row in rows])
    one_by_one = [
        plain(
            route(
                case(consent=consent, has_text=has_text, flags=tuple(flags), amount=amount),
                prediction,
                situation,
                policy,
                draw=draw,
            )
        )
        for consent, has_text, flags, amount, prediction, draw in rows
    ]
    assert many.index.equals(frame.index)
    found = many.assign(
        threshold=pd.Series([None if np.isnan(value) else value for value in many["threshold"]], many.index, object)
    )
    assert found.to_dict("records") == one_by_one


@settings(deadline=None)
@given(rows=rows, situation=situations)
def test_while_automation_is_paused_held_or_altered_nothing_reaches_queue_a(
    rows: list[tuple], situation: Situation
) -> None:
    for stopped in (
        replace(situation, all_paused=True),
        replace(situation, silent=(NEVER_RAN, SILENT)),
        replace(situation, unwatched=frozenset(CATEGORIES)),
        replace(situation, altered=(FORGED_STAGE, FORGED)),
    ):
        for consent, has_text, flags, amount, prediction, draw in rows:
            of_case = case(consent=consent, has_text=has_text, flags=tuple(flags), amount=amount)
            assert route(of_case, prediction, stopped, FIXED, draw=draw).queue is not Queue.A
