"""One look at all reviewers: who is wrong too often where chance chose the case, and what else is seen of them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from handrail.reviewers.bias import biases
from handrail.reviewers.habits import glances, vanishings
from handrail.reviewers.judged import judged
from handrail.reviewers.signal import Signal, SignalBounds, judge

_HABITS: Final = 2
_PARTS: Final = 2  # habits and biases each get half of the chance: the many cells of the biases do not mute the habits


def _columns(*names: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in names})


@dataclass(frozen=True)
class ReviewerRecords:
    """What a window holds; a frame without rows leaves its signal unmeasured.

    `trials`: person, kind, at, wrong, chance, of answers to cases that chance chose (see `judged`). `timed`: reviewer,
    seconds, place, of decisions with the suggestion in sight. `mixed`: reviewer, visible, approved, of cases of which
    chance decided whether the suggestion shows. `turns`: reviewer, group, reference (attested truth, else what the
    model suggested), said, and perhaps grouping.
    """

    trials: pd.DataFrame = field(default_factory=lambda: _columns("person", "kind", "at", "wrong", "chance"))
    timed: pd.DataFrame = field(default_factory=lambda: _columns("reviewer", "seconds", "place"))
    mixed: pd.DataFrame = field(default_factory=lambda: _columns("reviewer", "visible", "approved"))
    turns: pd.DataFrame = field(default_factory=lambda: _columns("reviewer", "group", "reference", "said"))

    @property
    def reviewers(self) -> list[str]:
        """Everybody who did anything in it."""
        names = (self.trials["person"], *(frame["reviewer"] for frame in (self.timed, self.mixed, self.turns)))
        return sorted({str(name) for column in names for name in column.unique()})

    def of(self, names: Collection[str]) -> "ReviewerRecords":
        """The part that these reviewers made."""

        def theirs(rows: pd.DataFrame, column: str = "reviewer") -> pd.DataFrame:
            return rows[rows[column].isin(list(names))]

        return ReviewerRecords(
            theirs(self.trials, "person"), theirs(self.timed), theirs(self.mixed), theirs(self.turns)
        )


def look(evidence: ReviewerRecords, bounds: SignalBounds | None = None) -> list[Signal]:
    """Every reviewer: wrong answers where chance chose the case, then glances, vanished rejections and bias.

    Only the first name somebody (`NAMING`), and they hold over all looks together. The others say what was seen in this
    window: a habit is a reason to look, and no error.

    Args:
        evidence: what a window holds; its trials go back as far as the person's record does.
        bounds: up to where a figure is no alarm; the defaults if not given.

    Returns:
        Signals with verdicts. The chance that anybody is ever named wrongly is at most `bounds.chance`; so is that of
        any false habit or bias in this look, half of it for the biases. A bias that all share stands under `EVERYBODY`.
        A reviewer without cases for a signal is left out of it.

    Source: Ville 1939; Holm 1979; docs/decisions/0044-people-by-rechecks.md.

    >>> at = pd.date_range("2026-01-01", periods=20, tz="UTC")
    >>> trials = pd.DataFrame({"person": "ada", "kind": "deceived", "at": at, "wrong": True, "chance": 1.0})
    >>> [(one.name, str(one.verdict)) for one in look(ReviewerRecords(trials))]
    [('deceived', 'alarm')]
    """
    bounds = bounds or SignalBounds()
    half = bounds.chance / _PARTS
    people = evidence.reviewers
    alpha = half / max(_HABITS * len(people), 1)
    habits = [*glances(evidence.timed, bounds, alpha), *vanishings(evidence.mixed, bounds, alpha)]
    named = judged(evidence.trials, bounds, people=len(people))
    return [*named, *judge(habits, half), *biases(evidence.turns, bounds, half)]
