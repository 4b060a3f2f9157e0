"""Certificates in worlds whose truth is known: broken guarantees, automation, agreement with MAPIE, repeated looks."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from demands import Size
from numpy.typing import NDArray
from scipy import special

from handrail.alpha_spending import spent
from handrail.certification import Certification, certify, sequence

MAX_ERROR, DELTA = 0.02, 0.10
LABELS = 5_000
LOOKS, FIRST, GROWTH = 10, 200, 0.5
AUDITED_FROM = 0.95
KINDS = {"calibrated": (1.0, 1.0), "over-confident": (1.2, 1.8), "under-confident": (0.55, 0.9)}
"""By which factor the claimed log-odds exceed the true ones."""
_CASES = 40_000

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """A finite population: confidences from high to low, and the true chance of each to be right."""

    confidence: Floats
    truth: Floats

    def draw(self, n: int, rng: np.random.Generator, *, cases: int = _CASES) -> tuple[Floats, Booleans]:
        """Confidences and correctness of `n` labels on the most confident `cases`, drawn at random."""
        seen = rng.integers(0, cases, n)
        return self.confidence[seen], rng.random(n) < self.truth[seen]

    def covered(self, threshold: float | None) -> int:
        """How many cases lie at or above a threshold."""
        return 0 if threshold is None else int((self.confidence >= threshold).sum())

    def is_broken_by(self, found: Certification) -> bool:
        """Are more than the bound wrong where it is certified?"""
        above = self.covered(found.threshold)
        return above > 0 and float(1 - self.truth[:above].mean()) > MAX_ERROR

    def oracle(self) -> int:
        """The most cases above any threshold that keep the bound: who knows the truth automates them."""
        risk = np.cumsum(1 - self.truth) / np.arange(1, len(self.truth) + 1)
        within = np.flatnonzero(risk <= MAX_ERROR)
        return int(within[-1]) + 1 if len(within) else 0


def world(kind: str, rng: np.random.Generator) -> World:
    """A world of a kind: easy cases and hard ones, in shares that differ; the claims stray about the truth."""
    easy = rng.random(_CASES) < rng.uniform(0.4, 0.75)
    true_odds = np.where(easy, rng.normal(rng.uniform(4.5, 6), 1, _CASES), rng.normal(1, 1.2, _CASES))
    claimed = rng.uniform(*KINDS[kind]) * true_odds
    if kind != "calibrated":
        claimed += rng.normal(0, 0.5, _CASES)
    order = np.argsort(-claimed)
    return World(special.expit(claimed[order]), special.expit(true_odds[order]))


def gradual(rng: np.random.Generator) -> World:
    """A calibrated world without easy cases and hard ones: a little more risk costs an oracle much automation."""
    odds = -np.sort(-rng.normal(rng.uniform(2.5, 3.5), rng.uniform(1.2, 2.0), _CASES))
    return World(special.expit(odds), special.expit(odds))


def two_steps(rng: np.random.Generator) -> World:
    """A world whose errors all but begin below the confidence that audits reach down to."""
    confidence = -np.sort(-rng.uniform(0.5, 1, _CASES))
    wrong = np.where(confidence >= AUDITED_FROM, rng.uniform(0, 0.008), rng.uniform(0.04, 0.15))
    return World(confidence, 1 - wrong)


def certificates(*, size: Size = Size.FULL, seed: int = 11) -> dict[str, Any]:
    """All figures; the smaller, the fewer worlds."""
    began = time.process_time()
    worlds = size.of(1_000, 200, 2)
    return {
        "max_error": MAX_ERROR,
        "delta": DELTA,
        "labels": LABELS,
        "worlds_per_kind": worlds,
        "kinds": {kind: guarantee(partial(world, kind), worlds, seed) for kind in KINDS},
        "gradual": guarantee(gradual, worlds, seed),
        "mapie": agreement(size.of(200, 30, 1), seed),
        "looks": repeated_looks(worlds, seed),
        "audits": pooled_audits(worlds, seed),
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def bound(trials: int) -> float:
    """Delta and two standard errors of a share of so many trials: what a kept guarantee stays below."""
    return DELTA + 2 * float(np.sqrt(DELTA * (1 - DELTA) / trials))


def guarantee(drawn: Callable[[np.random.Generator], World], worlds: int, seed: int) -> dict[str, float]:
    """Share of such worlds whose certificate is wrong, and automation beside that of an oracle."""
    rng = np.random.default_rng([seed, 0])
    wrong, certified, reached, possible = 0, 0, 0, 0
    for _ in range(worlds):
        here = drawn(rng)
        found = certify(*here.draw(LABELS, rng), max_error=MAX_ERROR, delta=DELTA)
        wrong += here.is_broken_by(found)
        certified += found.threshold is not None
        reached += here.covered(found.threshold)
        possible += here.oracle()
    return {
        "violations": wrong / worlds,
        "bound": bound(worlds),
        "certified": certified / worlds,
        "automation": reached / worlds / _CASES,
        "oracle": possible / worlds / _CASES,
        "of_oracle": reached / possible,
    }


def agreement(worlds: int, seed: int) -> dict[str, float]:
    """Share of worlds in which MAPIE's fixed-sequence controller ends at the same threshold, or at none as here.

    Both see the same labels and the same sequence; MAPIE controls the share of errors among what is accepted. It
    rounds a share back to a count upwards, and so may count one error too many: `looser` has to be 0.
    """
    rng = np.random.default_rng([seed, 1])
    alike, looser, certified = 0, 0, 0
    for number in range(worlds):
        confidence, right = world(list(KINDS)[number % len(KINDS)], rng).draw(2_000, rng)
        start = float(np.quantile(confidence, 0.75))
        ours = certify(confidence, right, max_error=MAX_ERROR, delta=DELTA, start=start).threshold
        theirs = _mapie(confidence, right, start)
        alike += ours == theirs
        looser += theirs is not None and (ours is None or theirs < ours)
        certified += ours is not None
    return {"worlds": worlds, "alike": alike / worlds, "looser": looser / worlds, "certified": certified / worlds}


def repeated_looks(worlds: int, seed: int) -> dict[str, float]:
    """Share of worlds that ever get a wrong certificate in ten looks, each at half as many labels again.

    No threshold of these worlds keeps the bound, so that every certificate is wrong. `spent` divides delta among
    the looks, `whole` spends all of it each time.
    """
    rng = np.random.default_rng([seed, 2])
    sizes = [round(FIRST * (1 + GROWTH) ** look) for look in range(LOOKS)]
    ever = {"spent": 0, "whole": 0}
    for _ in range(worlds):
        confidence, right = rng.random(sizes[-1]), rng.random(sizes[-1]) >= MAX_ERROR * 1.05
        for name, delta_of in (("spent", _spent_at), ("whole", lambda _: DELTA)):
            ever[name] += _ever_certified(confidence, right, sizes, delta_of)
    return {"looks": LOOKS, "bound": bound(worlds), **{name: count / worlds for name, count in ever.items()}}


def pooled_audits(worlds: int, seed: int) -> dict[str, float]:
    """Share of worlds with a wrong certificate when audits above a threshold stand beside a share labelled below it.

    `chances` weighs each label by the chance it had; `naive` pools all of them.
    """
    rng = np.random.default_rng([seed, 3])
    wrong = {"chances": 0, "naive": 0}
    for _ in range(worlds):
        here = two_steps(rng)
        drawn = np.where(here.confidence >= AUDITED_FROM, 0.5, 0.05)
        seen = rng.random(_CASES) < drawn * (4_000 / drawn.sum())
        right = rng.random(int(seen.sum())) < here.truth[seen]
        for name, chances in (("chances", drawn[seen]), ("naive", None)):
            found = certify(here.confidence[seen], right, max_error=MAX_ERROR, delta=DELTA, chances=chances)
            wrong[name] += here.is_broken_by(found)
    return {"bound": bound(worlds), **{name: count / worlds for name, count in wrong.items()}}


def _mapie(confidence: Floats, right: Booleans, start: float) -> float | None:
    from mapie.risk_control import BinaryClassificationController, BinaryRisk

    errors = BinaryRisk(lambda truth, _: truth == 0, lambda _, accepted: accepted == 1, higher_is_better=False)
    controller = BinaryClassificationController(
        predict_function=lambda column: np.column_stack([1 - column[:, 0], column[:, 0]]),
        risk=errors,
        target_level=MAX_ERROR,
        confidence_level=1 - DELTA,
        best_predict_param_choice="precision",
        list_predict_params=sequence(confidence, start),
        fwer_method="fixed_sequence",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MAPIE warns where nothing can be certified
        controller.calibrate(confidence[:, None], right.astype(int))
    valid = controller.valid_predict_params
    return float(min(valid)) if len(valid) else None


def _ever_certified(confidence: Floats, right: Booleans, sizes: list[int], delta_of: Callable[[int], float]) -> bool:
    return any(
        certify(confidence[:size], right[:size], max_error=MAX_ERROR, delta=delta_of(look)).threshold is not None
        for look, size in enumerate(sizes, 1)
    )


def _spent_at(number: int) -> float:
    before = 0.0
    for _ in range(number - 1):
        before += spent(DELTA, before)
    return spent(DELTA, before)
