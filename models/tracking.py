"""MLflow, quiet and offline; imported when a training, a fetch or an alias needs it."""

import gc
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from importlib.metadata import version as installed
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from handrail.errors import RetryableError
from handrail.workspace import Workspace
from models import artifact
from models.classifier import AMOUNT, TrainedModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

CHALLENGER = "challenger"
EXTRA_FOLDER = "extra_files"
_QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
_REQUIREMENTS = ("numpy", "pandas", "scikit-learn", "scipy", "skops")

_one_run = RLock()  # MLflow's active run and tracking address belong to the whole process
P = ParamSpec("P")
R = TypeVar("R")


class RegistryAway(RetryableError):
    """The model registry is missing, locked or does not know what was asked for; says which."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run shows beside its model."""

    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    figures: Mapping[str, "Figure"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Logged:
    """A version in the registry and the folder of its files."""

    version: str
    run_id: str
    files: Path


def _answers(call: Callable[P, R]) -> Callable[P, R]:
    """Tell MLflow's and the disk's failures as `RegistryAway`."""

    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        mlflow = _mlflow()
        # A torn database file is reported by SQLAlchemy, which only the store may import; MLflow carries it.
        database_error = mlflow.store.db.utils.sqlalchemy.exc.SQLAlchemyError
        try:
            return call(*args, **kwargs)
        except (mlflow.exceptions.MlflowException, database_error, OSError) as error:
            first_line = str(error).strip().split("\n", maxsplit=1)[0]
            raise RegistryAway(
                f"The model registry did not answer ({first_line}). Try again; if it is lost, restore a "
                "backup or train anew with `handrail train`."
            ) from error

    return guarded


@_answers
def log(workspace: Workspace, name: str, trained: TrainedModel, evidence: Evidence, companion: Path) -> Logged:
    """Record one training as a run with its model, and the model as a version with the alias `challenger`.

    Raises:
        RegistryAway: MLflow could not write.
    """
    mlflow = _mlflow()
    client = _client(workspace.mlflow_uri)
    with _one_run, _tracking_at(workspace):
        with mlflow.start_run(experiment_id=_experiment(workspace, name)) as run:
            mlflow.log_params(dict(evidence.parameters))
            mlflow.log_metrics(dict(evidence.metrics))
            mlflow.set_tags(dict(evidence.tags))
            for file, figure in evidence.figures.items():
                mlflow.log_figure(figure, file)
            saved = _log_model(trained, companion)
        _add_name(client, name)
        added = client.create_model_version(
            name, saved.model_uri, run_id=run.info.run_id, tags=dict(evidence.tags), model_id=saved.model_id
        )
        client.set_registered_model_alias(name, CHALLENGER, added.version)
        files = Path(mlflow.artifacts.download_artifacts(artifact_uri=saved.model_uri))
    return Logged(str(added.version), run.info.run_id, files)


@_answers
def seal(workspace: Workspace, name: str, version: str, digest: str) -> None:
    """Note the digest of a version's files beside it, for whoever looks in MLflow's pages."""
    _client(workspace.mlflow_uri).set_model_version_tag(name, version, "handrail.artifact_digest", digest)


@_answers
def download(workspace: Workspace, name: str, version: str) -> Path:
    """Folder with a version's files.

    Raises:
        RegistryAway: there is no registry, or it does not have the version.
    """
    _require(workspace)
    mlflow = _mlflow()
    with _one_run, _tracking_at(workspace):
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{name}/{version}"))


@_answers
def alias(workspace: Workspace, name: str, which: str) -> str | None:
    """The version that an alias points at, or None.

    Raises:
        RegistryAway: there is no registry, or nothing is registered under `name`.
    """
    _require(workspace)
    found = _client(workspace.mlflow_uri).get_registered_model(name).aliases.get(which)
    return None if found is None else str(found)


def set_alias(workspace: Workspace, name: str, which: str, version: str | None) -> bool:
    """Point an alias at a version, or remove it; false when the registry does not know the version."""
    try:
        _set_alias(workspace, name, which, version)
    except RegistryAway as error:
        logging.getLogger(__name__).warning("%s", error)
        return False
    return True


@_answers
def _set_alias(workspace: Workspace, name: str, which: str, version: str | None) -> None:
    _require(workspace)
    if version is None:
        _client(workspace.mlflow_uri).delete_registered_model_alias(name, which)
    else:
        _client(workspace.mlflow_uri).set_registered_model_alias(name, which, version)


@lru_cache(maxsize=1)
def _mlflow() -> Any:  # noqa: ANN401 - a module whose parts load on use
    """Import MLflow with its reports home, its progress bars and its pickles switched off."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: PLC0415 - takes two seconds and reads the settings above
    import mlflow.sklearn  # noqa: PLC0415 - as above
    import mlflow.store.db.utils  # noqa: PLC0415 - as above

    gc.freeze()  # its objects stay for good: no garbage collection need look through them again
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


@lru_cache(maxsize=4)
def _client(uri: str) -> "MlflowClient":
    client: MlflowClient = _mlflow().MlflowClient(tracking_uri=uri, registry_uri=uri)
    return client


@contextmanager
def _tracking_at(workspace: Workspace) -> Iterator[None]:
    """Point MLflow's process-wide address at the workspace, and back."""
    mlflow = _mlflow()
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(workspace.mlflow_uri)
    mlflow.set_registry_uri(workspace.mlflow_uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


def _require(workspace: Workspace) -> None:
    """Asking an SQLite file that is not there would make an empty one."""
    file = Path(workspace.mlflow_uri.removeprefix("sqlite:///"))
    if workspace.mlflow_uri.startswith("sqlite:///") and not file.exists():
        raise FileNotFoundError(f"{file} is missing")


def _experiment(workspace: Workspace, name: str) -> str:
    """Id of the experiment that collects a business's runs; its files stay in the workspace."""
    client = _client(workspace.mlflow_uri)
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(name, artifact_location=workspace.mlflow_artifacts.resolve().as_uri()))


def _add_name(client: "MlflowClient", name: str) -> None:
    if not client.search_registered_models(filter_string=f"name='{name}'"):
        client.create_registered_model(name)


def _log_model(trained: TrainedModel, companion: Path) -> Any:  # noqa: ANN401 - MLflow's ModelInfo
    return _mlflow().sklearn.log_model(
        trained.estimator,
        name="model",
        serialization_format="skops",
        skops_trusted_types=list(artifact.TRUSTED_TYPES),
        signature=_signature(trained),
        # Written out: finding them by running the model takes MLflow four seconds.
        pip_requirements=[f"{package}=={installed(package)}" for package in _REQUIREMENTS],
        extra_files=[str(companion)],
    )


def _signature(trained: TrainedModel) -> "ModelSignature":
    from mlflow.models import ModelSignature  # noqa: PLC0415 - see `_mlflow`
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec  # noqa: PLC0415 - as above

    columns: list[ColSpec | TensorSpec] = [ColSpec(DataType.string, "text")]
    columns += [
        ColSpec(DataType.double if name == AMOUNT else DataType.string, name, required=False) for name in trained.fields
    ]
    return ModelSignature(inputs=Schema(columns), outputs=Schema([ColSpec(DataType.string, "label")]))
