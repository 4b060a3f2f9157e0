"""What somebody else's model said is stored with its case, on both databases."""

import math

import pandas as pd
import pytest

from handrail.acts import intake
from handrail.store import given_predictions, readable, schema
from handrail.store.engine import Store
from tests.scenes import FLOW, NOW, Scene, bad_rows, good_rows


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def deliver(scene: Scene, *rows: dict[str, object], file: str = "file-1") -> int:
    good = good_rows(*rows).assign(
        given_label=pd.Series([row.get("given_label") for row in rows], dtype=object),
        given_confidence=[row.get("given_confidence", math.nan) for row in rows],
    )
    delivery = intake.resume(scene.store, "shop", file)
    return intake.take_in(scene.store, good, bad_rows(), delivery, policy=scene.policy, actor=FLOW, now=NOW).new


def test_it_comes_with_the_case_and_is_read_in_the_order_asked_for(scene: Scene) -> None:
    deliver(
        scene,
        {"external_id": "e-1", "given_label": "refund", "given_confidence": 0.9},
        {"external_id": "e-2"},
        {"external_id": "e-3", "given_label": "tracking", "given_confidence": 0.0},
    )
    with scene.store.read() as connection:
        found = readable.given(connection, [3, 1, 2])
        assert readable.given(connection, []).empty
    assert found["case_id"].tolist() == [3, 1, 2]
    assert found["given_label"].tolist() == ["tracking", "refund", None]
    assert found["given_confidence"].tolist()[:2] == [0.0, 0.9]
    assert math.isnan(found["given_confidence"].tolist()[2])


def test_the_cases_that_came_without_one_are_counted_history_left_out(scene: Scene) -> None:
    deliver(
        scene,
        {"external_id": "e-1", "given_label": "refund", "given_confidence": 0.9},
        {"external_id": "e-2"},
        {"external_id": "e-3", "history": True, "label": "refund"},
    )
    with scene.store.read() as connection:
        assert given_predictions.unpredicted_count(connection, 1) == 1
        assert given_predictions.unpredicted_count(connection, 2) == 0


@pytest.mark.parametrize("said", [{"given_label": "tracking", "given_confidence": 0.5}, {}])
def test_a_case_that_comes_again_before_its_gate_has_what_was_given_last(scene: Scene, said: dict[str, object]) -> None:
    deliver(scene, {"external_id": "e-1", "row_digest": "a" * 64, "given_label": "refund", "given_confidence": 0.9})
    deliver(scene, {"external_id": "e-1", "row_digest": "b" * 64, **said}, file="file-2")
    stored = [(row["label"], row["confidence"]) for row in scene.rows(schema.GivenPrediction)]
    assert stored == ([("tracking", 0.5)] if said else [])


def test_where_none_is_mapped_nothing_is_written_and_the_trail_says_nothing_of_it(scene: Scene) -> None:
    scene.take_in({"external_id": "e-1"})
    assert scene.count(schema.GivenPrediction) == 0
    assert "given" not in scene.events("case.received")[0]
