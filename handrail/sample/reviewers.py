"""Five simulated reviewers of known habits: how often they err, whom they follow, how long they take."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from handrail.sample.events import BIAS_FROM, BIAS_REGION, BIAS_TO, LABEL_BIAS, OUT_OF_SCOPE, categories

Labels = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]

# Whom a tired reader takes for whom: an error lands on a neighbour six times as often as on another category.
_NEIGHBOURS: Final = frozenset(
    frozenset(pair)
    for pair in (
        ("refund_request", "complaint"),
        ("refund_request", "cancellation"),
        ("delivery_status", "complaint"),
        ("delivery_status", "address_change"),
        ("appointment_change", "technical_help"),
        ("appointment_change", "cancellation"),
        ("billing_question", "refund_request"),
        ("billing_question", "cancellation"),
        ("legal_threat", "complaint"),
        ("subscription_upgrade", "billing_question"),
        (OUT_OF_SCOPE, "complaint"),
    )
)
_NEIGHBOUR_WEIGHT = 6.0
# A visible suggestion shortens the work, and a right one halves the slips.
_TIME_WITH_SUGGESTION = 0.6
_ERRORS_WITH_RIGHT_SUGGESTION = 0.5
_GLANCE_SECONDS = 3.5


class Behaviour(StrEnum):
    """How a reviewer works."""

    CAREFUL = "careful"
    ORDINARY = "ordinary"
    CARELESS = "careless"
    APPROVES_EVERYTHING = "approves_everything"


@dataclass(frozen=True)
class Reviewer:
    """A simulated reviewer.

    `accuracy`: share right without a suggestion. `follows`: share of wrong visible suggestions accepted.
    `median_seconds`, `spread`: the log-normal time of one decision without a suggestion.
    """

    name: str
    accuracy: float
    behaviour: Behaviour
    follows: float
    median_seconds: float
    spread: float
    trained: bool = True

    def confusion(self, categories: tuple[str, ...]) -> Floats:
        """Return the share of each answer (column) for each truth (row), unaided; rows sum to 1."""
        return _confusion(self.accuracy, tuple(categories)).copy()

    def decide(
        self,
        truth_label: npt.ArrayLike,
        suggestion: npt.ArrayLike,
        visible: npt.ArrayLike,
        region: npt.ArrayLike,
        week: int,
        rng: np.random.Generator,
    ) -> tuple[Labels, Floats]:
        """Return this reviewer's label and seconds for each case; arrays of one length, empty gives empty.

        A suggestion of None or '' counts as none. From week 20 on refunds of one region are mostly filed as
        complaints, whoever decides and whatever is suggested; the truth stays.
        """
        truth = np.asarray(truth_label, dtype=object)
        offered = np.array([value or "" for value in np.asarray(suggestion, dtype=object)], dtype=object)
        shown = np.asarray(visible, dtype=bool) & (offered != "")
        answer = self._answer_alone(truth, categories(week), rng)
        helped = shown & (offered == truth) & (rng.random(len(truth)) < 1 - _ERRORS_WITH_RIGHT_SUGGESTION)
        swayed = shown & (rng.random(len(truth)) < self.follows)
        answer = np.where(helped | swayed, offered, answer)
        answer = np.where(_is_biased(truth, np.asarray(region, dtype=object), week, rng), BIAS_TO, answer)
        return answer.astype(object), self._seconds(shown, rng)

    def _answer_alone(self, truth: Labels, names: tuple[str, ...], rng: np.random.Generator) -> Labels:
        choices = (*names, OUT_OF_SCOPE)
        place = {name: at for at, name in enumerate(choices)}
        # A truth that nobody has a category for yet can only be called out of scope.
        rows = np.array([place.get(name, place[OUT_OF_SCOPE]) for name in truth], dtype=np.intp)
        cumulative = np.cumsum(self.confusion(choices), axis=1)[rows]
        columns = (rng.random(len(truth))[:, None] > cumulative).sum(axis=1)
        answers: Labels = np.array(choices, dtype=object)[np.minimum(columns, len(choices) - 1)]
        return answers

    def _seconds(self, shown: npt.NDArray[np.bool_], rng: np.random.Generator) -> Floats:
        median = np.where(shown, self.median_seconds * _TIME_WITH_SUGGESTION, self.median_seconds)
        if self.behaviour is Behaviour.APPROVES_EVERYTHING:
            median = np.where(shown, _GLANCE_SECONDS, median)
        seconds: Floats = np.round(median * np.exp(rng.normal(0.0, self.spread, size=len(shown))), 1)
        return seconds


def reviewers() -> tuple[Reviewer, ...]:
    """Return the five reviewers, the careful one first."""
    return (
        Reviewer("ada", 0.985, Behaviour.CAREFUL, follows=0.02, median_seconds=52.0, spread=0.45),
        Reviewer("ben", 0.960, Behaviour.ORDINARY, follows=0.08, median_seconds=38.0, spread=0.50),
        Reviewer("cleo", 0.950, Behaviour.ORDINARY, follows=0.10, median_seconds=34.0, spread=0.50),
        Reviewer("dev", 0.800, Behaviour.CARELESS, follows=0.25, median_seconds=17.0, spread=0.60, trained=False),
        Reviewer("eve", 0.940, Behaviour.APPROVES_EVERYTHING, follows=0.98, median_seconds=30.0, spread=0.50),
    )


def _is_biased(truth: Labels, region: Labels, week: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    touched = (truth == BIAS_FROM) & (region == BIAS_REGION) & LABEL_BIAS.is_on(week)
    biased: npt.NDArray[np.bool_] = touched & (rng.random(len(truth)) < LABEL_BIAS.share)
    return biased


@lru_cache(maxsize=64)
def _confusion(accuracy: float, names: tuple[str, ...]) -> Floats:
    size = len(names)
    if size == 1:
        return np.ones((1, 1))
    near = np.array([[frozenset((row, column)) in _NEIGHBOURS for column in names] for row in names])
    weights = np.where(near, _NEIGHBOUR_WEIGHT, 1.0)
    np.fill_diagonal(weights, 0.0)
    wrong: Floats = weights / weights.sum(axis=1, keepdims=True) * (1.0 - accuracy)
    return wrong + np.eye(size) * accuracy
