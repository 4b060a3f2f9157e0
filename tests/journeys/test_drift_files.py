"""`handrail drift` on plain files: other programs rely on what it answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner, Result

from console.main import app
from handrail.errors import BadInput

ALWAYS = {"psi", "js", "drifted"}


def ask(*words: object) -> Result:
    """The command, in this process; a refusal is raised."""
    return CliRunner().invoke(app, ["drift", *map(str, words)], catch_exceptions=False)


def rows(size: int, shift: float = 0.0, names: tuple[str, ...] = ()) -> pd.DataFrame:
    chance = np.random.default_rng([size, int(10 * shift)])
    words = ["parcel", "late", "refund", "charge", "account", "invoice", "help", "broken"]
    texts = [" ".join(chance.choice(words, 8)) for _ in range(size)]
    texts = [f"{text} {names[row % len(names)]}" if names and row % 9 == 0 else text for row, text in enumerate(texts)]
    return pd.DataFrame(
        {
            "amount": chance.lognormal(3 + shift, 1, size).round(2),
            "channel": chance.choice(["mail", "web", *(["app"] if shift else [])], size),
            "body": texts,
        }
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A reference, and a window whose columns and words have changed."""
    before, now = tmp_path / "before.csv", tmp_path / "now.parquet"
    rows(900).to_csv(before, index=False)
    rows(500, 0.8, ("zorblax", "quantex", "flonk", "vexmor", "drindle")).to_parquet(now)
    return before, now


def test_columns_terms_and_the_verdict_are_one_json_document(files: tuple[Path, Path]) -> None:
    said = json.loads(ask(*files, "--text", "body", "--json").stdout)
    assert set(said["columns"]) == {"amount", "channel"}
    amount, channel = said["columns"]["amount"], said["columns"]["channel"]
    assert {*ALWAYS, "ks", "ks_p", "wasserstein"} <= set(amount)
    assert "chi2_p" not in amount
    assert {*ALWAYS, "chi2_p"} <= set(channel)
    assert not {"ks", "ks_p", "wasserstein"} & set(channel)
    expected = stats.ks_2samp(pd.read_csv(files[0])["amount"], pd.read_parquet(files[1])["amount"])
    assert (amount["ks"], amount["ks_p"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    assert {term["term"] for term in said["terms"]} == {"zorblax", "quantex", "flonk", "vexmor", "drindle"}
    assert {"term", "lift", "documents"} <= set(said["terms"][0])
    assert said["drifted"] is amount["drifted"] is channel["drifted"] is True


def test_a_file_beside_itself_has_not_drifted(files: tuple[Path, Path]) -> None:
    for method in ("default", "evidently"):
        said = json.loads(ask(files[0], files[0], "--text", "body", "--method", method, "--json").stdout)
        assert (said["drifted"], said["terms"], said["columns"]["amount"]["ks"]) == (False, [], 0)


def test_people_get_a_table_that_fits_their_screen(files: tuple[Path, Path]) -> None:
    said = ask(*files, "--text", "body").stdout
    assert max(map(len, said.splitlines())) <= 80
    assert "new: app" in said
    assert "zorblax" in said
    assert said.rstrip().endswith("500 rows beside 900: drifted; 2 of 2 columns, 5 new terms.")


def test_a_kept_profile_answers_alike_even_when_the_rows_are_gone(files: tuple[Path, Path], tmp_path: Path) -> None:
    kept = tmp_path / "profile.json"
    options = (*files, "--text", "body", "--profile", kept, "--json")
    first = ask(*options).stdout
    written = kept.read_text()
    files[0].unlink()
    assert ask(*options).stdout == first
    assert kept.read_text() == written


def test_a_profile_of_another_file_or_without_its_texts_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    kept = tmp_path / "profile.json"
    ask(*files, "--profile", kept)
    with pytest.raises(BadInput, match=r"no texts\. Delete"):
        ask(*files, "--text", "body", "--profile", kept)
    rows(901).to_csv(files[0], index=False)
    with pytest.raises(BadInput, match=r"another file than .* Delete"):
        ask(*files, "--profile", kept)
    kept.write_text("{}")
    with pytest.raises(BadInput, match=r"no drift profile\. Delete"):
        ask(*files, "--profile", kept)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("", "empty"), ("amount,channel\n1,web\n", "lacks body"), ("amount,channel,body\n", "no rows")],
    ids=["empty", "without a column", "without rows"],
)
def test_a_window_that_cannot_be_compared_is_refused_with_a_remedy(
    files: tuple[Path, Path], tmp_path: Path, content: str, sentence: str
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text(content)
    with pytest.raises(BadInput, match=sentence):
        ask(files[0], broken, "--json")


def test_one_row_constants_holes_and_words_among_numbers_get_an_answer_without_nan(tmp_path: Path) -> None:
    before, now = tmp_path / "before.csv", tmp_path / "now.csv"
    before.write_text("a,b,c,d,e\n" + "1,5,,x,2.5\n" * 40)
    now.write_text("a,b,c,d,e\noops,5,,,inf\n")
    for method in ("default", "evidently"):
        out = ask(before, now, "--method", method, "--json").stdout
        said = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} in the answer"))
        assert set(said["columns"]) == set("abcde")
        assert not said["columns"]["b"]["drifted"]
        assert said["columns"]["c"]["direction"].startswith(("no values", "the "))
