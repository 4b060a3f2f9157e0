"""Scenes of people who differ from a model that is sure, and what is known of their cases afterwards."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import cycle

import pandas as pd

from handrail.acts import claiming, deciding, routing
from handrail.acts import models as model_acts
from handrail.case import Outcome
from handrail.policy import LabelRules
from handrail.ruling import Ruling
from handrail.store import evidence, schema
from tests.scenes import BETTER, FOUNDER, NOW, POLICY, REVIEWERS, Scene

SECRET = b"a key of thirty-two bytes or so."
SETTLING = POLICY.model_copy(update={"labels": LabelRules(second_share=0)})
DRAWN = POLICY.model_copy(update={"labels": LabelRules(second_share=1)})
BLIND = {"queue": "C", "reason": "stage_shadow", "stage": "shadow", "suggestion_hidden": True}
SINCE = NOW - timedelta(days=30)
LATE = NOW + SETTLING.sla.audit + timedelta(days=7)


def serve(scene: Scene, version: str) -> None:
    figures = {"accuracy": 0.9, **BETTER}
    scene.add_version(version, cause="by_hand", labels=300, metrics=figures, trained_until=NOW)
    model_acts.set_champion(scene.store, version, actor=FOUNDER, reason="a test", now=NOW)


def rule(
    scene: Scene, case_id: int, actor: str, label: str | None, reason: str | None = None, at: datetime = NOW
) -> int:
    """Decide whatever of the case `actor` may take; the decision's id."""
    claim = scene.claim(case_id, actor, at)
    outcome = Outcome.DENY if label is None else Outcome.OVERRIDE
    ruling = Ruling(claim.item_id, claim.fence, outcome, label=label, reason_code=reason, seconds=60)
    with scene.when(at):
        known = {"policy": scene.policy, "now": at, "secret": SECRET}
        return deciding.decide(scene.store, [ruling], actor, **known)[0]


def kinds(scene: Scene, case_id: int) -> list[str]:
    return [row["kind"] for row in scene.rows(schema.WorkItem, case_id=case_id, state="open")]


def settled(scene: Scene) -> dict[int, tuple[str | None, bool]]:
    with scene.store.read() as connection:
        found = evidence.settled(connection, since=SINCE)
    return {row.case_id: (row.label, row.pending) for row in found.itertuples()}


def slips(scene: Scene) -> list[tuple[int, str]]:
    with scene.store.read() as connection:
        found = evidence.slips(connection, since=SINCE)
    return list(zip(found["case_id"], found["person"], strict=True))


def labels(scene: Scene, case_id: int) -> list[tuple[str, str, str]]:
    return [(row["label"], row["provenance"], row["status"]) for row in scene.rows(schema.Label, case_id=case_id)]


def predict(scene: Scene, said: pd.DataFrame, version: str, role: str) -> None:
    known = {"version": version, "role": role, "actor": "flow:triage", "now": NOW}
    routing.record_predictions(scene.store, said, advance=role == "champion", **known)


def play(scene: Scene, say: Callable[[int], str | None]) -> None:
    """Everybody takes turns until nothing waits, a few cases each time, decided together."""
    rested = 0
    for actor in cycle(REVIEWERS):
        claims = claiming.claim(scene.store, actor, limit=7, kinds=["review", "recheck"], **scene.known)
        rested = 0 if claims else rested + 1
        if rested == len(REVIEWERS):
            return
        rulings = [_ruling(claim, say(claim.case_id)) for claim in claims]
        deciding.decide(scene.store, rulings, actor, secret=SECRET, **scene.known)


def _ruling(claim: claiming.Claim, label: str | None) -> Ruling:
    outcome, reason = (Outcome.DENY, "out_of_scope") if label is None else (Outcome.OVERRIDE, None)
    return Ruling(claim.item_id, claim.fence, outcome, label=label, reason_code=reason)
