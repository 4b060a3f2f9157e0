import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.alpha_spending import is_due, spent
from handrail.certification import certify, labels_without_error


@given(st.floats(0.001, 0.5), st.integers(1, 2_000))
def test_what_looks_spend_never_adds_up_to_more_than_delta(delta: float, looks: int) -> None:
    parts = [spent(delta, number) for number in range(1, looks + 1)]
    assert sum(parts) <= delta * (1 + 1e-9)
    assert parts == sorted(parts, reverse=True)
    assert sum(parts) == pytest.approx(delta * looks / (looks + 1))


@pytest.mark.parametrize(
    ("new", "seen", "certified", "due"),
    [
        (99, 200, False, False),
        (100, 200, False, True),
        (249, 200, True, False),
        (250, 200, True, True),
        (0, 0, False, False),
        (1, 0, True, True),
    ],
)
def test_labels_have_to_grow_by_the_policys_share_and_by_two_steps_under_a_certificate(
    new: int, seen: int, certified: bool, due: bool
) -> None:
    assert is_due(new, seen, 0.5, certified=certified) is due


def test_ten_looks_issue_a_wrong_certificate_no_more_often_than_delta() -> None:
    # No threshold keeps the bound in these worlds: every certificate is wrong.
    chance, worlds, delta, bound = np.random.default_rng(3), 300, 0.1, 0.02
    sizes = [round(200 * 1.5**look) for look in range(10)]
    ever = {"spent": 0, "whole": 0}
    for _ in range(worlds):
        confidence, right = chance.random(sizes[-1]), chance.random(sizes[-1]) >= bound * 1.05
        for name in ever:
            ever[name] += any(
                certify(
                    confidence[:size],
                    right[:size],
                    max_error=bound,
                    delta=spent(delta, look) if name == "spent" else delta,
                ).threshold
                is not None
                for look, size in enumerate(sizes, 1)
            )
    assert ever["spent"] / worlds <= delta + 2 * np.sqrt(delta * (1 - delta) / worlds)
    assert ever["whole"] / worlds > 0.2, "looking again and again without paying breaks the promise"


def test_the_first_look_asks_for_more_labels_than_a_single_one_would() -> None:
    assert labels_without_error(0.02, spent(0.05, 1)) == 183
    assert labels_without_error(0.02, 0.05) == 149
