"""A challenger replaces the champion only when it has shown on fresh withheld cases that it is better."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.acts import models as model_acts
from handrail.policy import Consequence, Policy
from handrail.store import evidence, models, trail
from models import gate, registry
from tasks import drift
from tasks.occasion import Occasion, log
from tasks.retrain import is_withheld
from tasks.score import load, predict
from tasks.step import step


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the challenger."""

    version: str | None
    outcome: Literal["promoted", "refused", "waiting", "none"]
    reasons: tuple[str, ...]
    verdict: gate.GateVerdict | None = None


@step
def judge(occasion: Occasion) -> Judgement:
    """Put the challenger through the business gate; promote it, refuse it, or wait for more withheld labels."""
    with occasion.store.read() as connection:
        serving = models.serving(connection)
    challenger, champion = serving["challenger"], serving["model_version"]
    if challenger is None or champion is None:
        return Judgement(None, "none", ("there is no challenger",))
    rules = occasion.policy.promotion
    with occasion.store.read() as connection:
        registered = (models.version(connection, challenger) or {})["registered_at"]
    if occasion.now - registered < rules.shadow_for:
        until = registered + rules.shadow_for
        return Judgement(challenger, "waiting", (f"in shadow until {until:%Y-%m-%d %H:%M} UTC",))
    withheld = _withheld(occasion, champion, challenger)
    if len(withheld) < rules.min_withheld:
        missing = rules.min_withheld - len(withheld)
        return Judgement(challenger, "waiting", (f"{missing} more fresh withheld labels are needed",))
    verdict = gate.judge(
        withheld, costs=occasion.policy.costs, rules=rules, bands=bands(occasion.policy),
        groups=occasion.policy.fairness.groups, max_gap=occasion.policy.fairness.max_gap,
    )  # fmt: skip
    model_acts.record_judgement(
        occasion.store, challenger, passed=verdict.passed, cases=verdict.cases, reasons=verdict.reasons,
        actor=occasion.actor, now=occasion.now,
    )  # fmt: skip
    if not verdict.passed:
        model_acts.refuse(occasion.store, challenger, reasons=verdict.reasons, actor=occasion.actor, now=occasion.now)
        log.info("challenger %s is refused: %s", challenger, "; ".join(verdict.reasons))
        return Judgement(challenger, "refused", verdict.reasons, verdict)
    registry.promote(
        occasion.store, occasion.workspace, occasion.model_name, challenger, actor=occasion.actor,
        reason=f"gain {verdict.gain:.3f} a case on {verdict.cases} withheld cases", now=occasion.now,
    )  # fmt: skip
    # Confidence and novelty are the model's own: the drift watch needs a reference in the new model's terms.
    drift.save_reference(
        occasion, cause=f"version {challenger} serves", since=occasion.now - drift.WINDOW, until=occasion.now
    )
    log.info("challenger %s is promoted", challenger)
    return Judgement(challenger, "promoted", verdict.reasons, verdict)


def bands(policy: Policy) -> gate.Bands:
    """From which confidence each category would be executed; one of more than low consequence never is."""
    automatic = {
        label: policy.auto_above(label) if rules.consequence is Consequence.LOW else 1.0
        for label, rules in policy.categories.items()
    }
    return gate.Bands(automatic, policy.queues.human_below)


def _withheld(occasion: Occasion, champion: str, challenger: str) -> pd.DataFrame:
    """Fresh withheld cases with both models' word on them; labels used by an earlier judgement are not fresh."""
    with occasion.store.read() as connection:
        since = occasion.now - occasion.policy.promotion.withheld
        judged = trail.search(connection, kind="model.judged", limit=1)
        if judged:
            since = max(since, pd.Timestamp(judged[-1]["at"]).to_pydatetime())
        since = drift.since_last_shift(connection, since)
        labels = evidence.withheld_labels(connection, since=since)
    labels = labels[is_withheld(occasion, labels["case_id"].tolist())].drop_duplicates("case_id", keep="last")
    if labels.empty:
        return labels
    chunk = labels.rename(columns={"text": "redacted"})
    frame = pd.DataFrame({"truth": labels["label"].to_numpy(), "weight": _weights(occasion, labels)})
    for role, version in (("champion", champion), ("challenger", challenger)):
        said = predict(occasion, load(occasion, version), chunk)
        frame[f"{role}_label"] = said["label"].to_numpy()
        frame[f"{role}_confidence"] = said["confidence"].to_numpy()
    for group in occasion.policy.fairness.groups:
        frame[group] = [values.get(group) for values in labels["fields"]]
    return frame


def _weights(occasion: Occasion, labels: pd.DataFrame) -> NDArray[np.float64]:
    """How many production cases each blind label stands for: the inverse of its chance to be labelled blindly."""
    # A policy that has since set the share to nothing says nothing of the labels from before.
    blind_share = occasion.policy.queues.blind_share or 1.0
    chance = labels["inclusion_probability"].astype(float)
    chance = chance.where(chance.notna(), (labels["queue"] == "B").map({True: blind_share, False: 1.0}))
    # In shadow every case is labelled blindly, whatever its queue.
    return np.asarray(1 / chance.where(labels["stage"] != "shadow", 1.0), dtype=np.float64)


@step
def roll_back(occasion: Occasion, reason: str) -> str:
    """Return to the previous version from the next batch on; returns its name."""
    version = registry.rollback(
        occasion.store, occasion.workspace, occasion.model_name,
        actor=occasion.actor, reason=reason, now=occasion.now,
    )  # fmt: skip
    drift.save_reference(
        occasion, cause=f"version {version} serves again", since=occasion.now - drift.WINDOW - timedelta(days=7),
        until=occasion.now,
    )  # fmt: skip
    return version
