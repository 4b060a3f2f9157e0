"""Retention: open work is warned first, a hold spares, and only those whom the policy names delete."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from handrail.acts import disputing, escalating, purging
from handrail.acts.purging import Purged
from handrail.case import Outcome, State
from handrail.errors import BadInput, Conflict, NotFound, NotPermitted
from handrail.policy import LabelRules
from handrail.ruling import Ruling
from handrail.store import cases, escalations, schema, staff, work
from handrail.store.engine import Store
from handrail.work import NewWork
from tests.open_things import nothing_left_open
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, POLICY, Scene

DUE = NOW + timedelta(days=3 * 365)
"""Texts and notes of the scene are past their time."""
SECOND = DUE + POLICY.retention.open_work


@pytest.fixture
def scene(store: Store) -> Scene:
    """Rita is still trained when texts go, for audits are for the trained alone."""
    scene = Scene(store, POLICY.model_copy(update={"labels": LabelRules(second_share=0)}))
    with store.write() as connection:
        staff.save_person(
            connection, name="rita", roles=["reviewer"], trained_until=SECOND + timedelta(days=365), active=True
        )
    return scene


def purge(scene: Scene, at: datetime = DUE, *, dry_run: bool = False, actor: str = FOUNDER) -> Purged:
    return purging.purge(scene.store, policy=scene.policy, actor=actor, now=at, dry_run=dry_run)


def has_text(scene: Scene, case: int) -> bool:
    return bool(scene.rows(schema.CaseInput, case_id=case))


def finish(scene: Scene, case: int) -> None:
    """As if its action had been delivered."""
    with scene.store.write() as connection:
        cases.set_state(connection, [case], State.DONE, only_from=State.DECIDED)


def _audit(scene: Scene) -> int:
    (case,) = scene.automatic(1)
    finish(scene, case)
    scene.audit([case])
    return case


def _dispute(scene: Scene) -> int:
    (case,) = scene.automatic(1)
    finish(scene, case)
    disputing.open_dispute(scene.store, case, "no", actor=MANAGER, policy=scene.policy, now=NOW)
    return case


def _aside(kind: str) -> Callable[[Scene], int]:
    def make(scene: Scene) -> int:
        (case,) = scene.waiting(1)
        scene.decide(case)
        finish(scene, case)
        one = NewWork(case, kind, "C", None, suggestion_hidden=True, opened_at=NOW, due_at=NOW, assigned_to="ruth")
        with scene.store.write() as connection:
            work.insert_work(connection, [one])
        return case

    return make


OPEN: dict[str, Callable[[Scene], int]] = {
    "audit": _audit,
    "dispute": _dispute,
    "recheck": _aside("recheck"),
    "adjudication": _aside("adjudication"),
    "gold": _aside("gold"),
}


@pytest.mark.parametrize("kind", sorted(OPEN))
class TestOpenWork:
    def test_it_is_escalated_first_and_keeps_its_text(self, scene: Scene, kind: str) -> None:
        case = OPEN[kind](scene)
        foreseen = purge(scene, dry_run=True)
        assert (foreseen.inputs, foreseen.escalated, foreseen.waiting) == (0, 1, 0)
        assert purge(scene) == foreseen
        assert has_text(scene, case)
        (warned,) = scene.rows(schema.Escalation, cause="retention")
        assert (warned["case_id"], warned["opened_at"], warned["resolved_at"]) == (case, DUE, None)
        with scene.store.read() as connection:
            waiting = escalations.waiting(connection, causes=["retention"])
        assert [one.case_id for one in waiting] == [case]

    def test_within_the_second_period_it_stays_and_is_warned_once(self, scene: Scene, kind: str) -> None:
        case = OPEN[kind](scene)
        purge(scene)
        last = SECOND - timedelta(seconds=1)
        assert purge(scene, last, dry_run=True) == purge(scene, last)
        done = purge(scene, last)
        assert (done.inputs, done.escalated, done.waiting) == (0, 0, 1)
        assert has_text(scene, case)
        assert len(scene.rows(schema.Escalation, cause="retention")) == 1

    def test_at_its_end_the_text_goes(self, scene: Scene, kind: str) -> None:
        case = OPEN[kind](scene)
        purge(scene)
        assert purge(scene, SECOND, dry_run=True).inputs == 1
        assert purge(scene, SECOND).inputs == 1
        assert not has_text(scene, case)
        assert scene.trail_is_whole()


@pytest.mark.parametrize("dry_run", [True, False])
def test_cases_that_are_not_finished_are_counted_and_keep_their_text(scene: Scene, *, dry_run: bool) -> None:
    undecided, held = scene.waiting(2)
    (undelivered,) = scene.automatic(1)
    purging.hold(scene.store, held, reason="a lawsuit", actor=FOUNDER, now=NOW)
    done = purge(scene, dry_run=dry_run)
    assert (done.undecided, done.undelivered, done.held) == (1, 1, 1)
    assert (done.inputs, done.escalated, done.waiting) == (0, 0, 0)
    assert all(has_text(scene, case) for case in (undecided, held, undelivered))
    scene.decide(undecided, "deny", at=DUE, reason_code="out_of_scope")
    assert purge(scene, dry_run=dry_run).inputs == 1, "decided, its text goes"


def test_work_that_was_finished_in_time_ends_the_warning_and_lets_the_text_go(scene: Scene) -> None:
    case = _audit(scene)
    purge(scene)
    scene.decide(case, "override", at=DUE, label="refund")
    assert scene.row(schema.Escalation, cause="retention")["resolved_at"] == DUE
    assert purge(scene, DUE + timedelta(days=1)).inputs == 1
    assert scene.row(schema.Escalation, cause="retention")["resolved_at"] == DUE


def test_a_warning_stands_as_long_as_other_work_on_the_case_is_open(scene: Scene) -> None:
    case = _audit(scene)
    with scene.store.write() as connection:
        work.insert_work(
            connection,
            [NewWork(case, "recheck", "C", None, suggestion_hidden=True, opened_at=NOW, due_at=NOW, assigned_to="ron")],
        )
    purge(scene)
    scene.decide(case, "override", at=DUE, label="refund")
    assert scene.row(schema.Escalation, cause="retention")["resolved_at"] is None
    assert has_text(scene, case)


def test_a_warning_ends_with_the_dispute_that_it_was_about(scene: Scene) -> None:
    _dispute(scene)
    purge(scene)
    item = scene.row(schema.WorkItem, kind="dispute")["id"]
    claim = escalating.take(scene.store, item, MANAGER, policy=scene.policy, now=DUE)
    ruling = Ruling(item, claim.fence, Outcome.APPROVE, answer="It stands.")
    disputing.resolve(scene.store, ruling, MANAGER, policy=scene.policy, now=DUE)
    assert {row["cause"]: row["resolved_at"] for row in scene.rows(schema.Escalation)} == {
        "dispute": DUE,
        "retention": DUE,
    }
    assert nothing_left_open(scene.store, scene.policy, DUE) == []


def test_an_escalation_that_nobody_settled_is_warned_of_too(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    scene.decide(case)
    finish(scene, case)
    with scene.store.write() as connection:
        late = escalations.NewEscalation(case, "sla_breach", None, opened_at=NOW, due_at=NOW)
        escalations.insert_escalations(connection, [late])
    assert purge(scene).escalated == 1
    escalating.acknowledge(scene.store, case, reason="seen", actor=MANAGER, now=DUE)
    assert {row["resolved_at"] for row in scene.rows(schema.Escalation)} == {DUE}
    assert purge(scene).inputs == 1


class TestHolds:
    def test_a_held_case_keeps_text_note_and_reasons_until_it_is_released(self, scene: Scene) -> None:
        held, free = scene.waiting(2)
        for case in (held, free):
            scene.decide(case, "deny", reason_code="out_of_scope", note="a remark")
        purging.hold(scene.store, held, reason="a lawsuit", actor=MANAGER, now=NOW)
        foreseen = purge(scene, dry_run=True)
        assert (foreseen.inputs, foreseen.notes, foreseen.held) == (1, 1, 1)
        assert purge(scene) == replace(foreseen, held=1)
        assert (has_text(scene, held), has_text(scene, free), scene.count(schema.Note)) == (True, False, 1)
        assert scene.events("case.held")[0]["because"] == "a lawsuit"
        purging.release(scene.store, held, reason="it is over", actor=MANAGER, now=DUE)
        assert purge(scene, DUE + timedelta(seconds=1)).inputs == 1
        assert not has_text(scene, held)
        assert scene.count(schema.Note) == 0

    def test_a_held_case_with_open_work_is_not_escalated(self, scene: Scene) -> None:
        case = _audit(scene)
        purging.hold(scene.store, case, reason="a lawsuit", actor=MANAGER, now=NOW)
        for at in (DUE, SECOND):
            assert (purge(scene, at).escalated, purge(scene, at).held) == (0, 1)
        assert has_text(scene, case)

    def test_it_is_held_once_and_released_once(self, scene: Scene) -> None:
        (case,) = scene.waiting(1)
        known = {"reason": "a lawsuit", "actor": MANAGER, "now": NOW}
        with pytest.raises(NotFound, match="no case 99"):
            purging.hold(scene.store, 99, **known)
        with pytest.raises(BadInput, match="reason"):
            purging.hold(scene.store, case, **{**known, "reason": " "})
        purging.hold(scene.store, case, **known)
        with pytest.raises(Conflict, match="held already"):
            purging.hold(scene.store, case, **known)
        purging.release(scene.store, case, **known)
        with pytest.raises(NotFound, match="Nothing holds"):
            purging.release(scene.store, case, **known)


class TestPurgers:
    def test_only_whom_the_policy_names_deletes(self, scene: Scene) -> None:
        scene.add_person("dora", "data_curator")
        scene.add_person("paula", "product_owner")
        named = scene.policy.retention.model_copy(update={"purgers": ("paula",)})
        scene.publish(scene.policy.model_copy(update={"retention": named}))
        for actor in ("dora", MANAGER, "nobody", FLOW, "flow:retention"):
            with pytest.raises(NotPermitted, match=r"retention\.purgers name paula"):
                purge(scene, actor=actor)
        purge(scene, actor="paula")

    def test_a_role_names_all_who_have_it(self, scene: Scene) -> None:
        scene.add_person("dora", "data_curator")
        purge(scene, actor="dora")

    def test_where_nobody_is_named_nobody_deletes(self, scene: Scene) -> None:
        named = scene.policy.retention.model_copy(update={"purgers": ()})
        scene.publish(scene.policy.model_copy(update={"retention": named}))
        with pytest.raises(NotPermitted, match="nobody"):
            purge(scene)

    def test_counting_is_free(self, scene: Scene) -> None:
        assert purge(scene, dry_run=True, actor=FLOW).inputs == 0


def test_a_hold_that_comes_between_looking_and_deleting_spares(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from handrail.store import retention

    (case,) = scene.waiting(1)
    scene.decide(case)
    finish(scene, case)
    look = retention.due

    def looked(connection: object, kind: retention.RecordSeries, *known: object) -> list[int]:
        found: list[int] = look(connection, kind, *known)  # type: ignore[arg-type]
        if kind is retention.INPUTS and found and not scene.events("case.held"):
            pending.append(case)
        return found

    pending: list[int] = []
    erase = retention.still_due

    def held_first(connection: object, kind: retention.RecordSeries, *known: object) -> list[int]:
        if pending:
            retention.insert_hold(connection, pending.pop(), MANAGER, DUE)  # type: ignore[arg-type]
        return erase(connection, kind, *known)  # type: ignore[arg-type]

    monkeypatch.setattr(retention, "due", looked)
    monkeypatch.setattr(retention, "still_due", held_first)
    assert purge(scene).inputs == 0
    assert has_text(scene, case)
