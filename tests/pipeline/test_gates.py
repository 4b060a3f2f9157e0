"""Spoiled data stops where it would do harm: nothing trains, nothing is promoted, the champion goes on serving."""

import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import delete, update

from flows.deployment import deployment
from flows.retraining import retraining
from handrail.acts import models as model_acts
from handrail.acts import pausing
from handrail.errors import Conflict, GateFailed
from handrail.policy import Stage
from handrail.store import judging as stored_judging
from handrail.store import rechecks, schema, trail
from handrail.store.rechecks import NewRecheck
from models import classifier
from tasks.learning import data_gates, retrain
from tasks.learning import judge as judging
from tasks.occasion import Occasion
from tests.scenes import FOUNDER
from tests.shop import HISTORY, LATER, NOW, UNSEEN, WORDS, Shop, letters, true_category

DAY = timedelta(days=1)
SWAPPED = {"refund": "tracking", "tracking": "refund"}
SEEN = timedelta(days=1)
"""A challenger is judged after a day in shadow."""


def events(shop: Shop, kind: str) -> list[dict[str, Any]]:
    with shop.at().store.read() as connection:
        return trail.search(connection, kind=kind)


def version(shop: Shop, name: str) -> dict[str, Any]:
    (row,) = shop.rows(schema.ModelVersion, version=name)
    return row


def serving(shop: Shop) -> tuple[str, str | None]:
    (row,) = shop.rows(schema.Serving)
    return row["model_version"], row["challenger"]


def pages(text: str) -> list[str]:
    """What stands on the pages that a sentence links."""
    links = re.findall(r"file://\S+\.html", text)
    return [Path(unquote(urlparse(link).path)).read_text(encoding="utf-8") for link in links]


def change_labels(shop: Shop, statement: Any) -> None:  # noqa: ANN401 - any statement on labels
    with shop.at().store.write() as connection:
        connection.execute(statement)


def blindly_labelled(shop: Shop, cases: int, moment: datetime = LATER) -> list[int]:
    """Cases in shadow, decided blindly and rightly; the withheld ones."""
    occasion = shop.at(moment, FOUNDER)
    for category in WORDS:
        pausing.set_stage(
            occasion.store, category, Stage.SHADOW, reason="test", policy=occasion.policy, actor=FOUNDER, now=moment
        )
    shop.deliver(f"shadow-{moment:%d}.csv", letters(cases, seed=UNSEEN), moment)
    shop.work(moment)
    blind = [row["case_id"] for row in shop.rows(schema.Label) if row["blind"]]
    held = occasion.withholding.draws(blind)
    return [case_id for case_id, kept in zip(blind, held, strict=True) if kept]


def register(shop: Shop, moment: datetime, *, right: bool) -> str:
    """Register a model that learned the truth, or that takes refunds for tracking and back."""
    occasion = shop.at(moment)
    truth = [true_category(letter["text"]) for letter in letters(HISTORY)]
    labels = truth if right else [SWAPPED.get(name, name) for name in truth]
    rows = pd.DataFrame(letters(HISTORY)).assign(case_id=range(HISTORY), label=labels, channel="web")
    trained = classifier.train(rows, occasion.policy.model, ("channel",), occasion.policy.novelty)
    return retrain.register(occasion, trained, rows, "by_hand").version


def one_category(shop: Shop) -> datetime:
    change_labels(shop, update(schema.Label).values(label="refund"))
    return LATER


def delivered_twice(shop: Shop) -> datetime:
    shop.deliver("again.csv", letters(HISTORY, labelled=True), LATER)
    return LATER


def stale(shop: Shop) -> datetime:
    return LATER + shop.policy.gates.training_set.newest_within


def misspelt(shop: Shop) -> datetime:
    few = [row["id"] for row in shop.rows(schema.Label)][:10]
    change_labels(shop, update(schema.Label).where(schema.Label.id.in_(few)).values(provenance="hearsay"))
    return LATER


def copied(home: Path, to: Path) -> Shop:
    return Shop(Path(shutil.copytree(home, to / "home")))


@pytest.fixture(scope="session")
def duel_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion that errs, a challenger that does not, and labels that show it."""
    shop = Shop(tmp_path_factory.mktemp("duel") / "home").begin()
    register(shop, NOW, right=False)
    register(shop, LATER, right=True)
    blindly_labelled(shop, 120)
    return shop.workspace.home


@pytest.fixture
def duel(duel_home: Path, tmp_path: Path) -> Shop:
    return copied(duel_home, tmp_path)


class TestTheTrainingSet:
    @pytest.mark.parametrize(
        ("spoil", "expectation"),
        [
            (one_category, "expect_column_max_to_be_between(label_share)"),
            (delivered_twice, "expect_column_values_to_be_unique(text_key)"),
            (stale, "expect_column_min_to_be_between(label_age_days)"),
            (misspelt, "expect_column_values_to_be_in_set(provenance)"),
        ],
    )
    def test_spoiled_labels_stop_the_training_and_the_champion_stays(
        self, shop: Shop, spoil: Callable[[Shop], datetime], expectation: str
    ) -> None:
        moment = spoil(shop)
        with pytest.raises(GateFailed, match="champion goes on serving") as stopped:
            shop.run(retraining, moment, cause="by_hand")
        assert expectation.split("(", maxsplit=1)[0] in str(stopped.value)
        (page,) = pages(str(stopped.value))
        assert "training_set" in page
        assert serving(shop) == ("1", None)
        assert len(shop.rows(schema.ModelVersion)) == 1
        (event,) = events(shop, "gate.failed")
        assert event["suite"] == "training_set"
        counts = dict(zip(event["expectations"], event["counts"], strict=True))
        assert expectation in counts
        if counts[expectation]:
            named = re.findall(r"Cases ([\d, ]+)", str(stopped.value))[0]
            assert {int(case) for case in named.split(",")} <= {row["id"] for row in shop.rows(schema.Case)}
            assert event["case_ids"]

    def test_a_withheld_case_that_slips_into_the_training_set_is_named(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        withheld = blindly_labelled(shop, 12)[0]
        (given,) = shop.rows(schema.CaseInput, case_id=withheld)
        guarded = retrain.training_examples

        def leaking(occasion: Occasion, **options: object) -> pd.DataFrame:
            rows = guarded(occasion, **options)
            rows.loc[0, ["case_id", "text"]] = withheld, "something else entirely"
            rows.loc[1, "text"] = f"{given['redacted']}!"
            return rows

        monkeypatch.setattr(retrain, "training_examples", leaking)
        with pytest.raises(GateFailed, match="withheld") as stopped:
            shop.run(retraining, LATER, cause="by_hand")
        assert "expect_column_values_to_be_in_set on leaks (2 of" in str(stopped.value)
        (event,) = events(shop, "gate.failed")
        assert withheld in event["case_ids"]
        assert serving(shop) == ("1", None)

    def test_repaired_labels_train_again(self, shop: Shop) -> None:
        misspelt(shop)
        with pytest.raises(GateFailed):
            shop.run(retraining, LATER, cause="by_hand")
        change_labels(shop, update(schema.Label).values(provenance="history"))
        result = shop.run(retraining, LATER, cause="by_hand")
        assert result.trained
        assert serving(shop) == ("1", "2")
        assert any("agreement is not judged: 0 cases" in note for note in result.notes)

    def test_people_who_contradict_each_other_teach_nothing(self, shop: Shop) -> None:
        blindly_labelled(shop, 120)
        occasion = shop.at()
        first = {row["case_id"]: row for row in shop.rows(schema.Decision) if row["blind"]}
        # A second person says something else of every case, as a second review would write it down.
        names = list(WORDS)
        rows = [
            {
                **{key: value for key, value in row.items() if key != "id"},
                "kind": "second",
                "actor": "remo",
                "label": names[(names.index(row["label"]) + 1) % len(names)],
            }
            for row in first.values()
        ]
        with occasion.store.write() as connection:
            connection.execute(schema.Decision.__table__.insert(), rows)
        notes = data_gates.check_training_set(occasion, retrain.training_examples(occasion))
        assert "agreement is not judged: 0 cases" in notes[0], "looks that no chance chose are of difficult cases"
        drawn = [NewRecheck(row["id"], row["case_id"], row["actor"], 0.5, row["decided_at"]) for row in first.values()]
        with occasion.store.write() as connection:
            rechecks.insert(connection, drawn)
        with pytest.raises(GateFailed, match="agreement"):
            shop.run(retraining, LATER, cause="by_hand")
        (event,) = events(shop, "gate.failed")
        assert event["expectations"] == ["expect_column_min_to_be_between(agreement)"]


class TestTheWithheldSet:
    def test_a_label_that_the_policy_does_not_know_makes_the_challenger_wait_until_it_is_corrected(
        self, duel: Shop
    ) -> None:
        occasion = duel.at(LATER + DAY)
        with occasion.store.read() as connection:
            labels = stored_judging.withheld(connection, duel.policy, since=NOW)
        spoiled = int(labels.loc[occasion.withholding.draws(labels["case_id"].tolist()), "case_id"].iloc[0])
        (label,) = duel.rows(schema.Label, case_id=spoiled)
        one = schema.Label.id == label["id"]
        change_labels(duel, update(schema.Label).where(one).values(label="teapot"))
        result = duel.run(deployment, LATER + SEEN, act="judge")
        assert result.outcome == "waiting"
        (reason,) = result.reasons
        assert f"expect_column_values_to_be_in_set on label (1 of" in reason  # noqa: F541
        assert f"Cases {spoiled}." in reason
        assert "teapot" not in reason + str(version(duel, "2")["judgement"])
        assert "withheld_set" in pages(reason)[0]
        assert serving(duel) == ("1", "2")
        assert (version(duel, "2")["status"], version(duel, "2")["judgement"]["outcome"]) == ("challenger", "waiting")
        (event,) = events(duel, "gate.failed")
        assert (event["suite"], event["version"], event["case_ids"]) == ("withheld_set", "2", [spoiled])
        assert not events(duel, "model.judged"), "its labels stay fresh"
        change_labels(duel, update(schema.Label).where(one).values(label=label["label"]))
        assert duel.run(deployment, LATER + SEEN, act="judge").outcome == "promoted"
        assert serving(duel) == ("2", None)

    def test_labels_that_are_not_recent_make_it_wait(self, duel: Shop) -> None:
        within = duel.policy.gates.withheld_set.newest_within
        judgement = judging.judge(duel.at(LATER + within + timedelta(minutes=1)))
        assert judgement.outcome == "waiting"
        assert "expect_column_min_to_be_between on label_age_days" in judgement.reasons[0]
        assert judging.judge(duel.at(LATER + within)).outcome == "promoted"

    def test_labels_of_half_the_categories_do_not_reflect_production(self, duel: Shop) -> None:
        change_labels(duel, delete(schema.Label).where(schema.Label.label.in_(["refund", "cancel"])))
        judgement = judging.judge(duel.at(LATER + SEEN))
        assert judgement.outcome == "waiting"
        assert "expect_column_max_to_be_between on shift" in judgement.reasons[0]
        assert serving(duel) == ("1", "2")

    def test_the_judgement_is_kept_with_its_figures(self, duel: Shop) -> None:
        judgement = judging.judge(duel.at(LATER + SEEN))
        kept = version(duel, "2")["judgement"]
        assert judgement.verdict is not None
        assert (kept["passed"], kept["outcome"], kept["champion"]) == (True, "passed", "1")
        assert (kept["gain"], kept["low"]) == (judgement.verdict.gain, judgement.verdict.low)
        assert kept["judged_at"] == (LATER + SEEN).isoformat()
        assert kept["reasons"] == []
        assert [Path(unquote(urlparse(page).path)).exists() for page in kept["pages"]] == [True, True]
        (event,) = events(duel, "model.judged")
        assert (event["passed"], event["cases"], event["reasons"]) == (True, kept["cases"], [])


class TestTheChallengersPredictions:
    @staticmethod
    def spoil(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        """Let one version say something else than its model does."""
        load = judging.load

        class Spoiled:
            fields: tuple[str, ...] = ("channel",)

            def __init__(self, occasion: Occasion) -> None:
                self.model = load(occasion, name)

            def predict(self, view: pd.DataFrame) -> pd.DataFrame:
                return change(self.model.predict(view))

        monkeypatch.setattr(
            judging, "load", lambda occasion, asked: Spoiled(occasion) if asked == name else load(occasion, asked)
        )

    @pytest.mark.parametrize(
        ("change", "expectation"),
        [
            (
                lambda said: said.assign(confidence=np.where(said.index < 2, np.nan, said["confidence"])),
                "expect_column_values_to_not_be_null(confidence)",
            ),
            (lambda said: said.assign(novelty=1.5), "expect_column_values_to_be_between(novelty)"),
            (lambda said: said.assign(label="unheard of"), "expect_column_values_to_be_in_set(label)"),
            (
                lambda said: said.assign(label=said["label"].replace("cancel", "refund")),
                "expect_column_values_to_be_in_set(covered)",
            ),
            (lambda said: said.assign(confidence=0.3), "expect_column_max_to_be_between(calibration_error)"),
        ],
    )
    def test_impossible_or_useless_predictions_refuse_it(
        self,
        duel: Shop,
        monkeypatch: pytest.MonkeyPatch,
        change: Callable[[pd.DataFrame], pd.DataFrame],
        expectation: str,
    ) -> None:
        self.spoil(monkeypatch, "2", change)
        judgement = judging.judge(duel.at(LATER + SEEN))
        assert judgement.outcome == "refused"
        assert expectation.split("(", maxsplit=1)[0] in judgement.reasons[0]
        assert "challenger" in pages(judgement.reasons[0])[0]
        assert serving(duel) == ("1", None)
        assert version(duel, "2")["status"] == "refused"
        (event,) = events(duel, "gate.failed")
        assert (event["suite"], event["version"]) == ("challenger", "2")
        assert expectation in event["expectations"]
        assert events(duel, "model.refused")[0]["reasons"] == event["expectations"]


class TestWhatHappensMeanwhile:
    def test_who_has_beaten_a_champion_that_serves_no_more_is_not_promoted(
        self, duel: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compare = judging._compare

        def compared_while_another_is_promoted(*trial: Any) -> judging.Judgement:  # noqa: ANN401 - as it came
            found = compare(*trial)
            third = register(duel, LATER, right=True)
            model_acts.set_champion(duel.at().store, third, reason="a test", actor=FOUNDER, now=LATER)
            return found

        monkeypatch.setattr(judging, "_compare", compared_while_another_is_promoted)
        with pytest.raises(Conflict, match="promoted or rolled back while version 2"):
            judging.judge(duel.at(LATER + SEEN))
        assert serving(duel)[0] == "3"

    def test_labels_that_come_while_it_is_judged_are_left_for_the_next_time(self, duel: Shop) -> None:
        used = judging.judge(duel.at(LATER - timedelta(seconds=1)), "2", "it looks better")
        assert used.outcome == "waiting"
        assert used.reasons[0].startswith(f"{duel.policy.promotion.min_withheld} more fresh")
        assert judging.judge(duel.at(LATER), "2", "it looks better").outcome == "promoted"
