"""The model registry: a version per training; the alias `champion` follows the store's serving row."""

import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from handrail.acts import models as acts
from handrail.errors import NotFound
from handrail.store import models as stored
from handrail.store.engine import Store
from handrail.workspace import Workspace
from models import artifact, calibration, tracking
from models.classifier import TrainedModel

CHAMPION = "champion"

_log = logging.getLogger(__name__)
_loaded = artifact.Loaded()


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """What the store's `model_versions` row needs to know of a new version."""

    name: str
    version: str
    run_id: str
    artifact_digest: str
    dataset_digest: str
    policy_version: str
    cause: str
    labels: int
    metrics: dict[str, float]
    novelty_threshold: float
    trained_until: datetime | None


@dataclass(frozen=True, slots=True)
class AliasCheck:
    """Whether the alias stood where the store says; `found` is where it stood, None if nowhere.

    `reachable` is false when the registry is away: the store and the local copy go on serving.
    """

    moved: bool
    found: str | None
    restored: bool
    reachable: bool = True


def model_name(business: str) -> str:
    """The name of a business's versions in the registry; what MLflow refuses becomes a hyphen."""
    return "handrail-" + "".join(c if c.isalnum() or c in "-_ " else "-" for c in business)


def register(  # noqa: PLR0913 - what a training is, on one page of the registry
    workspace: Workspace,
    trained: TrainedModel,
    *,
    name: str,
    dataset_digest: str,
    policy_version: str,
    cause: str,
    now: datetime,
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    figures: Mapping[str, Any] | None = None,
) -> RegisteredVersion:
    """Log a training as one MLflow run and register its model under `name` with the alias `challenger`.

    The run holds parameters, the model's metrics and the given ones, `figures` by file name (the
    reliability diagram and the confusion matrix when none are given), the digest of the training set
    and the model in skops. A local copy is kept, so that nothing later needs MLflow.

    Raises:
        RegistryAway: MLflow could not write; nothing was registered.
    """
    measured = {**trained.metrics, **(metrics or {})}
    tags = {
        "handrail.cause": cause, "handrail.dataset_digest": dataset_digest,
        "handrail.policy_version": policy_version, "handrail.trained_at": now.isoformat(),
        "handrail.notes": json.dumps(trained.notes),
    }  # fmt: skip
    evidence = tracking.Evidence(
        parameters={"fields": ",".join(trained.fields), "labels": ",".join(trained.labels), **(params or {})},
        metrics=measured,
        tags=tags,
        figures=_figures(trained) if figures is None else figures,
    )
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / artifact.COMPANION_FILE
        beside.write_text(artifact.companion(trained), encoding="utf-8")
        logged = tracking.log(workspace, name, trained, evidence, beside)
    copy = _folder(workspace, name, logged.version)
    shutil.rmtree(copy, ignore_errors=True)  # left by a registry that was lost and counts from 1 again
    artifact.copy(logged.files / artifact.ESTIMATOR_FILE, logged.files / tracking.EXTRA_FOLDER / beside.name, copy)
    digest = artifact.digest(copy)
    tracking.seal(workspace, name, logged.version, digest)
    _loaded.put(digest, trained)
    return RegisteredVersion(
        name=name, version=logged.version, run_id=logged.run_id, artifact_digest=digest,
        dataset_digest=dataset_digest, policy_version=policy_version, cause=cause,
        labels=_labels_used(trained), metrics=measured, novelty_threshold=trained.novelty.threshold,
        trained_until=trained.trained_until,
    )  # fmt: skip


def load(workspace: Workspace, name: str, version: str, artifact_digest: str) -> TrainedModel:
    """The model of a version: from this process, else the local copy, else MLflow.

    Raises:
        NotFound: neither the local copy nor the registry has it.
        PermanentError: its files are not those that were registered.
    """
    known = _loaded.get(artifact_digest)
    if known is None:
        folder = _folder(workspace, name, version)
        if not folder.exists():
            _fetch(workspace, name, version, folder)
        known = artifact.read(folder, artifact_digest)
        _loaded.put(artifact_digest, known)
    return known


def reconcile(workspace: Workspace, name: str, serving_version: str | None) -> AliasCheck:
    """Put the alias `champion` back to the version that serves, and say whether it stood elsewhere.

    An alias moved by hand never makes a version serve. Without a serving version the alias is removed.
    """
    try:
        found = tracking.alias(workspace, name, CHAMPION)
        if found == serving_version:
            return AliasCheck(moved=False, found=found, restored=False)
        restored = tracking.set_alias(workspace, name, CHAMPION, serving_version)
    except tracking.RegistryAway as error:
        _log.warning("%s", error)
        return AliasCheck(moved=False, found=None, restored=False, reachable=False)
    return AliasCheck(moved=True, found=found, restored=restored)


def promote(
    store: Store, workspace: Workspace, name: str, version: str, *, actor: str, reason: str, now: datetime
) -> None:
    """Let a version serve, then let the alias follow; a version whose files cannot be read never serves.

    Raises:
        NotFound: the version, or its files, do not exist.
        PermanentError: its files are not those that were registered.
        Refused, NotPermitted: see `handrail.acts.models.set_champion`.
    """
    with store.read() as connection:
        row = stored.version(connection, version)
    if row is not None:
        load(workspace, name, version, row["artifact_digest"])
    acts.set_champion(store, version, actor=actor, reason=reason, now=now)
    reconcile(workspace, name, version)


def rollback(store: Store, workspace: Workspace, name: str, *, actor: str, reason: str, now: datetime) -> str:
    """Let the previous version serve again, then let the alias follow; returns the version that serves now.

    Raises:
        Refused, NotPermitted: see `handrail.acts.models.roll_back`.
    """
    version = acts.roll_back(store, actor=actor, reason=reason, now=now)
    reconcile(workspace, name, version)
    return version


def _folder(workspace: Workspace, name: str, version: str) -> Path:
    return workspace.model_cache / f"{name}-{version}"


def _fetch(workspace: Workspace, name: str, version: str, folder: Path) -> None:
    try:
        saved = tracking.download(workspace, name, version)
    except tracking.RegistryAway as error:
        raise NotFound(
            f"Version {version} of {name} has no local copy, and the registry cannot hand it out. {error}"
        ) from error
    artifact.copy(saved / artifact.ESTIMATOR_FILE, saved / tracking.EXTRA_FOLDER / artifact.COMPANION_FILE, folder)


def _labels_used(trained: TrainedModel) -> int:
    return int(sum(trained.metrics.get(part, 0.0) for part in ("n_train", "n_calibration", "n_test")))


def _figures(trained: TrainedModel) -> dict[str, Any]:
    if trained.withheld.empty:
        return {}
    return {
        "reliability.png": calibration.reliability_figure(trained.withheld),
        "confusion.png": calibration.confusion_figure(trained.withheld),
    }
