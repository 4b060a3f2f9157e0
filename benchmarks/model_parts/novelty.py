"""How many out-of-scope requests pass, at how many cases automated? Beside the largest probability alone.

    cd benchmarks; python -m model_parts.novelty [--quick] [--plot FILE]

A case passes when its confidence is above the policy's threshold and it is not called novel; consequence and stage
are set aside. The curves need no threshold: they let pass the cases that are least novel, or that have the largest
probability of the same calibrated model.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from demands import Size
from numpy.typing import NDArray
from scipy.stats import rankdata

from handrail.policy import ModelRules, NoveltyRules, QueueRules
from model_parts import scopes
from model_parts.scopes import Scope
from models import classifier

AUTOMATED = np.round(np.arange(0.30, 0.96, 0.05), 2)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """What one model said of one kind of cases: how unlikely the best label is, and how novel the case."""

    doubt: Floats
    novelty: Floats
    is_passed: NDArray[np.bool_]


def measure(scope: Scope, novelty_rules: NoveltyRules | None = None) -> dict[str, Any]:
    """Train as the product does; shares of cases automated and of out-of-scope requests passed, areas and curves.

    `passed_by_probability` is what passes when the largest probability alone automates the same share.
    """
    rules = novelty_rules or NoveltyRules()
    model = classifier.train(scope.train.reset_index(drop=True), ModelRules(), scope.fields, rules)
    told = model.predict(scope.known)
    known, unknown = _said(told, model.novelty.threshold), _said(model.predict(scope.unknown), model.novelty.threshold)
    automated = float(known.is_passed.mean())
    return {
        "scope": scope.name,
        "categories": len(model.labels),
        "labels": len(scope.train),
        "known": len(scope.known),
        "unknown": len(scope.unknown),
        "max_in_scope_flagged": rules.max_in_scope_flagged,
        "in_scope_flagged": float(told["novel"].mean()),
        "confident": float((known.doubt < 1 - QueueRules().auto_above).mean()),
        "unknown_confident": float((unknown.doubt < 1 - QueueRules().auto_above).mean()),
        "automated": automated,
        "passed": float(unknown.is_passed.mean()),
        "passed_by_probability": _passed(known.doubt, unknown.doubt, automated),
        "accuracy_of_automated": _accuracy(scope, told["label"].to_numpy(), known.is_passed),
        "auc": area(known.novelty, unknown.novelty),
        "auc_by_probability": area(known.doubt, unknown.doubt),
        "curve": {
            "automated": AUTOMATED.tolist(),
            "passed": [_passed(known.novelty, unknown.novelty, share) for share in AUTOMATED],
            "passed_by_probability": [_passed(known.doubt, unknown.doubt, share) for share in AUTOMATED],
        },
    }


def area(known: Floats, unknown: Floats) -> float:
    """Probability that an out-of-scope request scores above a case in scope; a tie counts half."""
    ranks = rankdata(np.concatenate([known, unknown]))[len(known) :]
    return float((ranks.sum() / len(unknown) - (len(unknown) + 1) / 2) / len(known))


def table(figures: Iterable[dict[str, Any]]) -> str:
    """One line a scope, in per cent; `p` marks what the largest probability alone would do."""
    heads = f"{'':26}{'AUC':>7}{'AUC p':>7}{'automated':>11}{'passed':>8}{'passed p':>10}"
    lines = [f"{heads}   passed / passed p at 50, 60, 70, 80 % automated"]
    for row in figures:
        curve = row["curve"]
        at = [int(np.flatnonzero(share == AUTOMATED)[0]) for share in (0.5, 0.6, 0.7, 0.8)]
        steps = "  ".join(f"{curve['passed'][i]:5.1%}/{curve['passed_by_probability'][i]:5.1%}" for i in at)
        lines.append(
            f"{row['scope']:26}{row['auc']:7.3f}{row['auc_by_probability']:7.3f}{row['automated']:11.1%}"
            f"{row['passed']:8.1%}{row['passed_by_probability']:10.1%}   {steps}"
        )
    return "\n".join(lines)


def plot(figures: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw each scope's two curves and the default policy's point; the ending of `file` chooses the format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(3, len(figures))
    down = -(-len(figures) // across)
    figure = Figure(figsize=(4.2 * across, 3.2 * down), layout="constrained")
    FigureCanvasAgg(figure)
    for place, row in enumerate(figures, start=1):
        axes, curve = figure.add_subplot(down, across, place), row["curve"]
        axes.plot(curve["automated"], curve["passed_by_probability"], color="0.55", label="largest probability")
        axes.plot(curve["automated"], curve["passed"], color="#1f5f8b", label="novelty")
        axes.plot(row["automated"], row["passed"], marker="o", color="#b5392b", linestyle="", label="default policy")
        axes.set(xlabel="in scope automated", ylabel="out of scope passed", title=row["scope"], xlim=(0.3, 1))
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", fontsize="small")
    figure.savefig(file)


def run(*, size: Size, file: Path | None = None, novelty_rules: NoveltyRules | None = None) -> list[dict[str, Any]]:
    """Measure every scope, print the table to stderr, and draw the curves where a `file` is given."""
    figures = [measure(scope, novelty_rules) for scope in scopes.everything(size=size)]
    print(table(figures), file=sys.stderr)
    if file:
        plot(figures, file)
    return figures


def _said(told: Any, threshold: float) -> Said:  # noqa: ANN401 - a frame
    novel = told["novelty"].to_numpy() > threshold
    confidence = told["confidence"].to_numpy()
    return Said(1 - confidence, told["novelty"].to_numpy(), (confidence > QueueRules().auto_above) & ~novel)


def _passed(known: Floats, unknown: Floats, automated: float) -> float:
    """Share of `unknown` that passes where the threshold lets this share of `known` pass."""
    return float((unknown <= np.quantile(known, automated)).mean())


def _accuracy(scope: Scope, label: NDArray[np.object_], is_passed: NDArray[np.bool_]) -> float | None:
    return float((label == scope.known["label"].to_numpy())[is_passed].mean()) if is_passed.any() else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Out-of-scope requests passed against cases automated.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plot", type=Path, help="write the curves to this PNG or SVG file")
    arguments = parser.parse_args()
    print(json.dumps(run(size=Size.QUICK if arguments.quick else Size.FULL, file=arguments.plot)))
