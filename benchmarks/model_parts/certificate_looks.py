"""Certificates as they are earned, renewed and voided day by day, where errors and chances change; and other tests.

No flows: cases are numbers, and the schedule of looks is that of `tasks.learning.certificate_accounts`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from demands import Size
from numpy.typing import NDArray
from scipy import special

from handrail.alpha_spending import first_look, first_renewal, growth, spent
from handrail.certificate import contradiction
from handrail.certification import certify, evidence, sequence

MAX_ERROR, DELTA, VOIDED_WRONGLY = 0.02, 0.05, 0.05
GROWTH, DECIDES_WITHIN, VALID_FOR, RENEW_BEFORE = 0.8, 17, 60, 14
SHADOW = 14

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Stream:
    """Cases day by day: confidence, chance of a blind label, chance to be wrong, and what came of both."""

    day: NDArray[np.int_]
    confidence: Floats
    chance: Floats
    risk: Floats
    labelled: Booleans
    wrong: Booleans

    def error(self, first: int, last: int, threshold: float) -> float:
        """The true share of errors of the cases from one day to another, from a confidence on."""
        mine = (self.day >= first) & (self.day <= last) & (self.confidence >= threshold)
        return float(self.risk[mine].mean()) if mine.any() else 0.0


def stream(
    rng: np.random.Generator,
    errors: Callable[[Floats, Floats], Floats],
    chances: Callable[[Floats, Floats], Floats],
    *,
    days: int = 60,
    a_day: float = 60,
    spread: bool = False,
) -> Stream:
    """A stream of about `a_day` cases, more on some weekdays.

    `errors` gets the day and the confidence of each case, `chances` its day and how many came on it. All cases have one
    confidence, as if above a threshold, unless they are to be `spread`.
    """
    week = np.array([1.2, 1.1, 1.0, 1.0, 0.9, 0.9, 0.9])
    counts = rng.poisson(a_day * week[np.arange(days) % 7])
    day = np.repeat(np.arange(days), counts)
    confidence = rng.random(len(day)) if spread else np.ones(len(day))
    risk, chance = errors(day, confidence), chances(day, counts[day].astype(float))
    return Stream(day, confidence, chance, risk, rng.random(len(day)) < chance, rng.random(len(day)) < risk)


@dataclass(frozen=True)
class Issued:
    """A certificate: the day of its issue, its threshold, which of the course it renews, whether it is false."""

    day: int
    threshold: float
    renews: int | None
    false: bool


@dataclass
class Course:
    """What the looks at a stream issued, one after the other."""

    issued: list[Issued] = field(default_factory=list)
    looks: list[tuple[int, float, int | None]] = field(default_factory=list)
    """Day, what was spent of delta, and which certificate it would have renewed."""

    def is_ever_false(self) -> bool:
        """Was any certificate false?"""
        return any(one.false for one in self.issued)

    def first(self) -> int | None:
        """The day of the first certificate, from 1."""
        return self.issued[0].day + 1 if self.issued else None

    def is_renewed(self) -> bool:
        """Was the first renewed, or another after it, before it ended?"""
        return any(one.renews is not None for one in self.issued)


def follow(cases: Stream, held_from_the_start: Issued | None = None) -> Course:
    """Look every day as the product does: at what came so far, and for a renewal at what came since the issue.

    Cases of the last day are left out; what was labelled is settled by then.
    """
    course = Course([held_from_the_start] if held_from_the_start else [])
    for today in range(int(cases.day[-1]) + 1):
        newest = len(course.issued) - 1
        held = course.issued[newest] if course.issued and today < course.issued[newest].day + VALID_FOR else None
        renews = newest if held is not None and today >= held.day + VALID_FOR - RENEW_BEFORE else None
        first = max(0, today - VALID_FOR + 1) if renews is None or held is None else held.day + 1
        looks = [look for look in course.looks if look[2] == renews and (renews is not None or look[0] >= first)]
        part = spent(DELTA, sum(look[1] for look in looks), renewal=renews is not None)
        inside = (cases.day >= first) & (cases.day < today)
        counts = inside & cases.labelled
        if not counts.any() or not _is_due(cases, counts, held, today, part, looks, renews):
            continue
        course.looks.append((today, part, renews))
        seen = certify(
            cases.confidence[counts],
            ~cases.wrong[counts],
            chances=cases.chance[counts],
            scores=cases.confidence[inside],
            max_error=MAX_ERROR,
            delta=part,
            start=None if held is None else _start(held, renews, cases.confidence[inside]),
        )
        loosens = held is None or renews is not None or (seen.threshold or 1.0) < held.threshold
        if seen.threshold is not None and loosens:
            false = cases.error(first, today - 1, seen.threshold) > MAX_ERROR
            course.issued.append(Issued(today, seen.threshold, renews, false))
    return course


def _start(held: Issued, renews: int | None, scores: Floats) -> float:
    below = sequence(scores)[sequence(scores) < held.threshold]
    return float(below[0]) if renews is None and len(below) else held.threshold


def _is_due(
    cases: Stream,
    counts: Booleans,
    held: Issued | None,
    today: int,
    part: float,
    looks: list[tuple[int, float, int | None]],
    renews: int | None,
) -> bool:
    if looks:
        new = int((counts & (cases.day >= looks[-1][0])).sum())
        late = len(looks) == 1 and today - int(cases.day[counts].min()) > DECIDES_WITHIN
        return new >= growth(int(counts.sum()) - new, GROWTH, renewal=held is not None or late)
    asked, above = first_look(MAX_ERROR, DELTA), counts
    if renews is not None and held is not None:
        left = timedelta(days=held.day + VALID_FOR - today)
        asked = first_renewal(MAX_ERROR, part, left, timedelta(days=RENEW_BEFORE))
        above = counts & (cases.confidence >= held.threshold)
    shown = evidence(cases.chance[above], cases.wrong[above], max_error=MAX_ERROR)
    return int(shown.expected / MAX_ERROR + 1e-9) >= asked


def constant(rate: float) -> Callable[[Floats, Floats], Floats]:
    """Errors at one rate, whatever the confidence."""
    return lambda _, confidence: np.full(len(confidence), rate)


def steps(*rates: tuple[int, float]) -> Callable[[Floats, Floats], Floats]:
    """Errors at a rate from each day on."""

    def errors(day: Floats, _: Floats) -> Floats:
        return np.select([day >= first for first, _ in rates[::-1]], [rate for _, rate in rates[::-1]], 0.0)

    return errors


def rising(low: float, high: float, days: int) -> Callable[[Floats, Floats], Floats]:
    """Errors that rise evenly from day to day."""
    return lambda day, _: low + (high - low) * day / days


def ranked(best: float, worst: float) -> Callable[[Floats, Floats], Floats]:
    """Errors that grow as confidence falls: the shape of a model that knows when it does not know."""
    return lambda _, confidence: best + (worst - best) * (1 - confidence) ** 6


def shadow_then(share: float) -> Callable[[Floats, Floats], Floats]:
    """Every case labelled for a fortnight, then a share audited."""
    return lambda day, _: np.where(day < SHADOW, 1.0, share)


def shadow_then_audits(a_day: float) -> Callable[[Floats, Floats], Floats]:
    """Every case labelled for a fortnight, then so many audits a day."""
    return lambda day, count: np.where(day < SHADOW, 1.0, np.minimum(1.0, a_day / count))


def audits(a_day: float) -> Callable[[Floats, Floats], Floats]:
    """So many audits a day from the first day on, out of however many cases."""
    return lambda _, count: np.minimum(1.0, a_day / count)


FALSE_WORLDS: dict[str, tuple[Callable[[Floats, Floats], Floats], Callable[[Floats, Floats], Floats]]] = {
    "shadow at 0.5 %, then 3 % audited at 5 %": (steps((0, 0.005), (SHADOW, 0.03)), shadow_then(0.05)),
    "shadow at 0.5 %, then 3 %, 8 audits a day": (steps((0, 0.005), (SHADOW, 0.03)), shadow_then_audits(8)),
    "constant 2.1 %": (constant(0.021), shadow_then(0.05)),
    "constant 2.1 %, all labelled": (constant(0.021), shadow_then(1.0)),
    "rising from 0.5 to 4 %": (rising(0.005, 0.04, 60), shadow_then_audits(8)),
    "a burst after shadow": (steps((0, 0.0), (SHADOW, 0.12)), shadow_then(0.05)),
    "shadow again and again": (
        lambda day, _: np.where(day % 14 < 5, 0.0, 0.034),
        lambda day, _: np.where(day % 14 < 5, 1.0, 0.1),
    ),
}
"""Errors and chances of streams in which a certificate would be false, or is from some day on."""


def betting(chances: Floats, wrong: Booleans, labelled: Booleans) -> Floats:
    """The wealth after each case of a bet against more than the allowed errors, weighted by 1 / chance.

    Valid at any look under changing errors: the stakes are constant, and a stake that a smaller chance would break ends
    there (Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro 2022, with right answers as the baseline).
    """
    stakes = 0.9 / (1 / np.array([1.0, 0.5, 0.25, 0.13, 0.08, 0.05]) - MAX_ERROR)
    lost = np.where(labelled & wrong, 1 / chances, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps_ = np.log(np.maximum(1 + stakes[:, None] * (MAX_ERROR - lost), 0.0))
    broken = np.maximum.accumulate(stakes[:, None] * (1 / chances - MAX_ERROR) > 1, axis=1)
    wealth: Floats = np.where(broken, 0.0, np.exp(np.cumsum(steps_, axis=1))).mean(axis=0)
    return wealth


def kish(chances: Floats, wrong: Booleans) -> float:
    """The binomial tail on Kish's effective number of labels, over all of them together."""
    weights = 1 / chances
    n = weights.sum() ** 2 / (weights**2).sum()
    rate = weights @ wrong / weights.sum()
    return float(special.bdtr(math.ceil(rate * n - 1e-9), math.floor(n), MAX_ERROR))


def figures(*, size: Size = Size.FULL, seed: int = 17) -> dict[str, Any]:
    """False certificates and power of looks day by day, renewals, voids by chance, and other tests beside ours."""
    trials = size.of(1_000, 200, 20)
    worlds = {}
    for name, (errors, chances) in FALSE_WORLDS.items():
        rng = np.random.default_rng([seed, len(worlds)])
        courses = [follow(stream(rng, errors, chances)) for _ in range(trials)]
        worlds[name] = float(np.mean([course.is_ever_false() for course in courses]))
    return {
        "trials": trials,
        "bound": DELTA + 2 * float(np.sqrt(DELTA * (1 - DELTA) / trials)),
        "false": worlds,
        "first": {f"{rate:.1%}": _first(rate, trials, seed) for rate in (0.005, 0.008)},
        "typical": _certified_by_21(typical, trials, seed),
        "renewed": {f"{rate:.1%}": _renewed(rate, trials, seed) for rate in (0.005, 0.008)},
        "voided": {f"{rate:.1%}": voided(rate, trials, seed) for rate in (0.02, 0.06)},
        "beside": beside(trials, seed),
    }


def _first(rate: float, trials: int, seed: int) -> float:
    """Share certified by day 21 where 65 % of the cases err at `rate`, however sure, and the rest one in ten."""
    return _certified_by_21(lambda _, confidence: np.where(confidence >= 0.35, rate, 0.1), trials, seed)


def typical(_: Floats, confidence: Floats) -> Floats:
    """Errors of a model that knows when it does not know: 0.4 % of the surest half, 0.7 % of 65 %."""
    return np.select([confidence >= 0.47, confidence >= 0.35, confidence >= 0.3], [0.004, 0.02, 0.077], 0.25)


def _certified_by_21(errors: Callable[[Floats, Floats], Floats], trials: int, seed: int) -> float:
    rng = np.random.default_rng([seed, 20])
    courses = [follow(stream(rng, errors, shadow_then(1.0), days=21, a_day=90, spread=True)) for _ in range(trials)]
    return float(np.mean([bool(course.issued) for course in courses]))


def _renewed(rate: float, trials: int, seed: int) -> float:
    """Share of certificates renewed before they end, by eight audits a day."""
    rng = np.random.default_rng([seed, 21])
    held = Issued(0, 0.5, None, false=False)
    courses = [follow(stream(rng, constant(rate), audits(8), days=VALID_FOR + 1), held) for _ in range(trials)]
    return float(np.mean([course.is_renewed() for course in courses]))


def voided(rate: float, trials: int, seed: int) -> float:
    """Share of certificates that eight audits a day at this rate of errors void within their time, looked at daily."""
    rng = np.random.default_rng([seed, 22])
    wrong = np.cumsum(rng.binomial(8, rate, (trials, VALID_FOR)), axis=1)
    audited = 8 * np.arange(1, VALID_FOR + 1)
    ended = 0
    for course in wrong:
        values = (contradiction(int(k), int(n), MAX_ERROR) for k, n in zip(course, audited, strict=True))
        ended += any(value >= 1 / VOIDED_WRONGLY for value in values)
    return ended / trials


def beside(trials: int, seed: int) -> dict[str, dict[str, float]]:
    """One test at delta of whole streams: ours, Kish over all labels, betting; of false and of good certificates."""
    kinds = {
        "false: a burst after shadow": (steps((0, 0.0), (SHADOW, 0.12)), shadow_then(0.05), 17),
        "false: shadow at 0.5 %, then 3 %": (steps((0, 0.005), (SHADOW, 0.03)), shadow_then(0.05), 60),
        "good: a fortnight of shadow at 0.5 %": (constant(0.005), shadow_then(0.05), SHADOW),
        "good: 60 days at 0.5 %, 8 audits a day": (constant(0.005), audits(8), 60),
        "good: shadow, then 8 audits a day at 0.5 %": (constant(0.005), shadow_then_audits(8), 60),
    }
    shares = {}
    for name, (errors, chances, days) in kinds.items():
        rng = np.random.default_rng([seed, 30 + len(shares)])
        passed = {"ours": 0, "kish": 0, "betting": 0}
        for _ in range(trials):
            cases = stream(rng, errors, chances, days=days)
            chance, wrong = cases.chance[cases.labelled], cases.wrong[cases.labelled]
            passed["ours"] += evidence(chance, wrong, max_error=MAX_ERROR).probability() <= DELTA
            passed["kish"] += kish(chance, wrong) <= DELTA
            passed["betting"] += betting(cases.chance, cases.wrong, cases.labelled)[-1] >= 1 / DELTA
        shares[name] = {test: count / trials for test, count in passed.items()}
    return shares
