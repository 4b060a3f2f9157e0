"""What a careless person's labels do to a version: counted like all others, weighed, and withdrawn.

Of each rehearsed workspace three versions are trained from the labels that it held at the end of certain weeks, by the
product's own training. They are compared on withheld cases, by what trained people settled there.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from demands import Demand, Part
from scipy import stats

from handrail.store import judging
from handrail.workspace import Workspace
from models.features import model_input
from tasks.learning import retrain
from tasks.occasion import Occasion, enter

WEEKS = (4, 8, 12)
SURELY = 0.01
"""A version counts as worse where chance alone would make it look so this seldom."""
FEWEST = 100


def careless_labels(homes: Sequence[Path], begin: str, person: str) -> Part:
    """No version is worse for it that labels are weighed or withdrawn.

    Args:
        homes: workspaces that were rehearsed.
        begin: the first live day, ISO.
        person: the careless one.

    Returns:
        The promises, the accuracy of every version, and a line for each.
    """
    rows = [row for home in homes for row in _compared(home, begin, person)]
    if not rows:
        return Part([], {}, "no workspace holds labels of the careless person that could train")
    frame = pd.DataFrame(rows)
    demands: list[Demand] = []
    for way in ("weighed", "withdrawn"):
        worse = int((frame[f"{way}_p"] < SURELY).sum())
        demands.append(Demand(f"versions surely worse with labels {way}", str(worse), "≤ 0", worse == 0))
    lines = [
        f"mean accuracy won by labels {way}: {100 * float((frame[way] - frame['alike']).mean()):+.2f} points"
        for way in ("weighed", "withdrawn")
    ]
    lines += [
        f"seed {row['home']}, week {row['week']:>2}: {row['labels']} labels, {row['theirs']} of {person}; on "
        f"{row['judged']} settled ones {row['alike']:.1%} alike, {row['weighed']:.1%} weighed, "
        f"{row['withdrawn']:.1%} withdrawn"
        for row in rows
    ]
    return Part(demands, {"versions": rows}, "\n".join(lines))


def _compared(home: Path, begin: str, person: str) -> list[dict[str, Any]]:
    start = datetime.fromisoformat(f"{begin}T00:00:00+00:00")
    occasion = enter(Workspace(home), "flow:benchmark", start + timedelta(weeks=WEEKS[-1], days=1))
    judges = _judges(occasion, start)
    found = []
    for week in WEEKS:
        examples = retrain.training_examples(occasion, start + timedelta(weeks=week))
        theirs = examples["reviewer"].eq(person).to_numpy(dtype=bool)
        if not theirs.any() or len(judges) < FEWEST:
            continue
        ways = {
            "alike": examples.assign(trust=1.0),
            "weighed": examples.assign(trust=retrain.trusts(occasion, examples)),
            "withdrawn": examples.assign(trust=1.0)[~theirs].reset_index(drop=True),
        }
        right = {name: _right(rows, judges, occasion) for name, rows in ways.items()}
        row = {"home": home.name, "week": week, "labels": len(examples), "theirs": int(theirs.sum())}
        row |= {"judged": len(judges), **{name: float(hits.mean()) for name, hits in right.items()}}
        row |= {f"{name}_p": _worse(right["alike"], hits) for name, hits in right.items() if name != "alike"}
        found.append(row)
    return found


def _judges(occasion: Occasion, start: datetime) -> pd.DataFrame:
    """Withheld cases with what was settled of them: none of them trained any of the versions."""
    with occasion.store.read() as connection:
        settled = judging.withheld(connection, occasion.policy, since=start)
    settled = settled[~settled["pending"] & settled["label"].notna()]
    return settled[occasion.withholding.draws(settled["case_id"].tolist())].reset_index(drop=True)


def _right(examples: pd.DataFrame, judges: pd.DataFrame, occasion: Occasion) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    model = retrain.fit(examples, occasion.policy)
    predicted = model.predict(model_input(judges, occasion.policy.model.fields))
    return (predicted["label"].to_numpy(dtype=object) == judges["label"].to_numpy(dtype=object)).astype(bool)


def _worse(before: "np.ndarray[Any, Any]", after: "np.ndarray[Any, Any]") -> float:
    """McNemar's exact test: how probable so many losses among what changed are, were neither better."""
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    return float(stats.binom.sf(lost - 1, lost + won, 0.5)) if lost + won else 1.0
