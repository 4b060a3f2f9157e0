"""The pages about quality and training, as far as somebody may open them."""

from handrail.acts.signing_in import Visitor
from handrail.permissions import PERMITTED

TABS = (
    ("/quality", "My work", "decide"),
    ("/training", "My training", "decide"),
    ("/reviewers", "All reviewers", "read_labels"),
    ("/training/people", "Tests", "test_people"),
    ("/training/gold", "Gold cases", "attest_gold"),
    ("/training/labels", "Withdrawn labels", "withdraw_labels"),
)
"""Address, name and act of each."""


def tabs(visitor: Visitor) -> list[tuple[str, str]]:
    """Address and name of those that `visitor` may open."""
    return [(href, name) for href, name, act in TABS if PERMITTED[act].intersection(visitor.roles)]
