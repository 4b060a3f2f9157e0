"""An approval by itself that was taken back before it was sent is not counted as automated."""

from datetime import timedelta

import pytest

from handrail.acts import pausing
from handrail.store import audits, breaker, decisions, schema, search, transactions
from handrail.store.engine import Store
from handrail.store.visibility import Onlooker
from handrail.window import Window
from tests.contesting import SHOP, contest, resolve
from tests.scenes import FOUNDER, NOW, Scene

LATER = NOW + timedelta(hours=1)
WINDOW = Window(NOW, LATER)
LOOKING = Onlooker(FOUNDER, ["product_owner"], LATER)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store, SHOP)


def pause(scene: Scene) -> None:
    pausing.pause(scene.store, "refund", reason="odd", policy=scene.policy, actor=FOUNDER, now=NOW)


def test_an_approval_taken_back_is_not_automated(scene: Scene) -> None:
    kept, paused, contested = [*scene.automatic(1, "tracking"), *scene.automatic(1), *scene.automatic(1, "cancel")]
    scene.audit([kept, paused])
    pause(scene)
    resolve(scene, contest(scene, contested), "deny")
    with scene.store.read() as connection:
        told = decisions.decided(connection, WINDOW)
        work = transactions.trace(connection, WINDOW).work
        assert audits.looked_at(connection, WINDOW)["case_id"].tolist() == [kept]
        assert audits.count_looked_at(connection, WINDOW) == 1
        assert search.count(connection, search.Criteria(by="machine"), LOOKING, at_most=10) == 1
        (listed,) = search.rows_of(connection, [paused], LOOKING)
        assert listed.outcome is None, "nobody has decided it"
    for frame in (told, work):
        assert frame.loc[frame["kind"] == "automatic", "case_id"].tolist() == [kept]
    assert work.loc[work["case_id"] == contested, "first"].tolist() == [True]
    queues = {row["case_id"]: row["queue"] for row in scene.rows(schema.Route)}
    assert queues == {kept: "A", paused: "B", contested: "C"}


def test_an_audit_of_an_approval_taken_back_counts_for_the_breaker_alone(scene: Scene) -> None:
    kept, paused = [*scene.automatic(1, "tracking"), *scene.automatic(1)]
    scene.audit([kept, paused])
    for case_id in (kept, paused):
        scene.decide(case_id, "override", "ron", label="cancel")
    pause(scene)
    with scene.store.read() as connection:
        work = transactions.trace(connection, WINDOW).work
        told = decisions.decided(connection, WINDOW)
        counted = breaker.with_uncounted(connection, LATER)
    for frame in (work, told):
        assert frame.loc[frame["kind"] == "audit", "case_id"].tolist() == [kept]
    assert counted == ["refund", "tracking"]


def test_what_was_taken_back_and_decided_while_the_audits_were_drawn_is_not_audited(scene: Scene) -> None:
    kept, returned = [*scene.automatic(1, "tracking"), *scene.automatic(1)]
    pause(scene)
    scene.decide(returned)
    scene.audit([kept, returned])
    assert [row["case_id"] for row in scene.rows(schema.AuditDraw)] == [kept]
