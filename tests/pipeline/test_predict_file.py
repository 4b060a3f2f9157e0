"""A plain file is read as a delivery is: what the model sees of a row does not depend on the way it came in."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from handrail.errors import BadInput
from handrail.store import schema
from tasks.routing.predict_file import FilePredictions, predict_file
from tests.shop import UNSEEN, Shop, letters

PADDED = ("web", " web", "web\u00a0", "\tweb ", "phone", "")


def predictions(shop: Shop, file: Path, monkeypatch: pytest.MonkeyPatch) -> FilePredictions:
    monkeypatch.setenv("HANDRAIL_HOME", str(shop.workspace.home))
    return predict_file(file, text="text", version=None, mapping_file=shop.mapping, encoding="utf-8")


def test_a_file_gets_the_predictions_that_triage_would_store(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        {**letter, "channel": PADDED[number % len(PADDED)]} for number, letter in enumerate(letters(24, seed=UNSEEN))
    ]
    before = len(shop.rows(schema.Prediction))
    shop.deliver("padded.csv", cases)
    stored = pd.DataFrame(shop.rows(schema.Prediction)[before:])
    found = predictions(shop, shop.workspace.home / "padded.csv", monkeypatch)
    assert found.warnings == ()
    assert found.rows["label"].tolist() == stored["label"].tolist()
    for figure in ("confidence", "novelty"):
        assert found.rows[figure].to_numpy() == pytest.approx(stored[figure].to_numpy(dtype=float), abs=1e-12)


def test_a_mapped_column_that_is_missing_is_named(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "short.csv"
    with file.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target).writerows([["text", "amount", "consent"], ["I want a refund", "20", "yes"]])
    with pytest.raises(BadInput, match=r"no column 'channel'\. Correct `fields.extra`"):
        predictions(shop, file, monkeypatch)
