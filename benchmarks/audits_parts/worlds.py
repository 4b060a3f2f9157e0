"""Coverage where the chances of being audited change, and the errors with them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from demands import Demand, Part, Size, at_least, at_most
from numpy.typing import NDArray
from scipy import stats

from handrail.estimates import hajek
from handrail.proportions import wilson

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Stretch:
    """Approvals of one stretch of time: their number, the chance of an audit, the rate of errors."""

    approvals: int
    chance: float
    errors: float


WORLDS: dict[str, Sequence[Stretch]] = {
    "drift factor: 3/3/3/9 % drawn, 1/1/1/5 % wrong": [Stretch(1500, 0.03, 0.01)] * 3 + [Stretch(1500, 0.09, 0.05)],
    "drift factor, errors as before": [Stretch(1500, 0.03, 0.03)] * 3 + [Stretch(1500, 0.09, 0.03)],
    "shadow fortnight, then audits of 5 %": [Stretch(900, 1.0, 0.005), Stretch(2300, 0.05, 0.03)],
    "thirty audits": [Stretch(1000, 0.03, 0.05)],
    "constant": [Stretch(5000, 0.03, 0.02)],
    "budget cut from 5 to 1 %": [Stretch(1500, 0.05, 0.02)] * 3 + [Stretch(1500, 0.01, 0.02)],
    "floor on weekdays and weekends, errors tripled": [
        Stretch(40 if day % 7 < 5 else 12, 8 / (40 if day % 7 < 5 else 12), 0.01 if day < 20 else 0.03)
        for day in range(40)
    ],
    "many errors where few are drawn": [Stretch(15_000, 0.05, 0.01), Stretch(5000, 0.01, 0.06)],
}
HARD = {"few errors where few are drawn": [Stretch(4000, 0.05, 0.01)] * 3 + [Stretch(4000, 0.01, 0.06)]}
"""What no interval from so few errors can see: printed, and promised nothing."""


def drawn(stretches: Sequence[Stretch], rng: np.random.Generator) -> tuple[Bools, Bools, NDArray[np.float64]]:
    """Errors in runs of neighbours, who was drawn (a number of each stretch), and with which chance."""
    wrong, taken, chance = [], [], []
    for one in stretches:
        rate = one.errors * rng.uniform(0.7, 1.3)
        errors = rng.random(one.approvals) < rate / 3
        for at in rng.integers(0, one.approvals, rng.poisson(one.approvals * rate * 2 / 3 / 8)):
            errors[at : at + 8] = True
        wanted = one.approvals * one.chance
        take = int(wanted) + int(rng.random() < wanted - int(wanted))
        picked = np.zeros(one.approvals, dtype=bool)
        picked[rng.permutation(one.approvals)[:take]] = True
        wrong.append(errors)
        taken.append(picked)
        chance.append(np.full(one.approvals, one.chance))
    return np.concatenate(wrong), np.concatenate(taken), np.concatenate(chance)


def covered(stretches: Sequence[Stretch], runs: int) -> dict[str, float]:
    """How often each interval holds the true rate of its world, and how wide they are."""
    rng, hits = np.random.default_rng(13), {"product": 0, "kish": 0, "design": 0, "unweighted": 0}
    width, errors = {"product": 0.0, "kish": 0.0}, 0
    for _ in range(runs):
        wrong, taken, chance = drawn(stretches, rng)
        found, audited, p = hajek(wrong[taken], chance[taken]), wrong[taken], chance[taken]
        ends = {"product": (found.low, found.high)} | _others(audited, p)
        for name, (low, high) in ends.items():
            hits[name] += int(low <= wrong.mean() <= high)
            if name in width:
                width[name] += (high - low) / runs
        errors += int(audited.sum())
    return {
        **{name: count / runs for name, count in hits.items()},
        **{f"width {name}": value for name, value in width.items()},
        "errors": errors / runs,
    }


def _others(wrong: Bools, chance: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    """The rivals: Wilson on Kish's number alone, the design variance on the logit scale, the plain share."""
    weight = 1 / chance
    rate, kish = float(np.average(wrong, weights=weight)), float(weight.sum() ** 2 / (weight**2).sum())
    plain, weighted = _wilson(float(wrong.mean()), len(wrong)), _wilson(rate, kish)
    if not 0 < rate < 1:
        return {"kish": weighted, "design": weighted, "unweighted": plain}
    variance = ((1 - chance) * ((wrong - rate) * weight) ** 2).sum() / weight.sum() ** 2
    reach = stats.norm.ppf(0.975) * np.sqrt(variance) / (rate * (1 - rate))
    middle = np.log(rate / (1 - rate))
    low, high = (float(1 / (1 + np.exp(-(middle + sign * reach)))) for sign in (-1, 1))
    return {"kish": weighted, "design": (low, high), "unweighted": plain}


def _wilson(rate: float, size: float) -> tuple[float, float]:
    low, high = wilson([rate * size], [size])
    return min(float(low[0]), rate), max(float(high[0]), rate)


def measure(size: Size) -> Part:
    """Every world: 93 to 99 % of the product's intervals hold the truth."""
    runs = size.of(3000, 600, 5)
    noise = 2.5 * (0.95 * 0.05 / runs) ** 0.5
    demands: list[Demand] = []
    figures = {name: covered(stretches, runs) for name, stretches in (WORLDS | HARD).items()}
    for name in WORLDS:
        demands += [
            at_least(f"{name}: coverage (within noise)", figures[name]["product"] + noise, 0.93),
            at_most(f"{name}: coverage (within noise)", figures[name]["product"] - noise, 0.99),
        ]
    lines = [f"{'world':48}{'errors':>7}{'product':>9}{'kish':>8}{'design':>8}{'plain':>8}   width product/kish"]
    lines += [
        f"{name:48}{one['errors']:7.0f}{one['product']:9.1%}{one['kish']:8.1%}{one['design']:8.1%}"
        f"{one['unweighted']:8.1%}   {one['width product']:.4f} {one['width kish']:.4f}"
        for name, one in figures.items()
    ]
    return Part(demands, {"worlds_of_change": {"runs": runs, **figures}}, "\n".join(lines))
