"""After automation labels come from the hard rest and from draws: how far a version's figures are from its stream.

*Figures*: a classifier learns from a shadow fortnight and from weeks in which nine in ten of the plain cases went by
themselves; its measured accuracy is compared with that on a fresh stream, weighed by 1/chance and not. *Promotion*:
pairs of models of `promotion.Realistic` are judged on what audits and blind looks left of eight weeks of 90 cases a
day, each label weighed by the chance that it had; `today` weighs by a policy that has changed since.
"""

from typing import Final

import numpy as np
import pandas as pd
from demands import Size

from handrail.policy import ModelRules, PromotionRules
from model_parts.promotion import BANDS, BETTER, COSTS, EQUAL, Realistic
from models import classifier, promotion_test

SUBJECTS: Final = ("refund", "tracking", "cancel", "invoice")
FILLERS: Final = ("please", "order", "thanks", "today", "again", "number", "account", "hello")
AUDITED: Final = 0.10
"""Chance of a case that went by itself: about six of sixty a day."""
BLIND: Final = 0.25
TODAY: Final = 0.05
STREAM: Final = 56 * 90
RULES: Final = PromotionRules()


def figures(*, size: Size) -> dict[str, object]:
    """Bias of the measured accuracy, weighed and not, and how often equal and better challengers are promoted."""
    biases = pd.DataFrame([biases_of(seed, size.of(6_000, 4_000, 1_500)) for seed in range(size.of(20, 10, 1))])
    rounds = size.of(2_000, 200, 2)
    return {
        "rounds": rounds,
        "bias": biases.mean().to_dict(),
        "bias_worst": biases.abs().max().to_dict(),
        "equal": promoted(EQUAL, rounds, seed=1),
        "better": promoted(BETTER, rounds, seed=2),
        "equal_today": promoted(EQUAL, rounds, seed=1, today=True),
    }


def biases_of(seed: int, cases: int) -> dict[str, float]:
    """Measured accuracy less that on a fresh stream."""
    rng = np.random.default_rng([45, seed])
    seen = cases_of(rng, cases)
    shadow = np.arange(cases) < cases // 6
    chance = np.where(seen["plain"] & ~shadow, AUDITED, 1.0)
    labelled = seen.assign(chance=chance)[rng.random(cases) < chance]
    fresh = cases_of(rng, 6_000)
    found = {}
    for name, rows in (("weighed", labelled), ("unweighed", labelled.drop(columns="chance"))):
        model = classifier.train(rows, ModelRules())
        true = float((model.predict(fresh)["label"].to_numpy() == fresh["label"].to_numpy()).mean())
        found[name] = model.metrics["accuracy"] - true
    return found


def cases_of(rng: np.random.Generator, cases: int) -> pd.DataFrame:
    """Four in five name their subject alone, one in five names two, of which either is the truth."""
    first, second = rng.choice(SUBJECTS, cases), rng.choice(SUBJECTS, cases)
    plain, turned = rng.random(cases) < 0.8, rng.random(cases) < 0.5
    words = rng.choice(FILLERS, (cases, 5))
    text = [
        " ".join([one, one if sure else two, *more, str(number)])
        for one, two, sure, more, number in zip(
            first, second, plain, words, rng.integers(10**6, size=cases), strict=True
        )
    ]
    received = pd.date_range("2026-01-01", periods=cases, freq="16min", tz="UTC")
    label = np.where(plain | ~turned, first, second)
    return pd.DataFrame(
        {"case_id": range(cases), "text": text, "label": label, "plain": plain, "received_at": received}
    )


def promoted(noises: tuple[float, float], rounds: int, *, seed: int, today: bool = False) -> dict[str, float]:
    """Share of challengers promoted, with its standard error, and the labels that judged them on average."""
    draw = Realistic(np.random.default_rng(seed), noises)
    rng = np.random.default_rng(seed + 10)
    passed, judged = [], []
    for _ in range(rounds):
        frame = looked_at(rng, draw(STREAM), today=today)
        passed.append(promotion_test.judge(frame, costs=COSTS["default"], rules=RULES, bands=BANDS).passed)
        judged.append(len(frame))
    share = float(np.mean(passed))
    return {
        "share": share,
        "standard_error": float(np.sqrt(share * (1 - share) / rounds)),
        "labels": float(np.mean(judged)),
    }


def looked_at(rng: np.random.Generator, frame: pd.DataFrame, *, today: bool) -> pd.DataFrame:
    """The withheld half of what was audited or labelled blindly; of queue C nobody looks blindly."""
    confidence = frame["champion_confidence"]
    executed, quick = confidence > BANDS.auto_above, confidence >= BANDS.human_below
    chance = np.select([executed, quick], [AUDITED, BLIND], 0.0)
    seen = frame.assign(weight=1 / np.where(chance > 0, chance, np.nan))
    if today:
        seen.loc[quick & ~executed, "weight"] = 1 / TODAY
    return seen[(rng.random(len(frame)) < chance) & (rng.random(len(frame)) < RULES.withheld_share)]
