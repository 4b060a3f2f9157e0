"""After automation labels come from the hard rest and from draws: a version's figures are those of the stream."""

import numpy as np
import pandas as pd
import pytest

from handrail.policy import ModelRules
from models import calibration, calibrators, classifier, novelty, weighing
from models.card import _measured

LABELS = ("refund", "tracking", "cancel")
SHARED = ("please", "order", "thanks", "today", "again", "number")


def stream(rng: np.random.Generator, cases: int) -> pd.DataFrame:
    """Four in five speak plainly of their subject, one in five of two, and the truth is either."""
    truth = rng.choice(LABELS, cases)
    other = rng.choice(LABELS, cases)
    plain = rng.random(cases) < 0.8
    said = [
        f"{one} {one if sure else two} {' '.join(rng.choice(SHARED, 4))} {rng.integers(10**6)}"
        for one, two, sure in zip(truth, other, plain, strict=True)
    ]
    turned = rng.random(cases) < 0.5
    label = np.where(plain | ~turned, truth, other)
    frame = pd.DataFrame({"case_id": np.arange(cases), "text": said, "label": label, "plain": plain})
    return frame.assign(received_at=pd.date_range("2026-01-01", periods=cases, freq="h", tz="UTC"))


def after_automation(rng: np.random.Generator, cases: pd.DataFrame) -> pd.DataFrame:
    """People decide the hard rest, and one in ten of the others is drawn for an audit."""
    chance = np.where(cases["plain"], 0.1, 1.0)
    return cases.assign(chance=chance)[rng.random(len(cases)) < chance].reset_index(drop=True)


class TestWeigh:
    def test_a_label_counts_for_the_cases_that_it_stands_for_up_to_a_cap_that_is_said(self) -> None:
        chance = np.r_[np.ones(900), np.full(95, 0.1), np.full(5, 0.001)]
        found = weighing.weigh(pd.DataFrame({"chance": chance}))
        assert found.cap == pytest.approx(59.5)
        assert found.weights[0] == 1
        assert found.weights[900] == pytest.approx(10)
        assert found.weights.max() == found.cap < 1000
        assert "100 of 1000 labels come from draws" in found.notes[0]
        assert f"at most {found.cap:.1f}, the 95th percentile" in found.notes[0]

    def test_few_draws_among_many_labels_still_stand_for_theirs(self) -> None:
        found = weighing.weigh(pd.DataFrame({"chance": np.r_[np.ones(990), np.full(10, 0.05)]}))
        assert found.weights[-1] == pytest.approx(20), "the cap is over the drawn: over all it would be 1"

    def test_what_is_known_of_the_giver_comes_on_top(self) -> None:
        found = weighing.weigh(pd.DataFrame({"chance": [0.5, 1.0, 1.0], "trust": [0.5, 0.5, 1.0]}))
        assert found.weights.tolist() == [1.0, 0.5, 1.0]
        assert "2 labels count for the probability that their giver is right" in found.notes[1]

    def test_without_draws_and_doubts_nothing_is_weighed_or_said(self) -> None:
        found = weighing.weigh(pd.DataFrame({"text": ["a", "b"]}))
        assert (found.weights.tolist(), found.notes, found.cap) == ([1.0, 1.0], (), None)

    def test_a_recipe_holds_exactly_what_trained_in_whatever_order_the_rows_come(self) -> None:
        rng = np.random.default_rng(1)
        rows = pd.DataFrame({"case_id": rng.permutation(50)})
        rows = rows.assign(chance=weighing.stored(rng.random(50)), trust=weighing.stored(rng.random(50)))
        turned = rows.sample(frac=1, random_state=3)
        back = weighing.unpacked(turned[["case_id"]], weighing.packed(rows))
        assert back[["chance", "trust"]].equals(turned[["chance", "trust"]])
        assert weighing.packed(pd.DataFrame({"case_id": [1], "chance": [1.0]})) == {}
        with pytest.raises(ValueError, match="weighs 50 labels, and there are 49"):
            weighing.unpacked(turned[["case_id"]].iloc[1:], weighing.packed(rows))


class TestTraining:
    def test_accuracy_is_that_of_the_stream_and_not_of_its_hard_rest(self) -> None:
        rng = np.random.default_rng(7)
        seen, later = after_automation(rng, stream(rng, 6_000)), stream(rng, 6_000)
        weighed = classifier.train(seen, ModelRules())
        unweighed = classifier.train(seen.drop(columns="chance"), ModelRules())
        off = {}
        for name, model in (("weighed", weighed), ("unweighed", unweighed)):
            true = float((model.predict(later)["label"].to_numpy() == later["label"].to_numpy()).mean())
            off[name] = true - model.metrics["accuracy"]
        assert abs(off["weighed"]) < 0.06
        assert off["unweighed"] > 0.12
        assert weighed.metrics["weight_cap"] == pytest.approx(10)
        assert weighed.metrics["n_test_worth"] < weighed.metrics["n_test"]
        assert any("at most 10.0, the 95th percentile" in note for note in weighed.notes)
        assert "labels count at most: 10.0" in _measured(weighed.metrics)

    def test_confidence_is_that_of_the_stream(self) -> None:
        rng = np.random.default_rng(8)
        seen, later = after_automation(rng, stream(rng, 6_000)), stream(rng, 6_000)
        said = classifier.train(seen, ModelRules()).predict(later)
        right = said["label"].to_numpy() == later["label"].to_numpy()
        assert calibration.ece(said["confidence"], right) < 0.05

    def test_labels_that_all_count_the_same_train_the_very_same_model(self) -> None:
        cases = stream(np.random.default_rng(9), 600)
        plain = classifier.train(cases, ModelRules())
        for columns in ({"chance": 1.0}, {"chance": 1.0, "trust": 1.0}, {"trust": 0.5}):
            even = classifier.train(cases.assign(**columns), ModelRules())
            assert even.predictions_digest == plain.predictions_digest
            assert {name: even.metrics[name] for name in plain.metrics} == pytest.approx(dict(plain.metrics))


def test_the_error_of_calibration_is_that_of_repeated_cases() -> None:
    rng = np.random.default_rng(2)
    said, times = rng.random(400), rng.integers(1, 6, 400)
    right = rng.random(400) < said**2
    weighed = calibration.ece(said, right, weights=times)
    repeated = calibration.ece(np.repeat(said, times), np.repeat(right, times))
    assert weighed == pytest.approx(repeated, abs=0.02)
    assert weighed == pytest.approx(calibration.ece(said, right, weights=times * 7.0))


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_a_calibrator_follows_the_cases_that_count(method: calibrators.Method) -> None:
    rng = np.random.default_rng(4)
    raw = rng.normal(size=(2_000, 3)) * 3
    drawn = (calibrators.Calibrator(2.0).probabilities(raw).cumsum(axis=1) > rng.random((2_000, 1))).argmax(axis=1)
    # Half of the cases are of another world, in which the scores say nothing; they weigh next to nothing.
    noise = rng.random(2_000) < 0.5
    truth = np.where(noise, rng.integers(0, 3, 2_000), drawn)
    weights = np.where(noise, 1e-6, 1.0)
    found = calibrators.fit(raw, truth, method, weights).probabilities(raw)
    alone = calibrators.fit(raw[~noise], truth[~noise], method).probabilities(raw)
    assert np.abs(found - alone).max() < 0.05
    assert np.abs(calibrators.fit(raw, truth, method).probabilities(raw) - alone).max() > 0.1


def test_the_share_called_novel_is_that_of_the_stream() -> None:
    rng = np.random.default_rng(5)
    known, weights = rng.random(3_000) ** 2, np.ones(3_000)
    weights[known > 0.5] = 0.1  # looked at ten times as often as the rest
    threshold = novelty._quantile(known, weights, 0.1)
    assert weights[known > threshold].sum() / weights.sum() == pytest.approx(0.1, abs=0.005)
    assert novelty._quantile(known, np.full(3_000, 3.0), 0.1) == np.sort(known)[int(np.ceil(3_001 * 0.9)) - 1]
