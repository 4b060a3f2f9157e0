"""Whatever happens to a model's files, its registry or its predictions, no case is lost and none waits for it."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from console import health, overview
from flows.deployment import deployment
from flows.shadow_scoring import shadow_scoring
from handrail.acts import models as model_acts
from handrail.errors import Refused
from handrail.policy import ModelRules
from handrail.store import models, schema, trail
from models import artifact, classifier, copies, tracking
from models.classifier import TrainedModel
from tasks.learning import deploy, retrain
from tasks.routing import score
from tests.logs import every_line
from tests.scenes import FOUNDER
from tests.shop import HISTORY, LATER, Shop, learned_home, letters, shop, true_category

__all__ = ["learned_home", "shop"]

LIVE = 8


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of another test is in this process's memory, and nobody waits long for a lock."""
    monkeypatch.setattr(copies, "loaded", artifact.Loaded())
    monkeypatch.setattr(tracking, "_SECONDS_TO_READ", 0.05)
    monkeypatch.setattr(tracking, "_SECONDS_TO_WRITE", 0.05)


def forget() -> None:
    copies.loaded = artifact.Loaded()


def flip(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def copy_of(shop: Shop, version: str = "1") -> Path:
    return copies.folder(shop.workspace, shop.at().model_name, version)


def saved_file(shop: Shop) -> Path:
    """The registry's own copy, which all shops share: MLflow remembers where the first one lay."""
    return tracking.download(shop.workspace, shop.at().model_name, "1") / artifact.ESTIMATOR_FILE


@contextmanager
def damaged(file: Path) -> Iterator[None]:
    flip(file)
    yield
    flip(file)


def events(shop: Shop, kind: str) -> list[dict[str, Any]]:
    with shop.at().store.read() as connection:
        return trail.search(connection, kind=kind, limit=100)


def queues(shop: Shop, name: str) -> dict[str, int]:
    found: dict[str, int] = shop.deliver(f"{name}.csv", letters(LIVE))["queues"]
    return found


def to_people(shop: Shop, name: str) -> bool:
    """Do all cases of a new delivery go to queue C because there is no prediction?"""
    result = shop.deliver(f"{name}.csv", letters(LIVE))
    return bool(result["queues"] == {"A": 0, "B": 0, "C": LIVE} and result["reasons"] == {"no_model": LIVE})


@contextmanager
def locked(shop: Shop, how: str) -> Iterator[None]:
    with closing(sqlite3.connect(shop.workspace.home / "mlflow.db", isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield
        other.rollback()


def challenger(shop: Shop, labels: Callable[[str], str] = true_category, fields: tuple[str, ...] = ("channel",)) -> str:
    """Register a second version that learned what `labels` says of each letter."""
    occasion = shop.at()
    rows = pd.DataFrame(letters(HISTORY))
    rows = rows.assign(case_id=range(HISTORY), label=rows["text"].map(labels), channel="web", tier="gold")
    trained = classifier.train(rows, ModelRules(min_labels=40, min_labels_per_category=5), fields)
    return retrain.register(occasion, trained, rows, "by_hand").version


class TestDamagedFiles:
    @pytest.mark.parametrize("file", [artifact.ESTIMATOR_FILE, artifact.COMPANION_FILE])
    def test_one_flipped_bit_is_fetched_anew_and_recorded(self, shop: Shop, file: str) -> None:
        flip(copy_of(shop) / file)
        assert queues(shop, "live")["A"] > 0
        assert [event["version"] for event in events(shop, "model.refetched")] == ["1"]
        assert events(shop, "model.unavailable") == []
        forget()
        assert queues(shop, "more")["A"] > 0
        assert len(events(shop, "model.refetched")) == 1

    def test_a_missing_copy_is_fetched_without_a_word(self, shop: Shop) -> None:
        shutil.rmtree(copy_of(shop))
        assert queues(shop, "live")["A"] > 0
        assert events(shop, "model.refetched") == []

    def test_damaged_everywhere_all_cases_go_to_people_and_it_is_said_once(self, shop: Shop) -> None:
        with damaged(copy_of(shop) / artifact.ESTIMATOR_FILE), damaged(saved_file(shop)), every_line() as logged:
            assert to_people(shop, "live")
            assert "version 1 cannot be used" in "\n".join(logged)
            assert to_people(shop, "more")
        assert [event["cause"] for event in events(shop, "model.unavailable")] == ["corrupt"]
        status = overview.overview(shop.at())
        assert status.overview.holds.unavailable.cause == "corrupt"
        assert "BROKEN" in overview.shown(status)

    def test_what_was_damaged_serves_again_once_it_is_whole(self, shop: Shop) -> None:
        spare = shutil.copytree(copy_of(shop), shop.workspace.home / "spare")
        shutil.rmtree(copy_of(shop))
        (shop.workspace.home / "mlflow.db").rename(shop.workspace.home / "elsewhere")
        assert to_people(shop, "live")
        assert [event["cause"] for event in events(shop, "model.unavailable")] == ["missing"]
        shutil.copytree(spare, copy_of(shop))
        assert queues(shop, "more")["A"] > 0
        assert len(events(shop, "model.available")) == 1
        assert overview.overview(shop.at()).overview.holds.unavailable is None

    def test_the_doctor_names_the_damage_and_the_remedy(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HANDRAIL_HOME", str(shop.workspace.home))
        shutil.rmtree(copy_of(shop))
        (shop.workspace.home / "mlflow.db").unlink()
        (found,) = [each for each in health.findings() if each.what == "model"]
        assert not found.ok
        assert "all cases go to people" in found.sentence
        assert "handrail train" in found.sentence

    def test_a_challenger_that_cannot_be_read_scores_nothing_and_the_champion_goes_on(self, shop: Shop) -> None:
        version = challenger(shop)
        forget()
        shutil.rmtree(copy_of(shop, version))
        (shop.workspace.home / "mlflow.db").unlink()
        assert queues(shop, "live")["A"] > 0
        assert shop.run(shadow_scoring).challenger == 0
        assert [(event["version"], event["cause"]) for event in events(shop, "model.unavailable")] == [
            (version, "missing")
        ]


class TestTheRegistry:
    @pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
    def test_a_locked_registry_stops_training_and_nothing_else(self, shop: Shop, how: str) -> None:
        with locked(shop, how):
            assert queues(shop, "live")["A"] > 0
            with pytest.raises(tracking.RegistryAway, match="locked"):
                challenger(shop)
        assert len(shop.rows(schema.ModelVersion)) == 1
        assert events(shop, "model.registered")[-1]["version"] == "1"
        assert challenger(shop) == "2", "nothing was half registered"

    def test_a_version_that_the_store_cannot_write_down_is_taken_back(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(model_acts, "add_version", _raising(Refused("No. Try again.")))
            with pytest.raises(Refused):
                challenger(shop)
        assert not tracking.has_version(shop.workspace, shop.at().model_name, "2")
        assert not copy_of(shop, "2").exists()

    def test_a_registry_that_was_lost_counts_on_where_the_store_is(self, shop: Shop) -> None:
        (shop.workspace.home / "mlflow.db").unlink()
        tracking._client.cache_clear()
        assert challenger(shop) == "2"
        assert queues(shop, "live")["A"] > 0
        assert copies.is_whole(
            shop.workspace, shop.at().model_name, "1", shop.rows(schema.ModelVersion)[0]["artifact_digest"]
        ), "the champion's only copy is still there"

    def test_a_champion_deleted_there_goes_on_from_its_copy_and_it_is_said_once(self, shop: Shop) -> None:
        occasion = shop.at()
        tracking.withdraw(occasion.workspace, occasion.model_name, "1")
        with every_line() as logged:
            assert queues(shop, "live")["A"] > 0
            assert queues(shop, "more")["A"] > 0
        assert [event["version"] for event in events(shop, "model.deleted_in_registry")] == ["1"]
        assert events(shop, "model.alias_moved") == []
        assert sum("was deleted from the registry" in line for line in logged) == 1

    def test_the_doctor_sees_what_somebody_did_to_it_and_changes_nothing(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HANDRAIL_HOME", str(shop.workspace.home))
        occasion = shop.at()

        def said() -> tuple[bool, str]:
            (found,) = [each for each in health.findings() if each.what == "registry"]
            return found.ok, found.sentence

        assert said() == (True, "alias champion at version 1.")
        tracking.set_alias(occasion.workspace, occasion.model_name, "champion", None)
        assert (
            said() == said() == (False, "alias champion was moved to nothing. Version 1 serves; the next run mends it.")
        )
        tracking.withdraw(occasion.workspace, occasion.model_name, "1")
        assert "not in the registry any more" in said()[1]
        (occasion.workspace.home / "mlflow.db").write_text("no database")
        ok, sentence = said()
        assert not ok
        assert "local copy goes on serving" in sentence
        assert "move mlflow.db out of the workspace" in sentence


class TestWhatDoesNotFit:
    def test_a_field_that_the_policy_does_not_deliver_is_named_and_the_champion_stays(self, shop: Shop) -> None:
        version = challenger(shop, fields=("channel", "tier"))
        with pytest.raises(Refused, match=r"needs the field 'tier', which the policy's model\.fields does not deliver"):
            deploy.promote(shop.at(actor=FOUNDER), version, "a test")
        assert serving(shop) == "1"

    def test_a_category_that_the_policy_does_not_know_is_named(self, shop: Shop) -> None:
        version = challenger(shop, lambda text: true_category(text).replace("cancel", "praise"))
        with pytest.raises(Refused, match="predicts the category 'praise', which the policy does not know"):
            shop.run(deployment, act="promote", version=version, reason="a test", person=FOUNDER)
        assert serving(shop) == "1"
        assert score.score_challenger(shop.at(), LATER - timedelta(days=1)) == 0
        assert [event["reasons"] for event in events(shop, "model.refused")] == [["signature"]]
        with pytest.raises(Refused, match=r"did not pass its gates .*'praise'"):
            deploy.promote(shop.at(actor=FOUNDER), version, "a test")


class TestPredictions:
    @pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.1])
    def test_a_champion_that_says_what_cannot_be_scores_nothing_and_the_inbox_moves_on(
        self, shop: Shop, wrong: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            _spoil(patched, wrong)
            assert to_people(shop, "live")
            assert to_people(shop, "more")
        assert [event["cause"] for event in events(shop, "model.unavailable")] == ["predictions"]
        assert shop.rows(schema.Prediction) == []
        assert queues(shop, "again")["A"] > 0
        assert len(events(shop, "model.available")) == 1

    def test_a_challenger_that_says_what_cannot_be_is_refused(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        version = challenger(shop)
        queues(shop, "live")
        _spoil(monkeypatch, np.nan)
        assert score.score_challenger(shop.at(), LATER - timedelta(days=1)) == 0
        assert [event["reasons"] for event in events(shop, "model.refused")] == [["predictions"]]
        with pytest.raises(Refused, match="did not pass its gates"):
            deploy.promote(shop.at(actor=FOUNDER), version, "a test")
        assert serving(shop) == "1"


def serving(shop: Shop) -> str:
    with shop.at().store.read() as connection:
        return str(models.serving(connection).model_version)


def _raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def _spoil(patched: pytest.MonkeyPatch, confidence: float) -> None:
    says = TrainedModel.predict

    def predict(model: TrainedModel, frame: pd.DataFrame) -> pd.DataFrame:
        return says(model, frame).assign(confidence=confidence)

    patched.setattr(TrainedModel, "predict", predict)
