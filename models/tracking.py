"""MLflow, quiet and offline; imported when a training, a fetch or an alias needs it."""

import gc
import logging
import os
import sqlite3
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from handrail.errors import RetryableError
from handrail.policy import PrivacyRules
from handrail.workspace import Workspace

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

    from models.external import Model

CHALLENGER = "challenger"
CARD_FILE = "CARD.md"
_QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
_SECONDS_TO_READ, _SECONDS_TO_WRITE = 0.5, 5.0  # left to itself MLflow waits 20 seconds for a locked file

_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Where MLflow writes down, in full, in which folder files lie."""

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
    """A run with its model, and the folder of the model's files."""

    run_id: str
    files: Path
    model_uri: str
    model_id: str


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
                f"The model registry did not answer ({first_line}). Try again; if it is damaged, restore a "
                "backup, or move mlflow.db out of the workspace and train anew with `handrail train`."
            ) from error

    return guarded


@_answers
def log(
    workspace: Workspace, name: str, trained: "Model", evidence: Evidence, companion: Path, privacy: PrivacyRules
) -> Logged:
    """Record one training as a run with its model; no version knows of it yet.

    Raises:
        RegistryAway: MLflow could not write; a run that it had begun is marked as failed.
    """
    _require_writable(workspace)
    mlflow = _mlflow()
    with _one_run, _tracking_at(workspace):
        with mlflow.start_run(experiment_id=_experiment(workspace, name)) as run:
            mlflow.log_params(dict(evidence.parameters))
            mlflow.log_metrics(dict(evidence.metrics))
            mlflow.set_tags(dict(evidence.tags))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box
                for file, figure in evidence.figures.items():
                    mlflow.log_figure(figure, file)
            saved = _log_model(trained, companion, privacy)
        files = Path(mlflow.artifacts.download_artifacts(artifact_uri=saved.model_uri))
    return Logged(run.info.run_id, files, saved.model_uri, saved.model_id)


@_answers
def add_version(
    workspace: Workspace, name: str, logged: Logged, tags: Mapping[str, str], taken: Collection[str] = ()
) -> str:
    """Make a logged model the next version under `name`; numbers in `taken` are skipped.

    A registry that was lost counts from 1 again, and a version is never named twice.

    Raises:
        RegistryAway: MLflow could not write; there is no new version.
    """
    _require_writable(workspace)
    client = _client(workspace.mlflow_uri)
    _add_name(client, name)
    with _one_run, _tracking_at(workspace):  # where it looks for the model
        while True:
            added = client.create_model_version(
                name, logged.model_uri, run_id=logged.run_id, tags=dict(tags), model_id=logged.model_id
            )
            if str(added.version) not in taken:
                return str(added.version)
            client.delete_model_version(name, added.version)


@_answers
def complete(workspace: Workspace, name: str, version: str, run_id: str, card: str) -> None:
    """Put a version's card beside its run and into its description, and the alias `challenger` on it."""
    _require_writable(workspace)
    client = _client(workspace.mlflow_uri)
    client.log_text(run_id, card, CARD_FILE)
    client.update_model_version(name, version, description=card)
    client.set_registered_model_alias(name, CHALLENGER, version)


def withdraw(workspace: Workspace, name: str, version: str) -> None:
    """Take back a version that could not be registered to the end; says nothing when the registry is away."""
    with suppress(RegistryAway):
        _withdraw(workspace, name, version)


@_answers
def _withdraw(workspace: Workspace, name: str, version: str) -> None:
    _require_writable(workspace)
    _client(workspace.mlflow_uri).delete_model_version(name, version)


@_answers
def tag(workspace: Workspace, name: str, version: str, tags: Mapping[str, str], card: str | None = None) -> None:
    """Note facts beside a version, and a new card, for whoever looks in MLflow's pages.

    Raises:
        RegistryAway: there is no registry, or it does not have the version.
    """
    _require_writable(workspace)
    client = _client(workspace.mlflow_uri)
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)
    if card is not None:
        client.update_model_version(name, version, description=card)


@_answers
def tags(workspace: Workspace, name: str, version: str) -> dict[str, str]:
    """What is noted beside a version.

    Raises:
        RegistryAway: there is no registry, or it does not have the version.
    """
    _require(workspace)
    return dict(_client(workspace.mlflow_uri).get_model_version(name, version).tags)


@_answers
def has_version(workspace: Workspace, name: str, version: str) -> bool:
    """Does the registry still have the version?

    Raises:
        RegistryAway: there is no registry.
    """
    _require(workspace)
    found = _client(workspace.mlflow_uri).search_model_versions(f"name='{name}'")
    return version in {str(each.version) for each in found}


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
    _require_writable(workspace)
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
    """Refuse a registry that is missing or locked; asking an SQLite file that is not there would make one."""
    file = _file(workspace)
    if file is None:
        return
    if not file.exists():
        raise FileNotFoundError(f"{file} is missing")
    _probe(file, "SELECT 1 FROM sqlite_master", _SECONDS_TO_READ)
    follow(workspace)


def _require_writable(workspace: Workspace) -> None:
    """Refuse a registry that another process keeps locked, before anything is half written."""
    file = _file(workspace)
    if file is not None and file.exists():
        _probe(file, "BEGIN IMMEDIATE", _SECONDS_TO_WRITE)
        follow(workspace)


def follow(workspace: Workspace) -> str | None:
    """Let the registry look for its files in the workspace's own folder; where they were before, if elsewhere.

    MLflow writes full addresses: without this a copy would train into the folder that it was copied from, and a
    moved workspace would look for its versions where they are no longer.

    Raises:
        OSError: the registry's file cannot be read or written.
    """
    file = _file(workspace)
    if file is None or not file.exists():
        return None
    own = workspace.mlflow_artifacts.resolve().as_uri()
    try:
        with closing(sqlite3.connect(file, timeout=_SECONDS_TO_WRITE, isolation_level=None)) as connection:
            if not (elsewhere := _elsewhere(connection, own)):
                return None
            connection.execute("BEGIN IMMEDIATE")
            elsewhere = _elsewhere(connection, own)  # another process may have been faster
            for place in elsewhere:
                for table, column in _PLACES:
                    moved = f"UPDATE {table} SET {column} = ? || substr({column}, ?)"  # noqa: S608 - our own names
                    within = f" WHERE {column} = ? OR substr({column}, 1, ?) = ?"
                    below = f"{place}/"
                    connection.execute(moved + within, (own, len(place) + 1, place, len(below), below))
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise OSError(f"{file}: {error}") from error
    for place in elsewhere:
        logging.getLogger(__name__).info("The workspace was at %s before; its models are looked for here.", place)
    return elsewhere[0] if elsewhere else None


def _elsewhere(connection: sqlite3.Connection, own: str) -> list[str]:
    """The folders of models of other workspaces, by the experiments that were made there."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone():
        return []
    places = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    ending = f"/{own.rsplit('/', 1)[1]}"
    named = [place for (place,) in places if place and place.startswith("file:") and place.endswith(ending)]
    return [place for place in named if place != own]


def _file(workspace: Workspace) -> Path | None:
    uri = workspace.mlflow_uri
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _probe(file: Path, statement: str, seconds: float) -> None:
    try:
        with closing(sqlite3.connect(file, timeout=seconds, isolation_level=None)) as connection:
            connection.execute(statement)
    except sqlite3.Error as error:
        raise OSError(f"{file}: {error}") from error


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


def _log_model(trained: "Model", companion: Path, privacy: PrivacyRules) -> Any:  # noqa: ANN401 - MLflow's ModelInfo
    from mlflow.models import Model as MlflowModel  # noqa: PLC0415 - see `_mlflow`

    from models import flavour  # noqa: PLC0415 - as above

    return MlflowModel.log(
        artifact_path=None, name="model", flavor=flavour, trained=trained, companion=companion, privacy=privacy
    )
