import hmac

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import BadInput
from handrail.keyed_draws import are_suggestions_hidden, blind_chances, draw, draw_many, is_suggestion_hidden
from handrail.policy import Policy, QueueRules, Stage, for_labels
from handrail.queues import Queue, Reason, Route

POLICY = for_labels(["a"]).model_copy(update={"queues": QueueRules(blind_share=0.1)})


def routed(queue: Queue, stage: Stage | None, reason: Reason = Reason.AUTO) -> Route:
    return Route(queue, reason, (reason,), 0.95, stage, control=False, flags=())


def test_a_draw_is_the_first_53_bits_of_hmac_sha256() -> None:
    whole = int(hmac.new(b"key", b"partial:17", "sha256").hexdigest(), 16)
    assert draw(b"key", 17, "partial") == (whole >> (256 - 53)) / 2**53


@given(st.integers(0, 2**63), st.sampled_from(["partial", "blind"]))
def test_a_draw_lies_in_the_half_open_unit_interval_and_repeats(case_id: int, salt: str) -> None:
    assert 0 <= draw(b"key", case_id, salt) < 1
    assert draw(b"key", case_id, salt) == draw(b"key", case_id, salt)


def test_draws_are_uniform_and_salts_are_independent() -> None:
    first, second = (draw_many(b"key", range(10_000), salt) for salt in ("partial", "blind"))
    counts = np.histogram(first, bins=10, range=(0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 27.9  # chi-square, 9 degrees of freedom, p = 0.001
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.04
    assert draw(b"other", 1, "partial") != draw(b"key", 1, "partial")


def test_no_cases_draw_nothing_and_an_empty_secret_is_refused() -> None:
    assert draw_many(b"key", [], "partial").shape == (0,)
    with pytest.raises(BadInput, match="secret"):
        draw(b"", 1, "partial")


@pytest.mark.parametrize(
    ("route", "at", "hidden"),
    [
        (routed(Queue.B, Stage.AUTO), 0.0999, True),
        (routed(Queue.B, Stage.AUTO), 0.1, False),
        (routed(Queue.B, Stage.AUTO), 0.5, False),
        (routed(Queue.C, Stage.AUTO), 0.0, False),
        (routed(Queue.C, Stage.SHADOW), 0.9, True),
        (routed(Queue.C, Stage.MANUAL), 0.9, True),
        (routed(Queue.C, Stage.SUGGEST), 0.9, False),
        (routed(Queue.C, None), 0.9, True),
    ],
)
def test_suggestions_are_hidden_in_shadow_and_on_the_blind_share_of_b(route: Route, at: float, hidden: bool) -> None:
    assert is_suggestion_hidden(route, POLICY, draw=at) is hidden
    stage = route.stage and route.stage.value
    frame = pd.DataFrame({"queue": [route.queue.value], "stage": pd.Series([stage], dtype=object)})
    assert are_suggestions_hidden(frame, POLICY, [at]).tolist() == [hidden]


def test_at_stage_partial_the_policy_may_keep_more_of_queue_b_blind() -> None:
    """What is not let through yet goes on giving evidence as shadow did."""
    policy = for_labels(["a"]).model_copy(update={"queues": QueueRules(blind_share=0.1, partial_blind_share=1.0)})
    stages = [Stage.PARTIAL, Stage.AUTO, Stage.SUGGEST]
    frame = pd.DataFrame({"queue": ["B", "B", "B", "A", "C"], "stage": [*map(str, stages), "partial", "partial"]})
    assert [is_suggestion_hidden(routed(Queue.B, stage), policy, draw=0.9) for stage in stages] == [True, False, False]
    assert are_suggestions_hidden(frame, policy, [0.9] * 5).tolist() == [True, False, False, False, False]
    assert blind_chances(frame, policy).tolist() == pytest.approx([1.0, 0.1, 0.1, np.nan, 0.0], nan_ok=True)
    assert POLICY.queues.blind_share_at(Stage.PARTIAL) == 0.1
    assert "partial_blind_share" not in POLICY.model_dump_json()


def test_the_blind_share_is_kept() -> None:
    policy: Policy = POLICY
    draws = draw_many(b"key", range(5_000), "blind")
    hidden = [is_suggestion_hidden(routed(Queue.B, Stage.AUTO), policy, draw=at) for at in draws]
    assert 0.08 < np.mean(hidden) < 0.12
