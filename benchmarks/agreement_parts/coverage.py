"""How often the nominal 95 % intervals hold the true coefficient, for raters of known habits.

With 2,000 runs of a design the standard error of its coverage is 0.5 points. Below 100 items, or with a label that most
samples hardly hold, the bootstrap knows too little; those designs are shown and no promise is made of them.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from demands import Demand, Part, Size
from numpy.typing import NDArray

from handrail import agreement
from handrail.agreement import Interval, Level, Ratings

LOW, HIGH = 0.93, 0.97
COEFFICIENTS = ("alpha", "fleiss", "cohen")
MANY = 200_000
"""Items whose coefficient stands for the true one."""


@dataclass(frozen=True)
class Design:
    """So many raters see the true label with probability `sure` and else guess; `missing` of their ratings are none."""

    items: int
    raters: int
    prevalence: tuple[float, ...]
    sure: float
    missing: float = 0.0
    level: Level = Level.NOMINAL
    promised: bool = True

    @property
    def name(self) -> str:
        """The design in words."""
        return f"{self.level}, {self.items} items, {self.raters} raters, {len(self.prevalence)} labels"

    def draw(self, rng: np.random.Generator) -> Ratings:
        """Ratings of one sample; a rater's guess at a place on a line lies near the truth."""
        labels, shape = len(self.prevalence), (self.items, self.raters)
        truth = rng.choice(labels, self.items, p=self.prevalence)[:, None]
        guess = rng.choice(labels, shape, p=self.prevalence)
        if self.level is not Level.NOMINAL:
            guess = np.clip(truth + rng.choice((-1, 1), shape), 0, labels - 1)
        codes: NDArray[np.int64] = np.where(rng.random(shape) < self.sure, truth, guess)
        codes = np.where(rng.random(shape) < self.missing, -1, codes)
        names = tuple(map(str, range(labels)))
        return Ratings.of_codes(tuple(map(str, range(self.items))), tuple(map(str, range(self.raters))), names, codes)


EVEN3, EVEN4, EVEN5 = (1 / 3,) * 3, (0.25,) * 4, (0.2,) * 5
DESIGNS = (
    Design(100, 2, (0.5, 0.5), 0.8),
    Design(100, 2, EVEN5, 0.9),
    Design(100, 3, EVEN4, 0.7, missing=0.3),
    Design(300, 5, (0.8, 0.15, 0.05), 0.5, missing=0.2),
    Design(300, 3, EVEN3, 0.95, missing=0.1),
    Design(100, 3, EVEN5, 0.5, missing=0.2, level=Level.ORDINAL),
    Design(300, 4, EVEN5, 0.3, missing=0.3, level=Level.INTERVAL),
    Design(3000, 4, EVEN5, 0.3, missing=0.3, level=Level.INTERVAL),
    Design(25, 3, EVEN4, 0.7, missing=0.3, promised=False),
    Design(25, 5, (0.8, 0.15, 0.05), 0.5, missing=0.2, promised=False),
    Design(50, 3, EVEN3, 0.95, missing=0.1, promised=False),
)


def measure(*, size: Size) -> Part:
    """Coverage beside what is promised; a quick run allows three standard errors of its own on either side."""
    runs = size.of(2000, 100, 2)
    slack = 3 * float(np.sqrt(0.05 * 0.95 / runs)) if size is not Size.FULL else 0.005
    demands, figures, lines = [], dict[str, Any](), []
    designs = size.of(DESIGNS, DESIGNS, DESIGNS[:1])
    for seed, design in enumerate(designs):
        found = _covered(design, runs, np.random.default_rng(seed))
        figures[design.name] = {**found, "promised": design.promised}
        told = "  ".join(f"{name} {share:.1%}" for name, share in found.items())
        lines.append(f"{design.name:48}{told}" + ("" if design.promised else "  (no promise)"))
        if design.promised:
            share = found["alpha"]
            holds = LOW - slack <= share <= HIGH + slack
            demands.append(Demand(f"alpha, {design.name}", f"{share:.3f}", f"{LOW} to {HIGH} ± {slack:.3f}", holds))
    every = [figures[design.name][name] for design in designs if design.promised for name in COEFFICIENTS]
    mean = float(np.mean(every))
    demands.append(Demand("mean over designs and coefficients", f"{mean:.3f}", f"{LOW} to {HIGH}", LOW <= mean <= HIGH))
    return Part(demands, {"runs": runs, "mean": mean, "designs": figures}, "\n".join(lines))


def _covered(design: Design, runs: int, rng: np.random.Generator) -> dict[str, float]:
    """The share of intervals that hold what very many items of the same raters give."""
    many = replace(design, items=MANY).draw(rng)
    true = (
        agreement.krippendorff_alpha(many, design.level),
        agreement.fleiss_kappa(many),
        agreement.cohen_kappa(many, "0", "1"),
    )
    hits = np.zeros(len(COEFFICIENTS))
    for _ in range(runs):
        found = agreement.measure(design.draw(rng), rng, of=design.level, draws=600)
        pair = found.pairs[0]  # of the raters 0 and 1
        intervals = found.alpha_interval, found.fleiss_interval, pair.kappa_interval
        hits += [_holds(interval, value) for interval, value in zip(intervals, true, strict=True)]
    return dict(zip(COEFFICIENTS, (hits / runs).tolist(), strict=True))


def _holds(interval: Interval, true: float | None) -> bool:
    if true is None or interval.low is None or interval.high is None:
        return False
    return interval.low <= true <= interval.high
