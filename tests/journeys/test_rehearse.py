"""Anybody's own past is played through the real flows; what cannot be played is refused in a sentence."""

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handrail import mapping as mappings
from handrail import policy as policies
from handrail.errors import BadInput, BadPolicy
from handrail.rehearsed import CASES
from tasks.rehearsal import people as simulated
from tasks.rehearsal.columns import Named
from tasks.rehearsal.people import Luck, SimulatedReviewer
from tasks.rehearsal.played import LaunchTerms
from tasks.rehearsal.year import Asked, Year, read
from tests.workspaces import Answer, Handrail

WORDS = {
    "parcel": "parcel carrier tracking late courier doorstep arrived",
    "refund": "money refund returned faulty charged credit",
    "invoice": "invoice tax receipt number address vat",
}
COMMON = "please hello could you tell me about the my order thanks today again"
BEGAN = datetime.fromisoformat("2026-03-02T00:00:00+01:00")
COLUMNS = ("ticket_id", "came", "channel", "customer", "body", "kind")
OPTIONS = ("--text", "body", "--label", "kind", "--time", "came", "--from", "2026-03-02")
Rows = list[dict[str, str]]


def past(history: int = 420, live: int = 45, *, days: int = 3, launch: str | None = None) -> Rows:
    """A made-up past: `history` rows in the thirty days before BEGAN, `live` ones in `days` days from then on."""
    rng = np.random.default_rng(11)
    names = sorted(WORDS)
    rows = []
    for number in range(history + live):
        kind = names[int(rng.integers(len(names)))]
        lived = number - history
        at = BEGAN + (timedelta(days=lived % days) if lived >= 0 else -timedelta(days=1 + number % 30))
        own = WORDS[kind].split()
        if launch is not None and lived >= 0 and number % 3 == 0:
            kind, own = launch, ["voucher", "gift", "present"]
        words = [*rng.choice(own, 3), *rng.choice(COMMON.split(), 5), str(number)]
        moment = at + timedelta(hours=8, minutes=int(rng.integers(600)))
        channel = ("web", "phone")[number % 2]
        row = (f"T{number:05d}", moment.isoformat(), channel, f"K{number % 90}", " ".join(words), kind)
        rows.append(dict(zip(COLUMNS, row, strict=True)))
    return rows


def write(rows: Rows, file: Path) -> Path:
    with file.open("w", newline="", encoding="utf-8") as place:
        writer = csv.DictWriter(place, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer, Rows]:
    """A rehearsal of three days in which a category comes that the history does not have."""
    folder = tmp_path_factory.mktemp("rehearsal")
    rows = past(launch="gift")
    file = write(rows, folder / "past.csv")
    elsewhere = Handrail(folder / "live", database_url=f"sqlite:///{folder / 'live.db'}")
    answer = elsewhere(
        "rehearse", file, *OPTIONS, "--launch", "gift", "--home", folder / "home", "--cases", folder / "c.csv", "--json"
    )
    return folder, answer, rows


class TestPlayed:
    def test_every_live_row_is_a_case_with_its_truth_and_its_day(self, played: tuple[Path, Answer, Rows]) -> None:
        folder, answer, rows = played
        assert answer.code == 0, answer.err
        with (folder / "c.csv").open(encoding="utf-8") as file:
            cases = list(csv.DictReader(file))
        live = {row["ticket_id"]: row for row in rows if row["came"] >= BEGAN.isoformat()}
        assert list(cases[0]) == list(CASES)
        assert {case["id"]: case["truth"] for case in cases} == {name: row["kind"] for name, row in live.items()}
        # Arrivals change places within their day, and never leave it.
        assert {case["id"]: case["day"] for case in cases} == {name: row["came"][:10] for name, row in live.items()}

    def test_what_the_model_said_stands_beside_what_people_decided(self, played: tuple[Path, Answer, Rows]) -> None:
        folder, _, _ = played
        with (folder / "c.csv").open(encoding="utf-8") as file:
            cases = list(csv.DictReader(file))
        assert all(case["predicted"] in WORDS and 0 < float(case["confidence"]) <= 1 for case in cases)
        known = [case for case in cases if case["truth"] != "gift"]
        assert sum(case["decided"] == case["truth"] for case in known) / len(known) > 0.8
        # Nobody has added the category, so it is none: it is denied as out of scope by whoever is right.
        launched = [case["decided"] for case in cases if case["truth"] == "gift"]
        assert launched.count("out_of_scope") / len(launched) > 0.6
        assert "gift" not in launched

    def test_shadow_automates_nothing_and_the_document_says_so(self, played: tuple[Path, Answer, Rows]) -> None:
        _, answer, _ = played
        document = answer.json
        assert (document["days"], document["cases"], document["automated_share"]) == (3, 45, 0.0)
        assert document["true_error"] is None
        assert document["launch"] == {"named_day": None, "held_day": None, "automated_wrong": 0}
        assert set(document["people"]) == {"r1", "r2", "r3", "r4"}
        assert document["minutes_a_day"] >= 0

    def test_the_truth_reaches_the_workspace_only_by_people(self, played: tuple[Path, Answer, Rows]) -> None:
        folder, _, _ = played
        delivered = sorted((folder / "home" / "inbox").glob("2026-*.jsonl"))
        assert [file.stem for file in delivered] == ["2026-03-02", "2026-03-03", "2026-03-04"]
        lines = [json.loads(line) for file in delivered for line in file.read_text("utf-8").splitlines()]
        assert {line["kind"] for line in lines} == {""}
        workspace = Handrail(folder / "home")
        assert workspace.rows("SELECT count(*) FROM labels WHERE label = 'gift'") == [(0,)]

    def test_it_is_a_rehearsal_that_touches_nothing_live(self, played: tuple[Path, Answer, Rows]) -> None:
        folder, _, _ = played
        assert not (folder / "live").exists()
        assert not (folder / "live.db").exists()
        assert Handrail(folder / "home").ask("status")["workspace"] == "rehearsal"

    def test_what_was_made_can_be_read_again(self, played: tuple[Path, Answer, Rows]) -> None:
        folder, answer, _ = played
        mapping = mappings.read(folder / "home" / "mapping.yaml")
        assert (mapping.fields.external_id, mapping.fields.customer_id) == ("ticket_id", "customer")
        assert mapping.fields.extra == {"channel": "channel"}
        assert list(policies.read(folder / "home" / "policy.yaml").categories) == sorted(WORDS)
        assert "the id from ticket_id; the customer from customer; channel as groups to compare" in " ".join(
            answer.err.split()
        )


def quiet_people(folder: Path, accuracy: float) -> Path:
    file = folder / "people.yaml"
    file.write_text(f"- {{name: ada, accuracy: {accuracy}, seconds: 20, a_day: 9}}\n", encoding="utf-8")
    return file


class TestPeople:
    def test_who_knows_nothing_is_always_wrong_and_what_is_not_done_today_waits(self, tmp_path: Path) -> None:
        file = write(past(history=60, live=30, days=2), tmp_path / "past.csv")
        handrail = Handrail(tmp_path / "home")
        words = ("rehearse", file, *OPTIONS, "--people", quiet_people(tmp_path, 0.0), "--home", tmp_path / "played")
        answer = handrail(*words, "--cases", tmp_path / "c.csv", "--json")
        assert answer.code == 0, answer.err
        assert "A verdict needs 300 labelled rows before --from" in " ".join(answer.err.split())
        assert "No first model: 60 labelled rows lie before --from, and" in " ".join(answer.err.split())
        assert not [raw for raw in ("expect_table", "champion", ".;") if raw in answer.err]
        with (tmp_path / "c.csv").open(encoding="utf-8") as place:
            cases = list(csv.DictReader(place))
        decided = [case for case in cases if case["decided"]]
        work = "SELECT w.kind, count(*) FROM decisions d JOIN work_items w ON w.id = d.work_item_id GROUP BY w.kind"
        done = dict(Handrail(tmp_path / "played").rows(work))
        assert set(done) <= {"review", "gold"}
        assert sum(done.values()) == 18, "two days of nine, gold cases in disguise among them"
        assert len(decided) == done["review"]
        assert all(case["decided"] != case["truth"] for case in decided)

        # Killed half-way and run again: it says so, begins anew, and the same seed tells the same story.
        mark = tmp_path / "played" / "rehearsal"
        mark.write_text("made by `handrail rehearse`; not finished\n", encoding="utf-8")
        again = handrail(*words, "--cases", tmp_path / "d.csv", "--json")
        assert "was not finished: it begins anew" in " ".join(again.err.split())
        assert (tmp_path / "d.csv").read_text("utf-8") == (tmp_path / "c.csv").read_text("utf-8")
        assert "not finished" not in mark.read_text("utf-8")

    def test_shares_of_right_and_followed_answers_are_those_of_the_file(self) -> None:
        person = SimulatedReviewer(name="ada", accuracy=0.8, follows=0.5)
        chance, names = Luck(3), ["a", "b", "c"]
        alone = [person.answer("a", None, names, chance.of("alone", at)) for at in range(2000)]
        shown = [person.answer("a", "b", names, chance.of("shown", at)) for at in range(2000)]
        assert alone.count("a") / 2000 == pytest.approx(0.8, abs=0.03)
        assert shown.count("b") / 2000 == pytest.approx(0.5 + 0.5 * 0.1, abs=0.04)
        assert {person.answer("new", None, names, chance.of(at)) for at in range(50)} >= {"out_of_scope"}

    def test_everybody_is_away_some_days_and_never_all_at_once(self) -> None:
        days = [Luck(5).present(simulated.DEFAULT, day, 0.4) for day in range(200)]
        assert all(days)
        assert 0.3 < 1 - sum(map(len, days)) / (4 * 200) < 0.5
        assert days == [Luck(5).present(simulated.DEFAULT, day, 0.4) for day in range(200)]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("[]", "at least one person"),
            ("- {name: ada, accuracy: 2}", "less than or equal to 1"),
            ("- {name: steward, accuracy: 1}", "steward"),
            ("- {name: ada, accuracy: 1}\n- {name: Ada, accuracy: 1}", "could be taken for"),
            ("people:\n- {name: ada, accuracy: 1, speed: 3}", "line 2: unknown key 'people.0.speed'. Known keys: name"),
            ("- {name: ada, acuracy: 1}", "Did you mean 'accuracy'"),
            ("ada: 1", "holds no list"),
        ],
    )
    def test_a_file_of_people_that_cannot_be_used_is_refused(self, tmp_path: Path, text: str, sentence: str) -> None:
        (tmp_path / "people.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(BadPolicy, match=sentence):
            simulated.read(tmp_path / "people.yaml")


def asked(folder: Path, rows: Rows, **more: Any) -> Asked:  # noqa: ANN401 - fields of Asked
    file = write(rows, folder / "past.csv")
    return Asked(file, **{"named": Named("body", "kind", "came"), "began": BEGAN.date(), **more})


def changed(rows: Rows, change: Callable[[int, dict[str, str]], dict[str, str]]) -> Rows:
    return [{**row, **change(at, row)} for at, row in enumerate(rows)]


REFUSED: dict[str, tuple[dict[str, Any], Callable[[Rows], Rows], str]] = {
    "one category": ({}, lambda rows: changed(rows, lambda at, row: {"kind": "parcel"}), "nothing to tell apart"),
    "a history of one": (
        {},
        lambda rows: changed(rows, lambda at, row: {"kind": "parcel"} if row["came"] < BEGAN.isoformat() else {}),
        "only the category 'parcel'.*later day with --from",
    ),
    "no times": ({}, lambda rows: changed(rows, lambda at, row: {"came": "soon"}), "cannot be read as ISO 8601"),
    "before all": ({"began": BEGAN.date() - timedelta(days=400)}, list, "no history. Choose a later day with --from"),
    "after all": ({"began": BEGAN.date() + timedelta(days=400)}, list, "Choose an earlier day with --from"),
    "no days": ({"days": 0}, list, "--days 0 plays nothing. Give 1 or more"),
    "a launch of nothing": ({"launch": "moon"}, list, "No row has the category 'moon'; the file has invoice.*--launch"),
    "no categories": (
        {},
        lambda rows: changed(rows, lambda at, row: {"kind": row["body"]}),
        "these are no categories. Name the column.*--label",
    ),
    "no labels": ({}, lambda rows: changed(rows, lambda at, row: {"kind": " "}), "No row has a category in 'kind'"),
    "twins": (
        {},
        lambda rows: changed(rows, lambda at, row: {"kind": row["kind"].upper()} if at % 2 else {}),
        "Write each category in one way only",
    ),
    "a column that is not there": ({"named": Named("text", "kind", "came")}, list, "no column 'text'.*Correct --text"),
    "one column for two": ({"named": Named("kind", "kind", "came")}, list, "the same column. Give each its own"),
}


class TestFile:
    @pytest.mark.parametrize("case", REFUSED)
    def test_what_cannot_be_played_is_refused_in_a_sentence(self, tmp_path: Path, case: str) -> None:
        more, change, sentence = REFUSED[case]
        request = asked(tmp_path, change(past(history=90, live=20)), **more)
        with pytest.raises(BadInput, match=f"(?s){sentence}"):
            read(request)

    def test_a_day_that_is_none_is_refused(self, tmp_path: Path) -> None:
        file = write(past(history=90, live=20), tmp_path / "past.csv")
        answer = Handrail(tmp_path / "home")("rehearse", file, *OPTIONS[:-1], "yesterday")
        assert answer.code == 1
        assert answer.err == "--from 'yesterday' is no day. Write it as 2026-05-25.\n"

    def test_an_unsorted_file_is_played_in_the_order_of_time(self, tmp_path: Path) -> None:
        rows = past(history=90, live=20)
        year = read(asked(tmp_path, rows[::-1]))
        assert year.live["received_at"].is_monotonic_increasing
        assert (len(year.history), len(year.live)) == (90, 20)

    def test_the_seed_reorders_arrivals_within_their_day(self, tmp_path: Path) -> None:
        rows = past(history=90, live=40)

        def at(seed: int) -> dict[str, str]:
            year = read(asked(tmp_path, rows, seed=seed))
            return dict(zip(year.live["external_id"], map(str, year.live["received_at"]), strict=True))

        assert at(1) == at(1)
        assert at(1) != at(2)
        assert {name: moment[:10] for name, moment in at(1).items()} == {n: m[:10] for n, m in at(2).items()}

    def test_the_last_weeks_are_played_where_nobody_says_from_when(self, tmp_path: Path) -> None:
        year = read(asked(tmp_path, past(history=90, live=20), began=None))
        assert any("--from chooses another day" in sentence for sentence in year.sentences)
        # Thirty-three days: half of them, for twelve weeks are more.
        assert year.days == 16

    def test_the_word_null_is_a_text_and_a_category_like_any_other(self, tmp_path: Path) -> None:
        rows = changed(
            past(history=90, live=20), lambda at, row: {"body": "null", "kind": "null"} if at % 5 == 0 else {}
        )
        year = read(asked(tmp_path, rows))
        assert "null" in year.policy.categories
        assert len(year.live) == 20
        delivered = year.deliver(year.live, tmp_path / "day.jsonl")
        texts = [json.loads(line)["body"] for line in delivered.read_text("utf-8").splitlines()]
        assert texts.count("null") == 4

    def test_ids_that_stand_twice_are_no_ids(self, tmp_path: Path) -> None:
        rows = changed(past(history=90, live=20), lambda at, row: {"ticket_id": f"T{at // 2}"})
        year = read(asked(tmp_path, rows))
        assert year.mapping.fields.external_id == "row_number"
        assert len(year.live) == 20
        assert any("the row's number for the id" in sentence for sentence in year.sentences)

    def test_ids_that_a_mapping_names_and_that_stand_twice_are_told(self, tmp_path: Path) -> None:
        rows = changed(past(history=90, live=20), lambda at, row: {"ticket_id": "T0"} if at < 3 else {})
        mapping = tmp_path / "mapping.yaml"
        mapping.write_text("source: shop\nfields: {external_id: ticket_id}\nunmapped: ignore\n", encoding="utf-8")
        year = read(asked(tmp_path, rows, mapping=mapping))
        assert any("2 rows cannot be read and are left out" in sentence for sentence in year.sentences)
        assert year.history["external_id"].is_unique

    def test_a_category_that_ends_or_begins_is_played_and_told(self, tmp_path: Path) -> None:
        def ends(_: int, row: dict[str, str]) -> dict[str, str]:
            is_live = row["came"] >= BEGAN.isoformat()
            return {"kind": "credit" if is_live else "refund"} if row["kind"] == "refund" else {}

        year = read(asked(tmp_path, changed(past(history=90, live=20), ends)))
        assert {"credit", "refund"} <= set(year.policy.categories)
        assert any("credit first comes after 2026-03-02" in sentence for sentence in year.sentences)

    def test_a_launch_that_never_comes_is_told(self, tmp_path: Path) -> None:
        def only_before(_: int, row: dict[str, str]) -> dict[str, str]:
            return {"kind": "parcel"} if row["kind"] == "refund" and row["came"] >= BEGAN.isoformat() else {}

        year = read(asked(tmp_path, changed(past(history=90, live=20), only_before), launch="refund"))
        assert any("its launch cannot be seen" in sentence for sentence in year.sentences)
        assert "refund" not in {*year.policy.categories, *year.history["truth"]}

    def test_a_policy_need_not_have_the_category_that_comes_later(self, tmp_path: Path) -> None:
        policy = tmp_path / "policy.yaml"
        names = "".join(f"  {name}: {{action: {name}}}\n" for name in WORDS)
        policy.write_text(f"business: shop\ncategories:\n{names}", encoding="utf-8")
        rows = past(history=90, live=20, launch="gift")
        year = read(asked(tmp_path, rows, policy=policy, launch="gift"))
        assert sorted(year.policy.categories) == sorted(WORDS)
        assert (year.launch, year.launched and year.launched.action) == ("gift", "gift")
        with pytest.raises(BadInput, match="The policy has no category 'gift', which the file has"):
            read(asked(tmp_path, rows, policy=policy))

    def test_a_policy_by_which_nobody_could_deny_is_refused(self, tmp_path: Path) -> None:
        policy = tmp_path / "policy.yaml"
        names = "".join(f"  {name}: {{action: {name}}}\n" for name in WORDS)
        reasons = "desk: {reasons: {wrong_category: another one}}\n"
        policy.write_text(f"business: shop\n{reasons}categories:\n{names}", encoding="utf-8")
        with pytest.raises(BadInput, match="has no out_of_scope, by which people deny"):
            read(asked(tmp_path, past(history=90, live=20), policy=policy))

    def test_rows_without_a_category_are_left_out_and_counted(self, tmp_path: Path) -> None:
        rows = changed(past(history=90, live=20), lambda at, row: {"kind": ""} if at < 7 else {})
        year = read(asked(tmp_path, rows))
        assert "7 rows without a category are left out." in year.sentences
        assert len(year.history) == 83

    def test_a_day_is_that_of_the_offset_it_is_written_in(self, tmp_path: Path) -> None:
        late = {"came": "2026-03-03T00:30:00+01:00"}
        rows = changed(past(history=90, live=20), lambda at, row: late if at == 100 else {})
        year = read(asked(tmp_path, rows))
        day = year.live.set_index("external_id").loc["T00100", "day"]
        assert day.isoformat() == "2026-03-03"
        assert year.day_of(datetime.fromisoformat("2026-03-02T23:30:00+00:00")) == 2


class TestHome:
    @pytest.mark.parametrize("words", [("init",), ("init", "--rehearsal")])
    def test_a_workspace_that_no_rehearsal_made_is_refused(self, tmp_path: Path, words: Sequence[str]) -> None:
        file = write(past(history=90, live=20), tmp_path / "past.csv")
        handrail = Handrail(tmp_path / "home")
        assert handrail(*words).code == 0
        key, trail = (tmp_path / "home" / "secret.key").read_text(), handrail.rows("SELECT seq, hash FROM trail")
        answer = handrail("rehearse", file, *OPTIONS, "--home", tmp_path / "home")
        assert answer.code == 1
        assert "was not made by `handrail rehearse`. Choose another folder with --home." in answer.err
        assert (tmp_path / "home" / "secret.key").read_text() == key
        assert handrail.rows("SELECT seq, hash FROM trail") == trail

    def test_what_somebody_keeps_in_it_is_not_deleted(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        home.mkdir()
        (home / "rehearsal").write_text("made by `handrail rehearse`; finished\n", encoding="utf-8")
        file = write(past(history=90, live=20), tmp_path / "past.csv")
        (home / "policy.yaml").write_text("business: shop\n", encoding="utf-8")
        answer = Handrail(tmp_path / "x")("rehearse", file, *OPTIONS, "--home", home, "--policy", home / "policy.yaml")
        assert answer.code == 1
        assert "which is made anew. Copy it to another folder first." in answer.err
        assert (home / "policy.yaml").read_text(encoding="utf-8") == "business: shop\n"

    def test_a_demo_is_not_made_anew_by_a_rehearsal(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "demo").write_text("made by `handrail demo`\n", encoding="utf-8")
        file = write(past(history=90, live=20), tmp_path / "past.csv")
        assert Handrail(tmp_path / "x")("rehearse", file, *OPTIONS, "--home", tmp_path / "home").code == 1
        shutil.rmtree(tmp_path / "home")


class TestLaunch:
    def test_a_word_names_a_category_when_more_than_half_of_its_cases_belong_to_it(self) -> None:
        import pandas as pd

        terms = LaunchTerms("gift")
        arrived = [("a voucher", "gift"), ("my voucher", "gift"), ("old voucher", "refund"), ("my parcel", "parcel")]
        terms.arrive(pd.DataFrame(arrived, columns=["text", "truth"]).assign(consent=True))
        assert terms.names_it(["parcel", "voucher"])
        assert not terms.names_it(["parcel", "my", "moon"])


def test_a_year_keeps_the_moments_of_its_days(tmp_path: Path) -> None:
    year: Year = read(asked(tmp_path, past(history=90, live=20)))
    assert year.moment(year.began, timedelta(hours=7)).isoformat() == "2026-03-02T06:00:00+00:00"
