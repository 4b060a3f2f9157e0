"""`handrail breaker FILE`: what other programs rely on, and what is said of files that cannot be used."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handrail.breaker import Detector
from tests.workspaces import Handrail

START = datetime.fromisoformat("2026-03-01T00:30:00+00:00")
HOUR = timedelta(hours=1)


@pytest.fixture
def handrail(tmp_path: Path) -> Handrail:
    """The command without a workspace."""
    return Handrail(tmp_path / "nowhere")


def written(folder: Path, at: list[str], rejected: list[Any]) -> Path:
    file = folder / "reviews.csv"
    pd.DataFrame({"at": at, "rejected": rejected}).to_csv(file, index=False)
    return file


def stream(rate: float, days: int, per_hour: int = 4, seed: int = 3) -> tuple[list[str], list[int]]:
    rng = np.random.default_rng(seed)
    at = [(START + hour * HOUR).isoformat() for hour in range(24 * days) for _ in range(per_hour)]
    return at, (rng.random(len(at)) < rate).astype(int).tolist()


def recursion(at: list[str], rejected: list[int]) -> datetime | None:
    """The first look at which e-SR alarms, by the plain recursion over every hour of the file."""
    detector = Detector(0.03, 0.05, 0.05, timedelta(days=30))
    moments = [datetime.fromisoformat(one) for one in at]
    look, evidence = min(moments).replace(minute=0, second=0, microsecond=0) + HOUR, np.zeros(4)
    while look <= max(moments) + HOUR:
        inside = [bad for moment, bad in zip(moments, rejected, strict=True) if look - HOUR < moment <= look]
        p1, p0, bad = detector.alternatives, 0.03, sum(inside)
        evidence = (p1 / p0) ** bad * ((1 - p1) / (1 - p0)) ** (len(inside) - bad) * (1 + evidence)
        if evidence.mean() >= 30 * 24 / 0.05:
            return look
        look += HOUR
    return None


class TestAnswers:
    def test_a_bad_stream_alarms_both_rules_at_the_hours_that_a_plain_recursion_finds(
        self, handrail: Handrail, tmp_path: Path
    ) -> None:
        at, rejected = stream(0.15, days=4)
        said = handrail.ask("breaker", written(tmp_path, at, rejected), "--p0", 0.03, "--limit", 0.05)
        assert datetime.fromisoformat(said["esr"]["alarm_at"]) == recursion(at, rejected)
        assert said["esr"]["bound"] == 0.05
        assert datetime.fromisoformat(said["literal"]["alarm_at"]).utcoffset() is not None
        assert 0 < said["literal"]["false_alarm_rate"] <= 1

    def test_a_healthy_stream_leaves_the_sequential_rule_quiet_and_trips_the_literal_one(
        self, handrail: Handrail, tmp_path: Path
    ) -> None:
        at, rejected = stream(0.03, days=20)
        said = handrail.ask("breaker", written(tmp_path, at, rejected))
        assert said["esr"]["alarm_at"] is None
        assert said["literal"]["alarm_at"] is not None
        assert said["literal"]["false_alarm_rate"] > 0.9

    def test_order_repetition_zones_and_changing_clocks_change_nothing(
        self, handrail: Handrail, tmp_path: Path
    ) -> None:
        # Through the night of 29 March, in which Berlin's clocks skip an hour.
        night = pd.date_range("2026-03-28T12:10Z", periods=200, freq="15min")
        rejected = [number % 5 == 0 for number in range(200)]
        utc = [moment.isoformat() for moment in night]
        berlin = [moment.isoformat() for moment in night.tz_convert("Europe/Berlin")]
        mixed = [one if number % 2 else other for number, (one, other) in enumerate(zip(utc, berlin, strict=True))]
        answers = [
            handrail.ask("breaker", written(tmp_path, at[::turn], rejected[::turn]))
            for at, turn in ((utc, 1), (berlin, 1), (mixed, -1))
        ]
        assert {"+01:00", "+02:00"} == {one[-6:] for one in berlin}
        alarms = [(one["literal"]["alarm_at"], one["esr"]["alarm_at"], one["looks"]) for one in answers]
        assert alarms[0] == alarms[1] == alarms[2]
        assert None not in alarms[0]

    def test_one_review_is_no_alarm(self, handrail: Handrail, tmp_path: Path) -> None:
        said = handrail.ask("breaker", written(tmp_path, [START.isoformat()], [1]))
        assert (said["literal"]["alarm_at"], said["esr"]["alarm_at"], said["rate"]) == (None, None, 1.0)

    def test_parquet_and_words_are_read_too(self, handrail: Handrail, tmp_path: Path) -> None:
        at, rejected = stream(0.15, days=4)
        expected = handrail.ask("breaker", written(tmp_path, at, rejected))
        frame = pd.DataFrame({"at": pd.to_datetime(at), "rejected": [bool(bad) for bad in rejected]})
        frame.to_parquet(tmp_path / "typed.parquet")
        assert handrail.ask("breaker", tmp_path / "typed.parquet") == expected
        assert handrail.ask("breaker", written(tmp_path, at, ["Yes" if bad else "no" for bad in rejected])) == expected

    def test_durations_and_the_minimum_are_those_asked_for(self, handrail: Handrail, tmp_path: Path) -> None:
        at = [(START + minutes * timedelta(minutes=1)).isoformat() for minutes in range(20)]
        file = written(tmp_path, at, [1] * 20)
        assert handrail.ask("breaker", file)["literal"]["alarm_at"] is None
        assert handrail.ask("breaker", file, "--min-reviewed", 20)["literal"]["alarm_at"] is not None
        assert handrail.ask("breaker", file, "--horizon", "2w")["esr"]["threshold"] == pytest.approx(14 * 24 / 0.05)

    def test_the_table_fits_eighty_columns(self, handrail: Handrail, tmp_path: Path) -> None:
        at, rejected = stream(0.15, days=4)
        text = handrail("breaker", written(tmp_path, at, rejected)).out
        assert "e-SR above 3.0%" in text
        assert max(map(len, text.splitlines())) <= 80


class TestRefusals:
    @pytest.mark.parametrize(
        ("at", "rejected", "words"),
        [
            ("2026-03-29T02:30:00", 1, ("row 2", "no offset", "+00:00")),
            ("yesterday", 1, ("row 2", "no time", "Write it as")),
            ("", 1, ("row 2", "no time")),
            ("2026-03-29T02:30:00+01:00", "maybe", ("row 2", "'maybe'", "Write 1")),
            ("2026-03-29T02:30:00+01:00", "", ("rejected", "Write 1")),
            ("2026-03-29T02:30:00+01:00", 2, ("rejected", "Write 1")),
        ],
    )
    def test_a_cell_that_says_nothing_is_named_with_the_remedy(
        self, handrail: Handrail, tmp_path: Path, at: str, rejected: object, words: tuple[str, ...]
    ) -> None:
        file = written(tmp_path, [START.isoformat(), at], [0, rejected])
        refusal = handrail("breaker", file).refusal
        assert all(word in refusal for word in words), refusal

    def test_numbers_are_no_times(self, handrail: Handrail, tmp_path: Path) -> None:
        refusal = handrail("breaker", written(tmp_path, [1767225600, 1767229200], [0, 1])).refusal  # type: ignore[list-item]
        assert "no time" in refusal

    @pytest.mark.parametrize(
        "options",
        [
            ("--p0", "0.05"),
            ("--p0", "0"),
            ("--limit", "1.5"),
            ("--budget", "0"),
            ("--horizon", "soon"),
            ("--window", "0h"),
        ],
    )
    def test_rules_that_make_no_sense_are_refused(
        self, handrail: Handrail, tmp_path: Path, options: tuple[str, str]
    ) -> None:
        refusal = handrail("breaker", written(tmp_path, [START.isoformat()], [0]), *options).refusal
        assert refusal.endswith(".")

    def test_a_file_without_rows_is_refused(self, handrail: Handrail, tmp_path: Path) -> None:
        refusal = handrail("breaker", written(tmp_path, [], [])).refusal
        assert "no rows" in refusal
