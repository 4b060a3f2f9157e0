"""Bias: a label that is turned into another for one group more than for the rest, by one reviewer or by everybody."""

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from handrail.proportions import POWER, holm, newcombe
from handrail.reading import Verdict
from handrail.reviewers.signal import Signal, SignalBounds, unmeasured

EVERYBODY = "everybody"
"""The subject of a bias that all reviewers share."""
_WORTH: Final = 0.5  # every second case of a label in a group
_USUAL: Final = 0.05  # share of a label that becomes one other label by ordinary slips, for the power
_NAMED: Final = 5  # findings that a signal names
_KEY: Final = ["grouping", "group", "reference", "said"]


@dataclass(frozen=True, slots=True)
class Turn:
    """For `group`, `hits` of `n` cases of one label were turned into another; for the rest, `share_elsewhere`."""

    grouping: str
    group: str
    reference: str
    turned_into: str
    hits: int
    n: int
    share: float
    share_elsewhere: float
    p: float

    def plain(self) -> dict[str, Any]:
        """The turn as readings keep it; they call the other label `said`, as the frames do."""
        return {"said" if name == "turned_into" else name: value for name, value in asdict(self).items()}


def biases(turns: pd.DataFrame, bounds: SignalBounds, chance: float) -> list[Signal]:
    """Whether somebody, or everybody, turns a label into another for one group.

    Of every group × label × other label: Fisher's exact test, one-sided, against the other groups, and of a single
    reviewer against the others in the same group as well (the weaker counts): what everybody does is nobody's own bias.
    Holm over all of them. Quiet where at least half of the cases lie in cells in which a turned half would be found.
    With the model's suggestion as reference a finding may be the model's own weakness in that group: look at the cases.

    Args:
        turns: columns reviewer, group, reference, said, and perhaps grouping (several groups a case).
        bounds: up to where a figure is no alarm; a gap below `turned` is no finding.
        chance: chance of any false alarm.

    Returns:
        A signal for everybody and one for each reviewer; its value is the largest gap found or seen.

    Source: Fisher 1935; Holm 1979; docs/decisions/0021-what-counts-as-a-shift.md.

    >>> label = np.where((np.arange(200) < 100) & (np.arange(200) % 2 == 0), "b", "a")
    >>> turns = pd.DataFrame({"reviewer": "ada", "group": ["x"] * 100 + ["y"] * 100, "reference": "a", "said": label})
    >>> [(one.reviewer, one.value, str(one.verdict)) for one in biases(turns, SignalBounds(), 0.05)][0]
    ('everybody', 0.5, 'alarm')
    """
    if "grouping" not in turns:
        turns = turns.assign(grouping="group")
    complete = turns.dropna(subset=["reviewer", *_KEY]).astype(str)
    if complete.empty:
        return []
    everybody = _cells(complete.assign(reviewer=EVERYBODY))
    own = _cells(complete)
    names = sorted(complete["reviewer"].unique())
    alone = own.iloc[:0] if len(names) == 1 else own
    tested = pd.concat([everybody, _against_others(alone, everybody)], ignore_index=True)
    adjusted = holm(tested["p"].to_numpy(dtype=np.float64))
    tested = tested.assign(adjusted=adjusted, gap=tested["k"] / tested["n"] - tested["rest_k"] / tested["rest_n"])
    per_test = chance / max(len(tested), 1)
    return [
        _signal(
            name,
            tested[tested["reviewer"] == name],
            complete if name == EVERYBODY else complete[complete["reviewer"] == name],
            bounds.turned,
            chance,
            per_test,
        )
        for name in [EVERYBODY, *names]
    ]


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each reviewer × group × label × other label that occurs anywhere with that reviewer.

    k of n in the group, rest_k of rest_n elsewhere, p of the one-sided exact test.
    """
    base = ["reviewer", "grouping", "reference"]
    turned = rows[rows["reference"] != rows["said"]]
    by_group = rows.groupby([*base, "group"]).size().rename("n").reset_index()
    seen = turned.groupby([*base, "said"]).size().rename("total_k").reset_index()
    hits = turned.groupby([*base, "said", "group"]).size().rename("k").reset_index()
    cells = seen.merge(by_group, on=base).merge(hits, on=[*base, "said", "group"], how="left")
    cells["k"] = cells["k"].fillna(0).astype(np.int64)
    cells["rest_n"] = cells.groupby([*base, "said"])["n"].transform("sum") - cells["n"]
    cells["rest_k"] = cells["total_k"] - cells["k"]
    cells = cells[cells["rest_n"] > 0].reset_index(drop=True)
    return cells.assign(p=_fisher(cells["k"], cells["n"], cells["rest_k"], cells["rest_n"]))


def _against_others(own: pd.DataFrame, everybody: pd.DataFrame) -> pd.DataFrame:
    """The same, with the p of the comparison with the others in the same group where that is the weaker."""
    both = own.merge(everybody[[*_KEY, "k", "n"]], on=_KEY, suffixes=("", "_all"))
    others_n, others_k = both["n_all"] - both["n"], both["k_all"] - both["k"]
    p = _fisher(both["k"], both["n"], others_k, others_n)
    return both.assign(p=np.maximum(both["p"], p)).drop(columns=["k_all", "n_all"])


def _fisher(k: pd.Series, n: pd.Series, rest_k: pd.Series, rest_n: pd.Series) -> NDArray[np.float64]:
    """P(at least k of the hits fall into the group), margins given; 1 where the rest is empty."""
    p: NDArray[np.float64] = np.minimum(stats.hypergeom.sf(k - 1, n + rest_n, k + rest_k, n), 1.0)
    return np.where(np.asarray(rest_n) > 0, p, 1.0)


def _signal(
    reviewer: str, tested: pd.DataFrame, rows: pd.DataFrame, bound: float, chance: float, per_test: float
) -> Signal:
    if tested.empty:
        return unmeasured(reviewer, "bias", len(rows), low=-1.0)
    significant = tested[(tested["adjusted"] <= chance) & (tested["gap"] >= bound)].sort_values("gap", ascending=False)
    first = (
        significant.iloc[0] if len(significant) else tested.sort_values(["p", "gap"], ascending=[True, False]).iloc[0]
    )
    low, high = newcombe([first["k"]], [first["n"]], [first["rest_k"]], [first["rest_n"]])
    watched, cases = _watched(rows, per_test), int(rows.groupby("grouping").size().max())
    quiet = Verdict.QUIET if watched >= _WORTH else Verdict.UNDERPOWERED
    turns = [_turn(row).plain() for row in significant.head(_NAMED).to_dict("records")]
    return Signal(
        reviewer,
        "bias",
        Verdict.ALARM if len(significant) else quiet,
        float(first["gap"]),
        float(low[0]),
        float(high[0]),
        cases,
        p=float(first["adjusted"]),
        power=watched,
        details=(("turns", turns), ("tests", len(tested))),
    )


def _watched(rows: pd.DataFrame, alpha: float) -> float:
    """The share of these cases that lie in a group × label in which a turned half would be found."""
    sizes = rows.groupby(["grouping", "group", "reference"]).size().to_numpy()
    needed = stats.binom.isf(alpha, sizes, _USUAL) + 1
    power = stats.binom.sf(needed - 1, sizes, _WORTH)
    return float(sizes[power >= POWER].sum() / sizes.sum())


def _turn(row: Mapping[Hashable, Any]) -> Turn:
    return Turn(
        row["grouping"],
        row["group"],
        row["reference"],
        row["said"],
        int(row["k"]),
        int(row["n"]),
        row["k"] / row["n"],
        row["rest_k"] / row["rest_n"],
        float(row["adjusted"]),
    )
