"""What was never seen is called novel; what is in scope only as often as the policy allows."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.policy import ModelRules, NoveltyRules
from models import classifier, novelty
from models.classifier import TrainedModel
from models.novelty import NoveltyModel, Scored

Inbox = Callable[..., pd.DataFrame]

PARCEL, REFUND = 0, 1
TRAINED_ON = ["late parcel", "lost parcel again", "refund please", "late refund"]
CATEGORIES = np.array([PARCEL, PARCEL, REFUND, REFUND])
HELD_OUT = ["late parcel", "lost parcel", "new refund", "refund please", "parcel again"]


def scored(texts: Sequence[str], category: int = PARCEL, strength: float = 2.0, runner_up: float = 0.0) -> Scored:
    raw = np.full((len(texts), 3), -4.0)
    raw[:, category], raw[:, 1 - category] = strength, runner_up
    return Scored(texts, raw)


@pytest.fixture
def model() -> NoveltyModel:
    rng = np.random.default_rng(3)
    return novelty.fit(TRAINED_ON, CATEGORIES, Scored(HELD_OUT, rng.normal(size=(len(HELD_OUT), 3))), 0.1)


LETTERS = "abcdefghijklmnopqrst"
VOCABULARY = np.array([first + second for first in LETTERS[:10] for second in LETTERS[10:]])
SHARES = 1 / np.arange(1, len(VOCABULARY) + 1)


def drawn(cases: int, rng: np.random.Generator) -> Scored:
    """Exchangeable cases with heavy tails: up to five words of a long-tailed vocabulary, Student-t raw scores."""
    words = VOCABULARY[np.searchsorted(np.cumsum(SHARES) / SHARES.sum(), rng.random((cases, 5)))]
    texts = [" ".join(row[:count]) for row, count in zip(words, rng.integers(6, size=cases), strict=True)]
    return Scored(texts, rng.standard_t(2, size=(cases, 4)))


def share_flagged(held_out: int, allowed: float, rng: np.random.Generator) -> float:
    training = drawn(30, rng)
    world = novelty.fit(training.texts, training.raw.argmax(axis=1), drawn(held_out, rng), allowed)
    return float((world.score(drawn(50, rng)) > world.threshold).mean())


@pytest.mark.parametrize(("held_out", "allowed"), [(19, 0.10), (29, 0.10), (60, 0.05), (60, 0.10)])
def test_in_expectation_no_more_in_scope_cases_are_flagged_than_allowed(held_out: int, allowed: float) -> None:
    rng = np.random.default_rng(held_out)
    shares = np.array([share_flagged(held_out, allowed, rng) for _ in range(250)])
    assert shares.mean() <= allowed + 2 * shares.std() / np.sqrt(len(shares))
    assert shares.mean() >= allowed / 2  # a threshold that flags nobody would keep the promise as well


def test_the_trained_classifier_flags_no_more_than_the_policy_allows(make_inbox: Inbox) -> None:
    shares = []
    for seed in range(8):
        rules = NoveltyRules(max_in_scope_flagged=0.05)
        trained = classifier.train(make_inbox(500, seed=seed), ModelRules(calibration_share=0.4), (), rules)
        shares.append(trained.predict(make_inbox(400, seed=seed + 100))["novel"].mean())
    assert np.mean(shares) <= 0.06


@pytest.mark.parametrize(("held_out", "allowed"), [(99, 0.01), (100, 0.02), (100, 1.0), (8, 0.1), (9, 0.1)])
def test_the_threshold_is_the_conformal_quantile_of_cases_scaled_by_the_others(held_out: int, allowed: float) -> None:
    known = drawn(held_out, np.random.default_rng(1))
    world = novelty.fit(["nothing"], np.array([0]), known, allowed)
    signs = world.signs(known)
    novelties = []
    for case in range(held_out):
        others = np.delete(signs, case, axis=0)
        standardised = (signs[case] - others.mean(axis=0)) / np.maximum(others.std(axis=0), 1e-3)
        novelties.append(1 / (1 + np.exp(-np.average(standardised, weights=[2, 2, 2, 1]))))
    rank = max(int(np.ceil((held_out + 1) * (1 - allowed))), 1)
    assert world.threshold == pytest.approx(sorted(novelties)[min(rank, held_out) - 1])


def test_too_few_held_out_cases_for_the_share_flag_more_and_not_fewer() -> None:
    rng = np.random.default_rng(2)
    shares = [share_flagged(held_out=4, allowed=0.01, rng=rng) for _ in range(100)]
    assert np.mean(shares) > 0.01


def test_without_held_out_cases_everything_is_novel() -> None:
    blind = novelty.fit(TRAINED_ON, CATEGORIES, Scored([], np.empty((0, 3))), 0.1)
    cases = scored(["late parcel", "", "μάθημα"], strength=50.0)
    assert (blind.score(cases) > blind.threshold).all()


def test_other_subjects_are_called_novel(trained: TrainedModel) -> None:
    strange = ["we would like to visit with twenty school children", "brauche einen Termin beim Augenarzt", "μάθημα"]
    frame = pd.DataFrame({"text": strange, "amount": None, "channel": "web"})
    assert trained.predict(frame)["novel"].all()


def test_each_sign_alone_raises_novelty(model: NoveltyModel) -> None:
    familiar = model.score(scored(["late parcel"]))
    assert model.score(scored(["strange parcel"])) > familiar
    assert model.score(scored(["late parcel"], runner_up=1.5)) > familiar
    assert model.score(scored(["late parcel"], strength=0.5, runner_up=-1.5)) > familiar
    assert model.score(scored(["refund please"])) > model.score(scored(["refund please"], REFUND))


def test_a_word_of_another_category_surprises_less_than_one_never_seen(model: NoveltyModel) -> None:
    never, elsewhere, here = model.score(scored(["xylophone", "please", "again"]))
    assert never > elsewhere > here


def test_the_signs_equal_a_count_by_hand(model: NoveltyModel) -> None:
    signs = model.signs(scored(["late parcel tomorrow", "", "parcel"], strength=2.0, runner_up=0.5))
    surprise = [np.mean([np.log(3 / held) for held in (1, 2, 0.1, 1, 0.1)]), np.log(3 / 0.1), np.log(3 / 2)]
    np.testing.assert_allclose(signs[:, 0], np.log(np.exp(0.5) + np.exp(-4.0)) - 2.0)
    np.testing.assert_allclose(signs[:, 1], (2.0 + 0.5 - 4.0) / 3 - 2.0)
    np.testing.assert_allclose(signs[:, 2], surprise)
    np.testing.assert_allclose(signs[:, 3], [1 / 3, 1, 0])


WORD = st.sampled_from(["late", "lost", "parcel", "again", "refund", "please", "now", "letter"])
TEXT = st.lists(WORD, max_size=8).map(" ".join)


@given(st.lists(st.tuples(TEXT, st.integers(0, 2)), min_size=1, max_size=8), TEXT, st.integers(0, 2))
@settings(max_examples=50, deadline=None)
def test_surprise_equals_a_dictionary_of_counts(rows: list[tuple[str, int]], text: str, category: int) -> None:
    def terms(written: str) -> list[tuple[str, ...]]:
        words = written.split()
        return [(word,) for word in words] + list(pairwise(words))

    known = Counter((term, place) for written, place in rows for term in set(terms(written)))
    size = sum(place == category for _, place in rows)
    counted = [known[term, category] or 0.1 for term in terms(text)] or [0.1]
    raw = np.eye(3)[[category]]
    texts, places = zip(*rows, strict=True)
    wording = novelty.fit(texts, np.array(places), Scored([""], raw), 0)
    assert wording.signs(Scored([text], raw))[0, 2] == pytest.approx(np.log(size + 1) - np.mean(np.log(counted)))


def test_what_is_added_to_all_raw_scores_of_a_case_changes_nothing(model: NoveltyModel) -> None:
    raw = np.random.default_rng(4).normal(size=(2, 3))
    texts, shift = ["late parcel", "else"], np.array([[7.0], [-3.0]])
    np.testing.assert_allclose(model.score(Scored(texts, raw)), model.score(Scored(texts, raw + shift)))


def test_numbers_are_no_new_words(model: NoveltyModel) -> None:
    np.testing.assert_array_equal(model.score(scored(["late parcel 998877"])), model.score(scored(["late parcel"])))


@pytest.mark.parametrize("text", ["", "   ", "€ 12 !", "a", "𝒳 𝒴", "да нет", "\ud800", "x" * 300_000])
def test_odd_texts_have_a_novelty_and_are_less_familiar_than_a_known_one(model: NoveltyModel, text: str) -> None:
    odd, known = model.score(scored([text, "late parcel"]))
    assert known < odd <= 1


def test_no_case_gives_no_novelty(model: NoveltyModel) -> None:
    assert model.score(Scored([], np.empty((0, 3)))).shape == (0,)


def test_a_case_scores_the_same_alone_and_in_any_company(model: NoveltyModel) -> None:
    texts = ["late parcel", "", "lost letter " * 30_000, "refund please", "else " * 50_000, "parcel again"]
    raw = np.random.default_rng(6).normal(size=(len(texts), 3))
    together = model.score(Scored(texts, raw))
    alone = [model.score(Scored([text], raw[[place]]))[0] for place, text in enumerate(texts)]
    np.testing.assert_allclose(together, alone)


def test_equal_input_gives_an_equal_model() -> None:
    first, again = (
        novelty.fit(TRAINED_ON, CATEGORIES, drawn(30, np.random.default_rng(5)), 0.1).to_dict() for _ in range(2)
    )
    assert first == again


def test_the_order_of_the_training_texts_does_not_matter() -> None:
    held_out, order = drawn(30, np.random.default_rng(5)), [2, 0, 3, 1]
    turned = novelty.fit([TRAINED_ON[place] for place in order], CATEGORIES[order], held_out, 0.1)
    assert turned.to_dict() == novelty.fit(TRAINED_ON, CATEGORIES, held_out, 0.1).to_dict()


def test_a_text_counts_for_its_own_category_however_long_the_texts_before_it() -> None:
    texts = ["late parcel", "filler words " * 20_000, "refund please"]
    wording = novelty.fit(texts, np.array([PARCEL, PARCEL, REFUND]), scored(["late parcel"]), 0.1)
    ours, other = wording.signs(Scored(["refund please"] * 2, np.array([[0.0, 1.0], [1.0, 0.0]])))[:, 2]
    assert ours == pytest.approx(np.log(2))
    assert other == pytest.approx(np.log(3 / 0.1))


def test_a_model_written_and_read_scores_the_same(model: NoveltyModel) -> None:
    again = NoveltyModel.from_dict(json.loads(json.dumps(model.to_dict())))
    cases = scored(["late parcel", "else", ""])
    np.testing.assert_array_equal(model.score(cases), again.score(cases))
    assert again.to_dict() == model.to_dict()


def test_no_text_can_be_read_back_from_what_is_saved(model: NoveltyModel) -> None:
    saved = model.to_dict()
    words = {word for text in TRAINED_ON for word in text.split()}
    hidden = b"".join(base64.b64decode(saved[name]) for name in ("words", "terms", "counts"))
    assert not {word for word in words if word in json.dumps(saved) or word.encode() in hidden}
    # Four bytes a word, in the order of the hashes: neither its letters nor its place in a text are kept.
    assert len(base64.b64decode(saved["words"])) == 4 * len(words)
    assert (np.diff(model.words.astype(np.int64)) > 0).all()
