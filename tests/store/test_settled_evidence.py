"""What audits, breaker and certificates read of differences, and whether it is true."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from handrail.acts import breaking
from handrail.store import audits, breaker, schema
from handrail.store.engine import Store
from handrail.window import Window
from tests.doubting import BLIND, LATE, SETTLING, SINCE, play, rule, serve, settled
from tests.open_things import nothing_left_open
from tests.scenes import NOW, VERSION, Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    found = Scene(store, SETTLING)
    serve(found, VERSION)
    return found


class TestAudits:
    @pytest.fixture
    def audited(self, scene: Scene) -> list[int]:
        ids = scene.automatic(4)
        scene.audit(ids)
        return ids

    def read(self, scene: Scene, at: datetime = NOW) -> dict[int, tuple[bool | None, bool]]:
        with scene.store.read() as connection:
            one = audits.audits(connection, Window.up_to(at, since=SINCE))
            other = audits.looked_at(connection, Window.up_to(at, since=SINCE), only_audited=True)
        found = {row.case_id: (row.rejected, row.pending) for row in one.itertuples()}
        assert found == {row.case_id: (row.rejected, row.pending) for row in other.itertuples()}
        return found

    def test_a_rejection_counts_when_it_is_settled(self, scene: Scene, audited: list[int]) -> None:
        error, slip, right, legal = audited
        rule(scene, error, "rita", "tracking")
        rule(scene, slip, "rita", "tracking")
        rule(scene, right, "rita", "refund")
        rule(scene, legal, "rita", None, "legal")
        known = {right: (False, False), legal: (True, False)}
        assert self.read(scene) == {error: (None, True), slip: (None, True), **known}
        assert self.read(scene, LATE) == {error: (True, True), slip: (True, True), **known}, "silence is no health"
        rule(scene, error, "ruth", "tracking")
        rule(scene, slip, "ruth", "refund")
        assert self.read(scene, LATE) == {error: (True, False), slip: (False, False), **known}

    def test_a_slip_undoes_no_right_action_and_a_legal_reason_goes_on_at_once(
        self, scene: Scene, audited: list[int]
    ) -> None:
        rule(scene, audited[0], "rita", "tracking")
        rule(scene, audited[1], "rita", None, "legal")
        assert {row["state"] for row in scene.rows(schema.Outbox)} == {"new"}
        assert [row["case_id"] for row in scene.rows(schema.Escalation)] == [audited[1]]

    def test_the_breaker_counts_them_in_their_turn_and_waits_no_longer_than_the_policy(
        self, scene: Scene, audited: list[int]
    ) -> None:
        agreed, doubted, after, legal = audited
        for minute, (case_id, label, reason) in enumerate(
            [(agreed, "refund", None), (doubted, "tracking", None), (after, "refund", None), (legal, None, "legal")]
        ):
            rule(scene, case_id, "rita", label, reason, at=NOW + timedelta(minutes=minute))

        def counted(at: datetime) -> list[tuple[int, bool]]:
            with scene.store.read() as connection:
                found = breaker.uncounted(connection, "refund", at, 100)
            return list(zip(found["case_id"], found["rejected"].astype(bool), strict=True))

        hour = NOW + timedelta(hours=1)
        assert counted(hour) == [(agreed, False), (legal, True)]
        assert counted(LATE) == [(agreed, False), (doubted, True), (after, False), (legal, True)]
        rule(scene, doubted, "ruth", "refund", at=hour)
        assert counted(hour - timedelta(minutes=1)) == [(agreed, False), (legal, True)]
        assert counted(hour) == [(agreed, False), (doubted, False), (after, False), (legal, True)]
        known = {"policy": scene.policy, "actor": "flow:quality_watch", "now": hour + timedelta(hours=1)}
        assert breaking.count(scene.store, "refund", **known) == 4
        assert breaking.waiting(scene.store, policy=scene.policy, now=known["now"]) == []


def test_labels_with_slips_prove_the_errors_that_there_are(scene: Scene) -> None:
    """People slip in 5 % of the letters, the model errs in 2.5 %: two of three differences are no error of it."""
    rng = np.random.default_rng(11)
    ids = scene.waiting(160, **BLIND)
    truth = {case_id: "tracking" if place % 40 == 0 else "refund" for place, case_id in enumerate(ids)}

    def say(case_id: int) -> str:
        return (
            str(rng.choice([name for name in SETTLING.categories if name not in (truth[case_id], "cancel")]))
            if (rng.random() < 0.05)
            else truth[case_id]
        )

    play(scene, say)
    first = {row["case_id"]: row["label"] for row in reversed(scene.rows(schema.Decision, kind="review"))}
    true = {case_id for case_id in ids if truth[case_id] != "refund"}
    assert sum(label != "refund" for label in first.values()) >= 2 * len(true)
    found = settled(scene)
    assert not any(pending for _, pending in found.values())
    errors = {case_id for case_id, (label, _) in found.items() if label != "refund"}
    assert true <= errors
    assert len(errors) <= len(true) + 1, "two people rarely slip alike"
    assert nothing_left_open(scene.store, scene.policy, NOW) == []


def test_settled_evidence_is_what_brute_force_makes_of_the_decisions(scene: Scene) -> None:
    """Random opinions on random cases; an oracle reads the decisions alone and settles by counting votes."""
    rng = np.random.default_rng(4)
    names = ["refund", "tracking", "complaint", None]
    ids = scene.waiting(80, **BLIND)
    play(scene, lambda _: names[int(rng.choice(4, p=[0.4, 0.3, 0.2, 0.1]))])
    given: dict[int, list[str | None]] = {case_id: [] for case_id in ids}
    for row in scene.rows(schema.Decision):
        given[row["case_id"]].append(row["label"])
    assert settled(scene) == {case_id: _oracle(said) for case_id, said in given.items()}
    assert {len(said) for said in given.values()} == {1, 2, 3}


def _oracle(said: list[str | None]) -> tuple[str | None, bool]:
    """The model says refund of every case."""
    if said[0] == "refund":
        return "refund", False
    for one in said:
        if said.count(one) >= 2 or (one == "refund" and len(said) >= 2):
            return one, False
    return said[0], True
