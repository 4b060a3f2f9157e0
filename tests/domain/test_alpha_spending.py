import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.alpha_spending import first_look, growth, spent
from handrail.certification import certify, labels_without_error


@given(st.floats(0.001, 0.5), st.integers(1, 200))
def test_what_looks_spend_never_adds_up_to_more_than_delta(delta: float, looks: int) -> None:
    total, parts = 0.0, []
    for _ in range(looks):
        parts.append(spent(delta, total))
        total += parts[-1]
    assert total <= delta * (1 + 1e-9)
    assert parts[1:] == sorted(parts[1:], reverse=True)
    assert parts[:2] == [pytest.approx(delta / 10), pytest.approx(delta * 0.8)][: len(parts)]


def test_nothing_is_spent_beyond_delta() -> None:
    assert spent(0.05, 0.05) == spent(0.05, 0.06) == 0


@pytest.mark.parametrize(
    ("seen", "renewal", "asked"), [(200, False, 100), (201, False, 101), (200, True, 25), (0, False, 1)]
)
def test_labels_have_to_grow_by_the_policys_share_and_for_a_renewal_by_a_quarter_of_it(
    seen: int, renewal: bool, asked: int
) -> None:
    assert growth(seen, 0.5, renewal=renewal) == asked


@pytest.mark.parametrize("delta", [0.05, 0.1])
def test_looks_at_every_growth_certify_wrongly_no_more_often_than_delta(delta: float) -> None:
    # No threshold keeps the bound in these worlds: every certificate is wrong.
    chance, worlds, bound = np.random.default_rng(3), 300, 0.02
    first = first_look(bound, delta)
    sizes = [round(first * 1.5**look) for look in range(6)]
    ever = {"spent": 0, "whole": 0}
    for _ in range(worlds):
        confidence, right = chance.random(sizes[-1]), chance.random(sizes[-1]) >= bound * 1.05
        for name in ever:
            before = 0.0
            for size in sizes:
                part = spent(delta, before) if name == "spent" else 2 * delta
                before += part
                if certify(confidence[:size], right[:size], max_error=bound, delta=part).threshold is not None:
                    ever[name] += 1
                    break
    assert ever["spent"] / worlds <= delta + 2 * np.sqrt(delta * (1 - delta) / worlds)
    assert ever["whole"] / worlds > 1.5 * delta, "looking again and again without paying breaks the promise"


def test_a_first_look_leaves_room_for_two_errors_above_half_of_the_cases() -> None:
    first = first_look(0.02, 0.05)
    assert first == 2 * labels_without_error(0.02, 0.0125, 2)
    right = np.ones(first)
    right[:2] = 0  # among the most confident
    assert certify(np.linspace(1, 0.5, first), right, max_error=0.02, delta=0.05 / 2).threshold is not None
