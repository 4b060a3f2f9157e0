"""Corrections become a challenger: training set, its gate, training, registration."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail import baseline, chances, label_weights
from handrail.acts import models as model_acts
from handrail.errors import HandrailError
from handrail.label_weights import Accuracy
from handrail.near_duplicates import twins
from handrail.policy import Policy
from handrail.retraining_triggers import Cause
from handrail.reviewers import GOLD, RECHECKS
from handrail.store import labels as stored_labels
from handrail.store import models
from handrail.store.models import ModelVersion
from models import classifier, external, rebuild, registry, training_set, weighing
from models.external import Model
from models.features import model_input
from tasks.learning import data_gates
from tasks.occasion import Occasion, log
from tasks.routing.score import with_given
from tasks.step import step
from tasks.watch import agreement


@dataclass(frozen=True, slots=True)
class Trained:
    """A version that was registered; `serves` when it was the first, and better than the commonest category."""

    version: str
    labels: int
    metrics: dict[str, float]
    notes: tuple[str, ...]
    serves: bool


def training_examples(
    occasion: Occasion, until: datetime | None = None, new_categories: Collection[str] = ()
) -> pd.DataFrame:
    """Labels that may train, the newest of the policy's number, with what the model may see and whence each came.

    A share of the blind labels, drawn by keyed hash, is withheld for promotions and never trains, nor does a
    near-duplicate of a withheld case. Labels from after `until` count as not given yet. With `new_categories` the same
    draw withholds recent labels of cases that nobody would see blindly, too: the new ones lie there. `chance` is
    that of the case to come to a label, to the millionth.
    """
    with occasion.store.read() as connection:
        rows = stored_labels.labelled(connection, occasion.policy)
    if until is not None:
        rows = rows[rows["labelled_at"] <= pd.Timestamp(until)]
    rows = rows[rows["label"].isin(list(occasion.policy.categories))]
    recent = (until or occasion.now) - occasion.policy.promotion.withheld if new_categories else None
    held = occasion.withholding.holds(rows, in_sight_since=recent)
    texts = rows["text"].to_numpy(dtype=object)
    open_ones = np.flatnonzero(~held)
    similar_from = occasion.policy.gates.training_set.near_duplicate_from
    held[open_ones] = twins(texts[open_ones].tolist(), texts[held].tolist(), similar_from)
    rows = rows[~held].tail(occasion.policy.model.max_labels).reset_index(drop=True)
    if occasion.policy.model.source == "given":
        rows = with_given(occasion, rows)
    view = model_input(rows, occasion.policy.model.fields)
    return view.assign(
        **{
            name: rows[name]
            for name in ("label", "received_at", "labelled_at", "provenance", "status", "reviewer", "blind")
        },
        chance=weighing.stored(chances.of_a_label(rows)),
    )


def trusts(occasion: Occasion, rows: pd.DataFrame) -> NDArray[np.float64]:
    """What each label is worth by what is known of its giver, to the millionth; `rows` has reviewer and status."""
    with occasion.store.read() as connection:
        trials = agreement.trials(occasion, connection)
    settled = trials[trials["kind"].isin([RECHECKS, GOLD]) & trials["wrong"].notna()]
    counts = settled["wrong"].astype(bool).groupby(settled["person"]).agg(["size", "sum"])
    known = {str(name): Accuracy(float(size - wrong), float(wrong)) for name, size, wrong in counts.itertuples()}
    return weighing.stored(label_weights.weights(rows, known))


def learnt_categories(row: ModelVersion | None) -> frozenset[str]:
    """The categories that a version learnt; empty where its recipe does not say."""
    if row is None or row.rebuild is None:
        return frozenset()
    fewest = row.rebuild["rules"]["min_labels_per_category"]
    return frozenset(name for name, labels in row.rebuild["data"]["categories"].items() if labels >= fewest)


def new_categories(occasion: Occasion) -> tuple[str, ...]:
    """The policy's categories that the serving version has not learnt; none where its recipe does not say."""
    with occasion.store.read() as connection:
        champion = models.serving(connection).model_version
        learnt = learnt_categories(models.version(connection, champion) if champion else None)
    return tuple(sorted(set(occasion.policy.categories) - learnt)) if learnt else ()


@step
def train(occasion: Occasion, cause: Cause) -> Trained:
    """Train, calibrate and register a challenger; the first good one serves at once, its categories' stages hold it.

    Raises:
        BadInput: too few labels, or nothing to learn; the champion goes on serving.
        GateFailed: the training set breaks an expectation; the champion goes on serving.
    """
    new = new_categories(occasion)
    rows = training_examples(occasion, new_categories=new)
    rows = rows.assign(trust=trusts(occasion, rows))
    notes = data_gates.check_training_set(occasion, rows)
    registered = register(occasion, fit(rows, occasion.policy), rows, cause, new)
    return replace(registered, notes=(*registered.notes, *notes))


def fit(rows: pd.DataFrame, policy: Policy) -> Model:
    """A model of our own or the calibration of somebody else's, as the policy says; nothing is registered.

    Raises:
        BadInput: too few labels, or nothing to learn.
    """
    alike = policy.gates.training_set.near_duplicate_from
    if policy.model.source == "given":
        return external.train(rows, policy.model, policy.novelty, near_duplicate_from=alike)
    return classifier.train(rows, policy.model, policy.model.fields, policy.novelty, near_duplicate_from=alike)


def register(
    occasion: Occasion, trained: Model, rows: pd.DataFrame, cause: str, new_categories: Collection[str] = ()
) -> Trained:
    """Register a trained model in MLflow and in the store; `new_categories` are those of `training_examples`.

    While none serves, one that beats the commonest category does at once; of any other a note says what is missing.

    Raises:
        RegistryAway: MLflow could not write; neither of them knows of a new version.
    """
    digest = training_set.dataset_digest(rows)
    recipe = rebuild.recipe(occasion.policy, trained.fields, rows, trained.predictions_digest, new_categories)
    with occasion.store.read() as connection:
        taken = models.versions(connection)["version"].tolist()
    registered = registry.register(
        occasion.workspace,
        trained,
        name=occasion.model_name,
        dataset_digest=digest,
        policy_version=occasion.policy.version,
        cause=cause,
        now=occasion.now,
        recipe=recipe,
        privacy=occasion.policy.privacy,
        taken=taken,
        kind=trained.kind,
    )
    try:
        model_acts.add_version(
            occasion.store,
            version=registered.version,
            run_id=registered.run_id,
            cause=cause,
            kind=registered.kind,
            artifact_digest=registered.artifact_digest,
            dataset_digest=digest,
            policy_version=occasion.policy.version,
            labels=len(rows),
            metrics=dict(trained.metrics),
            novelty_threshold=trained.novelty.threshold,
            trained_until=_newest(rows),
            rebuild=registered.rebuild,
            actor=occasion.actor,
            now=occasion.now,
        )
    except HandrailError:
        registry.withdraw(occasion.workspace, registered)
        raise
    with occasion.store.read() as connection:
        row = models.version(connection, registered.version)
        first = models.serving(connection).model_version is None
        serves = first and row is not None and model_acts.evidence_for(connection, row) == "first"
    notes = tuple(trained.notes)
    if serves:
        registry.promote(
            occasion.store,
            occasion.workspace,
            occasion.model_name,
            registered.version,
            actor=occasion.actor,
            reason="first version: better than always saying the commonest category",
            now=occasion.now,
            under=occasion.policy.version,
            resting_on="first",
        )
    elif first:
        notes = (_does_not_serve(occasion, registered.version, trained.metrics), *notes)
        log.warning("%s", notes[0])
    log.info("registered version %s from %d labels (%s)", registered.version, len(rows), cause)
    return Trained(registered.version, len(rows), dict(trained.metrics), notes, serves)


def _does_not_serve(occasion: Occasion, version: str, metrics: Mapping[str, float]) -> str:
    by_hand = (
        f'let it serve all the same: `handrail model promote {version} --reason "…"`'
        if occasion.policy.promotion.without_evidence == "allow"
        else "ask for promotion.without_evidence: allow in the policy"
    )
    shortfall = baseline.shortfall(version, metrics)
    return f"it does not serve, and every case goes to people: {shortfall}. Train on more labels, or {by_hand}"


def _newest(rows: pd.DataFrame) -> datetime | None:
    newest = rows["received_at"].max() if "received_at" in rows else None
    return None if newest is None or pd.isna(newest) else newest.to_pydatetime()
