"""Plain files become tables with numbers where numbers stand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handrail.errors import BadInput
from tasks.intake.tables import table


def written(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_numbers_are_numbers_and_the_rest_is_text(tmp_path: Path) -> None:
    found = table(written(tmp_path, "amount,region,rate\n1,NA,NA\n2.5,north,inf\n,,0.5\n"))
    assert found["amount"].tolist()[:2] == [1.0, 2.5]
    assert np.isnan(found["amount"][2])
    assert found["region"].tolist()[:2] == ["NA", "north"], "NA is a region here"
    assert pd.isna(found["region"][2])
    assert found["rate"].tolist()[1:] == [np.inf, 0.5], "among numbers NA is a missing value"
    assert np.isnan(found["rate"][0])


def test_a_column_of_mixed_kinds_stays_text(tmp_path: Path) -> None:
    found = table(written(tmp_path, "a\n1\ntwo\n3\n"))
    assert found["a"].tolist() == ["1", "two", "3"]


def test_lines_of_json_and_parquet_read_alike(tmp_path: Path) -> None:
    lines = table(written(tmp_path, '{"a": 1, "b": "x"}\n{"a": null, "b": "y"}\n', "t.jsonl"))
    pd.DataFrame({"a": [1.0, None], "b": ["x", "y"]}).to_parquet(tmp_path / "t.parquet")
    parquet = table(tmp_path / "t.parquet")
    for found in (lines, parquet):
        assert found["a"][0] == 1.0
        assert np.isnan(found["a"][1])
        assert found["b"].tolist() == ["x", "y"]


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no column rater; it has item, label"):
        table(written(tmp_path, "item,label\n1,a\n"), ["item", "rater"])
