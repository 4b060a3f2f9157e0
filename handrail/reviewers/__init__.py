"""Signals about reviewers: wrong answers where chance chose the case, and how they work, each with an interval."""

from handrail.reviewers.bias import EVERYBODY, Turn, biases
from handrail.reviewers.habits import glances, vanishings
from handrail.reviewers.judged import DECEIVED, GOLD, NAMING, RECHECKS, judged
from handrail.reviewers.look import ReviewerRecords, look
from handrail.reviewers.signal import Signal, SignalBounds

__all__ = [
    "DECEIVED",
    "EVERYBODY",
    "GOLD",
    "NAMING",
    "RECHECKS",
    "ReviewerRecords",
    "Signal",
    "SignalBounds",
    "Turn",
    "biases",
    "glances",
    "judged",
    "look",
    "vanishings",
]
