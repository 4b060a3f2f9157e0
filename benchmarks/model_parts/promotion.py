"""How often the promotion test exchanges equal models, and how often it finds a better one, in simulated worlds.

*Plain*: one model alone is right on a share of discordant cases, every right case is worth 1. *Independent*: both
confidences are drawn anew, one for each model, so that bands differ by chance alone; a hard world, and an unlikely
one. *Realistic*: both models read the same evidence, each with noise of its own, and are calibrated by temperature.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from demands import Size
from numpy.typing import NDArray
from scipy import optimize

from handrail.policy import CostRules, PromotionRules
from models import promotion_test
from models.promotion_test import Bands

Floats = NDArray[np.float64]

DISCORDANT: Final = 0.08
LEAD: Final = 0.02
CASES: Final = 2_000
PLAIN: Final = (CostRules(minutes_manual=1, minutes_quick=0, minute=1, error=0), Bands(0.0, 0.0))
BANDS: Final = Bands(0.95, 0.70)
COSTS: Final = {"default": CostRules(), "sample": CostRules(minutes_manual=8, minutes_quick=3, minute=0.75, error=15)}
# Ten categories; equal models of this noise, and one of more beside one of less, differ on 8 % of the cases.
CATEGORIES: Final = 10
SHARP, SHARED = 11.0, 0.7
EQUAL, BETTER = (0.85, 0.85), (1.1, 0.5)


def equal_models(rounds: int = 400, seed: int = 1) -> dict[str, dict[str, float]]:
    """A/A: share of equal challengers that would be promoted, with its standard error, world by world."""
    rng = np.random.default_rng(seed)
    default, small = PromotionRules(), PromotionRules(min_withheld=150, confidence=0.90)
    worlds: dict[str, Callable[[], bool]] = {
        "plain": lambda: _judge(_plain(rng, CASES, 0.0), default, PLAIN),
        "plain_weighted": lambda: _judge(_weighted(rng, _plain(rng, CASES, 0.0)), default, PLAIN),
        "plain_150_at_90": lambda: _judge(_plain(rng, 150, 0.0), small, PLAIN),
        "independent_default": lambda: _judge(_independent(rng, CASES, 0.0), default, (COSTS["default"], BANDS)),
        "independent_sample": lambda: _judge(_independent(rng, CASES, 0.0), default, (COSTS["sample"], BANDS)),
        "independent_sample_150_at_90": lambda: _judge(_independent(rng, 150, 0.0), small, (COSTS["sample"], BANDS)),
        "bolder_default_150_at_90": lambda: _judge(_bolder(rng, 150), small, (COSTS["default"], BANDS)),
        "bolder_sample_150_at_90": lambda: _judge(_bolder(rng, 150, COSTS["sample"]), small, (COSTS["sample"], BANDS)),
    }
    found = {name: _share([world() for _ in range(rounds)]) for name, world in worlds.items()}
    same = _plain(rng, CASES, 0.0)
    same[["challenger_label", "challenger_confidence"]] = same[["champion_label", "champion_confidence"]]
    found["identical"] = _share([_judge(same, default, PLAIN)])
    noises = {"realistic_default": COSTS["default"], "realistic_sample": COSTS["sample"]}
    draw = Realistic(np.random.default_rng(seed + 1), EQUAL)
    found |= {
        name: _share([_judge(draw(CASES), default, (costs, BANDS)) for _ in range(rounds)])
        for name, costs in noises.items()
    }
    return found


def better_models(rounds: int = 400, seed: int = 2) -> dict[str, dict[str, float]]:
    """Power: share of challengers with two points more accuracy that are promoted, with its standard error."""
    rng = np.random.default_rng(seed)
    rules = PromotionRules()
    draw = Realistic(np.random.default_rng(seed + 1), BETTER)
    worlds: dict[str, Callable[[], bool]] = {
        "plain": lambda: _judge(_plain(rng, CASES, LEAD), rules, PLAIN),
        "independent_default": lambda: _judge(_independent(rng, CASES, LEAD), rules, (COSTS["default"], BANDS)),
        "independent_sample": lambda: _judge(_independent(rng, CASES, LEAD), rules, (COSTS["sample"], BANDS)),
        "realistic_plain": lambda: _judge(draw(CASES), rules, PLAIN),
        "realistic_default": lambda: _judge(draw(CASES), rules, (COSTS["default"], BANDS)),
        "realistic_sample": lambda: _judge(draw(CASES), rules, (COSTS["sample"], BANDS)),
    }
    return {name: _share([world() for _ in range(rounds)]) for name, world in worlds.items()}


def figures(*, size: Size = Size.FULL) -> dict[str, object]:
    """What `benchmarks/model.py` prints of the promotion: both tables, and the figures that the promise is about."""
    rounds = size.of(2_000, 150, 1)
    equal, better = equal_models(rounds), better_models(rounds)
    worst = max(world["share"] for name, world in equal.items() if not name.endswith("at_90"))
    return {"rounds": rounds, "equal": equal, "better": better, "equal_worst": worst, "power": better["plain"]["share"]}


class Realistic:
    """Draws calibrated pairs of models; `noises` are those of champion and challenger."""

    def __init__(self, rng: np.random.Generator, noises: tuple[float, float]) -> None:
        self.rng, self.noises = rng, noises
        truth, scores = self._scores(20_000)
        # Equally noisy models share one temperature: two estimates of it would make them unequal.
        fitted = {noise: _temperature(score, truth) for noise, score in zip(noises, scores, strict=True)}
        self.temperatures = [fitted[noise] for noise in noises]

    def __call__(self, cases: int) -> pd.DataFrame:
        """Withheld cases with what both models say of them."""
        truth, scores = self._scores(cases)
        columns: dict[str, NDArray[np.generic]] = {"truth": truth}
        for model, score, temperature in zip(("champion", "challenger"), scores, self.temperatures, strict=True):
            columns[f"{model}_label"] = score.argmax(axis=1)
            columns[f"{model}_confidence"] = _softmax(score * temperature).max(axis=1)
        return pd.DataFrame(columns)

    def _scores(self, cases: int) -> tuple[NDArray[np.int64], list[Floats]]:
        size = (cases, CATEGORIES)
        meant = SHARP * self.rng.normal(size=size)
        truth = (_softmax(meant).cumsum(axis=1) > self.rng.random((cases, 1))).argmax(axis=1)
        seen = meant + SHARED * self.rng.normal(size=size)
        return truth, [seen + noise * self.rng.normal(size=size) for noise in self.noises]


def _plain(rng: np.random.Generator, cases: int, lead: float) -> pd.DataFrame:
    return _paired(rng, cases, lead).assign(champion_confidence=1.0, challenger_confidence=1.0)


def _paired(rng: np.random.Generator, cases: int, lead: float) -> pd.DataFrame:
    turn, both = rng.random(cases), rng.random(cases) < 0.85
    wins, differ = turn < (DISCORDANT + lead) / 2, turn < DISCORDANT
    champion, challenger = np.where(differ, ~wins, both), np.where(differ, wins, both)
    return pd.DataFrame({"truth": 0, "champion_label": 1 - champion, "challenger_label": 1 - challenger})


def _independent(rng: np.random.Generator, cases: int, lead: float) -> pd.DataFrame:
    frame = _paired(rng, cases, lead)
    for model in ("champion", "challenger"):
        right = frame[f"{model}_label"].eq(0)
        frame[f"{model}_confidence"] = np.where(right, rng.beta(20, 1, cases), rng.beta(6, 2, cases))
    return frame


def _bolder(rng: np.random.Generator, cases: int, costs: CostRules = COSTS["default"]) -> pd.DataFrame:
    """A challenger that executes a tenth more, and errs there just often enough to be worth nothing more."""
    gain = costs.minutes_quick * costs.minute
    loss = costs.error - costs.minutes_quick * costs.minute
    bold = rng.random(cases) < 0.10
    label = np.where(bold & (rng.random(cases) < gain / (gain + loss)), 1, 0)
    frame = pd.DataFrame({"truth": 0, "champion_label": label, "challenger_label": label})
    return frame.assign(champion_confidence=0.9, challenger_confidence=np.where(bold, 0.97, 0.9))


def _weighted(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Cases from shadow, from the blind share of queue B, and from audits of 5 %."""
    return frame.assign(weight=rng.choice([1.0, 4.0, 20.0], len(frame), p=[0.35, 0.35, 0.30]))


def _judge(frame: pd.DataFrame, rules: PromotionRules, world: tuple[CostRules, Bands]) -> bool:
    return promotion_test.judge(frame, costs=world[0], rules=rules, bands=world[1]).passed


def _share(passed: list[bool]) -> dict[str, float]:
    share = float(np.mean(passed))
    return {"share": share, "standard_error": float(np.sqrt(share * (1 - share) / len(passed)))}


def _temperature(scores: Floats, truth: NDArray[np.int64]) -> float:
    def loss(temperature: float) -> float:
        said = _softmax(scores * temperature)[np.arange(len(truth)), truth]
        return -float(np.log(np.clip(said, 1e-15, 1.0)).mean())

    return float(optimize.minimize_scalar(loss, bounds=(0.05, 5.0), method="bounded").x)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
