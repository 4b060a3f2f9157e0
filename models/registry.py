"""The model registry: a version per training; the alias `champion` follows the store's serving row."""

import json
import logging
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from handrail.acts import models as acts
from handrail.errors import HandrailError, Refused
from handrail.policy import PrivacyRules
from handrail.store import models as stored
from handrail.store import policies
from handrail.store.engine import Store
from handrail.workspace import Workspace
from models import artifact, calibration, copies, signature, tracking
from models.card import card
from models.copies import ModelUnavailable

if TYPE_CHECKING:
    from models.external import Model

CHAMPION = "champion"

Kind = Literal["trained", "given"]
_PROMOTED = {
    "first": "first version: better than always saying the commonest category",
    "judged": "it passed its gates",
    "none": "promoted without evidence",
}
_USUAL_PRIVACY = PrivacyRules()
_log = logging.getLogger(__name__)


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
    kind: Kind
    rebuild: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AliasCheck:
    """Whether the alias stood where the store says; `stood_at` names the version where it stood, None if nowhere.

    `reachable` is false when the registry is away: the store and the local copy go on serving. `deleted` is
    true when it no longer knows the version, so that no alias can stand there.
    """

    moved: bool
    stood_at: str | None
    restored: bool
    reachable: bool = True
    deleted: bool = False


def model_name(business: str) -> str:
    """The name of a business's versions in the registry; what MLflow refuses becomes a hyphen."""
    return "handrail-" + "".join(c if c.isalnum() or c in "-_ " else "-" for c in business)


def register(  # noqa: PLR0913 - what a training is, on one page of the registry
    workspace: Workspace,
    trained: "Model",
    *,
    name: str,
    dataset_digest: str,
    policy_version: str,
    cause: str,
    now: datetime,
    recipe: Mapping[str, Any],
    privacy: PrivacyRules = _USUAL_PRIVACY,
    kind: Kind = "trained",
    taken: Collection[str] = (),
    metrics: Mapping[str, float] | None = None,
    figures: Mapping[str, Any] | None = None,
) -> RegisteredVersion:
    """Log a training as one MLflow run and register its model under `name` with the alias `challenger`.

    The run holds the metrics, `figures` by file name, the model's card and the model in skops; `recipe` is
    `models.rebuild.recipe`. Served by MLflow, the version redacts texts by `privacy`. Version numbers in `taken`
    are skipped. A local copy is kept.

    Raises:
        RegistryAway: MLflow could not write; there is no new version.
    """
    measured = {**trained.metrics, **(metrics or {})}
    named = {"cause": cause, "dataset_digest": dataset_digest, "policy_version": policy_version}
    tags = {f"handrail.{key}": value for key, value in {**named, "kind": kind, **_tags(recipe)}.items()}
    tags |= {"handrail.trained_at": now.isoformat(), "handrail.notes": json.dumps(trained.notes)}
    evidence = tracking.Evidence(
        parameters={"labels": ",".join(trained.labels), **recipe["rules"], "fields": ",".join(trained.fields)},
        metrics=measured,
        tags=tags,
        figures=_figures(trained) if figures is None else figures,
    )
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / artifact.COMPANION_FILE
        beside.write_text(artifact.companion(trained), encoding="utf-8")
        logged = tracking.log(workspace, name, trained, evidence, beside, privacy)
    files = logged.files / artifact.ESTIMATOR_FILE, logged.files / artifact.LOGGED_COMPANION
    digest = artifact.digest_of(*files)
    version = tracking.add_version(workspace, name, logged, {**tags, "handrail.artifact_digest": digest}, taken)
    registered = RegisteredVersion(
        name=name,
        version=version,
        run_id=logged.run_id,
        artifact_digest=digest,
        **named,
        labels=_labels_used(trained),
        metrics=measured,
        novelty_threshold=trained.novelty.threshold,
        trained_until=trained.trained_until,
        kind=kind,
        rebuild=dict(recipe),
    )
    try:
        tracking.complete(workspace, name, version, logged.run_id, card(asdict(registered), trained.notes))
        copy = copies.folder(workspace, name, version)
        shutil.rmtree(copy, ignore_errors=True)  # left by a registry that was lost and counts from 1 again
        artifact.copy(*files, copy)
    except (HandrailError, OSError):
        tracking.withdraw(workspace, name, version)
        raise
    copies.loaded.put(digest, trained)
    return registered


def load(workspace: Workspace, name: str, version: str, artifact_digest: str) -> "Model":
    """The model of a version: from this process, else the local copy, else MLflow.

    Raises:
        ModelUnavailable: neither the local copy nor the registry has it as it was registered.
    """
    return copies.obtain(workspace, name, version, artifact_digest).model


def reconcile(workspace: Workspace, name: str, serving_version: str | None) -> AliasCheck:
    """Put the alias `champion` back to the version that serves, and say whether it stood elsewhere.

    An alias moved by hand never makes a version serve. Where the serving version is none or was deleted from
    the registry, the alias is removed.
    """
    try:
        stood_at = tracking.alias(workspace, name, CHAMPION)
        if stood_at == serving_version:
            return AliasCheck(moved=False, stood_at=stood_at, restored=False)
        if serving_version is not None and not tracking.has_version(workspace, name, serving_version):
            removed = stood_at is not None and tracking.set_alias(workspace, name, CHAMPION, None)
            return AliasCheck(moved=removed, stood_at=stood_at, restored=False, deleted=True)
        restored = tracking.set_alias(workspace, name, CHAMPION, serving_version)
    except tracking.RegistryAway as error:
        _log.warning("%s", error)
        return AliasCheck(moved=False, stood_at=None, restored=False, reachable=False)
    return AliasCheck(moved=True, stood_at=stood_at, restored=restored)


def fault(workspace: Workspace, name: str, serving_version: str) -> str | None:
    """What is wrong with the registry while a version serves, and the remedy; None when they agree. Changes nothing."""
    own_copy = "A whole local copy goes on serving."
    try:
        if not tracking.has_version(workspace, name, serving_version):
            return (
                f"version {serving_version} is not in the registry any more. {own_copy} "
                "Restore a backup of mlflow.db, or train and promote a new version."
            )
        found = tracking.alias(workspace, name, CHAMPION)
    except tracking.RegistryAway as error:
        return f"{own_copy} {error}"
    if found == serving_version:
        return None
    return (
        f"alias {CHAMPION} was moved to {found or 'nothing'}. Version {serving_version} serves; the next run mends it."
    )


def promote(  # noqa: PLR0913 - who promotes what, why, and on what it rests
    store: Store,
    workspace: Workspace,
    name: str,
    version: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    resting_on: acts.Evidence | None = None,
    under: str | None = None,
    proposal: int | None = None,
) -> acts.Evidence:
    """Let a version serve, then let alias and tags follow; says what the promotion rests on.

    `proposal` is the one that a second person confirms, where the policy asks for one.

    Raises:
        NotFound, Refused, ModelUnavailable: see `require_fit`.
        Conflict: it does not rest on `resting_on` any more, or another policy than `under` is in force.
        NotPermitted: the actor has no role that may.
    """
    require_fit(store, workspace, name, version)
    evidence = acts.set_champion(
        store, version, actor=actor, reason=reason, now=now, resting_on=resting_on, under=under, proposal=proposal
    )
    _follow(workspace, name, version, {"handrail.evidence": _PROMOTED[evidence]})
    return evidence


def require_fit(store: Store, workspace: Workspace, name: str, version: str) -> None:
    """Make sure that a version could serve under the policy in force, whatever speaks for it.

    Raises:
        NotFound, Refused: see `handrail.acts.models.may_serve`; or the policy does not deliver what the version
            needs, or does not know what it predicts.
        ModelUnavailable: its files cannot be read, or are not those that were registered.
    """
    with store.read() as connection:
        row = acts.may_serve(connection, version)
        in_force = policies.in_force(connection)
    model = load(workspace, name, version, row.artifact_digest)
    unlike = signature.differences(row.kind, model.fields, model.labels, in_force.policy) if in_force else []
    if unlike:
        raise Refused(
            f"Version {version} does not fit the policy in force: {'; '.join(unlike)}. Change the policy, or train "
            "a new version with `handrail train`."
        )


def rollback(  # noqa: PLR0913 - who, why, when, and what was asked
    store: Store,
    workspace: Workspace,
    name: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    proposal: int | None = None,
    of: str | None = None,
    rehearsal: bool = False,
) -> str:
    """Let the earlier version that served last and can be read serve again; returns the version that serves now.

    `of` is the version to leave; without it, the one that serves. In a `rehearsal` it is not barred.

    Raises:
        Refused, Conflict, NotPermitted: see `handrail.acts.models.roll_back`; or no earlier version can be read.
    """
    with store.read() as connection:
        serving = stored.serving(connection).model_version
        rows = [stored.version(connection, version) for version in acts.earlier(connection)]
    to = _first_readable(workspace, name, [row for row in rows if row is not None])
    left = of or serving
    version = acts.roll_back(
        store, actor=actor, reason=reason, now=now, to=to, of=left, proposal=proposal, rehearsal=rehearsal
    )
    _follow(workspace, name, version, {})
    if not rehearsal:
        barred = "rolled back: it serves again only after a new judgement"
        _tag(workspace, name, str(serving), {"handrail.evidence": barred})
    return version


def withdraw(workspace: Workspace, registered: RegisteredVersion) -> None:
    """Take a version back that the store could not write down: nobody is to find half of it in the registry."""
    tracking.withdraw(workspace, registered.name, registered.version)
    shutil.rmtree(copies.folder(workspace, registered.name, registered.version), ignore_errors=True)


def _first_readable(workspace: Workspace, name: str, rows: list[stored.ModelVersion]) -> str | None:
    """None where there is no earlier version at all: then the act has the sentence."""
    for row in rows:
        if copies.is_whole(workspace, name, row.version, row.artifact_digest):
            return row.version
        try:
            load(workspace, name, row.version, row.artifact_digest)
        except ModelUnavailable as error:
            _log.warning("%s", error)
        else:
            return row.version
    if rows:
        # To go back all the same would leave no model: that is a pause, and should be called one.
        raise Refused(
            f"None of the earlier versions ({', '.join(row.version for row in rows)}) can be read. "
            "Pause instead: `handrail pause --all --reason …`."
        )
    return None


def _follow(workspace: Workspace, name: str, version: str, tags: Mapping[str, str]) -> None:
    reconcile(workspace, name, version)
    try:
        if tracking.alias(workspace, name, tracking.CHALLENGER) == version:
            tracking.set_alias(workspace, name, tracking.CHALLENGER, None)
    except tracking.RegistryAway as error:
        _log.warning("%s", error)
    _tag(workspace, name, version, tags)


def _tag(workspace: Workspace, name: str, version: str, tags: Mapping[str, str]) -> None:
    """The store has changed already: a registry that is away only misses the note."""
    try:
        tracking.tag(workspace, name, version, tags)
    except tracking.RegistryAway as error:
        _log.warning("%s", error)


def _tags(recipe: Mapping[str, Any]) -> dict[str, str]:
    """What MLflow's pages show of a recipe."""
    named = ("seed", "code", "code_is", "lock_digest", "predictions_digest", "python")
    provenance = json.dumps(recipe["data"]["provenance"], sort_keys=True)
    return {**{key: str(recipe[key]) for key in named}, "provenance": provenance}


def _labels_used(trained: "Model") -> int:
    return int(sum(trained.metrics.get(part, 0.0) for part in ("n_train", "n_calibration", "n_test")))


def _figures(trained: "Model") -> dict[str, Any]:
    if trained.withheld.empty:
        return {}
    return {
        "reliability.png": calibration.reliability_figure(trained.withheld),
        "confusion.png": calibration.confusion_figure(trained.withheld),
    }
