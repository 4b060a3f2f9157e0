"""The store tells the KPIs what happened, and what had not been settled at a moment."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import delete, update

from handrail import kpi
from handrail.acts import deciding
from handrail.case import Outcome
from handrail.kpi.before import people_errors
from handrail.policy import LabelRules
from handrail.ruling import Ruling
from handrail.store import schema, transactions
from handrail.store.engine import Store
from handrail.window import Window
from tests.scenes import MANAGER, NOW, POLICY, Scene

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SHADOW = {"queue": "C", "reason": "stage_shadow", "stage": "shadow", "suggestion_hidden": True}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def seen(scene: Scene, since: datetime = NOW - DAY, until: datetime = NOW + DAY) -> kpi.Trace:
    with scene.store.read() as connection:
        return transactions.trace(connection, Window(since, until))


def test_an_empty_workspace_has_empty_frames_that_can_be_measured(scene: Scene) -> None:
    with scene.store.read() as connection:
        assert transactions.first_routed(connection) is None
        assert transactions.rollout(connection) == {}
        past = transactions.before(connection, Window(NOW - DAY, NOW), {})
    found = kpi.measure(seen(scene), kpi.Baseline(past, {}, POLICY.costs))
    assert {one.shown() for one in found} == {kpi.NOT_MEASURED}


def test_each_decision_comes_with_its_place_and_whether_it_settled_the_case_first(scene: Scene) -> None:
    (automatic,), (denied,) = scene.automatic(1, fields={"channel": "app"}), scene.waiting(1)
    scene.decide(denied, "deny", at=NOW + HOUR, reason_code="legal", seconds=42.0)
    scene.decide(denied, "deny", MANAGER, NOW + 2 * HOUR, reason_code="legal")
    work = seen(scene).work
    assert work[["case_id", "kind", "channel", "first"]].to_numpy().tolist() == [
        [automatic, "automatic", "app", True],
        [denied, "review", "web", True],
        [denied, "escalation", "web", False],
    ]
    later = seen(scene, since=NOW + 2 * HOUR).work
    assert later[["case_id", "first"]].to_numpy().tolist() == [[denied, False]], "it was settled before"


@pytest.mark.parametrize(
    ("after", "is_pending"), [(0 * HOUR, True), (HOUR, True), (2 * HOUR, True), (2 * HOUR + HOUR / 60, False)]
)
def test_a_denied_case_is_pending_until_its_escalation_is_resolved(
    scene: Scene, after: timedelta, *, is_pending: bool
) -> None:
    (denied,) = scene.waiting(1, at=NOW - HOUR)
    scene.decide(denied, "deny", at=NOW, reason_code="legal")
    scene.decide(denied, "deny", MANAGER, NOW + 2 * HOUR, reason_code="legal")
    with scene.store.read() as connection:
        assert (denied in transactions.pending(connection, NOW + after)) == is_pending


def test_every_audit_has_the_chance_it_was_drawn_with_and_a_rejection_differs(scene: Scene) -> None:
    right, wrong, stratum = scene.automatic(3)
    scene.audit([right, wrong])
    scene.audit([stratum], random=False)
    scene.decide(right, "override", label="refund", at=NOW + HOUR)
    scene.decide(wrong, "override", label="tracking", at=NOW + HOUR)
    scene.decide(stratum, "override", label="tracking", at=NOW + HOUR)
    work = seen(scene).work
    audits = work[work["kind"] == "audit"].set_index("case_id")
    kept = {row["case_id"]: row["inclusion_probability"] for row in scene.rows(schema.AuditDraw)}
    assert audits["chance"].to_dict() == kept
    assert audits["differs"].to_dict() == {right: False, wrong: True, stratum: True}
    automatic = work[work["kind"] == "automatic"]
    assert automatic["chance"].isna().all()
    assert not automatic["differs"].any()


def test_a_recheck_is_compared_with_the_first_look(store: Store) -> None:
    scene = Scene(store, POLICY.model_copy(update={"labels": LabelRules(second_share=1.0)}))

    def label(case_id: int, actor: str, name: str, at: datetime) -> None:
        claim = scene.claim(case_id, actor, at)
        ruling = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label=name)
        deciding.decide(store, [ruling], actor, policy=scene.policy, now=at, secret=b"a key of thirty-two bytes or so.")

    same, other = scene.waiting(2, **SHADOW)
    for case_id, again in ((same, "refund"), (other, "tracking")):
        label(case_id, "rita", "refund", NOW)
        label(case_id, "ruth", again, NOW + HOUR)
    work = seen(scene, since=NOW + HOUR).work  # the first look lies before the window
    assert work["kind"].tolist() == ["recheck", "recheck"]
    assert dict(zip(work["case_id"], work["differs"], strict=True)) == {same: False, other: True}
    assert work["recheck_chance"].tolist() == [1.0, 1.0]


def test_a_recheck_stands_for_what_its_draw_could_have_taken(store: Store) -> None:
    scene = Scene(store, POLICY.model_copy(update={"labels": LabelRules(second_share=1.0, settle_differences=False)}))
    drawn, rare, asked = scene.waiting(3, **SHADOW)
    known = {"policy": scene.policy, "secret": b"a key of thirty-two bytes or so."}
    for at, actor in ((NOW, "rita"), (NOW + HOUR, "ruth")):
        for case_id in (drawn, rare, asked):
            claim = scene.claim(case_id, actor, at)
            label = "tracking" if (actor, case_id) == ("ruth", rare) else "refund"
            ruling = Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, label=label)
            deciding.decide(store, [ruling], actor, now=at, **known)
    with store.write() as connection:
        connection.execute(update(schema.Recheck).where(schema.Recheck.case_id == drawn).values(chance=0.5))
        connection.execute(update(schema.Recheck).where(schema.Recheck.case_id == rare).values(chance=0.25))
        connection.execute(delete(schema.Recheck).where(schema.Recheck.case_id == asked))
    found = people_errors(seen(scene).work)
    assert (found.value, found.n) == (pytest.approx(4 / 6), 2), "one that no draw took stands for nobody"


def test_the_time_before_ends_when_a_category_leaves_shadow(scene: Scene) -> None:
    first, second = scene.waiting(1, at=NOW, **SHADOW), scene.waiting(1, "tracking", at=NOW + 3 * HOUR, **SHADOW)
    assisted = scene.waiting(1, at=NOW + HOUR, stage="suggest")
    also = scene.waiting(1, "tracking", at=NOW + 4 * HOUR, stage="suggest")
    manual = scene.waiting(1, "complaint", at=NOW + 2 * HOUR, **{**SHADOW, "stage": "manual"})
    with scene.store.read() as connection:
        left = transactions.rollout(connection)
        past = transactions.before(connection, Window(NOW - DAY, NOW + DAY), left)
        assert transactions.first_routed(connection) == NOW
    assert left == {"refund": NOW + HOUR, "tracking": NOW + 4 * HOUR}
    assert past.routes["case_id"].tolist() == [*first, *second]
    assert not {*assisted, *also, *manual} & set(past.routes["case_id"])
    assert kpi.Baseline(past, left, POLICY.costs).whole.trace.routes["case_id"].tolist() == first


def test_an_audit_is_an_error_when_others_have_looked(store: Store) -> None:
    scene = Scene(store, POLICY.model_copy(update={"labels": LabelRules(second_share=0)}))
    error, slip, waits = ids = scene.automatic(3)
    scene.audit(ids)
    for case_id in ids:
        scene.decide(case_id, "override", label="tracking")
    scene.decide(error, "override", "ruth", label="tracking")
    scene.decide(slip, "override", "ruth", label="refund")

    def audited(at: datetime) -> dict[int, tuple[bool, bool]]:
        with store.read() as connection:
            work = transactions.trace(connection, Window(NOW - timedelta(days=1), at)).work
        rows = work[work["kind"] == "audit"]
        return {row.case_id: (not np.isnan(row.chance), row.differs) for row in rows.itertuples()}

    settled = {error: (True, True), slip: (True, False)}
    assert audited(NOW + timedelta(hours=1)) == {**settled, waits: (False, False)}, "not measured yet"
    assert audited(NOW + timedelta(days=30)) == {**settled, waits: (True, True)}
