"""Which categories are ready for their next stage."""

from dataclasses import dataclass
from datetime import timedelta

from handrail.policy import Stage
from handrail.store import certificates, models, stages
from tasks.occasion import Occasion

OBSERVED_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class CategoryReadiness:
    """Whether one category is ready for its next stage, and why not."""

    category: str
    stage: Stage
    next_stage: Stage | None
    ready: bool
    reasons: tuple[str, ...]


def readiness(occasion: Occasion) -> list[CategoryReadiness]:
    """Every category of the policy with what keeps it from its next stage."""
    with occasion.store.read() as connection:
        current = stages.stages(connection, occasion.policy)
        version = models.serving(connection).model_version
        certified = certificates.thresholds(connection, version, occasion.now, rules=occasion.policy.certificate)
    found = []
    for name, stage in current.items():
        following = {Stage.SHADOW: Stage.PARTIAL, Stage.PARTIAL: Stage.AUTO}.get(stage)
        is_certified = name in certified or None in certified
        why = () if is_certified else ("no certificate",)
        found.append(CategoryReadiness(name, stage, following, following is not None and is_certified, why))
    return found
