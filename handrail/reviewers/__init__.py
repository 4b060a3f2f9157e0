"""Signals about reviewers: glances, rubber stamps, accuracy and bias, each with an interval and a verdict."""

from handrail.reviewers.accuracy import accuracies
from handrail.reviewers.bias import EVERYBODY, Turn, biases
from handrail.reviewers.habits import deceptions, glances, vanishings
from handrail.reviewers.look import ReviewerRecords, look
from handrail.reviewers.signal import Signal, SignalBounds

__all__ = [
    "EVERYBODY",
    "ReviewerRecords",
    "Signal",
    "SignalBounds",
    "Turn",
    "accuracies",
    "biases",
    "deceptions",
    "glances",
    "look",
    "vanishings",
]
