"""The classifier beside a plain scikit-learn pipeline: accuracy, calibration, speed of scoring."""

import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from handrail import pii, policy, sample
from handrail.policy import ModelRules, NoveltyRules
from models import calibration, classifier
from models.classifier import TrainedModel

SAMPLE_POLICY = Path(__file__).resolve().parents[2] / "policy" / "sample" / "policy.yaml"
EVENTLESS_WEEKS = range(1, 8)  # before the sample business's first event
TRAIN, CALIBRATE = 976, 226  # oldest complaints; the rest measures
NO_ANSWER = ("empty", "out_of_scope")  # kinds of cases for which no label would be right


def plain_pipeline(sweeps: int = 1000) -> Pipeline:
    """Words and pairs, character n-grams of three to five, logistic regression: what one writes first."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2)
    return make_pipeline(make_union(words, characters), LogisticRegression(C=10, max_iter=sweeps))


def accuracy_on_complaints(path: Path) -> dict[str, float]:
    """Accuracy of both on the newest complaints; ours calibrates on a part of the same cases, inside.

    `path` is the complaints file. The plain pipeline has its best-known regularisation, and the same redacted texts.
    """
    raw = pd.read_csv(path).dropna(subset="narrative").sort_values(["date_received", "complaint_id"], kind="stable")
    raw = raw.drop_duplicates("narrative")
    frame = pd.DataFrame(
        {
            "case_id": raw["complaint_id"],
            "text": redacted(raw["narrative"]),
            "label": raw["product"],
            "received_at": raw["date_received"],
        }
    )
    known, test = frame[: TRAIN + CALIBRATE], frame[TRAIN + CALIBRATE :]
    rules = ModelRules(calibration_share=CALIBRATE / (TRAIN + CALIBRATE))
    ours, trained_in = timed(lambda: classifier.train(known, rules, (), NoveltyRules()))
    plain, plain_in = timed(lambda: plain_pipeline().fit(frame["text"][:TRAIN], frame["label"][:TRAIN]))
    said = ours.predict(test)
    right = (said["label"] == test["label"]).to_numpy()
    plain_right = plain.predict(test["text"]) == test["label"].to_numpy()
    sure = (said["confidence"] > 0.95).to_numpy()  # the policy's default threshold
    return {
        "accuracy": float(right.mean()),
        "plain_accuracy": float(plain_right.mean()),
        "difference_standard_error": float((right.astype(float) - plain_right).std() / np.sqrt(len(right))),
        "n_test": len(test),
        "above_95_share": float(sure.mean()),
        "above_95_errors": float(1 - right[sure].mean()) if sure.any() else 0.0,
        "train_cpu_seconds": trained_in,
        "plain_train_cpu_seconds": plain_in,
    }


def calibration_on_sample(rows: int = 6_000, seed: int = 7) -> dict[str, float]:
    """Calibration error of the sample business's first model on at least `rows` later cases that have an answer.

    Trained on its history as the product does, fields included. `ece_with_unknown` also counts the out-of-scope
    cases, in which every label is wrong: there novelty has to help, not calibration.
    """
    ours, cases = sample_model(seed), sample_cases(rows, seed)
    said = ours.predict(cases)
    right = (said["label"] == cases["truth_label"]).to_numpy()
    answered = ~cases["truth_kind"].isin(NO_ANSWER).to_numpy()
    with_text = cases["truth_kind"].ne("empty").to_numpy()
    return {
        "ece": calibration.ece(said["confidence"][answered], right[answered]),
        "ece_with_unknown": calibration.ece(said["confidence"][with_text], right[with_text]),
        "accuracy": float(right[answered].mean()),
        "isotonic": float("calibrated by isotonic" in ours.notes[-1]),
        "n_test": int(answered.sum()),
    }


def scoring_ratio(rows: int = 3_000, seed: int = 7, rounds: int = 2) -> dict[str, float]:
    """Cases a CPU second with calibration and novelty, over those of the plain pipeline's `predict_proba`.

    Both learn from the sample's history and score the same redacted texts in turn; the best of `rounds` counts. How
    well the plain one has learnt does not change its speed: it stops early.
    """
    ours, history, cases = (
        sample_model(seed),
        sample.generate(weeks=1, seed=seed, per_week=1).history,
        sample_cases(rows, seed),
    )
    texts = cases["text"].tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain = plain_pipeline(sweeps=20).fit(redacted(history["text"]), history["label"])
    both = [
        (timed(lambda: ours.predict(cases))[1], timed(lambda: plain.predict_proba(texts))[1]) for _ in range(rounds)
    ]
    best, best_plain = np.min(both, axis=0)
    return {
        "ratio": float(best_plain / best),
        "cases_per_cpu_second": len(cases) / float(best),
        "plain_cases_per_cpu_second": len(cases) / float(best_plain),
        "n": len(cases),
    }


@lru_cache(maxsize=1)
def sample_model(seed: int) -> TrainedModel:
    """The sample business's first model."""
    rules = policy.read(SAMPLE_POLICY)
    history = sample.generate(weeks=1, seed=seed, per_week=1).history
    examples = history.assign(case_id=history["external_id"], text=redacted(history["text"]))
    return classifier.train(examples, rules.model, rules.model.fields, rules.novelty)


def sample_cases(rows: int, seed: int) -> pd.DataFrame:
    """Cases from before the first event, of which at least `rows` have an answer; redacted as the product does."""
    per_week = int(rows / len(EVENTLESS_WEEKS) * 1.1) + 1
    cases, _ = sample.generate_weeks(EVENTLESS_WEEKS, seed=seed, per_week=per_week)
    return cases.assign(text=redacted(cases["text"]))


def redacted(texts: pd.Series) -> list[str]:
    """The texts as the model may see them."""
    privacy = policy.read(SAMPLE_POLICY).privacy
    found = pii.redact_many(texts.fillna("").tolist(), privacy.redact, region=privacy.phone_region)
    return [one.text for one in found]


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What `call` returns, and its CPU seconds."""
    started = time.process_time()
    result = call()
    return result, time.process_time() - started
