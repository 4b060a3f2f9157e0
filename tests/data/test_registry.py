"""Versions in a real MLflow on SQLite, and what serves when it is lost or tampered with."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from handrail.acts import models as acts
from handrail.errors import NotFound, Refused
from handrail.policy import for_labels
from handrail.store import models as stored
from handrail.store.engine import Store
from handrail.workspace import Workspace
from models import artifact, copies, rebuild, registry, tracking
from models.classifier import TrainedModel
from models.copies import ModelUnavailable
from models.registry import RegisteredVersion

LOCK = rebuild.ROOT / "requirements.lock"
NOW = datetime(2025, 3, 1, tzinfo=UTC)
NAME = registry.model_name("sample")


ROWS = pd.DataFrame(
    {
        "label": ["login", "parcel", "parcel"],
        "provenance": ["history", "history", "audit"],
        "received_at": [NOW, NOW - timedelta(days=3), NOW - timedelta(days=1)],
    }
)


def register(workspace: Workspace, trained: TrainedModel, taken: tuple[str, ...] = ()) -> RegisteredVersion:
    policy = for_labels(trained.labels, business="sample")
    recipe = rebuild.recipe(policy, trained.fields, ROWS, trained.predictions_digest)
    return registry.register(
        workspace,
        trained,
        name=NAME,
        dataset_digest="d" * 64,
        policy_version="p1",
        cause="first",
        now=NOW,
        recipe=recipe,
        taken=taken,
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
    monkeypatch.setattr(copies, "loaded", artifact.Loaded())
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


@pytest.mark.parametrize("file", [artifact.ESTIMATOR_FILE, artifact.COMPANION_FILE])
def test_a_copy_with_one_flipped_bit_is_replaced_by_the_registrys(registered: Registered, file: str) -> None:
    workspace, (first, _) = registered
    assert not copies.obtain(workspace, NAME, first.version, first.artifact_digest).repaired, "it was only missing"
    copy = copies.folder(workspace, NAME, first.version)
    whole = (copy / file).read_bytes()
    (copy / file).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert not copies.is_whole(workspace, NAME, first.version, first.artifact_digest)
    copies.loaded = artifact.Loaded()
    assert copies.obtain(workspace, NAME, first.version, first.artifact_digest).repaired
    assert copies.is_whole(workspace, NAME, first.version, first.artifact_digest)
    assert (copy / file).read_bytes() == whole
    assert [path.name for path in workspace.model_cache.iterdir()] == [copy.name], "no draft is left"


def test_what_is_damaged_in_both_places_is_given_up_and_left_for_whoever_looks(registered: Registered) -> None:
    workspace, (first, _) = registered
    with pytest.raises(ModelUnavailable, match="has no whole copy") as told:
        registry.load(workspace, NAME, first.version, "0" * 64)
    assert told.value.cause == "corrupt"
    copy = copies.folder(workspace, NAME, first.version)
    assert not copy.exists()
    registry.load(workspace, NAME, first.version, first.artifact_digest)
    copies.loaded = artifact.Loaded()
    with pytest.raises(ModelUnavailable, match="has no whole copy"):
        registry.load(workspace, NAME, first.version, "0" * 64)
    assert copy.exists()


def test_a_file_that_this_version_cannot_read_is_told_from_a_damaged_one(
    registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, (first, _) = registered
    monkeypatch.setattr(artifact, "TRUSTED_TYPES", ())
    with pytest.raises(ModelUnavailable, match="train anew") as told:
        registry.load(workspace, NAME, first.version, first.artifact_digest)
    assert told.value.cause == "unreadable"


@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_a_lost_registry_stops_neither_the_local_copy_nor_the_check_of_the_alias(
    registered: Registered, damage: str, tmp_path: object
) -> None:
    workspace, (first, second) = registered
    registry.load(workspace, NAME, first.version, first.artifact_digest)
    copies.loaded = artifact.Loaded()
    tracking._client.cache_clear()
    away = Workspace(workspace.home.with_name(f"away-{damage}"))
    shutil.copytree(workspace.model_cache, away.model_cache)
    if damage == "torn":
        (away.home / "mlflow.db").write_bytes(b"no database " * 500)
    assert registry.load(away, NAME, first.version, first.artifact_digest).labels
    assert not registry.reconcile(away, NAME, first.version).reachable
    with pytest.raises(ModelUnavailable, match="no local copy") as told:
        registry.load(away, NAME, second.version, "0" * 64)
    assert told.value.cause == "missing"
    assert damage == "torn" or not (away.home / "mlflow.db").exists()


def test_an_alias_moved_by_hand_is_noticed_and_put_back(registered: Registered) -> None:
    workspace, (first, second) = registered
    registry.reconcile(workspace, NAME, first.version)
    assert registry.reconcile(workspace, NAME, first.version) == registry.AliasCheck(
        moved=False, stood_at=first.version, restored=False
    )
    tracking.set_alias(workspace, NAME, "champion", second.version)
    check = registry.reconcile(workspace, NAME, first.version)
    assert (check.moved, check.stood_at, check.restored) == (True, second.version, True)
    assert alias(workspace, "champion") == first.version
    assert registry.reconcile(workspace, NAME, None).moved
    assert alias(workspace, "champion") is None


def test_a_version_that_the_registry_lost_is_reported_and_no_alias_stands_elsewhere(registered: Registered) -> None:
    workspace, (first, _) = registered
    registry.reconcile(workspace, NAME, first.version)
    check = registry.reconcile(workspace, NAME, "99")
    assert (check.deleted, check.moved, check.stood_at, check.restored) == (True, True, first.version, False)
    assert alias(workspace, "champion") is None
    again = registry.reconcile(workspace, NAME, "99")
    assert (again.deleted, again.moved) == (True, False)


def test_a_version_says_in_mlflow_what_one_needs_to_rebuild_it(registered: Registered, trained: TrainedModel) -> None:
    workspace, (first, _) = registered
    client = tracking._client(workspace.mlflow_uri)
    version = client.get_model_version(NAME, first.version)
    assert version.tags["handrail.predictions_digest"] == trained.predictions_digest
    assert version.tags["handrail.provenance"] == '{"audit": 1, "history": 2}'
    assert version.tags["handrail.lock_digest"] == hashlib.sha256(LOCK.read_bytes()).hexdigest()
    assert version.tags["handrail.code_is"] in {"git commit", "package"}
    assert version.tags["handrail.seed"] == "7"
    card = version.description
    assert f"# Version {first.version} of {NAME}" in card
    for words in ("audit 1, history 2", "login 1, parcel 2", "2025-02-26 to 2025-03-01", trained.predictions_digest):
        assert words in card
    assert "CARD.md" in {file.path for file in client.list_artifacts(first.run_id)}


def test_a_registry_that_counts_from_1_again_names_no_version_twice(
    trained: TrainedModel, workspace: Workspace
) -> None:
    assert register(workspace, trained, taken=("1", "2")).version == "3"
    assert alias(workspace, "challenger") == "3"
    assert register(workspace, trained, taken=("1", "2", "3")).version == "4"


def test_a_locked_registry_registers_nothing(
    registered: Registered, trained: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, _ = registered
    client = tracking._client(workspace.mlflow_uri)
    before = [str(each.version) for each in client.search_model_versions(f"name='{NAME}'")]
    monkeypatch.setattr(tracking, "_SECONDS_TO_WRITE", 0.05)
    with closing(sqlite3.connect(workspace.home / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(tracking.RegistryAway, match="locked"):
            register(workspace, trained)
    assert [str(each.version) for each in client.search_model_versions(f"name='{NAME}'")] == before
    assert alias(workspace, "challenger") == before[0]


def test_a_version_that_cannot_be_completed_is_taken_back(
    registered: Registered, trained: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, _ = registered
    client = tracking._client(workspace.mlflow_uri)
    before = [str(each.version) for each in client.search_model_versions(f"name='{NAME}'")]

    def full(*_: object) -> None:
        raise tracking.RegistryAway("The disk is full. Free some space.")

    monkeypatch.setattr(tracking, "complete", full)
    with pytest.raises(tracking.RegistryAway, match="disk is full"):
        register(workspace, trained)
    assert [str(each.version) for each in client.search_model_versions(f"name='{NAME}'")] == before
    assert not list(workspace.model_cache.glob("*"))


def test_promotion_and_rollback_move_the_serving_row_and_then_the_alias(registered: Registered) -> None:
    workspace, versions = registered
    store = Store(workspace.database_url)
    store.upgrade()
    for version in versions:
        acts.add_version(
            store,
            actor="flow:test",
            now=NOW,
            version=version.version,
            run_id=version.run_id,
            cause=version.cause,
            artifact_digest=version.artifact_digest,
            dataset_digest=version.dataset_digest,
            policy_version="p1",
            labels=version.labels,
            metrics=version.metrics,
            novelty_threshold=version.novelty_threshold,
            trained_until=version.trained_until,
            kind=version.kind,
            rebuild=version.rebuild,
        )
    first, second = (version.version for version in versions)
    for version in (first, second):
        registry.promote(store, workspace, NAME, version, actor="flow:test", reason="test", now=NOW)
        assert alias(workspace, "champion") == version
    tags = tracking._client(workspace.mlflow_uri).get_model_version(NAME, second).tags
    assert tags["handrail.evidence"] == "promoted without evidence"
    assert registry.rollback(store, workspace, NAME, actor="flow:test", reason="test", now=NOW) == first
    assert alias(workspace, "champion") == first
    with store.read() as connection:
        assert stored.serving(connection).model_version == first
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
