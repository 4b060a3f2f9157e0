import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.certification import Certification, Witness, certify, evidence, labels_without_error, sequence
from handrail.errors import BadInput


def core(found: Certification) -> tuple[float | None, float, int, int, int]:
    """Threshold, coverage, errors, labels, missing."""
    return found.threshold, found.coverage, found.errors, found.n, found.needed


def test_so_many_labels_without_error_are_needed_as_the_binomial_says() -> None:
    assert labels_without_error(0.02, 0.05) == 149
    assert labels_without_error(0.01, 0.05) == 299


@given(st.floats(0.005, 0.5), st.floats(0.01, 0.5), st.integers(0, 20))
def test_needed_labels_are_the_first_number_that_passes(max_error: float, delta: float, errors: int) -> None:
    n = labels_without_error(max_error, delta, errors)
    tie = 1e-9  # the oracle rounds the last digit in its own way
    assert stats.binom.cdf(errors, n, max_error) <= delta * (1 + tie)
    assert n == errors + 1 or stats.binom.cdf(errors, n - 1, max_error) > delta * (1 - tie)


def test_149_labels_without_error_certify_two_percent_and_148_need_one_more() -> None:
    confidence = np.linspace(0.9, 1, 149)
    passed = certify(confidence, np.ones(149), max_error=0.02, delta=0.05)
    assert core(passed) == (0.9, 1.0, 0, 149, 0)
    missed = certify(confidence[:148], np.ones(148), max_error=0.02, delta=0.05)
    assert core(missed) == (None, 0.0, 0, 148, 1)


def test_without_labels_all_of_them_are_needed() -> None:
    assert certify([], [], max_error=0.01, delta=0.05) == Certification(None, 0.0, 0, 0, 299)


def test_226_labels_of_a_plain_model_certify_nothing_and_say_what_is_missing() -> None:
    chance = np.random.default_rng(2)
    confidence = chance.uniform(0.5, 1, 226)
    correct = chance.random(226) < 0.8
    found = certify(confidence, correct, max_error=0.02, delta=0.05)
    assert found.threshold is None
    assert (found.coverage, found.n) == (0.0, 226)
    assert found.needed > 149


@pytest.mark.parametrize("start", [0.98, 0.9])
def test_the_threshold_is_the_last_that_passes_the_exact_test_in_sequence(start: float) -> None:
    chance = np.random.default_rng(5)
    confidence = np.round(chance.beta(8, 1, 3_000), 3)
    correct = chance.random(3_000) < confidence**0.3
    found = certify(confidence, correct, max_error=0.05, delta=0.1, start=start)
    passed = None
    for threshold in sequence(confidence, start):
        above = confidence >= threshold
        if stats.binom.cdf((~correct[above]).sum(), above.sum(), 0.05) > 0.1:
            break
        passed = threshold
    assert passed is not None
    above = confidence >= passed
    assert core(found) == (passed, above.mean(), int((~correct[above]).sum()), int(above.sum()), 0)


def test_the_steps_go_down_to_the_lowest_score_from_a_start_or_the_highest() -> None:
    scores = np.arange(10_000) / 10_000
    for start, first in ((None, 0.9999), (0.95005, 0.95005)):
        thresholds = sequence(scores, start)
        assert (thresholds[0], thresholds[-1]) == (first, 0)
        assert (np.diff(thresholds) < 0).all()
        assert len(thresholds) <= 200
    assert len(sequence([])) == 0


@pytest.mark.parametrize(("good", "reaches"), [(1.0, 1.0), (0.6, 0.5), (0.3, 0.25)])
def test_a_search_begins_anew_after_a_threshold_that_did_not_hold(good: float, reaches: float) -> None:
    confidence = np.linspace(1, 0, 2_000)
    found = certify(confidence, confidence >= 1 - good, max_error=0.02, delta=0.02)
    assert found.coverage >= reaches
    assert found.coverage <= good * 1.03, "no further than errors allow"


def _with_errors(places: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """1,000 labels from the surest on; so many from each place on are wrong."""
    wrong = np.zeros(1_000, dtype=bool)
    for place, errors in places.items():
        wrong[place : place + errors] = True
    return np.linspace(1, 0, 1_000), wrong


@pytest.mark.parametrize(
    ("places", "covered"),
    [
        pytest.param({549: 5}, True, id="what held until 55 % has all of delta there: P(5 of 553) = 0.03"),
        pytest.param({0: 5}, False, id="what failed before has seven tenths of it"),
        pytest.param({0: 3}, True, id="and they do for three errors: P = 0.005"),
    ],
)
def test_a_search_keeps_its_part_of_delta_while_thresholds_hold(places: dict[int, int], covered: bool) -> None:
    confidence, wrong = _with_errors({**places, 600: 400})
    found = certify(confidence, ~wrong, max_error=0.02, delta=0.04)
    assert (found.coverage > 0.54) == covered


def test_of_few_labels_a_search_begins_where_labels_without_error_can_certify_at_all() -> None:
    confidence = np.linspace(1, 0, 300)
    found = certify(confidence, np.arange(300) < 299, max_error=0.02, delta=0.05)
    assert found.threshold is not None
    assert found.strictest == pytest.approx(confidence[148], abs=0.01), "not above half of them, where 150 lie"


@pytest.mark.parametrize("guide", ["ranks", "scores"])
@pytest.mark.parametrize("power", [1.0, 0.4, 2.5])
def test_the_certified_error_is_exceeded_no_more_often_than_delta(guide: str, power: float) -> None:
    # Known truth: a case of score s is wrong with probability 0.3 (1 - s^power), whatever s claims.
    chance, runs, delta, bound = np.random.default_rng(9), 150, 0.1, 0.02
    scores = chance.beta(6, 1, 20_000)
    risk = 0.3 * (1 - scores**power)
    violations, certified = 0, 0
    for _ in range(runs):
        seen = chance.choice(20_000, 3_000)
        correct = chance.random(3_000) >= risk[seen]
        found = certify(
            scores[seen],
            correct,
            max_error=bound,
            delta=delta,
            scores=scores if guide == "scores" else None,
        )
        if found.threshold is not None:
            certified += 1
            violations += risk[scores >= found.threshold].mean() > bound
    assert violations / runs <= delta + 2 * np.sqrt(delta * (1 - delta) / runs)
    assert certified > 0


def test_a_good_model_is_automated_nearly_as_far_as_an_oracle_would() -> None:
    chance = np.random.default_rng(10)
    scores = chance.beta(5, 1, 50_000)
    risk = np.clip(1.1 * (0.75 - scores), 0.001, None)
    ranked = np.sort(risk)
    oracle = (np.cumsum(ranked) / np.arange(1, 50_001) <= 0.02).mean()
    coverage = []
    for _ in range(40):
        seen = chance.choice(50_000, 5_000)
        correct = chance.random(5_000) >= risk[seen]
        coverage.append(certify(scores[seen], correct, max_error=0.02, delta=0.1, scores=scores).coverage)
    assert np.mean(coverage) >= 0.85 * oracle


@pytest.mark.parametrize(
    ("confidence", "correct", "max_error", "delta"),
    [
        ([1.2], [1], 0.02, 0.05),
        ([np.nan], [1], 0.02, 0.05),
        ([0.9], [2], 0.02, 0.05),
        ([0.9], [np.nan], 0.02, 0.05),
        ([0.9, 0.8], [1], 0.02, 0.05),
        ([0.9], [1], 0.0, 0.05),
        ([0.9], [1], 0.02, 1.0),
    ],
)
def test_impossible_input_is_refused(
    confidence: list[float], correct: list[float], max_error: float, delta: float
) -> None:
    with pytest.raises(BadInput):
        certify(confidence, correct, max_error=max_error, delta=delta)


def test_the_columns_of_a_sheet_may_hold_words_and_are_refused_in_a_sentence() -> None:
    with pytest.raises(BadInput, match="no number"):
        certify(["high"], [1], max_error=0.02, delta=0.05)
    with pytest.raises(BadInput, match="one column"):
        certify([[0.9]], [[1]], max_error=0.02, delta=0.05)
    with pytest.raises(BadInput, match="2 of 3 confidences"):
        certify([1.5, 0.9, np.nan], [1, 1, 1], max_error=0.02, delta=0.05)
    with pytest.raises(BadInput, match="1 of 2 answers"):
        certify([0.9, 0.9], [1, 0.5], max_error=0.02, delta=0.05)


def test_labels_of_one_confidence_stand_or_fall_together() -> None:
    good = certify(np.full(300, 0.97), np.ones(300), max_error=0.02, delta=0.05)
    assert core(good) == (0.97, 1.0, 0, 300, 0)
    right = np.ones(300)
    right[:3] = 0
    assert certify(np.full(300, 0.97), right, max_error=0.02, delta=0.05).threshold is None
    wrong = certify(np.full(300, 0.97), np.zeros(300), max_error=0.02, delta=0.05)
    assert (wrong.threshold, wrong.errors, wrong.n) == (None, 300, 300)


@given(st.lists(st.tuples(st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.booleans()), min_size=1, max_size=400))
def test_a_threshold_counts_every_label_at_or_above_it(rows: list[tuple[float, bool]]) -> None:
    confidence, right = np.array([c for c, _ in rows]), np.array([r for _, r in rows])
    found = certify(confidence, right, max_error=0.2, delta=0.2)
    if found.threshold is None:
        assert (found.n, found.errors, found.coverage) == (len(rows), (~right).sum(), 0.0)
        assert found.needed >= 1
    else:
        above = confidence >= found.threshold
        assert (found.n, found.errors, found.needed) == (above.sum(), (~right[above]).sum(), 0)
        assert found.coverage == above.mean()
        assert stats.binom.cdf(found.errors, found.n, 0.2) <= 0.2


def test_fewer_labels_and_more_errors_never_need_less() -> None:
    def needed(labels: int, errors: int) -> int:
        right = np.ones(labels)
        right[:errors] = 0  # the most confident ones
        return certify(np.linspace(1, 0.9, labels), right, max_error=0.02, delta=0.05).needed

    assert [needed(labels, 0) for labels in range(0, 151, 10)] == [max(149 - n, 0) for n in range(0, 151, 10)]
    by_errors = [needed(200, errors) for errors in range(1, 20)]
    assert by_errors == sorted(by_errors)


def test_what_is_needed_is_reckoned_with_what_the_next_look_may_spend() -> None:
    found = certify(np.full(100, 0.9), np.ones(100), max_error=0.02, delta=0.05, next_delta=0.01)
    assert found.needed == labels_without_error(0.02, 0.01) - 100


def test_where_the_wrong_answers_stand_does_not_move_the_sequence() -> None:
    chance = np.random.default_rng(4)
    confidence = np.round(chance.beta(8, 1, 2_000), 3)
    few, many = chance.random(2_000) < 0.999, chance.random(2_000) < 0.8
    passed = certify(confidence, few, max_error=0.02, delta=0.05)
    failed = certify(confidence, many, max_error=0.02, delta=0.05)
    assert passed.threshold in sequence(confidence)
    assert failed.threshold is None
    assert passed.strictest == failed.strictest


class TestChances:
    """A label stands for 1 / its chance cases, and errors may lie where the fewest were looked at."""

    def test_labels_of_one_chance_are_tested_exactly_whatever_it_is(self) -> None:
        for chance in (1.0, 0.05):
            shown = evidence(np.full(400, chance), np.arange(400) < 3, max_error=0.02)
            assert shown == Witness(3.0, pytest.approx(8.0), 400, alike=True)
            assert shown.probability() == pytest.approx(stats.binom.cdf(3, 400, 0.02))

    def test_many_labels_of_shadow_hide_no_error_that_a_few_audits_could_not_have_missed(self) -> None:
        # 600 right ones in shadow, five right audits at one in twenty: these hundred cases may all but hold 2 % of 700.
        shown = evidence(np.repeat([1.0, 0.05], [600, 5]), np.zeros(605), max_error=0.02)
        assert shown.expected == pytest.approx(0.05 * 14), "fourteen errors, of which one in twenty was looked at"
        assert shown.probability() > 0.4
        assert shown.probability() == pytest.approx(0.86**5, abs=0.05), "as likely as five right answers at 14 %"

    def test_an_error_of_a_larger_chance_counts_for_the_cases_it_stands_for(self) -> None:
        shown = evidence([1.0] * 100 + [0.1] * 100, [True] * 2 + [False] * 198, max_error=0.02)
        assert shown.caught == pytest.approx(0.2)
        assert evidence([1.0] * 100 + [0.1] * 100, [False] * 199 + [True], max_error=0.02).caught == 1.0

    def test_cases_without_a_chance_count_as_if_wrong(self) -> None:
        assert evidence([1.0] * 980, [False] * 980, max_error=0.02, unseen=20).probability() == 1.0
        free, held = (evidence([1.0] * 980, [False] * 980, max_error=0.02, unseen=n) for n in (0, 10))
        assert held.expected == pytest.approx(0.02 * 990 - 10)
        assert held.probability() > free.probability()

    @given(
        st.lists(st.tuples(st.sampled_from([1.0, 0.5, 0.2, 0.13, 0.05]), st.booleans()), min_size=1, max_size=80),
        st.sampled_from([0.02, 0.1, 0.3]),
    )
    def test_an_error_more_never_speaks_for_the_model(self, rows: list[tuple[float, bool]], bound: float) -> None:
        chances, wrong = [chance for chance, _ in rows], np.array([is_wrong for _, is_wrong in rows])
        before = evidence(chances, wrong, max_error=bound).probability()
        more = wrong.copy()
        more[np.argmin(more)] = True
        assert evidence(chances, more, max_error=bound).probability() >= before - 1e-12

    def test_below_a_threshold_that_audits_did_not_reach_the_others_stand_alone(self) -> None:
        above = np.linspace(0.95, 1, 1_000)
        never = np.linspace(0, 0.949, 1_000)
        found = certify(above, np.ones(1_000), max_error=0.02, delta=0.05, unseen=never, scores=np.append(above, never))
        assert found.threshold is not None
        assert 0.93 < found.threshold < 0.96, "cases below had no chance: more than one in fifty of them end it"

    def test_a_chance_is_a_chance(self) -> None:
        for chances in ([0.0], [1.1], [np.nan]):
            with pytest.raises(BadInput, match="chance"):
                certify([0.9], [1], max_error=0.02, delta=0.05, chances=chances)
        with pytest.raises(BadInput, match="equal length"):
            certify([0.9], [1], max_error=0.02, delta=0.05, chances=[0.1, 0.2])

    def test_errors_that_came_after_shadow_are_not_pooled_away(self) -> None:
        # A fortnight of shadow without an error, then three days at 12 % audited at one in twenty: 2.1 % in all.
        chance, runs, delta = np.random.default_rng(12), 400, 0.05
        days = np.repeat([1.0, 0.05], [840, 180])
        wrong = {"chances": 0, "naive": 0}
        for _ in range(runs):
            drawn = chance.random(1_020) < days
            right = chance.random(1_020) >= np.where(days < 1, 0.121, 0)
            same = np.full(drawn.sum(), 0.9)
            for name, chances in (("chances", days[drawn]), ("naive", None)):
                found = certify(same, right[drawn], max_error=0.02, delta=delta, chances=chances)
                wrong[name] += found.threshold is not None
        assert wrong["chances"] / runs <= delta + 2 * np.sqrt(delta * (1 - delta) / runs)
        assert wrong["naive"] / runs > 0.9


def test_mapie_ends_at_the_same_threshold_or_counts_one_error_too_many() -> None:
    from mapie.risk_control import BinaryClassificationController, BinaryRisk

    errors = BinaryRisk(lambda truth, _: truth == 0, lambda _, accepted: accepted == 1, higher_is_better=False)
    chance, alike = np.random.default_rng(6), 0
    for power in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0):
        confidence = chance.beta(8, 1, 2_000)
        right = chance.random(2_000) < confidence**power
        thresholds = sequence(confidence, start=0.98)
        controller = BinaryClassificationController(
            lambda column: np.column_stack([1 - column[:, 0], column[:, 0]]),
            errors,
            0.05,
            confidence_level=0.9,
            best_predict_param_choice="precision",
            list_predict_params=thresholds,
            fwer_method="fixed_sequence",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            controller.calibrate(confidence[:, None], right.astype(int))
        valid = controller.valid_predict_params
        theirs = float(min(valid)) if len(valid) else None
        ours = certify(confidence, right, max_error=0.05, delta=0.1, start=0.98).threshold
        alike += ours == theirs
        assert theirs is None or (ours is not None and theirs >= ours)
    assert alike >= 7
