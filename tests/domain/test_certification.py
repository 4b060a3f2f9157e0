import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handrail.certification import Certification, certify, labels_without_error, sequence
from handrail.errors import BadInput


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
    assert passed == Certification(0.9, 1.0, 0, 149, 0)
    missed = certify(confidence[:148], np.ones(148), max_error=0.02, delta=0.05)
    assert missed == Certification(None, 0.0, 0, 148, 1)


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


def test_the_threshold_is_the_last_that_passes_the_exact_test_in_sequence() -> None:
    chance = np.random.default_rng(5)
    confidence = np.round(chance.beta(8, 1, 3_000), 3)
    correct = chance.random(3_000) < confidence**0.3
    found = certify(confidence, correct, max_error=0.05, delta=0.1)
    passed = None
    for threshold in sequence(confidence, 3_000, 0.05, 0.1):
        above = confidence >= threshold
        if not above.any() or stats.binom.cdf((~correct[above]).sum(), above.sum(), 0.05) > 0.1:
            break
        passed = threshold
    assert passed is not None
    above = confidence >= passed
    assert found == Certification(passed, above.mean(), int((~correct[above]).sum()), int(above.sum()), 0)


def test_the_sequence_starts_where_enough_labels_are_expected() -> None:
    scores = np.arange(10_000) / 10_000
    thresholds = sequence(scores, 2_000, 0.02, 0.1)  # 3 ln(10) / 0.02 is 346 of 2,000 labels
    assert thresholds[0] == pytest.approx(1 - 346 / 2_000)
    assert (np.diff(thresholds) < 0).all()
    assert thresholds[-1] == 0
    assert len(sequence([], 1_000, 0.02, 0.1)) == 0


def test_of_few_labels_a_quarter_stands_above_the_first_threshold_but_never_fewer_than_can_certify() -> None:
    scores = np.arange(10_000) / 10_000
    assert sequence(scores, 1_000, 0.02, 0.1)[0] == pytest.approx(1 - 0.25)
    assert sequence(scores, 400, 0.02, 0.1)[0] == pytest.approx(1 - labels_without_error(0.02, 0.1) / 400, abs=1e-4)
    assert list(sequence(scores, 50, 0.02, 0.1)) == [0.0], "fewer than can certify: one threshold says what is missing"


@pytest.mark.parametrize("guide", ["ranks", "scores", "split"])
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
            rng=chance if guide == "split" else None,
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
    assert good == Certification(0.97, 1.0, 0, 300, 0)
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
    tried = sequence(confidence, 2_000, 0.02, 0.05)
    assert passed.threshold in tried
    assert failed.threshold is None


class TestFloors:
    """Labels of audits exist only above the threshold that was in force: they say nothing of the cases below."""

    def test_a_label_judges_thresholds_from_its_floor_up_to_its_confidence(self) -> None:
        shadow, audits = np.linspace(0.5, 1, 200), np.linspace(0.95, 1, 400)
        held, floors = np.concatenate([shadow, audits]), np.repeat([0.0, 0.95], [200, 400])
        found = certify(held, np.ones(600), max_error=0.02, delta=0.05, scores=shadow, floors=floors)
        assert found == Certification(0.5, 1.0, 0, 200, 0), "below the floor the labels of shadow stand alone"
        right = np.ones(600)
        right[(held > 0.6) & (held < 0.95)] = 0
        found = certify(held, right, max_error=0.02, delta=0.05, scores=shadow, floors=floors)
        assert found.threshold is not None
        assert found.threshold >= 0.95
        assert found.n == (held >= found.threshold).sum()

    def test_audits_alone_certify_nothing_below_their_floor(self) -> None:
        audits, scores = np.linspace(0.95, 1, 1_000), np.linspace(0, 1, 1_000)
        found = certify(audits, np.ones(1_000), max_error=0.02, delta=0.05, scores=scores, floors=np.full(1_000, 0.95))
        assert found.threshold is not None
        assert found.threshold >= 0.95
        assert certify(audits, np.ones(1_000), max_error=0.02, delta=0.05, scores=scores).threshold == 0, "naively"

    @pytest.mark.parametrize("floor", [0.0, 0.9])
    def test_a_label_below_its_own_floor_counts_nowhere(self, floor: float) -> None:
        found = certify(np.full(200, 0.8), np.zeros(200), max_error=0.02, delta=0.05, floors=np.full(200, floor))
        assert found.n == (200 if floor == 0 else 0)

    def test_a_floor_is_a_confidence(self) -> None:
        with pytest.raises(BadInput, match="floor"):
            certify([0.9], [1], max_error=0.02, delta=0.05, floors=[-0.1])
        with pytest.raises(BadInput, match="equal length"):
            certify([0.9], [1], max_error=0.02, delta=0.05, floors=[0.1, 0.2])

    def test_floors_keep_the_guarantee_where_pooling_breaks_it(self) -> None:
        # Errors all but begin below 0.95: three audits for each label of shadow hide them from a naive count.
        chance, runs, delta, bound = np.random.default_rng(12), 150, 0.1, 0.02
        wrong = {"floors": 0, "naive": 0}
        for _ in range(runs):
            scores = chance.uniform(0.5, 1, 4_000)
            risk = np.where(scores >= 0.95, 0.004, 0.1)
            shadow, audit = chance.choice(4_000, 1_000), chance.choice(np.flatnonzero(scores >= 0.95), 3_000)
            seen = np.concatenate([shadow, audit])
            right = chance.random(4_000) >= risk[seen]
            floors = np.repeat([0.0, 0.95], [1_000, 3_000])
            for name, given_floors in (("floors", floors), ("naive", None)):
                found = certify(scores[seen], right, max_error=bound, delta=delta, floors=given_floors)
                if found.threshold is not None:
                    wrong[name] += risk[scores >= found.threshold].mean() > bound
        assert wrong["floors"] / runs <= delta + 2 * np.sqrt(delta * (1 - delta) / runs)
        assert wrong["naive"] / runs > 0.5


def test_mapie_ends_at_the_same_threshold_or_counts_one_error_too_many() -> None:
    from mapie.risk_control import BinaryClassificationController, BinaryRisk

    errors = BinaryRisk(lambda truth, _: truth == 0, lambda _, accepted: accepted == 1, higher_is_better=False)
    chance, alike = np.random.default_rng(6), 0
    for power in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0):
        confidence = chance.beta(8, 1, 2_000)
        right = chance.random(2_000) < confidence**power
        thresholds = sequence(confidence, 2_000, 0.05, 0.1)
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
        ours = certify(confidence, right, max_error=0.05, delta=0.1).threshold
        alike += ours == theirs
        assert theirs is None or (ours is not None and theirs >= ours)
    assert alike >= 7
