"""What stands in for a policy that cannot be read."""

from typing import NoReturn

from handrail.errors import Refused
from handrail.governing import TrailState
from handrail.policy import CategoryRules, Policy, Stage


class StandIn(Policy):
    """Cases are taken in and go to people under it; no action of a category can be chosen, and nothing is automatic."""

    def category(self, label: str) -> NoReturn:
        """Nobody can say what a category may do.

        Raises:
            Refused: always.
        """
        raise Refused(
            f"The policy in force cannot be read, so nobody can say what {label} may do. Publish the right policy with "
            "`handrail policy publish FILE`."
        )

    def auto_above(self, label: str) -> float:  # noqa: ARG002 - the same for every category
        """No confidence is enough."""
        return 1.0


def stand_in(trail: TrailState, like: Policy | None) -> StandIn:
    """Made from the newest policy that can still be believed, else of defaults and of what the trail names."""
    if like is not None:
        return StandIn.model_validate(like.model_dump())
    by_hand = CategoryRules(action="none", stage=Stage.MANUAL)
    categories = dict.fromkeys(sorted(trail.stages) or ["unknown"], by_hand)
    return StandIn(business=trail.business or "unknown", categories=categories)
