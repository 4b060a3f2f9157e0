"""What an oracle can see of the events: new words in weeks 8, 12 and 16, none in quiet weeks."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, hypergeom
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier

from handrail.sample import generate_weeks

SEEDS = 20
PER_WEEK = 300
REFERENCE_WEEKS = 3
# By chance one or two terms pass; an event brings many.
TERMS_THAT_MAKE_AN_EVENT = 4


def new_terms(reference: pd.Series, current: pd.Series) -> int:
    """Count terms whose document frequency rose: exact hypergeometric test, Benjamini-Hochberg at 5 %."""
    before, now = _document_frequency(reference), _document_frequency(current)
    terms = [term for term, count in now.items() if count > 2]
    hits = np.array([now[term] for term in terms])
    total = hits + np.array([before[term] for term in terms])
    p = hypergeom.sf(hits - 1, len(reference) + len(current), total, len(current))
    return int((false_discovery_control(p) < 0.05).sum())


def _document_frequency(texts: pd.Series) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts.drop_duplicates():
        counts.update({word.strip(".,:;?!'()").lower() for word in text.split()})
    return counts


def _seen(week: int, seed: int) -> bool:
    cases, _ = generate_weeks(range(week - REFERENCE_WEEKS, week + 1), seed=seed, per_week=PER_WEEK)
    is_now = cases["week"].eq(week)
    return new_terms(cases.loc[~is_now, "text"], cases.loc[is_now, "text"]) >= TERMS_THAT_MAKE_AN_EVENT


@pytest.mark.parametrize("week", [8, 12, 16])
def test_an_oracle_sees_the_event_within_its_week_even_at_a_fifth_of_the_volume(week: int) -> None:
    assert sum(_seen(week, seed) for seed in range(SEEDS)) >= 0.95 * SEEDS


@pytest.mark.parametrize("week", [6, 15, 20])
def test_a_quiet_week_does_not_look_like_an_event(week: int) -> None:
    assert sum(_seen(week, seed) for seed in range(5)) == 0


def test_a_model_from_before_week_16_is_confidently_wrong_about_deliveries_afterwards() -> None:
    cases, _ = generate_weeks(range(12, 17), seed=3)
    cases = cases[cases["text"].ne("")]
    train = cases[cases["week"] <= 14]
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = SGDClassifier(loss="log_loss", alpha=3e-5, max_iter=30, random_state=0)
    model.fit(words.fit_transform(train["text"].str[:4000]), train["truth_label"])
    error = {}
    for week in (15, 16):
        live = cases[cases["week"].eq(week)]
        scores = model.predict_proba(words.transform(live["text"].str[:4000]))
        # The more confident half stands for automation: its calibrated confidence is about 0.95.
        sure = scores.max(axis=1) >= np.median(scores.max(axis=1))
        predicted = model.classes_[scores.argmax(axis=1)]
        chosen = sure & (predicted == "delivery_status")
        assert chosen.sum() > 150
        error[week] = float((live["truth_label"].to_numpy()[chosen] != "delivery_status").mean())
    assert error[15] < 0.05
    assert error[16] > 0.10
