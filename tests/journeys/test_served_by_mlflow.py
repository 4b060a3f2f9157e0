"""The champion asked by MLflow itself, in processes of its own: the figures of `handrail predict`, with no pickle."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from flows.local_server import HOST, free_port
from handrail import pii
from handrail.workspace import Workspace
from tests.workspaces import MAPPING, Handrail

READY_SECONDS = 240.0
CHAMPION = "models:/handrail-sample@champion"
COLUMNS = ["text", "channel", "tier", "amount"]
ASKED = """
import json, sys
import mlflow, pandas as pd
frame = pd.read_json(sys.argv[2], orient="split", dtype=False)
answer = mlflow.pyfunc.load_model(sys.argv[1]).predict(frame)
numbers = mlflow.pyfunc.load_model(sys.argv[1]).predict(frame.assign(amount=range(len(frame))))
print(json.dumps({"columns": list(answer), "predictions": answer.to_dict("records"), "whole": len(numbers)}))
"""
SCIKIT = """
import json, sys
import mlflow
from models import classifier
import pandas as pd
frame = pd.read_json(sys.argv[2], orient="split", dtype=False)
pipeline = mlflow.sklearn.load_model(sys.argv[1])
inputs = classifier.features(frame, ("channel", "tier", "amount"))
print(json.dumps([pipeline.predict(inputs).tolist(), pipeline.predict_proba(inputs).max(axis=1).tolist()]))
"""


def surroundings(handrail: Handrail, **more: str) -> dict[str, str]:
    """What somebody sets who knows MLflow alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HANDRAIL_", "MLFLOW_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"  # where MLflow looks for its web server
    registry = Workspace(handrail.home).mlflow_uri
    return {**kept, "PATH": path, "MLFLOW_TRACKING_URI": registry, "DO_NOT_TRACK": "true", **more}


def asked(handrail: Handrail, code: str, file: Path, folder: Path, **more: str) -> Any:  # noqa: ANN401 - JSON
    """What a fresh Python says that knows the registry's address and the installed package."""
    done = subprocess.run(
        [sys.executable, "-c", code, CHAMPION, str(file)],
        env=surroundings(handrail, **more),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def letters(day_file: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Thirty cases as Handrail is given them, and as MLflow is; one holds what is redacted, one no text."""
    rows = pd.read_csv(day_file, dtype={"text": str}).head(30).assign(consent="true")
    rows.loc[0, "text"] = "My refund never came, write to jane.roe@example.org or call 212-555-0147 about it."
    rows.loc[1, "text"] = None
    own = tmp_path / "letters.csv"
    rows.to_csv(own, index=False)
    frame = tmp_path / "letters.json"
    rows[COLUMNS].to_json(frame, orient="split", index=False)
    return own, frame


@pytest.fixture
def predictions(trained: Handrail, letters: tuple[Path, Path]) -> list[dict[str, Any]]:
    """What `handrail predict` says."""
    told = trained.ask("predict", letters[0], "--text", "text", "--mapping", MAPPING)["predictions"]
    return [{name: row[name] for name in ("label", "confidence", "novelty")} for row in told]


def alike(answered: list[dict[str, Any]], predictions: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(answered)
    assert list(frame) == ["label", "confidence", "novelty"]
    pd.testing.assert_frame_equal(frame, pd.DataFrame(predictions), check_dtype=False, rtol=1e-12)


def test_pyfunc_answers_as_predict_does_where_nothing_may_be_unpickled(
    trained: Handrail, letters: tuple[Path, Path], predictions: list[dict[str, Any]], tmp_path: Path
) -> None:
    answer = asked(trained, ASKED, letters[1], tmp_path, MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false")
    alike(answer["predictions"], predictions)
    assert answer["whole"] == 30, "whole numbers are amounts"


def test_the_pipeline_alone_gives_labels_and_probabilities(
    trained: Handrail, letters: tuple[Path, Path], predictions: list[dict[str, Any]], tmp_path: Path
) -> None:
    labels, confidences = asked(trained, SCIKIT, letters[1], tmp_path)
    texts = pd.read_json(letters[1], orient="split")["text"].fillna("").tolist()
    redacted = [found.text for found in pii.redact_many(texts)]
    same = [row for row in range(30) if texts[row] == redacted[row]]  # it redacts nothing by itself
    assert len(same) > 10
    assert [labels[row] for row in same] == [predictions[row]["label"] for row in same]
    assert [confidences[row] for row in same] == pytest.approx([predictions[row]["confidence"] for row in same])


@contextmanager
def models_serve(handrail: Handrail, folder: Path) -> Iterator[str]:
    """The address at which `mlflow models serve` answers."""
    port = free_port()
    words = ["models", "serve", "-m", CHAMPION, "--env-manager", "local", "--host", HOST, "--port", str(port)]
    log = folder / "serve.log"
    with log.open("w") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words],
            env=surroundings(handrail, MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false"),
            cwd=folder,
            stdout=lines,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(f"http://{HOST}:{port}/ping"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        yield f"http://{HOST}:{port}"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 15)  # the server and the shell that mlflow starts it by
            process.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_mlflow_models_serve_answers_over_http_as_predict_does(
    trained: Handrail, letters: tuple[Path, Path], predictions: list[dict[str, Any]], tmp_path: Path
) -> None:
    with models_serve(trained, tmp_path) as address, httpx.Client(base_url=address, timeout=60) as client:
        answer = client.post("/invocations", json={"dataframe_split": json.loads(letters[1].read_text())})
        alike(answer.json()["predictions"], predictions)
        bare = client.post("/invocations", json={"dataframe_records": [{"text": "where is my parcel"}]})
        assert len(bare.json()["predictions"]) == 1, "every field may be left out"
