"""What a batch, a set of predictions, a training set and a withheld set have to look like: rules with remedies."""

from expectations.suites.deliveries import intake, predictions
from expectations.suites.learning import challenger, training_set, withheld_set
from expectations.suites.rules import Rule, Suite

__all__ = ["Rule", "Suite", "challenger", "intake", "predictions", "training_set", "withheld_set"]
