"""A shop whose deliveries carry the word of somebody else's model: calibrated, routed and governed like our own."""

import csv
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from scipy.special import expit, logit

from flows.retraining import retraining
from flows.shadow_scoring import shadow_scoring
from handrail import policy as policies
from handrail.acts import pausing, publishing
from handrail.errors import BadInput
from handrail.policy import Stage
from handrail.store import models, schema, trail
from models import registry
from models.calibration import ece
from models.external import GivenModel
from tasks.learning import rebuild, retrain
from tasks.routing import score
from tests.scenes import FOUNDER
from tests.shop import COLUMNS, LATER, MAPPING_FILE, MORE, NOW, POLICY_FILE, WORDS, Shop
from tests.workspaces import Handrail

CASES = 900
WEEK = timedelta(days=7)
THEIRS = {"refund": "RFND", "tracking": "TRCK"}
"""What they call two of our categories; the others have the same name there."""


class GivenShop(Shop):
    """A shop that asks another model and trains none."""

    def write_rules(self) -> tuple[Path, Path]:
        """Write policy and mapping with the columns of the given prediction."""
        policy, mapping = super().write_rules()
        policy.write_text(POLICY_FILE.replace("model: {", "model: {source: given, "), encoding="utf-8")
        names = json.dumps({theirs: ours for ours, theirs in THEIRS.items()})
        given = f"  prediction: {{label: their_label, confidence: their_score, labels: {names}}}\n"
        mapping.write_text(MAPPING_FILE.replace("timezone:", f"{given}timezone:"), encoding="utf-8")
        return policy, mapping

    def write(self, name: str, cases: list[dict[str, Any]]) -> Path:
        """As in any shop, with the two columns of the other model."""
        file = super().write(name, [{key: case[key] for key in case if key in COLUMNS} for case in cases])
        rows = list(csv.DictReader(file.open(encoding="utf-8")))
        given = [{"their_label": case["their_label"], "their_score": case["their_score"]} for case in cases]
        pd.DataFrame([row | said for row, said in zip(rows, given, strict=True)]).to_csv(file, index=False)
        return file

    def by_external_id(self, table: type[schema.Base]) -> dict[str, dict[str, Any]]:
        """Rows of a table that belong to a case, by the case's own id."""
        names = {row["id"]: row["external_id"] for row in self.rows(schema.Case)}
        return {names[row["case_id"]]: row for row in self.rows(table)}

    def newest(self, kind: str) -> dict[str, Any]:
        """What the newest event of this kind says."""
        with self.at().store.read() as connection:
            found: dict[str, Any] = trail.search(connection, kind=kind, limit=1)[0]
        return found


def judged(count: int, seed: int, *, labelled: bool = False) -> list[dict[str, Any]]:
    """Cases with what a model says of them that is right less often than it claims."""
    rng, names = np.random.default_rng(seed), list(WORDS)
    chance = rng.beta(5, 2, count)
    claimed = expit(4 * logit(chance))
    rows = []
    for number in range(count):
        truth, extra = names[number % len(names)], rng.choice(MORE, 2, replace=False)
        said = truth if rng.random() < chance[number] else names[(number + 1 + rng.integers(3)) % len(names)]
        row = {
            "text": f"{rng.choice(WORDS[truth])} {extra[0]} {extra[1]} {rng.integers(10**6)}",
            "their_label": THEIRS.get(said, said),
            "their_score": f"{claimed[number]:.6f}",
        }
        if labelled:
            row |= {"label": truth, "received_at": (NOW - timedelta(hours=count - number)).isoformat()}
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def calibrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """History with outcomes was imported and calibrated the given model; refunds and tracking may run."""
    shop = GivenShop(tmp_path_factory.mktemp("given") / "home")
    shop.begin()
    shop.deliver("history.csv", judged(CASES, 1, labelled=True), NOW)
    shop.run(retraining, NOW, cause="by_hand")
    occasion = shop.at(NOW, FOUNDER)
    for category, stage in {"refund": "auto", "tracking": "auto", "complaint": "suggest", "cancel": "suggest"}.items():
        pausing.set_stage(
            occasion.store, category, Stage(stage), reason="test", policy=occasion.policy, actor=FOUNDER, now=NOW
        )
    return shop.workspace.home


@pytest.fixture
def shop(calibrated_home: Path, tmp_path: Path) -> GivenShop:
    """A shop of one's own whose given model is calibrated and serves."""
    return GivenShop(Path(shutil.copytree(calibrated_home, tmp_path / "home")))


@pytest.fixture
def new_shop(tmp_path: Path) -> GivenShop:
    """One that has just begun."""
    shop = GivenShop(tmp_path / "home")
    shop.begin()
    return shop


def version(shop: GivenShop, name: str = "1") -> dict[str, Any]:
    (row,) = shop.rows(schema.ModelVersion, version=name)
    return row


def test_calibration_takes_the_overconfidence_off_and_the_first_version_serves(shop: GivenShop) -> None:
    row = version(shop)
    assert (row["kind"], row["status"]) == ("given", "champion")
    assert row["metrics"]["log_loss"] < row["metrics"]["log_loss_given"]
    shop.deliver("live.csv", judged(1200, 2))
    truth = {f"live-{number}": case for number, case in enumerate(judged(1200, 2))}
    said = shop.by_external_id(schema.Prediction)
    right = [row["label"] == list(WORDS)[int(name.split("-")[1]) % 4] for name, row in said.items()]
    calibrated = np.array([row["confidence"] for row in said.values()])
    raw = np.array([float(truth[name]["their_score"]) for name in said])
    assert ece(raw, right) > 0.15
    assert ece(calibrated, right) < 0.5 * ece(raw, right)


def test_before_the_first_calibration_everything_goes_to_people(new_shop: GivenShop) -> None:
    summary = new_shop.deliver("first.csv", judged(20, 3))
    assert summary["queues"] == {"A": 0, "B": 0, "C": 20}
    assert summary["reasons"] == {"no_model": 20}
    assert len(new_shop.rows(schema.GivenPrediction)) == 20, "what was given is kept for the calibration to come"


def test_too_few_labels_with_a_prediction_say_so_and_change_nothing(new_shop: GivenShop) -> None:
    cases = judged(60, 4, labelled=True)
    for case in cases[:30]:
        case["their_label"] = ""
    new_shop.deliver("history.csv", cases, NOW)
    with pytest.raises(BadInput, match="30 labelled cases carry a given prediction, 40 are needed"):
        retrain.train(new_shop.at(NOW), "by_hand")
    assert new_shop.rows(schema.ModelVersion) == []


def test_the_calibrated_confidence_decides_the_queue(shop: GivenShop) -> None:
    cases = judged(200, 5)
    summary = shop.deliver("live.csv", cases)
    assert summary["queues"]["A"] > 0
    assert summary["queues"]["B"] > 0
    routes, given = shop.by_external_id(schema.Route), shop.by_external_id(schema.GivenPrediction)
    said = shop.by_external_id(schema.Prediction)
    held = [name for name, row in routes.items() if row["queue"] != "A" and row["category"] in THEIRS]
    assert any(given[name]["confidence"] > 0.6 >= said[name]["confidence"] for name in held), "its own word would pass"
    assert all(routes[name]["category"] == given[name]["label"] for name in said)


def test_a_case_without_a_usable_prediction_goes_to_people_and_is_counted(shop: GivenShop) -> None:
    cases = judged(12, 6)
    changes = [{"their_label": "PARKING"}, {"their_label": ""}, *({"their_score": odd} for odd in ("nan", "1.2", ""))]
    cases[:5] = [case | change for case, change in zip(cases, changes, strict=False)]
    summary = shop.deliver("odd.csv", cases)
    assert (summary["accepted"], summary["quarantined"]) == (12, 0), "nobody's request is lost"
    assert summary["reasons"]["no_model"] == 5
    routes = shop.by_external_id(schema.Route)
    assert {(routes[f"odd-{at}"]["queue"], routes[f"odd-{at}"]["reason"]) for at in range(5)} == {("C", "no_model")}
    assert not any(routes[f"odd-{at}"]["reason"] == "no_model" for at in range(5, 12))
    assert shop.newest("batch.gated")["unpredicted"] == 5


def test_what_was_given_stands_in_the_trail_as_a_code_and_millionths(shop: GivenShop) -> None:
    shop.deliver("one.csv", [{**judged(1, 7)[0], "their_label": "RFND", "their_score": "0.9"}])
    received = shop.newest("case.received")
    assert (received["given"], received["given_ppm"]) == ("refund", 900_000)


def test_a_corrected_delivery_replaces_what_was_given(new_shop: GivenShop) -> None:
    wrong = [{**case, "amount": -1, "their_score": "0.9"} for case in judged(4, 8)]
    good = judged(40, 9)
    new_shop.deliver("mixed.csv", [*good, *({**case, "external_id": f"w-{at}"} for at, case in enumerate(wrong))])
    assert len(new_shop.rows(schema.GivenPrediction)) == 40
    right = [{**case, "amount": 5, "their_score": "0.4", "external_id": f"w-{at}"} for at, case in enumerate(wrong)]
    new_shop.deliver("right.csv", right)
    said = new_shop.by_external_id(schema.GivenPrediction)
    assert [said[f"w-{at}"]["confidence"] for at in range(4)] == [0.4] * 4


def test_a_challenger_scores_in_shadow_what_it_can_and_comes_to_an_end(shop: GivenShop) -> None:
    cases = judged(30, 10)
    for case in cases[:4]:
        case["their_label"] = "PARKING"
    shop.deliver("live.csv", cases)
    shop.run(retraining, LATER, cause="by_hand")
    with shop.at().store.read() as connection:
        assert models.serving(connection).challenger == "2"
    shop.run(shadow_scoring, LATER)
    assert shop.run(shadow_scoring, LATER).challenger == 0
    assert len(shop.rows(schema.Prediction, model_version="2", role="challenger")) == 26


def test_promotion_and_rollback_work_as_for_any_version(shop: GivenShop) -> None:
    shop.run(retraining, LATER, cause="by_hand")
    occasion = shop.at(LATER, FOUNDER)
    with occasion.store.write() as connection:
        judged_well = {"outcome": "passed", "champion": "1"}
        connection.execute(
            sa.update(schema.ModelVersion).where(schema.ModelVersion.version == "2").values(judgement=judged_well)
        )
    known = {"actor": FOUNDER, "now": LATER}
    registry.promote(occasion.store, occasion.workspace, occasion.model_name, "2", reason="test", **known)
    serving = score.serving_model(shop.at())
    assert serving is not None
    assert serving[0] == "2"
    assert isinstance(serving[1], GivenModel)
    assert registry.rollback(occasion.store, occasion.workspace, occasion.model_name, reason="test", **known) == "1"
    assert shop.deliver("after.csv", judged(20, 11))["reasons"].get("no_model", 0) == 0


def test_a_version_can_be_rebuilt_with_the_same_predictions(shop: GivenShop) -> None:
    assert rebuild.rebuild_version(shop.at(), "1").same


def test_the_commands_know_it(shop: GivenShop) -> None:
    handrail = Handrail(shop.workspace.home)
    cases = judged(10, 12)
    cases[0]["their_label"] = "PARKING"
    file = shop.write("more.csv", cases)
    answer = handrail("run", file, "--mapping", shop.mapping, "--as-of", LATER.isoformat(), "--json")
    assert (answer.json["accepted"], answer.json["reasons"]["no_model"]) == (10, 1)
    assert answer.err.startswith("1 rows came without a usable prediction; people decide them.")
    shown = handrail.ask("model", "show")
    assert (shown["version"], shown["kind"]) == ("1", "given")
    out = shop.workspace.home / "out.csv"
    handrail.ask("predict", file, "--text", "text", "--mapping", shop.mapping, "--out", out)
    found = pd.read_csv(out)
    assert found.loc[0, ["queue", "reason"]].tolist() == ["C", "no_model"]
    assert found.loc[1:, "label"].tolist() == [
        {theirs: ours for ours, theirs in THEIRS.items()}.get(case["their_label"], case["their_label"])
        for case in cases[1:]
    ]
    assert "fields.prediction" in handrail("predict", file, "--text", "text").refusal
    assert "model.source: given" in handrail("train", file, "--text", "text", "--label", "their_label").refusal


def test_under_a_policy_that_trains_its_own_model_the_next_version_is_one(shop: GivenShop) -> None:
    file = shop.workspace.home / "own.yaml"
    file.write_text(POLICY_FILE, encoding="utf-8")
    publishing.publish(shop.at().store, policies.read(file), actor=FOUNDER, now=LATER)
    shop.run(retraining, LATER + WEEK, cause="by_hand")
    assert version(shop, "2")["kind"] == "trained"
