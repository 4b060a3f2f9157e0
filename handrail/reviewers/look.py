"""One look at all reviewers: every signal of everybody, with one chance of a false alarm for all of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from handrail.reviewers.accuracy import accuracies
from handrail.reviewers.bias import biases
from handrail.reviewers.habits import deceptions, glances, vanishings
from handrail.reviewers.signal import Signal, SignalBounds, judge

_SIGNALS: Final = 4
_PARTS: Final = 2  # habits and biases each get half of the chance: the many cells of the biases do not mute the habits


def _columns(*names: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in names})


@dataclass(frozen=True)
class ReviewerRecords:
    """What a window holds; a frame without rows leaves its signal unmeasured.

    `timed`: reviewer, seconds, place, of decisions with the suggestion in sight. `mixed`: reviewer, visible, approved,
    of cases of which chance decided whether the suggestion shows. `gold`: reviewer, said, seeded (wrong suggestion or
    None). `rulings`: item, reviewer, label, blind ones; `truth`: the items among them whose label is attested.
    `turns`: reviewer, group, reference (attested truth, else what the model suggested), said, and perhaps grouping.
    """

    timed: pd.DataFrame = field(default_factory=lambda: _columns("reviewer", "seconds", "place"))
    mixed: pd.DataFrame = field(default_factory=lambda: _columns("reviewer", "visible", "approved"))
    gold: pd.DataFrame = field(default_factory=lambda: _columns("reviewer", "said", "seeded"))
    rulings: pd.DataFrame = field(default_factory=lambda: _columns("item", "reviewer", "label"))
    truth: Mapping[str, str] = field(default_factory=dict)
    turns: pd.DataFrame = field(default_factory=lambda: _columns("reviewer", "group", "reference", "said"))

    @property
    def reviewers(self) -> list[str]:
        """Everybody who did anything in it."""
        frames = (self.timed, self.mixed, self.gold, self.rulings, self.turns)
        return sorted({str(name) for frame in frames for name in frame["reviewer"].unique()})

    def of(self, names: Collection[str]) -> "ReviewerRecords":
        """The part that these reviewers made."""

        def theirs(rows: pd.DataFrame) -> pd.DataFrame:
            return rows[rows["reviewer"].isin(list(names))]

        return ReviewerRecords(
            theirs(self.timed),
            theirs(self.mixed),
            theirs(self.gold),
            theirs(self.rulings),
            self.truth,
            theirs(self.turns),
        )


def look(evidence: ReviewerRecords, bounds: SignalBounds | None = None) -> list[Signal]:
    """Every reviewer judged by glances, deceptions, vanished rejections, accuracy and bias, in this order.

    Args:
        evidence: what a window holds.
        bounds: up to where a figure is no alarm; the defaults if not given.

    Returns:
        Signals with verdicts: the chance that any alarm is false is at most `bounds.chance`, half of it for the biases.
        A bias that all share stands under `EVERYBODY`. A reviewer without cases for a signal is left out of it.

    Source: Holm 1979; docs/decisions/0021-what-counts-as-a-shift.md.

    >>> gold = pd.DataFrame({"reviewer": "ada", "said": "a", "seeded": ["a"] * 20})
    >>> [(one.name, str(one.verdict)) for one in look(ReviewerRecords(gold=gold))]
    [('deceived', 'alarm')]
    """
    bounds = bounds or SignalBounds()
    half = bounds.chance / _PARTS
    alpha = half / max(_SIGNALS * len(evidence.reviewers), 1)
    habits = [
        *glances(evidence.timed, bounds, alpha),
        *deceptions(evidence.gold, bounds, alpha),
        *vanishings(evidence.mixed, bounds, alpha),
        *accuracies(evidence.rulings, evidence.truth, bounds, alpha),
    ]
    return [*judge(habits, half), *biases(evidence.turns, bounds, half)]
