"""Coverage of the audit's nominal 95 % intervals, and what the model's word adds to audits, in simulated worlds.

    python benchmarks/audits.py [--quick|--smoke] [--json]

Each world is a fixed set of approvals with errors in clusters (an outage, a new wording), a draw by the product's own
strata and chances, and one interval. In a regime the worlds' rates vary by 30 % to either side: at one rate and few
errors every interval of a count jumps with the next whole error, and no shop has a rate to the digit. Clopper-Pearson
stands beside for what its guarantee costs; PPI++ beside Hajek with a calibrated, an overconfident and a useless model.
In the worlds of change the chance of an audit changes within the window, and the errors with it; and the audits that a
day asks at least are drawn for shops of several kinds: their chances, their number, and the certificates they renew.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

import numpy as np  # noqa: E402 - after the path is set
from audits_parts import floor  # noqa: E402 - as above
from audits_parts import worlds as changing  # noqa: E402 - as above
from demands import Demand, Part, at_least, at_most, conclude, parser, show  # noqa: E402 - found beside this file
from numpy.typing import NDArray  # noqa: E402

from handrail.estimates import Estimate, assisted, clopper_pearson, hajek  # noqa: E402

RATES = (0.01, 0.02, 0.03, 0.05, 0.08)
AUDITS = (100, 300, 1000, 5000)
RANDOM, DOUBTED, DEAR = 0.03, 0.05, 0.10
Bools = NDArray[np.bool_]


def _clustered(rng: np.random.Generator, n: int, rate: float) -> Bools:
    """Errors in runs of neighbours, a third of them by themselves, about `rate` of `n` in all."""
    wrong = rng.random(n) < rate / 3
    for at in rng.integers(0, n, rng.poisson(n * rate * 2 / 3 / 8)):
        wrong[at : at + 8] = True
    return wrong


def simple(rng: np.random.Generator, audits: int, rate: float) -> tuple[Bools, Bools, NDArray[np.float64]]:
    """Errors, those drawn, and the chance of each: the simple-random draw alone."""
    n = round(audits / RANDOM)
    chance = np.full(n, RANDOM)
    return _clustered(rng, n, rate), rng.random(n) < chance, chance


def stratified(rng: np.random.Generator, audits: int, rate: float) -> tuple[Bools, Bools, NDArray[np.float64]]:
    """As `simple` with the strata of doubt and value, where errors are three times as frequent."""
    n = round(audits / 0.045)
    doubted, dear = rng.random(n) < 0.2, rng.random(n) < 0.05
    rates = np.column_stack([np.full(n, RANDOM), doubted * DOUBTED, dear * DEAR])
    wrong: Bools = np.logical_or(_clustered(rng, n, rate * 0.7), doubted & (rng.random(n) < rate * 1.5))
    drawn = rng.random(rates.shape) < rates
    chance = np.asarray(1 - (1 - rates).prod(axis=1))
    return wrong, np.asarray(drawn.any(axis=1)), chance


def covered(worlds: int, audits: int, rate: float, seed: int) -> dict[str, float]:
    """How often each interval holds the true rate of its world, in one regime."""
    rng, hits = np.random.default_rng([seed, audits, round(rate * 1000)]), {"simple": 0, "strata": 0, "exact": 0}
    for _ in range(worlds):
        here = rate * rng.uniform(0.7, 1.3)
        wrong, drawn, chance = simple(rng, audits, here)
        hits["simple"] += _holds(hajek(wrong[drawn], chance[drawn]), wrong)
        hits["exact"] += _holds(clopper_pearson(int(wrong[drawn].sum()), int(drawn.sum())), wrong)
        wrong, drawn, chance = stratified(rng, audits, here)
        hits["strata"] += _holds(hajek(wrong[drawn], chance[drawn]), wrong)
    return {name: count / worlds for name, count in hits.items()}


def _holds(one: Estimate, wrong: Bools) -> bool:
    return bool(one.low <= wrong.mean() <= one.high)


def _noise(worlds: int) -> float:
    """How far a share of so many worlds may lie from its own by chance: the worst of some twenty of them."""
    return float(2.5 * (0.95 * 0.05 / worlds) ** 0.5)


def coverage(worlds: int) -> Part:
    """Every regime, and the demand on the least and the largest."""
    found = {(n, rate): covered(worlds, n, rate, 1) for n in AUDITS for rate in RATES}
    noise = _noise(worlds)
    demands: list[Demand] = []
    for name in ("simple", "strata"):
        of = [one[name] for one in found.values()]
        demands += [
            at_least(f"{name}: mean coverage over the regimes", float(np.mean(of)), 0.93),
            at_most(f"{name}: mean coverage over the regimes", float(np.mean(of)), 0.99),
            at_least(f"{name}: least coverage in a regime (within noise)", min(of) + noise, 0.93),
            at_most(f"{name}: largest coverage in a regime (within noise)", max(of) - noise, 0.99),
        ]
    lines = ["audits   rate   simple   strata   clopper-pearson (simple)"]
    lines += [
        f"{n:6,}   {rate:4.0%}   {one['simple']:6.1%}   {one['strata']:6.1%}   {one['exact']:6.1%}"
        for (n, rate), one in found.items()
    ]
    figures = {f"{n} at {rate}": one for (n, rate), one in found.items()}
    return Part(demands, {"worlds": worlds, "coverage": figures}, "\n".join(lines))


MODELS: dict[str, Callable[[np.random.Generator, NDArray[np.float64]], NDArray[np.float64]]] = {
    "calibrated": lambda _, doubt: doubt,
    "overconfident": lambda _, doubt: doubt / 4,
    "useless": lambda rng, doubt: rng.permutation(doubt),
}


def prediction(worlds: int) -> Part:
    """PPI++ beside Hajek: bias in points, coverage, and width as a share of Hajek's, by model."""
    demands: list[Demand] = []
    figures: dict[str, Any] = {}
    for name, says in MODELS.items():
        rng, off, held, width = np.random.default_rng(2), [], [], []
        for _ in range(worlds):
            doubt = rng.beta(0.25, 6, 30_000)
            wrong, said = rng.random(30_000) < doubt, says(rng, doubt)
            chance = np.where(said > np.quantile(said, 0.9), 0.15, RANDOM)
            drawn = rng.random(30_000) < chance
            both, plain = assisted(wrong[drawn], chance[drawn], said[drawn], said), hajek(wrong[drawn], chance[drawn])
            if both is not None:
                off.append(both.rate - wrong.mean())
                held.append(_holds(both, wrong))
                width.append((both.high - both.low) / (plain.high - plain.low))
        found = {"worlds": len(off), "bias": float(np.mean(off)), "coverage": float(np.mean(held))}
        figures[name] = found | {"width": float(np.mean(width))}
        demands += [
            at_most(f"ppi++, {name} model: bias", abs(found["bias"]), 0.001, ".4f"),
            at_least(f"ppi++, {name} model: coverage (within noise)", found["coverage"] + _noise(worlds), 0.93),
            at_most(f"ppi++, {name} model: coverage (within noise)", found["coverage"] - _noise(worlds), 0.97),
            at_most(f"ppi++, {name} model: width beside Hajek's", figures[name]["width"], 1.02),
        ]
    return Part(demands, {"prediction": figures})


def main() -> None:
    """Simulate and print; exit 1 when a promise does not hold."""
    options = parser(__doc__ or "", "a fifth of the worlds: within a minute").parse_args()
    worlds = options.size.of(1500, 300, 2)
    parts = {
        "coverage": coverage(worlds),
        "coverage where chances and errors change": changing.measure(options.size),
        "audits by number": floor.measure(options.size),
        "with the model's word": prediction(worlds),
    }
    for name, part in parts.items():
        show(name, part)
    conclude(
        options, parts.values(), {name: figure for part in parts.values() for name, figure in part.figures.items()}
    )


if __name__ == "__main__":
    main()
