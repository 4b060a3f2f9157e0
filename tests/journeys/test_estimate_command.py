"""`handrail report estimate FILE`: three columns from a rehearsal, volume alone from a past, else a sentence."""

import json
from pathlib import Path

import pytest

from tasks.rehearsal import worth
from tests.rehearsed_weeks import policy, rehearsed
from tests.workspaces import Handrail


@pytest.fixture
def anywhere(tmp_path: Path) -> Handrail:
    """A command line without a workspace: nothing is live yet."""
    return Handrail(tmp_path / "none")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """What a rehearsal of eight weeks printed."""
    file = tmp_path / "rehearsal.json"
    told = worth.document(rehearsed(wrong=1), policy(retraining=5.0))
    file.write_text(json.dumps(told), encoding="utf-8")
    return file


def test_a_rehearsal_gives_three_columns_at_its_own_prices(anywhere: Handrail, document: Path) -> None:
    told = anywhere.ask("report", "estimate", document)
    columns = told["estimate"]
    assert list(columns) == ["conservative", "expected", "optimistic"]
    assert columns["conservative"]["net"] < columns["expected"]["net"] < columns["optimistic"]["net"]
    terms, month = told["terms"], columns["expected"]
    # 500 cases in 35 days; 400 of them automatic, 5 wrong as invoices, 12 minutes of looks a day and 2 of test cases.
    cases = 500 / 35 * 365.25 / 12
    assert terms["cases_a_month"] == pytest.approx(cases)
    assert month["cost"] == pytest.approx(
        cases * (0.2 * 6 * 0.75 + 0.8 * 5 / 400 * 20) + (14 * 0.75 + 5 / 35) * 365.25 / 12
    )
    assert month["net"] == pytest.approx(cases * 6 * 0.75 - month["cost"])
    assert any("steward" in sentence and "licences" in sentence for sentence in told["rests_on"])
    assert not any("trainings (" in sentence for sentence in told["rests_on"])


def test_the_table_fits_eighty_characters(anywhere: Handrail, document: Path) -> None:
    answer = anywhere("report", "estimate", document)
    assert answer.code == 0, answer.err
    assert max(map(len, answer.out.splitlines())) <= 80
    assert "paid back" in answer.out


def test_options_and_a_policy_replace_the_prices(anywhere: Handrail, document: Path, tmp_path: Path) -> None:
    given = ("--cases-a-day", 10, "--minutes-manual", 4, "--minute", 1, "--error", 100, "--set-up", 300)
    more = ("--steward-minutes-a-week", 7, "--licences-a-month", 20, "--retraining", 0)
    told = anywhere.ask("report", "estimate", document, *given, *more)
    assert told["terms"]["by_hand"] == pytest.approx(10 * 365.25 / 12 * 4)
    assert told["estimate"]["expected"]["parts"]["licences"] == 20
    assert told["estimate"]["expected"]["parts"]["steward's time"] == pytest.approx(365.25 / 12)
    assert told["estimate"]["expected"]["spent"] > 300
    rules = tmp_path / "policy.yaml"
    rules.write_text(
        "business: shop\ncosts: {currency: CHF, minutes_manual: 9, error: 7}\n"
        "categories: {invoice: {action: send, error_cost: 70}}\n",
        encoding="utf-8",
    )
    own = anywhere.ask("report", "estimate", document, "--policy", rules)
    assert (own["terms"]["currency"], own["terms"]["minutes_manual"]) == ("CHF", 9)
    wrong = own["estimate"]["expected"]
    assert wrong["parts"]["errors"] == pytest.approx(wrong["errors"] * 70), "invoices have a price of their own"


def test_people_read_columns_and_what_they_rest_on(anywhere: Handrail, document: Path) -> None:
    text = anywhere("report", "estimate", document).out
    assert "conservative" in text
    assert "net a month" in text
    assert "paid back" in text
    assert "in the first weeks" in text
    assert "Counted as nothing, for want of a figure" in text


def test_a_past_gives_volume_alone_and_says_how_to_rehearse(anywhere: Handrail, tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    rows = [f"{at},2026-03-{1 + at % 10:02d}T09:00:00+01:00,hello" for at in range(50)]
    file.write_text("\n".join(["id,came,body", *rows, "50,,hello"]), encoding="utf-8")
    told = anywhere.ask("report", "estimate", file, "--time", "came", "--minutes-manual", 6, "--minute", 1)
    assert told["terms"]["cases_a_day"] == pytest.approx(5)
    assert told["terms"]["by_hand"] == pytest.approx(5 * 365.25 / 12 * 6)
    assert told["estimate"] is None
    text = anywhere("report", "estimate", file, "--time", "came").out
    assert "not measured: rehearse first" in text
    assert f"handrail rehearse {file}" in " ".join(text.split())
    assert "1 rows without a time are left out" in " ".join(text.split())
    assert "no column 'when'" in anywhere("report", "estimate", file, "--time", "when").refusal
    assert "--cases-a-day" in anywhere("report", "estimate", file).refusal
    assert anywhere.ask("report", "estimate", file, "--cases-a-day", 8)["terms"]["cases_a_day"] == 8


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (("running", "share", "value"), 2.0, "its share"),
        (("running", "share", "low"), -1.0, "its share"),
        (("running", "share", "low"), 0.99, "its share"),
        (("running", "error", "high"), -0.5, "its error"),
        (("running", "error"), None, "its error"),
        (("running", "days"), 0, "its days"),
        (("running", "days"), -7, "its days"),
        (("running", "cases"), -5, "its counts"),
        (("running", "minutes", "value"), float("nan"), "NaN is no number"),
        (("running", "outcomes", "invoice"), {"automated": 1, "errors": 2}, "its outcomes"),
        (("prices", "minute"), -5.0, "prices"),
        (("prices", "error_costs"), {"invoice": -1.0}, "prices"),
        (("prices", "currency"), "", "prices"),
    ],
)
def test_what_no_rehearsal_could_have_come_to_is_refused(
    anywhere: Handrail, document: Path, where: tuple[str, ...], value: object, words: str
) -> None:
    told = json.loads(document.read_text(encoding="utf-8"))
    place = told
    for name in where[:-1]:
        place = place[name]
    place[where[-1]] = value
    document.write_text(json.dumps(told), encoding="utf-8")
    refusal = anywhere("report", "estimate", document).refusal
    assert words in refusal
    assert "Rehearse again" in refusal or "Give what" in refusal


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("null", "no rehearsal's document"),
        ("[1, 2]", "no rehearsal's document"),
        ("{", "cannot be read as JSON"),
        ('{"automated_share": 0.5, "days": 84}', "Rehearse again"),
        ('{"automated_share": 0.5, "days": 14, "running": null, "prices": {}}', "at least 28 days"),
        ('{"automated_share": 0.5, "days": 84, "running": {"days": "x"}, "prices": {}}', "Rehearse again"),
    ],
)
def test_what_is_no_rehearsal_is_refused_with_a_remedy(
    anywhere: Handrail, tmp_path: Path, content: str, words: str
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(content, encoding="utf-8")
    assert words in anywhere("report", "estimate", file).refusal
    assert "no file" in anywhere("report", "estimate", tmp_path / "none.json").refusal
