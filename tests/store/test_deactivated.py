"""Somebody is deactivated with work in hand: it is others' at once, and nothing of theirs can be done any more."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from handrail.acts import claiming, deciding, handing, labelling, signing_in, tokens, undoing
from handrail.case import Outcome
from handrail.errors import NotPermitted
from handrail.ruling import Ruling
from handrail.store import schema, staff, work
from handrail.store.engine import Connection, Store
from tests.scenes import FOUNDER, NOW, POLICY, Scene

LATER = NOW + timedelta(seconds=1)
GONE = "rita has been deactivated and may not act any more. Ask a product owner."


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def deactivate(scene: Scene) -> None:
    handing.deactivate(scene.store, "rita", actor=FOUNDER, now=LATER)


def test_their_claims_return_to_the_queue_at_once(scene: Scene) -> None:
    cases = scene.waiting(3)
    for case in cases:
        scene.claim(case)
    deactivate(scene)
    taken = claiming.claim(scene.store, "ruth", policy=POLICY, now=LATER, limit=9)
    assert [one.case_id for one in taken] == cases


def test_every_act_of_theirs_is_refused_with_a_sentence_and_loses_nothing(scene: Scene) -> None:
    held, decided = scene.waiting(2)
    claim = scene.claim(held)
    scene.decide(decided)
    (number,) = [row["id"] for row in scene.rows(schema.Decision)]
    deactivate(scene)
    draft = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, "tracking", "wrong_category", "I had written this")
    acts: list[Callable[[], object]] = [
        lambda: deciding.decide(scene.store, [draft], "rita", policy=POLICY, now=LATER),
        lambda: undoing.undo(scene.store, [number], "rita", policy=POLICY, now=LATER),
        lambda: claiming.claim(scene.store, "rita", policy=POLICY, now=LATER),
        lambda: claiming.claim_case(scene.store, held, "rita", policy=POLICY, now=LATER),
        lambda: claiming.renew(scene.store, "rita", [claim.item_id], policy=POLICY),
        lambda: handing.skip(scene.store, claim.item_id, "rita", policy=POLICY, now=LATER),
        lambda: handing.release(scene.store, [claim.item_id], "rita", now=LATER),
        lambda: handing.recall(scene.store, "rita", now=LATER),
    ]
    for act in acts:
        with pytest.raises(NotPermitted) as refusal:
            act()
        assert str(refusal.value) == GONE
    assert [row["id"] for row in scene.rows(schema.Decision)] == [number]
    assert (scene.state(held), scene.state(decided)) == ("queued", "decided")


def test_their_sessions_and_tokens_end_and_stay_ended_when_they_come_back(scene: Scene) -> None:
    session = signing_in.open_session(scene.store, "rita", policy=POLICY, now=NOW)
    token = tokens.create(scene.store, name="a script", scopes=["decide"], actor="rita", now=NOW).secret
    deactivate(scene)
    for _ in range(2):
        assert signing_in.visitor(scene.store, session, policy=POLICY, now=LATER) is None
        assert tokens.visitor(scene.store, token, now=LATER) is None
        scene.add_person("rita", "reviewer")


def test_a_gold_case_among_their_work_is_left_open_for_nobody_and_their_test_waits(scene: Scene) -> None:
    scene.add_person("cara", "data_curator")
    size = POLICY.labels.gold_cases
    letters = pd.DataFrame({"text": [f"letter {number}" for number in range(size + 1)], "label": "refund"})
    labelling.write(scene.store, letters, actor="cara", policy=POLICY, now=NOW)
    among = scene.rows(schema.GoldCase)[-1]["case_id"]
    slipped_in = labelling.gold_work(among, "rita", now=NOW, due_at=NOW + timedelta(hours=1), slipped_in=True)
    with scene.store.write() as connection:
        (item,) = work.insert_work(connection, [slipped_in])
    scene.claim(among)
    with scene.store.write() as connection:
        work.close_work(connection, [item], NOW)
    labelling.test(scene.store, "rita", policy=POLICY, actor="cara", now=NOW, rng=np.random.default_rng(1))
    with scene.store.write() as connection:
        (again,) = work.insert_work(connection, [slipped_in])
    deactivate(scene)
    assert scene.row(schema.WorkItem, id=again)["state"] == "closed"
    tests = scene.rows(schema.WorkItem, kind="gold", state="open")
    assert len(tests) == size
    assert {(row["holder"], row["assigned_to"]) for row in tests} == {(None, "rita")}


def test_who_is_deactivated_while_they_ask_for_work_is_given_none(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (case,) = scene.waiting(1)
    scene.decide(case)
    (number,) = [row["id"] for row in scene.rows(schema.Decision)]
    scene.waiting(1)
    ordinary = staff.lock

    def meanwhile(connection: Connection, name: str) -> None:
        """What who waits for the lock finds when it is theirs."""
        ordinary(connection, name)
        staff.change(connection, name, active=False)

    monkeypatch.setattr(staff, "lock", meanwhile)
    with pytest.raises(NotPermitted, match="deactivated"):
        claiming.claim(scene.store, "rita", policy=POLICY, now=NOW)
    with pytest.raises(NotPermitted, match="deactivated"):
        undoing.undo(scene.store, [number], "rita", policy=POLICY, now=NOW)
    assert {row["holder"] for row in scene.rows(schema.WorkItem, state="open")} == {None}
