"""Consent has one door: no model and no profile sees a case whose customer has not agreed, in any flow."""

import csv
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest

from flows.agreement_watch import agreement_watch
from flows.alerting import alerting
from flows.audit_sampling import audit_sampling
from flows.deployment import deployment
from flows.drift_detection import drift_detection
from flows.fairness_watch import fairness_watch
from flows.kpi_report import kpi_report
from flows.quality_watch import quality_watch
from flows.queue_assignment import queue_assignment
from flows.retention import retention
from flows.retraining import retraining
from flows.shadow_scoring import shadow_scoring
from flows.sla_watch import sla_watch
from flows.triage import triage
from handrail.policy import Stage
from handrail.store import schema
from tasks.learning import rebuild, shadow
from tasks.rehearsal.played import LaunchTerms
from tasks.routing.predict_file import predict_file
from tasks.views import explain
from tests.onlookers import ROOT, Onlooker, callers
from tests.scenes import FOUNDER
from tests.shop import HISTORY, LATER, NOW, UNSEEN, Shop, in_stage, letters

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECRET, REVOKED, LEAVING = "qwxcanary", "qwxrevoked", "qwxleaving"
"""A word of those who never agreed, and two of those who did at first."""
BOAT, ISLE, AMOUNT = "canary-boat", "canary-isle", 31.4159
NOT_GIVEN = ("no", "", " NO ")
DRIVEN = {
    agreement_watch,
    alerting,
    audit_sampling,
    deployment,
    drift_detection,
    fairness_watch,
    kpi_report,
    quality_watch,
    queue_assignment,
    retention,
    retraining,
    shadow_scoring,
    sla_watch,
    triage,
}
NO_OCCASIONS = (
    *("__init__", "child", "door", "due", "local_server", "mlflow_server", "parameters", "prefect_server"),
    *("rehearsal", "sample_rehearsal", "worker"),
)
"""Files in `flows` that hold no flow, or only call the others."""
ASKED = frozenset(
    {
        "models.classifier",
        "models.external",
        "models.explanation",
        "models.novelty",
        "handrail.drift",
        "handrail.terms",
        "handrail.near_duplicates",
        "handrail.breaker.suspects",
    }
)
ON_PLAIN_FILES = {
    ("tasks/intake/profiles.py", "profile_of"): "`handrail drift` compares the rows of two files, as they are",
    ("tasks/intake/profiles.py", "_read"): "the same",
    ("console/drift.py", "drift"): "the same",
    ("tasks/learning/train_file.py", "train_file"): "`handrail train FILE`: consent counts as given",
    ("tasks/rehearsal/played.py", "arrive"): "`handrail rehearse FILE`: it has a test of its own below",
}
FOR_PEOPLE_TOO = {"cases", "case_inputs"}
"""Tables that hold what a customer wrote, where people read it."""


def refusing(count: int, *, labelled: bool = False) -> list[dict[str, Any]]:
    """Letters of customers who have not agreed; a word, two fields and the amount would give them away."""
    told = {"channel": BOAT, "region": ISLE, "amount": AMOUNT}
    return [
        {**letter, **told, "text": f"{letter['text']} {SECRET}", "consent": NOT_GIVEN[number % 3]}
        for number, letter in enumerate(letters(count, labelled=labelled))
    ]


def agreeing(count: int, word: str, only: str | None = None) -> list[dict[str, Any]]:
    """Letters of customers who agree for the time being."""
    return [{**letter, "text": f"{letter['text']} {word}"} for letter in letters(count, only=only)]


class Year:
    """Everything that can happen to a case, with an onlooker at the models' and profiles' side."""

    def __init__(self, home: Path) -> None:
        self.shop = Shop(home)
        self.eyes = Onlooker(SECRET, BOAT, ISLE, amount=AMOUNT)
        with self.eyes:
            self._begin()
            self._learn_again()
            self._watch()
            self._look_closely()

    def _begin(self) -> None:
        """History, the first model, a day in shadow that people label blindly; some take their consent back."""
        shop = self.shop.begin()
        shop.deliver("history.csv", [*letters(HISTORY, labelled=True), *refusing(12, labelled=True)], NOW)
        shop.run(retraining, NOW, cause="by_hand")
        # So many that, by whatever secret half of them is withheld, enough judge that no model has seen.
        shop.deliver("first.csv", [*letters(100, seed=UNSEEN), *refusing(9), *agreeing(6, REVOKED)], watches=True)
        shop.work()
        self._revoke("first.csv", REVOKED, LATER + HOUR)
        shop.run(drift_detection, LATER + HOUR)

    def _revoke(self, file: str, word: str, moment: datetime) -> None:
        """The same rows come again, those with this word without consent; nobody may see it any more."""
        shop = self.shop
        with (shop.workspace.home / file).open(encoding="utf-8") as rows:
            again = [{**row, "consent": "no"} if word in row["text"] else row for row in csv.DictReader(rows)]
        assert shop.deliver(file, again, moment)["received"] == len(again)
        self.eyes.ban(word)

    def _learn_again(self) -> None:
        shop, later = self.shop, LATER + DAY + 4 * HOUR
        self.trained = shop.run(retraining, LATER + HOUR, cause="by_hand")
        self.shadowed = shop.run(shadow_scoring, later)
        self.compared = shadow.compare(shop.at(later))
        self.judged = shop.run(deployment, later, act="judge")
        self.rebuilt = rebuild.rebuild_version(shop.at(later), self.trained.version)

    def _watch(self) -> None:
        """A week later: another window, audits that trip the breaker, and all the other watches."""
        shop, moment = self.shop, LATER + 8 * DAY
        in_stage(shop, "refund", Stage.AUTO, moment - 2 * HOUR)
        for watch in (sla_watch, audit_sampling, quality_watch):
            shop.run(watch, moment - HOUR)
        known = agreeing(4, LEAVING, only="refund")
        week = [*letters(30, only="refund"), *known, *letters(40), *refusing(9)]
        shop.deliver("week.csv", [{**case, "received_at": moment.isoformat()} for case in week], moment)
        self._revoke("week.csv", LEAVING, moment + HOUR)
        self.drift = shop.run(drift_detection, moment + HOUR)
        self.automatic = [row["case_id"] for row in shop.rows(schema.Outbox, automatic=True)]
        shop.audited(self.automatic, wrong=len(self.automatic) // 2, moment=moment + HOUR)
        for flow in (quality_watch, agreement_watch, fairness_watch, kpi_report, alerting, retention, queue_assignment):
            shop.run(flow, moment + 2 * HOUR)

    def _look_closely(self) -> None:
        """The pages and commands that explain one case, and the command that predicts a file."""
        shop, occasion = self.shop, self.shop.at(LATER + 9 * DAY, FOUNDER)
        refused, revoked = self.cases(SECRET, "NOT history"), self.cases(REVOKED)
        self.explained = [explain.explain_prediction(occasion, "1", case) for case in (refused[0], revoked[0])]
        file = shop.write("file.csv", [*letters(6), *refusing(3)])
        with mock.patch.dict(os.environ, {"HANDRAIL_HOME": str(shop.workspace.home)}):
            found = predict_file(file, text="text", version=None, mapping_file=shop.mapping, encoding="utf-8")
            self.predicted = found.rows

    def cases(self, word: str, where: str = "true") -> list[int]:
        """Ids of the cases whose text holds a word."""
        query = f"""SELECT id FROM cases JOIN case_inputs ON case_id = id
            WHERE text LIKE '%{word}%' AND {where} ORDER BY id"""  # noqa: S608
        with closing(sqlite3.connect(self.shop.workspace.home / "handrail.db")) as connection:
            return [case for (case,) in connection.execute(query)]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    yield Year(tmp_path_factory.mktemp("consent") / "home")
    os.environ.pop("HANDRAIL_HOME", None)


def test_no_model_and_no_profile_is_shown_a_case_without_consent(year: Year) -> None:
    assert dict(year.eyes.seen) == {}


def test_the_year_went_through_every_flow_and_every_place_that_asks_a_model_or_a_profile(year: Year) -> None:
    driven = {flow.fn.__module__.rsplit(".", 1)[-1] for flow in DRIVEN}
    assert driven | set(NO_OCCASIONS) == {path.stem for path in (ROOT / "flows").glob("*.py")}
    asking = callers(ASKED, ("tasks", "flows", "desk", "console")) - set(ON_PLAIN_FILES)
    assert len(asking) > 5
    assert asking - year.eyes.called == set()
    assert year.judged.outcome in ("promoted", "refused")
    assert year.drift.profile == 1
    assert year.compared.cases > 0


def test_nothing_of_it_lies_in_a_file_or_a_table_that_a_model_or_a_profile_left(year: Year) -> None:
    words = (SECRET.encode(), REVOKED.encode(), LEAVING.encode())
    files = [path for path in year.shop.workspace.home.rglob("*") if path.is_file()]
    delivered = {path for path in files if path.suffix == ".csv" or path.name.startswith("handrail.db")}
    assert {"mlflow.db", "model.skops"} <= {path.name for path in files}
    told = [path.name for path in files if path not in delivered and any(word in path.read_bytes() for word in words)]
    assert told == []
    with closing(sqlite3.connect(year.shop.workspace.home / "handrail.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: repr(connection.execute(f'SELECT * FROM "{name}"').fetchall()) for name in tables}  # noqa: S608
    assert all(SECRET in rows[name] for name in ("case_inputs",))
    told = [name for name in tables if name not in FOR_PEOPLE_TOO and SECRET in rows[name]]
    assert told == []
    assert [name for name in ("profiles", "model_versions", "drifts", "predictions") if BOAT in rows[name]] == []


def test_who_withdraws_consent_leaves_training_and_judging_and_is_explained_no_more(year: Year) -> None:
    withdrawn = {row["case_id"] for row in year.shop.rows(schema.TrailEvent, kind="consent.withdrawn")}
    assert withdrawn == {*year.cases(REVOKED), *year.cases(LEAVING)}
    assert year.explained == [None, None]
    assert year.rebuilt.same


def test_the_words_of_a_new_category_are_counted_of_who_agreed_alone() -> None:
    words = LaunchTerms("refund")
    rows = pd.DataFrame({"text": [SECRET, "balance"], "truth": "refund", "consent": [False, True]})
    words.arrive(rows)
    assert words.names_it(["balance"])
    assert not words.names_it([SECRET])


def test_a_row_of_a_file_without_consent_has_no_label_and_goes_to_people(year: Year) -> None:
    refused, rest = year.predicted.tail(3), year.predicted.head(6)
    assert refused[["label", "confidence", "novelty"]].isna().all(axis=None)
    assert set(zip(refused["queue"], refused["reason"], strict=True)) == {("C", "no_consent")}
    assert rest["label"].notna().all()
