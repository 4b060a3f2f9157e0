"""What a rehearsal says before, while and after it plays: what is needed, what is missing, and where things are."""

from datetime import date, datetime
from pathlib import Path

import pytest

from console.rehearse import places, week_line
from flows.rehearsal import WeekTold, in_plain, too_few
from handrail.errors import BadPolicy
from handrail.workspace import Workspace
from tasks.rehearsal.year import read
from tests.journeys.test_rehearse import asked, changed, past


class TestNeeded:
    def test_a_mapping_may_hold_the_form_of_dates_alone(self, tmp_path: Path) -> None:
        rows = changed(
            past(history=90, live=20),
            lambda at, row: {"came": f"{datetime.fromisoformat(row['came']):%d.%m.%Y %H:%M}"},
        )
        mapping = tmp_path / "mapping.yaml"
        mapping.write_text('date_format: "%d.%m.%Y %H:%M"\ntimezone: Europe/Zurich\n', encoding="utf-8")
        year = read(asked(tmp_path, rows, mapping=mapping))
        assert (len(year.history), len(year.live)) == (90, 20)
        assert year.mapping.fields.external_id == "ticket_id"
        mapping.write_text('date_formt: "%d"\n', encoding="utf-8")
        with pytest.raises(BadPolicy, match="Did you mean 'date_format'"):
            read(asked(tmp_path, rows, mapping=mapping))

    def test_without_a_day_the_default_gives_a_first_model_and_a_verdict_where_the_file_can(
        self, tmp_path: Path
    ) -> None:
        # 400 rows over thirty days, then 44 in ten: the middle would leave 21 days, the twelfth to last 28.
        rows = past(history=1500, live=40, days=10)
        year = read(asked(tmp_path, rows, began=None))
        assert (year.days, len(year.history) >= 300) == (28, True)
        assert not any("verdict" in sentence for sentence in year.sentences)

    def test_what_a_verdict_lacks_is_one_sentence_with_the_day_that_gives_it(self, tmp_path: Path) -> None:
        year = read(asked(tmp_path, past(history=1500, live=40, days=10)))
        (lacks,) = [sentence for sentence in year.sentences if "verdict" in sentence]
        assert "300 labelled rows before --from" in lacks
        assert "there are 1,500 and 10: --from 2026-02-" in lacks
        day = lacks.split("--from ")[-1].split()[0]
        again = read(asked(tmp_path, past(history=1500, live=40, days=10), began=date.fromisoformat(day)))
        assert again.days >= 28
        assert len(again.history) >= 300
        assert not any("verdict" in sentence for sentence in again.sentences)

    def test_a_file_too_small_for_a_verdict_says_so_and_names_no_remedy_that_cannot_work(self, tmp_path: Path) -> None:
        year = read(asked(tmp_path, past(history=90, live=20), began=None))
        (lacks,) = [sentence for sentence in year.sentences if "verdict" in sentence]
        assert "too small for a verdict, whatever --from says" in lacks
        assert "later --from" not in lacks


class TestTold:
    def test_a_refused_first_training_is_told_in_plain_words(self) -> None:
        raw = (
            "The training set did not pass its gate, the champion goes on serving. There are two categories: label "
            "another. See file:///home/x/docs/index.html Correct the labels, then run `handrail train`."
        )
        told = in_plain(raw)
        assert not [word for word in ("champion", "file:", "handrail train", "..") if word in told]
        assert "There are two categories" in told
        assert told.endswith("Correct the file and rehearse again.")

    def test_a_week_is_as_wide_as_the_terminal_and_sentences_end_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        said = ("3 of 4 people passed their test (40 test cases).", "Drift: “gift”", too_few(150, 300))
        lines = week_line(WeekTold(1, 630, {"A": 0, "B": 0, "C": 630}, 12, said)).splitlines()
        assert max(map(len, lines)) <= 80
        assert lines[0].startswith("   1    630     0     0   630       12  3 of 4")
        assert "(40 test cases). Drift: “gift”. No first model: 150" in " ".join(" ".join(lines).split())

    def test_the_command_that_opens_the_desk_and_the_files_are_named(self, tmp_path: Path) -> None:
        year = read(asked(tmp_path, past(history=90, live=20)))
        home = Workspace(tmp_path / "my home")
        written = places(year, home, tmp_path / "c.csv", tmp_path / "r.html")
        assert [line.split(maxsplit=1)[1] for line in written[:2]] == [
            str(tmp_path / "r.html"),
            str(tmp_path / "c.csv"),
        ]
        assert written[2].endswith(f"desk --home '{tmp_path / 'my home'}' --as-of 2026-03-05T12:00Z")
