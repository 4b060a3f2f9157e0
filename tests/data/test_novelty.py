"""What was never seen is called novel; what is in scope only as often as the policy allows."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from handrail.policy import ModelRules, NoveltyRules
from models import classifier, novelty
from models.classifier import TrainedModel
from models.novelty import NoveltyModel, Scored

Inbox = Callable[..., pd.DataFrame]


def scored(texts: list[str], confidence: float = 0.9, strength: float = 2.0) -> Scored:
    return Scored(texts, np.full(len(texts), confidence), np.full(len(texts), strength))


def test_no_more_in_scope_cases_are_flagged_than_the_policy_allows(make_inbox: Inbox) -> None:
    shares = []
    for seed in range(8):
        rules = NoveltyRules(max_in_scope_flagged=0.05)
        model = classifier.train(make_inbox(500, seed=seed), ModelRules(calibration_share=0.4), (), rules)
        shares.append(model.predict(make_inbox(400, seed=seed + 100))["novel"].mean())
    assert np.mean(shares) <= 0.06


def test_other_subjects_are_called_novel(trained: TrainedModel) -> None:
    strange = ["we would like to visit with twenty school children", "brauche einen Termin beim Augenarzt", "μάθημα"]
    frame = pd.DataFrame({"text": strange, "amount": None, "channel": "web"})
    assert trained.predict(frame)["novel"].all()


def test_unseen_words_doubt_and_weakness_each_raise_novelty() -> None:
    model = novelty.fit(["late parcel", "lost parcel"], scored(["late parcel", "new parcel", "lost letter"]), 0.1)
    familiar = model.score(scored(["late parcel"]))
    assert model.score(scored(["strange thing"])) > familiar
    assert model.score(scored(["late parcel"], confidence=0.4)) > familiar
    assert model.score(scored(["late parcel"], strength=0.1)) > familiar


def test_numbers_are_no_new_words() -> None:
    model = novelty.fit(["parcel 123 late"], scored(["parcel late", "other late"]), 0.1)
    np.testing.assert_array_equal(model.score(scored(["parcel late 998877"])), model.score(scored(["parcel late"])))


def test_shares_of_unseen_words_and_pairs_equal_a_count_by_hand() -> None:
    model = novelty.fit(["late parcel again"], scored(["late"]), 0.1)
    signs = novelty._signs(scored(["parcel again tomorrow", "", "late"]), model.words, model.pairs)
    np.testing.assert_allclose(signs[:, 0], [1 / 3, 1, 0])
    np.testing.assert_allclose(signs[:, 1], [1 / 2, 1, 1])


def test_a_model_written_and_read_scores_the_same_and_holds_no_word() -> None:
    model = novelty.fit(["late parcel", "refund"], scored(["late refund", "parcel"]), 0.02)
    text = json.dumps(model.to_dict())
    again = NoveltyModel.from_dict(json.loads(text))
    cases = scored(["late parcel", "else", ""])
    np.testing.assert_array_equal(model.score(cases), again.score(cases))
    assert "parcel" not in text


@pytest.mark.parametrize(("held_out", "flagged"), [(99, 0.01), (100, 0.02)])
def test_the_threshold_is_the_conformal_quantile(held_out: int, flagged: float) -> None:
    texts = [f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(held_out)]
    known = Scored(texts, np.linspace(0.5, 0.99, held_out), np.linspace(1, 3, held_out))
    model = novelty.fit(["nothing"], known, flagged)
    above = (model.score(known) > model.threshold).sum()
    assert above == held_out - np.ceil((held_out + 1) * (1 - flagged))
