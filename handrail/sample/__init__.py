"""The sample business: a seeded generator of cases, reviewers and outcomes with their ground truth."""

from handrail.sample.business import SampleBusiness, generate, generate_weeks
from handrail.sample.events import EVENTS, OUT_OF_SCOPE, SampleEvent, categories
from handrail.sample.outcomes import outcomes
from handrail.sample.reviewers import Behaviour, Reviewer, reviewers

__all__ = [
    "EVENTS",
    "OUT_OF_SCOPE",
    "Behaviour",
    "Reviewer",
    "SampleBusiness",
    "SampleEvent",
    "categories",
    "generate",
    "generate_weeks",
    "outcomes",
    "reviewers",
]
