"""Corrections become a challenger: training set, its gate, training, registration."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations import checkpoint, suites
from handrail import draws
from handrail.acts import models as model_acts
from handrail.errors import GateFailed
from handrail.store import evidence, models
from models import classifier, registry, training_set
from tasks.occasion import Occasion, log
from tasks.score import examples
from tasks.step import step

Cause = Literal["first", "monthly", "error_rate", "drift", "by_hand"]
WITHHELD_SALT = "withheld"


@dataclass(frozen=True, slots=True)
class Trained:
    """A version that was registered; `serves` when it was the first."""

    version: str
    labels: int
    metrics: dict[str, float]
    notes: tuple[str, ...]
    serves: bool


@step
def due(occasion: Occasion) -> Cause | None:
    """What calls for a retraining now: the calendar, the audited error rate, or nothing."""
    rules = occasion.policy.retraining
    with occasion.store.read() as connection:
        versions = models.versions(connection)
        audits = evidence.audits(connection, since=occasion.now - rules.error_window, until=occasion.now)
    if versions.empty:
        return "first"
    age = occasion.now - versions["registered_at"].max().to_pydatetime()
    if age >= rules.every:
        return "monthly"
    drawn = audits[audits["random"]]
    if len(drawn) >= rules.min_audited and drawn["rejected"].mean() > rules.error_rate_above:
        return "error_rate" if age >= rules.not_again_within else None
    return None


def training_examples(occasion: Occasion) -> pd.DataFrame:
    """Labels that may train, the newest of the policy's number, with what the model may see.

    A share of the blind labels, drawn by keyed hash, is withheld for promotions and never trains, nor does a case
    whose text equals a withheld one.
    """
    with occasion.store.read() as connection:
        rows = evidence.labelled(connection)
    rows = rows[rows["label"].isin(list(occasion.policy.categories))]
    held = rows["blind"].astype(bool).to_numpy() & is_withheld(occasion, rows["case_id"].tolist())
    held |= rows["text"].isin(rows.loc[held, "text"]).to_numpy()
    rows = rows[~held].tail(occasion.policy.model.max_labels).reset_index(drop=True)
    view = examples(rows.rename(columns={"text": "redacted"}), occasion.policy.model.fields)
    return view.assign(
        label=rows["label"], received_at=rows["received_at"], labelled_at=rows["labelled_at"],
        provenance=rows["provenance"],
    )  # fmt: skip


def is_withheld(occasion: Occasion, case_ids: list[int]) -> NDArray[np.bool_]:
    """Which cases are withheld from every training, should they get a blind label."""
    share = occasion.policy.promotion.withheld_share
    return draws.draw_many(occasion.secret, case_ids, WITHHELD_SALT) < share


@step
def train(occasion: Occasion, cause: Cause) -> Trained:
    """Train, calibrate and register a challenger; the first version serves at once, its categories' stages hold it.

    Raises:
        BadInput: too few labels, or nothing to learn; the champion goes on serving.
        GateFailed: the training set breaks an expectation; the champion goes on serving.
    """
    rows = training_examples(occasion)
    verdict = checkpoint.check(
        occasion.workspace, "training_set", rows.assign(text_length=rows["text"].str.len()),
        suites.training_set(occasion.policy, now=occasion.now), build_docs=True,
    )  # fmt: skip
    if not verdict.passed:
        failed = "; ".join(failure.sentence for failure in verdict.failures)
        raise GateFailed(f"The training set did not pass its gate: {failed} See the page {verdict.docs}.")
    trained = classifier.train(rows, occasion.policy.model, occasion.policy.model.fields, occasion.policy.novelty)
    return register(occasion, trained, rows, cause)


def register(occasion: Occasion, trained: classifier.TrainedModel, rows: pd.DataFrame, cause: str) -> Trained:
    """Register a trained model in MLflow and in the store."""
    digest = training_set.dataset_digest(rows)
    registered = registry.register(
        occasion.workspace, trained, name=occasion.model_name, dataset_digest=digest,
        policy_version=occasion.policy.version, cause=cause, now=occasion.now,
        params=occasion.policy.model.model_dump(mode="json"),
    )  # fmt: skip
    model_acts.add_version(
        occasion.store, version=registered.version, run_id=registered.run_id, cause=cause,
        artifact_digest=registered.artifact_digest, dataset_digest=digest, policy_version=occasion.policy.version,
        labels=len(rows), metrics=dict(trained.metrics), novelty_threshold=trained.novelty.threshold,
        trained_until=_newest(rows), actor=occasion.actor, now=occasion.now,
    )  # fmt: skip
    with occasion.store.read() as connection:
        first = models.serving(connection)["model_version"] is None
    if first:
        registry.promote(
            occasion.store, occasion.workspace, occasion.model_name, registered.version,
            actor=occasion.actor, reason="first version: there is nothing to compare it with", now=occasion.now,
        )  # fmt: skip
    log.info("registered version %s from %d labels (%s)", registered.version, len(rows), cause)
    return Trained(registered.version, len(rows), dict(trained.metrics), tuple(trained.notes), first)


def _newest(rows: pd.DataFrame) -> datetime | None:
    newest = rows["received_at"].max() if "received_at" in rows else None
    return None if newest is None or pd.isna(newest) else newest.to_pydatetime()
