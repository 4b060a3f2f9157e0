"""A customer who contests, a manager who resolves, a receiver that remembers: for the tests of disputes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from handrail.acts import delivering, disputing, escalating
from handrail.case import Outcome
from handrail.outbox import OutboxAction
from handrail.ruling import Ruling
from handrail.store import schema
from tests.scenes import FLOW, MANAGER, NOW, POLICY, Scene

SAID = "I never asked for this, and nobody answers my letters"
TOLD = "You were right, and we are sorry."
UNDONE_BY = {"refund": "claim_back", "cancel": "reinstate"}
CATEGORIES = {
    name: rules.model_copy(update={"undone_by": UNDONE_BY.get(name)}) for name, rules in POLICY.categories.items()
}
SHOP = POLICY.model_copy(update={"categories": CATEGORIES})
LATER = NOW + timedelta(hours=2)


class Post:
    """A receiver that remembers what it executed."""

    idempotent = True

    def __init__(self) -> None:
        self.executed: list[str] = []

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        self.executed += [action.action for action in actions]


def send(scene: Scene, at: datetime = NOW) -> list[str]:
    """What is executed now."""
    post, rng = Post(), np.random.default_rng(1)
    scene.store.clock = lambda: at
    delivering.deliver(scene.store, post, policy=scene.policy, actor=FLOW, now=at, rng=rng)
    return post.executed


def contest(scene: Scene, case_id: int, text: str = SAID, actor: str = "remo", at: datetime = NOW) -> int:
    return disputing.open_dispute(scene.store, case_id, text, actor=actor, policy=SHOP, now=at)


def resolve(
    scene: Scene, dispute: int, outcome: str, actor: str = MANAGER, at: datetime = NOW, **ruling: object
) -> None:
    item = scene.row(schema.Dispute, id=dispute)["work_item_id"]
    claim = escalating.take(scene.store, item, actor, policy=SHOP, now=at)
    values = {"answer": TOLD, "reason_code": "wrong_category" if outcome != "approve" else None, **ruling}
    one = Ruling(item, claim.fence, Outcome(outcome), **values)
    disputing.resolve(scene.store, one, actor, policy=SHOP, now=at)


def waiting_actions(scene: Scene) -> list[tuple[str, str]]:
    return [(row["action"], row["state"]) for row in scene.rows(schema.Outbox)]
