"""Where operators come in: a tripped breaker, two versions with a challenger, an action that needs a person."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import FastAPI

from desk.context import Desk
from handrail.acts import delivering, models, pausing
from handrail.outbox import OutboxAction
from handrail.policy import DeskRules
from handrail.store import schema
from models import artifact, copies, registry
from tests.scenes import FLOW, NOW, POLICY, Scene

ASKING = POLICY.model_copy(update={"desk": DeskRules(second_person=("resume",))})
OWNER = "olga"


def trip(floor: Scene) -> None:
    """Let the breaker pause refunds."""
    pausing.pause(
        floor.store,
        "refund",
        reason="3 of 45 audited approvals rejected (6.7%)",
        kind="breaker",
        evidence={"reviewed": 45, "rejected": 3},
        actor="flow:quality_watch",
        **floor.known,
    )


def two_versions(app: FastAPI, *, challenger: dict[str, Any] | None = None) -> None:
    """Version 2 serves after version 1, whose files lie here whole; version 3 is challenger with that judgement."""
    desk: Desk = app.state.desk
    name = registry.model_name(POLICY.business)
    for version in ("1", "2", "3"):
        folder = copies.folder(desk.workspace, name, version)
        folder.mkdir(parents=True)
        files = [folder / artifact.ESTIMATOR_FILE, folder / artifact.COMPANION_FILE]
        for file in files:
            file.write_text(f"version {version}")
        models.add_version(
            desk.store,
            actor=FLOW,
            now=NOW,
            version=version,
            run_id="r",
            artifact_digest=artifact.digest_of(*files),
            dataset_digest="d",
            policy_version="p",
            labels=1200,
            cause="drift",
            metrics={"accuracy": 0.91, "ece": 0.02},
            novelty_threshold=0.5,
        )
        if version != "3":
            models.set_champion(desk.store, version, actor=FLOW, reason="better on 300 cases", now=NOW)
    if challenger is not None:
        models.record_judgement(
            desk.store,
            "3",
            passed=challenger["passed"],
            cases=300,
            reasons=["gain"],
            told=challenger,
            actor=FLOW,
            now=NOW,
        )


class Receiver:
    """Refuses, or does not answer."""

    idempotent = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        raise self._error


def stuck(floor: Scene, error: Exception) -> int:
    """An action that needs a person; its number."""
    (case,) = floor.automatic(1)
    rng = np.random.default_rng(1)
    delivering.deliver(floor.store, Receiver(error), policy=floor.policy, actor=FLOW, now=NOW, rng=rng)
    return int(floor.row(schema.Outbox, case_id=case)["id"])
