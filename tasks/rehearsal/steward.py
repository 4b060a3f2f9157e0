"""The steward of a rehearsal: pauses end when another model serves, stages move when the product says *ready*."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from handrail.acts import pausing, publishing
from handrail.policy import CategoryRules, Policy, Stage
from handrail.store import models
from handrail.store import pauses as stored_pauses
from handrail.store.frames import records
from tasks.learning.proposals import confirm, is_asked, propose
from tasks.learning.readiness import readiness
from tasks.occasion import Occasion

REVIEWED_AFTER = timedelta(days=5)
"""How long a model review takes."""
CONCLUSION = "the wording has shifted under the model; the category waits for one that has learnt it"


def end_pauses(occasion: Occasion, second: str) -> tuple[list[str | None], set[str | None]]:
    """Close the reviews, and give back what another model now serves; returns what came back, and what stays paused.

    What the review found is mended only by another model; until then the category stays with people. `second` agrees
    where the policy asks for a second person.
    """
    with occasion.store.read() as connection:
        pauses = records(stored_pauses.pauses(connection))
        serving_since = models.serving(connection).since
    resumed: list[str | None] = []
    for pause in pauses:
        if occasion.now - pause["since"] < REVIEWED_AFTER:
            continue
        if pause["model_review_id"] is not None and pause["review_closed_at"] is None:
            pausing.close_review(
                occasion.store,
                int(pause["model_review_id"]),
                actor=occasion.actor,
                now=occasion.now,
                conclusion=CONCLUSION,
            )
        if serving_since is not None and serving_since > pause["since"]:
            give_back(occasion, pause["category"], "another model serves", second)
            resumed.append(pause["category"])
    return resumed, {pause["category"] for pause in pauses} - set(resumed)


def give_back(occasion: Occasion, category: str | None, reason: str, second: str) -> None:
    """End a pause, and let the second person agree to it where the policy asks for one."""
    if is_asked(occasion, "resume"):
        number = propose(occasion, "resume", {"category": category}, reason)
        confirm(replace(occasion, actor=second), number)
        return
    pausing.resume(
        occasion.store, category, reason=reason, policy=occasion.policy, actor=occasion.actor, now=occasion.now
    )


def advance(occasion: Occasion, resting: Collection[str | None], second: str) -> dict[str, Stage]:
    """Move every category that is ready to its next stage, except the resting ones; returns where each went."""
    moved = {}
    for one in readiness(occasion):
        if one.ready and one.next_stage is not None and one.category not in resting and None not in resting:
            _set_stage(occasion, one.category, one.next_stage, second)
            moved[one.category] = one.next_stage
    return moved


def _set_stage(occasion: Occasion, category: str, stage: Stage, second: str) -> None:
    if is_asked(occasion, "set_stage"):
        number = propose(occasion, "set_stage", {"category": category, "stage": str(stage)}, "ready")
        confirm(replace(occasion, actor=second), number)
        return
    pausing.set_stage(
        occasion.store,
        category,
        stage,
        reason="ready",
        policy=occasion.policy,
        actor=occasion.actor,
        now=occasion.now,
    )


def launch(occasion: Occasion, category: str, rules: CategoryRules) -> Policy:
    """Let the owner add a category, at stage shadow; returns the policy that is in force then."""
    added = occasion.policy.categories | {category: rules.model_copy(update={"stage": Stage.SHADOW})}
    policy = occasion.policy.model_copy(update={"categories": added})
    publishing.publish(occasion.store, policy, actor=occasion.actor, now=occasion.now)
    return policy
