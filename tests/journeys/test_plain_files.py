"""Training, predicting, redacting and certifying on plain files: other programs rely on what they answer."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail.sample import SampleBusiness
from tests.workspaces import FOUNDER, ROOT, Handrail

NAMES = {
    "delivery_status": "Where is it?",
    "refund_request": "MONEY back",
    "billing_question": "billing, questions & more",
    "technical_help": "It does not work!",
    "appointment_change": "új időpont",
}


@pytest.fixture(scope="module")
def labelled_home(business: SampleBusiness, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An empty workspace in which a labelled file was trained on, and what the training said."""
    folder = tmp_path_factory.mktemp("labelled")
    known = business.history[business.history["truth_label"].isin(NAMES)].head(700)
    file = folder / "labelled.csv"
    table = known.assign(Label=known["truth_label"].map(NAMES))
    table.rename(columns={"text": "Body text", "received_at": "When"})[["Body text", "Label", "When"]].to_csv(
        file, index=False
    )
    handrail = Handrail(folder / "home")
    options = ("--text", "Body text", "--label", "Label", "--time", "When")
    return handrail.home, handrail.ask("train", file, *options)


def test_a_labelled_file_trains_in_an_empty_workspace(labelled_home: tuple[Path, dict[str, Any]]) -> None:
    home, said = labelled_home
    assert said["serves"]
    assert (said["version"], said["imported"], said["certificates"]) == ("1", 700, {})
    assert 0.7 < said["accuracy"] <= 1
    assert 0 <= said["ece"] < 0.3
    assert set(Handrail(home).ask("status")["stages"]) == set(NAMES.values())


@pytest.fixture
def labelled(labelled_home: tuple[Path, dict[str, Any]], tmp_path: Path) -> Handrail:
    """A workspace of one's own, begun by a labelled file."""
    return Handrail(Path(shutil.copytree(labelled_home[0], tmp_path / "home")))


@pytest.fixture
def tickets(business: SampleBusiness, tmp_path: Path) -> Path:
    """200 new tickets as a file, each far enough from the others to be a case of its own."""
    texts = business.cases[business.cases["truth_kind"].eq("normal")].head(200)["text"]
    file = tmp_path / "tickets.csv"
    pd.DataFrame({"id": range(1, 201), "text": texts.tolist()}).to_csv(file, index=False)
    return file


def test_a_labelled_file_lets_nothing_reach_queue_a_until_somebody_raises_a_stage(
    labelled: Handrail, tickets: Path
) -> None:
    ran = labelled.ask("run", tickets)
    assert (ran["received"], ran["queues"]) == (200, {"A": 0, "B": 0, "C": 200})
    assert labelled.rows("SELECT count(*) FROM outbox") == [(0,)]
    assert set(labelled.ask("status")["stages"].values()) == {"shadow"}
    shown = labelled.ask("queue", "next")
    assert (shown["queue"], shown["suggestion"]) == ("C", None)
    labelled.ask("decide", shown["case_id"], "override", "--label", NAMES["refund_request"])
    ((action,),) = labelled.rows("SELECT action FROM outbox")
    assert action == NAMES["refund_request"], "what people decide goes out"


def test_what_a_labelled_file_made_is_automated_once_somebody_says_so(labelled: Handrail, tickets: Path) -> None:
    for category in NAMES.values():
        labelled.ask("stage", category, "auto", "--reason", "two good weeks")
    ran = labelled.ask("run", tickets)
    assert 0 < ran["queues"]["A"] < 200
    assert labelled.rows("SELECT count(*) FROM outbox") == [(ran["queues"]["A"],)]


def test_what_is_predicted_does_not_depend_on_the_stage(labelled: Handrail, tickets: Path, tmp_path: Path) -> None:
    before = labelled.ask("predict", tickets, "--text", "text")
    assert before["queues"]["A"] > 0
    for category, stage in zip(NAMES.values(), ("manual", "shadow", "suggest", "partial", "auto"), strict=True):
        labelled("stage", category, stage, "--reason", "a test")
    assert labelled.ask("predict", tickets, "--text", "text") == before


def test_status_says_where_the_policy_comes_from(labelled: Handrail, tmp_path: Path) -> None:
    source = labelled.ask("status")["policy_source"]
    assert (source["from"], source["name"], source["by"]) == ("labels", "labelled.csv", FOUNDER)
    assert "made from the labels of labelled.csv, " in labelled("status").out
    own = tmp_path / "own.yaml"
    own.write_text((ROOT / "policy" / "sample" / "policy.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    labelled.ask("policy", "publish", own)
    source = labelled.ask("status")["policy_source"]
    assert (source["from"], source["name"], source["by"]) == ("file", "own.yaml", FOUNDER)
    events = labelled.ask("trail", "search", "--kind", "workspace.begun")
    assert "labelled.csv" not in json.dumps([{**event, "because": None} for event in events]), "the trail is for ever"


def test_labels_that_differ_in_their_spelling_alone_are_refused_with_the_list(
    business: SampleBusiness, tmp_path: Path
) -> None:
    known = business.history[business.history["truth_label"].isin(NAMES)].head(400)
    spelt = ["Refund", "refund", "Réfund ", "Re\u0301fund", "Refund me"]
    file = tmp_path / "labelled.csv"
    labels = known["truth_label"].map(dict(zip(NAMES, spelt, strict=True)))
    pd.DataFrame({"text": known["text"], "label": labels}).to_csv(file, index=False)
    handrail = Handrail(tmp_path / "home")
    refusal = handrail("train", file, "--text", "text", "--label", "label").refusal
    assert "'Refund' and 'refund'; 'Re\u0301fund' and 'Réfund '." in refusal
    assert "Refund me" not in refusal
    assert not handrail.home.exists()


@pytest.fixture(scope="module")
def doubtful_home(business: SampleBusiness, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An empty workspace in which a file was trained on whose labels have nothing to do with its texts."""
    folder = tmp_path_factory.mktemp("doubtful")
    known = business.history.head(400)
    labels = np.random.default_rng(7).choice(["usual", "rare", "rarer"], size=len(known), p=[0.6, 0.25, 0.15])
    file = folder / "noise.csv"
    pd.DataFrame({"text": known["text"], "label": labels}).to_csv(file, index=False)
    handrail = Handrail(folder / "home")
    answer = handrail("train", file, "--text", "text", "--label", "label", "--json")
    assert answer.code == 0, answer.err
    return handrail.home, answer.json


def test_a_model_no_better_than_the_commonest_category_does_not_serve_by_itself(
    doubtful_home: tuple[Path, dict[str, Any]], tickets: Path
) -> None:
    home, said = doubtful_home
    assert (said["version"], said["serves"], said["certificates"]) == ("1", False, {})
    assert "always saying the commonest category" in said["notes"][0]
    assert "handrail model promote 1 --reason" in said["notes"][0]
    handrail = Handrail(home)
    status = handrail.ask("status")
    assert (status["model"], status["challenger"]) == (None, "1")
    assert "Version 1 waits" in handrail("status").out
    assert "--model 1" in handrail("predict", tickets, "--text", "text").refusal
    assert handrail.ask("predict", tickets, "--text", "text", "--model", "1")["rows"] == 200


def test_a_person_may_let_it_serve_all_the_same_where_the_policy_allows(
    doubtful_home: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    handrail = Handrail(Path(shutil.copytree(doubtful_home[0], tmp_path / "home")))
    done = handrail.ask("model", "promote", "1", "--reason", "we have nothing better")
    assert (done["serves"], done["evidence"]) == ("1", "none")
    assert "not demonstrably better" in done["missing"]
    assert handrail.ask("status")["model"]["version"] == "1"


def test_predictions_come_row_by_row_with_the_labels_as_they_were_written(
    labelled_home: tuple[Path, dict[str, Any]], business: SampleBusiness, tmp_path: Path
) -> None:
    handrail = Handrail(labelled_home[0])
    texts = business.cases[business.cases["truth_kind"].eq("normal")].head(300)["text"].tolist()
    texts[0] = texts[150] = "  "
    file, out = tmp_path / "new.csv", tmp_path / "out.csv"
    pd.DataFrame({"Body text": texts, "ignored": 1}).to_csv(file, index=False)
    said = handrail.ask("predict", file, "--text", "Body text", "--out", out)
    found = pd.read_csv(out)
    assert list(found.columns) == ["label", "confidence", "novelty", "queue", "reason"]
    assert len(found) == len(texts) == said["rows"]
    assert found["label"].dropna().isin(list(NAMES.values())).all()
    assert found["confidence"].dropna().between(0, 1).all()
    assert found.loc[[0, 150], "reason"].tolist() == ["no_text", "no_text"]
    assert found["queue"].value_counts().to_dict() == {name: n for name, n in said["queues"].items() if n}
    assert said["queues"]["A"] > 0  # as if at stage auto, and a fixed threshold, as an empty workspace begins
    assert handrail.states() == {}  # nothing is stored
    reversed_file = tmp_path / "reversed.csv"
    pd.DataFrame({"Body text": texts[::-1]}).to_csv(reversed_file, index=False)
    handrail.ask("predict", reversed_file, "--text", "Body text", "--out", out)
    pd.testing.assert_frame_equal(pd.read_csv(out)[::-1].reset_index(drop=True), found)


def test_a_missing_column_is_refused_before_anything_is_predicted(
    labelled_home: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    file, out = tmp_path / "new.csv", tmp_path / "out.csv"
    file.write_text("Body\nhello\n")
    assert "'Body text'" in Handrail(labelled_home[0])("predict", file, "--text", "Body text", "--out", out).refusal
    assert not out.exists()


def test_redacting_a_file_needs_no_workspace_and_says_where_it_found_what(tmp_path: Path) -> None:
    texts = ["write to ann.lee@example.com today", "order 12345 is late", "", "card 4111 1111 1111 1111, ip 10.1.2.3"]
    file, out, spans = tmp_path / "in.csv", tmp_path / "out.csv", tmp_path / "spans.jsonl"
    pd.DataFrame({"id": [1, 2, 3, 4], "note": texts}).to_csv(file, index=False)
    handrail = Handrail(tmp_path / "nowhere")
    said = handrail.ask("redact", file, "--text", "note", "--out", out, "--spans", spans)
    assert not handrail.home.exists()
    assert said["rows"] == len(texts)
    found = [json.loads(line) for line in spans.read_text().splitlines()]
    assert [(hit["row"], hit["type"].lower(), texts[hit["row"]][hit["start"] : hit["end"]]) for hit in found] == [
        (0, "email", "ann.lee@example.com"),
        (3, "card", "4111 1111 1111 1111"),
        (3, "ip", "10.1.2.3"),
    ]
    written = pd.read_csv(out, keep_default_na=False)
    assert written["id"].tolist() == [1, 2, 3, 4]
    assert written["note"].tolist()[1:3] == texts[1:3]
    assert not any("@" in text or "4111" in text or "10.1.2.3" in text for text in written["note"])


def test_certifying_a_file_gives_the_threshold_or_says_how_many_labels_are_missing(tmp_path: Path) -> None:
    handrail, file = Handrail(tmp_path / "nowhere"), tmp_path / "labels.csv"
    pd.DataFrame({"confidence": [0.97] * 200, "correct": [1] * 200}).to_csv(file, index=False)
    good = handrail.ask("certify", file, "--max-error", 0.02, "--delta", 0.05)
    assert (good["errors"], good["n"], good["coverage"]) == (0, 200, 1.0)
    assert good["threshold"] <= 0.97
    pd.DataFrame({"confidence": [0.97] * 100, "correct": [1] * 100}).to_csv(file, index=False)
    few = handrail.ask("certify", file, "--max-error", 0.02, "--delta", 0.05)
    assert (few["threshold"], few["needed"]) == (None, 49)  # 0.98 ** 149 < 0.05
    assert "49 more blind labels" in handrail("certify", file).out
    file.write_text("confidence,right\n0.9,1\n")
    assert "has no column correct" in handrail("certify", file).refusal


def test_any_name_of_a_category_is_taken_and_rows_without_one_are_counted(
    tmp_path: Path, business: SampleBusiness
) -> None:
    names = ["$\\frac$", "from $5 to $10", "  blanks around ", "=SUM(A1)", "nan"]
    known = business.history[business.history["truth_label"].isin(NAMES)].head(400)
    labels = known["truth_label"].map(dict(zip(NAMES, names, strict=True)))
    file, out = tmp_path / "labelled.csv", tmp_path / "out.csv"
    pd.DataFrame({"text": known["text"], "label": labels.where(known.index != known.index[7], "  ")}).to_csv(
        file, index=False
    )
    handrail = Handrail(tmp_path / "home")
    said = handrail.ask("train", file, "--text", "text", "--label", "label")
    assert (said["labels"], said["notes"][0]) == (399, "1 rows without a label left out")
    handrail.ask("predict", file, "--text", "text", "--out", out)
    assert set(pd.read_csv(out, keep_default_na=False)["label"]) == set(names)


def test_times_may_be_written_in_more_than_one_way(tmp_path: Path, business: SampleBusiness) -> None:
    known = business.history[business.history["truth_label"].isin(NAMES)].head(200)
    when = ["2026-01-01", "2026-01-01 08:00", "2026-01-01T08:00:00+02:00", "2026-01-01T08:00:00Z"]
    file = tmp_path / "labelled.csv"
    rows = pd.DataFrame({"text": known["text"], "label": known["truth_label"]})
    rows.assign(at=[when[at % 4] for at in range(len(rows))]).to_csv(file, index=False)
    options = ("--text", "text", "--label", "label", "--time", "at")
    assert Handrail(tmp_path / "home").ask("train", file, *options)["serves"]


def test_a_file_in_another_encoding_is_read_where_it_is_named(tmp_path: Path, business: SampleBusiness) -> None:
    known = business.history[business.history["truth_label"].isin(NAMES)].head(200)
    file = tmp_path / "labelled.csv"
    table = pd.DataFrame({"text": "café " + known["text"], "label": known["truth_label"] + " é"})
    table.to_csv(file, index=False, encoding="latin-1", errors="replace")
    handrail = Handrail(tmp_path / "home")
    options = ("--text", "text", "--label", "label")
    assert "--encoding latin-1" in handrail("train", file, *options).refusal
    assert handrail.ask("train", file, *options, "--encoding", "latin-1")["serves"]
    said = handrail.ask("predict", file, "--text", "text", "--encoding", "latin-1")
    assert said["predictions"][0]["label"].endswith(" é")


@pytest.mark.parametrize(("place", "words"), [(".", "is a folder"), ("nowhere/out.csv", "cannot be written")])
def test_a_place_that_cannot_take_the_answer_is_refused_before_the_work(
    labelled_home: tuple[Path, dict[str, Any]], tmp_path: Path, place: str, words: str
) -> None:
    file = tmp_path / "new.csv"
    pd.DataFrame({"text": ["where is my parcel"]}).to_csv(file, index=False)
    handrail, out = Handrail(labelled_home[0]), tmp_path / place
    assert words in handrail("predict", file, "--text", "text", "--out", out).refusal
    assert words in handrail("redact", file, "--text", "text", "--out", out).refusal
    assert words in handrail("trail", "export", out).refusal


MAPPED = """
source: shop
fields: {external_id: id, text: body, amount: worth, consent: {column: agreed, given: ['yes'], refused: ['no']}}
"""


def test_a_file_is_predicted_with_the_consent_and_amount_that_a_run_reads(
    labelled_home: tuple[Path, dict[str, Any]], business: SampleBusiness, tmp_path: Path
) -> None:
    handrail, (file, rules) = Handrail(labelled_home[0]), (tmp_path / "new.csv", tmp_path / "mapping.yaml")
    rules.write_text(MAPPED, encoding="utf-8")
    answers = ["yes", " Yes ", "no", "", "perhaps"]
    text = business.cases[business.cases["truth_kind"].eq("normal")]["text"].iloc[0]
    rows = pd.DataFrame({"id": range(5), "body": text, "worth": "$1,000.00", "agreed": answers})
    rows.to_csv(file, index=False)
    found = handrail.ask("predict", file, "--text", "body", "--mapping", rules)["predictions"]
    assert [row["reason"] == "no_consent" for row in found] == [False, False, True, True, True]
    assert [row["label"] is None for row in found] == [row["confidence"] is None for row in found]
    assert [row["label"] is None for row in found] == [False, False, True, True, True]
    rows.drop(columns="agreed").to_csv(file, index=False)
    assert "'agreed'" in handrail("predict", file, "--text", "body", "--mapping", rules).refusal
