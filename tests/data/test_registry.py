"""Versions in a real MLflow on SQLite, and what serves when it is lost or tampered with."""

import shutil
from datetime import UTC, datetime

import pandas as pd
import pytest

from handrail.acts import models as acts
from handrail.errors import NotFound, PermanentError, Refused
from handrail.store import models as stored
from handrail.store.engine import Store
from handrail.workspace import Workspace
from models import artifact, registry, tracking
from models.classifier import TrainedModel
from models.registry import RegisteredVersion

NOW = datetime(2025, 3, 1, tzinfo=UTC)
NAME = registry.model_name("sample")


def register(workspace: Workspace, trained: TrainedModel) -> RegisteredVersion:
    return registry.register(
        workspace, trained, name=NAME, dataset_digest="d" * 64, policy_version="p1", cause="first", now=NOW
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, trained: TrainedModel) -> tuple[Workspace, list[RegisteredVersion]]:
    workspace = Workspace(tmp_path_factory.mktemp("registry") / "home")
    workspace.create()
    return workspace, [register(workspace, trained), register(workspace, trained)]


@pytest.fixture
def registered(
    home: tuple[Workspace, list[RegisteredVersion]],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Workspace, list[RegisteredVersion]]:
    """Two versions; nothing of an earlier test is in this process's memory, and the local copies are whole."""
    monkeypatch.setattr(registry, "_loaded", artifact.Loaded())
    workspace, versions = home
    shutil.rmtree(workspace.model_cache, ignore_errors=True)
    return workspace, versions


def alias(workspace: Workspace, name: str) -> str | None:
    return tracking.alias(workspace, NAME, name)


Registered = tuple[Workspace, list[RegisteredVersion]]


def test_a_version_comes_back_from_the_registry_and_predicts_the_same(
    registered: Registered, trained: TrainedModel
) -> None:
    workspace, (first, _) = registered
    again = registry.load(workspace, NAME, first.version, first.artifact_digest)
    cases = pd.DataFrame({"text": ["late parcel", "password reset", ""], "channel": "web"})
    pd.testing.assert_frame_equal(again.predict(cases), trained.predict(cases))
    assert (again.labels, again.fields, again.trained_until) == (trained.labels, trained.fields, trained.trained_until)
    assert again.metrics == trained.metrics


def test_the_run_holds_parameters_metrics_plots_and_the_digest_of_the_training_set(
    registered: Registered, trained: TrainedModel
) -> None:
    workspace, (first, _) = registered
    client = tracking._client(workspace.mlflow_uri)
    run = client.get_run(first.run_id)
    assert run.data.metrics["accuracy"] == pytest.approx(trained.metrics["accuracy"])
    assert run.data.params["fields"] == "amount,channel"
    assert run.data.tags["handrail.dataset_digest"] == "d" * 64
    assert {file.path for file in client.list_artifacts(first.run_id)} >= {"reliability.png", "confusion.png"}
    version = client.get_model_version(NAME, first.version)
    assert version.tags["handrail.artifact_digest"] == first.artifact_digest
    assert workspace.mlflow_artifacts.is_dir()


def test_the_newest_version_is_the_challenger(registered: Registered) -> None:
    workspace, (_, second) = registered
    assert alias(workspace, "challenger") == second.version


def test_a_changed_file_is_refused(registered: Registered) -> None:
    workspace, (first, _) = registered
    registry.load(workspace, NAME, first.version, first.artifact_digest)
    registry._loaded = artifact.Loaded()
    copy = workspace.model_cache / f"{NAME}-{first.version}"
    for file in (artifact.ESTIMATOR_FILE, artifact.COMPANION_FILE):
        whole = (copy / file).read_bytes()
        (copy / file).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(PermanentError, match="not the registered ones"):
            registry.load(workspace, NAME, first.version, first.artifact_digest)
        (copy / file).write_bytes(whole)
    registry.load(workspace, NAME, first.version, first.artifact_digest)


@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_a_lost_registry_stops_neither_the_local_copy_nor_the_check_of_the_alias(
    registered: Registered, damage: str, tmp_path: object
) -> None:
    workspace, (first, second) = registered
    registry.load(workspace, NAME, first.version, first.artifact_digest)
    registry._loaded = artifact.Loaded()
    tracking._client.cache_clear()
    away = Workspace(workspace.home.with_name(f"away-{damage}"))
    shutil.copytree(workspace.model_cache, away.model_cache)
    if damage == "torn":
        (away.home / "mlflow.db").write_bytes(b"no database " * 500)
    assert registry.load(away, NAME, first.version, first.artifact_digest).labels
    assert not registry.reconcile(away, NAME, first.version).reachable
    with pytest.raises(NotFound, match="no local copy"):
        registry.load(away, NAME, second.version, "0" * 64)
    assert damage == "torn" or not (away.home / "mlflow.db").exists()


def test_an_alias_moved_by_hand_is_noticed_and_put_back(registered: Registered) -> None:
    workspace, (first, second) = registered
    registry.reconcile(workspace, NAME, first.version)
    assert registry.reconcile(workspace, NAME, first.version) == registry.AliasCheck(
        moved=False, found=first.version, restored=False
    )
    tracking.set_alias(workspace, NAME, "champion", second.version)
    check = registry.reconcile(workspace, NAME, first.version)
    assert (check.moved, check.found, check.restored) == (True, second.version, True)
    assert alias(workspace, "champion") == first.version
    assert registry.reconcile(workspace, NAME, None).moved
    assert alias(workspace, "champion") is None


def test_a_version_that_the_registry_lost_is_reported_and_not_restored(registered: Registered) -> None:
    workspace, _ = registered
    check = registry.reconcile(workspace, NAME, "99")
    assert (check.moved, check.restored) == (True, False)


def test_promotion_and_rollback_move_the_serving_row_and_then_the_alias(registered: Registered) -> None:
    workspace, versions = registered
    store = Store(workspace.database_url)
    store.upgrade()
    for version in versions:
        acts.add_version(
            store, actor="flow:test", now=NOW, version=version.version, run_id=version.run_id, cause=version.cause,
            artifact_digest=version.artifact_digest, dataset_digest=version.dataset_digest, policy_version="p1",
            labels=version.labels, metrics=version.metrics, novelty_threshold=version.novelty_threshold,
            trained_until=version.trained_until,
        )  # fmt: skip
    first, second = (version.version for version in versions)
    for version in (first, second):
        registry.promote(store, workspace, NAME, version, actor="flow:test", reason="test", now=NOW)
        assert alias(workspace, "champion") == version
    assert registry.rollback(store, workspace, NAME, actor="flow:test", reason="test", now=NOW) == first
    assert alias(workspace, "champion") == first
    with store.read() as connection:
        assert stored.serving(connection)["model_version"] == first
    with pytest.raises(Refused, match="rolled back"):
        registry.promote(store, workspace, NAME, second, actor="flow:test", reason="test", now=NOW)
    with pytest.raises(NotFound):
        registry.promote(store, workspace, NAME, "99", actor="flow:test", reason="test", now=NOW)
    assert alias(workspace, "champion") == first


def test_the_memory_of_loaded_models_drops_the_one_unused_for_longest(trained: TrainedModel) -> None:
    loaded = artifact.Loaded(size=2)
    loaded.put("a", trained)
    loaded.put("b", trained)
    loaded.get("a")
    loaded.put("c", trained)
    assert (loaded.get("a"), loaded.get("b"), loaded.get("c")) == (trained, None, trained)


def test_importing_the_classifier_does_not_import_mlflow() -> None:
    import subprocess
    import sys

    code = "import sys, models.classifier, models.registry; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
