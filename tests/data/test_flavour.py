"""A version's folder as MLflow reads it: whole or not at all, nothing untrusted, and answers that JSON can carry."""

import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import skops.io
from mlflow.models import Model
from mlflow.pyfunc.scoring_server import predictions_to_json

from handrail.errors import PermanentError
from handrail.policy import ModelRules, PrivacyRules
from models import artifact, external, flavour
from models.classifier import TrainedModel
from models.vectoriser import TermVectoriser

Inbox = Callable[..., pd.DataFrame]


def saved(folder: Path, model: external.Model, privacy: PrivacyRules | None = None) -> str:
    companion = folder / artifact.COMPANION_FILE
    companion.write_text(artifact.companion(model), encoding="utf-8")
    place = str(folder / "version")
    flavour.save_model(place, Model(), trained=model, companion=companion, privacy=privacy or PrivacyRules())
    return place


def test_what_mlflow_loads_answers_as_the_model_does(trained: TrainedModel, make_inbox: Inbox, tmp_path: Path) -> None:
    served = mlflow.pyfunc.load_model(saved(tmp_path, trained))
    frame = make_inbox(20, seed=8)[["text", "channel", "amount"]]
    said = trained.predict(frame)[["label", "confidence", "novelty"]]
    pd.testing.assert_frame_equal(served.predict(frame), said)
    assert [column.name for column in served.metadata.get_output_schema()] == list(said)
    wanted = {column.name: column.required for column in served.metadata.get_input_schema()}
    assert wanted == {"text": True, "amount": False, "channel": False}


@pytest.mark.parametrize("amounts", [[3, 250], [3.5, np.nan], [None, 7]])
def test_any_number_is_an_amount(trained: TrainedModel, tmp_path: Path, amounts: list[float | None]) -> None:
    frame = pd.DataFrame({"text": ["refund my money", "late parcel"], "amount": amounts, "channel": ["web", None]})
    served = mlflow.pyfunc.load_model(saved(tmp_path, trained)).predict(frame)
    assert served["confidence"].tolist() == trained.predict(frame)["confidence"].tolist()


def test_texts_are_redacted_by_the_policy_that_it_was_trained_under(trained: TrainedModel, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["password of courier@depot.example"]})
    gone = pd.DataFrame({"text": ["password of [EMAIL]"]})
    other = tmp_path / "other"
    other.mkdir()
    redacting = mlflow.pyfunc.load_model(saved(tmp_path, trained))
    open_hearted = mlflow.pyfunc.load_model(saved(other, trained, PrivacyRules(redact=("iban",))))
    assert redacting.predict(frame)["novelty"].tolist() == trained.predict(gone)["novelty"].tolist()
    assert open_hearted.predict(frame)["novelty"].tolist() == trained.predict(frame)["novelty"].tolist()


@pytest.mark.parametrize("file", [artifact.ESTIMATOR_FILE, artifact.LOGGED_COMPANION])
def test_a_folder_with_one_flipped_bit_is_not_served(trained: TrainedModel, tmp_path: Path, file: str) -> None:
    place = Path(saved(tmp_path, trained)) / file
    whole = place.read_bytes()
    place.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(PermanentError, match="not the registered ones"):
        mlflow.pyfunc.load_model(str(tmp_path / "version"))


def test_a_folder_does_not_say_itself_what_may_be_built_from_it(trained: TrainedModel, tmp_path: Path) -> None:
    place = Path(saved(tmp_path, trained))
    skops.io.dump({"ours": TermVectoriser(), "not ours": shutil.rmtree}, place / artifact.ESTIMATOR_FILE)
    crafted = Model.load(str(place))
    files = place / artifact.ESTIMATOR_FILE, place / artifact.LOGGED_COMPANION
    crafted.flavors["handrail"]["digest"] = artifact.digest_of(*files)
    crafted.flavors["sklearn"]["skops_trusted_types"] = skops.io.get_untrusted_types(file=files[0])
    crafted.save(str(place / "MLmodel"))
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException):
        mlflow.pyfunc.load_model(str(place))


def test_a_given_model_has_no_answer_where_it_was_told_none(make_inbox: Inbox, tmp_path: Path) -> None:
    frame = make_inbox(400).assign(given_confidence=np.random.default_rng(2).uniform(0.3, 1, 400))
    model = external.train(frame.assign(given_label=frame["label"]), ModelRules(min_labels=100))
    asked = frame.head(3)[["text"]].assign(given_label=["login", "no such thing", None], given_confidence=0.9)
    answer = mlflow.pyfunc.load_model(saved(tmp_path, model)).predict(asked)
    said = model.predict(asked)
    assert answer["label"].tolist() == ["login", None, None]
    assert answer["confidence"].tolist() == [said["confidence"].iloc[0], None, None]
    assert answer["novelty"].tolist() == said["novelty"].tolist()
    predictions_to_json(answer, written := StringIO())
    assert json.loads(written.getvalue(), parse_constant=pytest.fail)
