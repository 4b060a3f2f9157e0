"""Workspaces for the journeys and faults: a `handrail` that runs in this process, begun and trained once."""

import io
import json
import os
import shutil
import sqlite3
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest

from handrail.sample import SampleBusiness, generate

ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = r"(?!(console|flows|tasks|models|expectations|handrail)\b)"
"""Modules whose warnings pytest would show and a user never sees."""

MAPPING = ROOT / "policy" / "sample" / "mapping.yaml"
FOUNDER = "stella"
TRAINED_AT = "2026-01-12T07:00:00+00:00"
"""When the first model is trained and the stages are set: a Monday, after the sample's first week."""
MORNING = "2026-01-12T08:00:00+00:00"
"""When the tests' deliveries come; the dead-man's switch has heard of a stage change an hour ago."""
NINE = "2026-01-12T09:00:00+00:00"
"""When the reviewers begin."""

AUTOMATIC = ("delivery_status", "refund_request", "billing_question", "technical_help", "appointment_change")
DELIVERED = (
    "external_id",
    "received_at",
    "text",
    "customer_id",
    "channel",
    "region",
    "tier",
    "amount",
    "consent",
    "label",
)


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def refusal(self) -> str:
        """The one sentence of a command that refused."""
        assert self.code == 1, self
        assert self.out == ""
        assert len(self.sentences) == 1, self.err
        assert self.err.rstrip().endswith((".", ".)", "?"))
        return self.sentences[0]

    @property
    def sentences(self) -> list[str]:
        """The lines on stderr."""
        return self.err.strip().splitlines()


@contextmanager
def keeping_quiet() -> Iterator[None]:
    """Let the settings that a library reads once, when it is first loaded, outlive the command that loaded it."""
    os.environ.update(_once)
    yield
    _once.update({name: value for name, value in os.environ.items() if name.startswith(("MLFLOW_", "GX_"))})


_once: dict[str, str] = {}


class Handrail:
    """The command line in this process, for one workspace folder."""

    def __init__(self, home: Path, database_url: str = "") -> None:
        self.home, self._database_url = home, database_url

    def __call__(self, *words: object, actor: str = FOUNDER) -> Answer:
        """Run a command with its words as a shell would pass them."""
        from console import main

        out, err = io.StringIO(), io.StringIO()
        place = {"HANDRAIL_HOME": str(self.home), "HANDRAIL_DATABASE_URL": self._database_url}
        surroundings = {**place, "HANDRAIL_USER": actor}
        with (
            mock.patch.dict(os.environ, surroundings),
            keeping_quiet(),
            mock.patch.object(sys, "argv", ["handrail", *map(str, words)]),
            redirect_stdout(out),
            redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", module=NOT_OURS)
            try:
                main.main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Answer(code, out.getvalue(), err.getvalue())

    def ask(self, *words: object, actor: str = FOUNDER) -> Any:  # noqa: ANN401 - any JSON value
        """The JSON answer of a command that has to succeed without a word on stderr."""
        answer = self(*words, "--json", actor=actor)
        assert answer.code == 0, answer.err
        assert answer.err == ""
        return answer.json

    def decide(self, case: int, *words: object, by: str = "rita", at: str = NINE) -> Answer:
        """Let a reviewer decide a case."""
        return self("decide", case, *words, "--as-of", at, "--json", actor=by)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Look into the database, past the program."""
        with closing(sqlite3.connect(self.home / "handrail.db")) as connection:
            return connection.execute(query).fetchall()

    def states(self) -> dict[str, int]:
        """Cases by state."""
        return dict(self.rows("SELECT state, count(*) FROM cases GROUP BY state"))

    def waiting(self, where: str = "r.queue = 'B' AND NOT r.suggestion_hidden", limit: int = 1) -> list[int]:
        """Cases that wait for a review, with the given route."""
        query = f"""SELECT c.id FROM cases c JOIN routes r ON r.case_id = c.id JOIN work_items w ON w.case_id = c.id
            WHERE w.state = 'open' AND w.kind = 'review' AND {where} ORDER BY c.id LIMIT {limit}"""  # noqa: S608
        return [case for (case,) in self.rows(query)]

    def effects(self, case: int) -> list[tuple[str, str]]:
        """Action and category that the receiver has executed for a case."""
        with closing(sqlite3.connect(self.home / "actions.db")) as ledger:
            return ledger.execute("SELECT action, category FROM executed WHERE case_id = ?", (case,)).fetchall()


def deliver(cases: pd.DataFrame, path: Path, labels: Sequence[str] | None = None) -> Path:
    """Write cases as a CSV delivery; `labels` makes them history."""
    cases.assign(label="" if labels is None else labels)[list(DELIVERED)].to_csv(path, index=False)
    return path


@pytest.fixture
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rehearsal's clock stands at the moment to which it is set: no test depends on how fast it runs."""
    monkeypatch.setattr("tasks.occasion.starting_at", lambda start: lambda: start)


@pytest.fixture(scope="session")
def business() -> SampleBusiness:
    """A week of the sample business with its earlier history."""
    return generate(weeks=1, seed=7, per_week=900)


@pytest.fixture(scope="session")
def begun_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the sample business, just begun."""
    home = tmp_path_factory.mktemp("begun") / "home"
    assert Handrail(home)("init", "--business", "sample", "--rehearsal").code == 0
    return home


@pytest.fixture(scope="session")
def trained_home(begun_home: Path, business: SampleBusiness, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with imported history, a first model, and five categories at stage auto."""
    folder = tmp_path_factory.mktemp("trained")
    handrail = Handrail(Path(shutil.copytree(begun_home, folder / "home")))
    history = deliver(business.history, folder / "history.csv", business.history["label"].tolist())
    handrail.ask("run", history, "--mapping", MAPPING, "--as-of", TRAINED_AT)
    handrail.ask("train", "--as-of", TRAINED_AT)
    for category in AUTOMATIC:
        handrail.ask("stage", category, "auto", "--reason", "the tests want effects", "--as-of", TRAINED_AT)
    return handrail.home


@pytest.fixture
def begun(begun_home: Path, tmp_path: Path) -> Handrail:
    """A workspace of one's own, just begun."""
    return Handrail(Path(shutil.copytree(begun_home, tmp_path / "home")))


@pytest.fixture
def trained(trained_home: Path, tmp_path: Path) -> Handrail:
    """A workspace of one's own with a model."""
    return Handrail(Path(shutil.copytree(trained_home, tmp_path / "home")))
