"""The same journey on PostgreSQL as on SQLite: from an empty workspace to executed decisions."""

import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from handrail.store import schema
from tests.shop import HISTORY, LATER, NOW, Shop, letters

SECRET = "0123456789abcdef" * 4
"""The same for both: the draws are keyed with it."""


@dataclass
class Journey:
    """A workspace that was begun, taught, rolled out and worked in by commands alone."""

    shop: Shop
    answers: dict[str, Any] = field(default_factory=dict)

    def say(self, *words: object, actor: str = "stella") -> Any:  # noqa: ANN401 - each command's own JSON
        """Run a command and return its JSON."""
        from console import main

        out, err = io.StringIO(), io.StringIO()
        surroundings = {
            "HANDRAIL_HOME": str(self.shop.workspace.home),
            "HANDRAIL_DATABASE_URL": self.shop.workspace.database_url,
            "HANDRAIL_USER": actor,
        }
        with (
            mock.patch.dict(os.environ, surroundings),
            mock.patch.object(sys, "argv", ["handrail", *map(str, words), "--json"]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = _exit_code(main.main)
        assert not code, err.getvalue()
        return json.loads(out.getvalue())

    def go(self) -> "Journey":
        """init → history → train → stage → run → decide."""
        home, answers = self.shop.workspace.home, self.answers
        home.mkdir()
        self.shop.workspace.secret_file.write_text(SECRET + "\n", encoding="ascii")
        policy, mapping = self.shop.write_rules()
        answers["init"] = self.say("init", "--policy", policy, "--rehearsal")
        history = self.shop.write("history.csv", letters(HISTORY, labelled=True))
        answers["history"] = self.say("run", history, "--mapping", mapping, "--as-of", NOW.isoformat())
        answers["train"] = self.say("train", "--as-of", NOW.isoformat())
        for category in ("refund", "tracking"):
            self.say("stage", category, "auto", "--reason", "a test", "--as-of", NOW.isoformat())
        self.say("people", "add", "rita", "--role", "reviewer", "--trained", "--as-of", NOW.isoformat())
        cases = letters(48)
        cases[0]["amount"] = "lots"
        live = self.shop.write("live.csv", cases)
        answers["run"] = self.say("run", live, "--mapping", mapping, "--as-of", LATER.isoformat())
        self._decide()
        later = (LATER + timedelta(days=40)).isoformat()
        answers["kpis"] = self.say("report", "kpi", "--days", 60, "--as-of", later)
        answers["trail"] = self.say("trail", "verify")
        return self

    def _decide(self) -> None:
        """Rita takes what is due next: she denies, overrides, and leaves the rest."""
        for outcome in (["deny", "--reason", "legal"], ["override", "--label", "complaint"]):
            work = self.say("queue", "next", "--as-of", LATER.isoformat(), actor="rita")
            fence = ["--fence", work["fence"], "--as-of", LATER.isoformat()]
            self.say("decide", work["case_id"], *outcome, *fence, actor="rita")

    def outcome(self) -> dict[str, Any]:
        """All that must not depend on the database."""
        names = {row["id"]: row["external_id"] for row in self.shop.rows(schema.Case)}
        routes = self.shop.rows(schema.Route)
        return {
            "routes": {names[row["case_id"]]: (row["queue"], row["reasons"], row["due_at"]) for row in routes},
            "states": {row["external_id"]: row["state"] for row in self.shop.rows(schema.Case)},
            "actions": sorted((row["key"], row["action"], row["state"]) for row in self.shop.rows(schema.Outbox)),
            "decisions": [
                (names[row["case_id"]], row["kind"], row["outcome"], row["label"])
                for row in self.shop.rows(schema.Decision)
            ],
            "escalations": [(names[row["case_id"]], row["cause"]) for row in self.shop.rows(schema.Escalation)],
            "labels": sorted((names[row["case_id"]], row["label"]) for row in self.shop.rows(schema.Label)),
            "quarantine": [(row["external_id"], row["expectation"]) for row in self.shop.rows(schema.Quarantine)],
        }


def _exit_code(command: Callable[[], None]) -> object:
    try:
        command()
    except SystemExit as end:
        return end.code
    return None


@pytest.mark.postgres
@pytest.mark.slow
def test_the_journey_is_the_same_on_both_databases(new_database: Callable[[], str], tmp_path: Path) -> None:
    on_sqlite = Journey(Shop(tmp_path / "sqlite")).go()
    on_postgresql = Journey(Shop(tmp_path / "postgresql", new_database())).go()
    assert not (tmp_path / "postgresql" / "handrail.db").exists()
    assert on_postgresql.outcome() == on_sqlite.outcome()
    for name in ("history", "run", "kpis"):
        assert on_postgresql.answers[name] == on_sqlite.answers[name]
    assert on_postgresql.answers["train"]["metrics"] == on_sqlite.answers["train"]["metrics"]
    for journey in (on_sqlite, on_postgresql):
        assert journey.answers["trail"]["valid"]
        assert journey.answers["run"]["queues"]["A"] > 0
        assert journey.answers["run"]["quarantined"] == 1
        assert len(journey.outcome()["escalations"]) == 1
    assert on_postgresql.answers["trail"]["events"] == on_sqlite.answers["trail"]["events"]
