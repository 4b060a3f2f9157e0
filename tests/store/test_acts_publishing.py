"""Policies, people, outcomes, and what is deleted when its time has come."""

from dataclasses import asdict
from datetime import timedelta

import pandas as pd
import pytest

from handrail.acts import disputing, importing, intake, publishing, purging
from handrail.errors import BadInput, NotPermitted
from handrail.store import policies, schema, staff
from handrail.store.engine import Store
from handrail.store.policies import InForce
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, POLICY, Scene

YEAR = timedelta(days=365)
SECOND = timedelta(seconds=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def outcomes(*rows: tuple[int, str, float | None, int]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"case_id": case_id, "kind": kind, "value": value, "at": NOW + timedelta(days=days)}
            for case_id, kind, value, days in rows
        ]
    )


def import_outcomes(scene: Scene, *rows: tuple[int, str, float | None, int]) -> dict[str, int]:
    return importing.import_outcomes(scene.store, outcomes(*rows), actor=FOUNDER, now=NOW)


class TestPolicies:
    def test_a_workspace_begins_once(self, scene: Scene) -> None:
        assert not publishing.found(scene.store, POLICY, founder="eve", now=NOW)
        with scene.store.read() as connection:
            assert staff.person(connection, "eve") is None
            assert policies.in_force(connection) == InForce(POLICY, None)

    def test_the_founder_has_every_role_but_the_flows(self, scene: Scene) -> None:
        roles = set(scene.row(schema.Person, name=FOUNDER)["roles"])
        assert roles == {"reviewer", "escalation_manager", "model_steward", "data_curator", "product_owner"}

    def test_a_policy_is_published_once_by_its_content(self, scene: Scene) -> None:
        other = POLICY.model_copy(update={"owner": "somebody"})
        known = {"actor": FOUNDER, "now": NOW}
        assert not publishing.publish(scene.store, POLICY, **known)
        assert publishing.publish(scene.store, other, **known)
        with scene.store.read() as connection:
            assert policies.in_force(connection) == InForce(other, None)
        assert publishing.publish(scene.store, POLICY, **known), "going back is publishing too"
        assert [event["previous"] for event in scene.events("policy.published")] == [POLICY.version, other.version]


class TestPeople:
    def test_a_person_gets_roles_and_loses_them(self, scene: Scene) -> None:
        scene.add_person("vera", "reviewer", "data_curator", trained_until=NOW)
        scene.add_person("vera", "reviewer")
        person = scene.row(schema.Person, name="vera")
        assert (person["roles"], person["trained_until"], person["active"]) == (["reviewer"], None, True)
        assert [(event["person"], event["roles"]) for event in scene.events("person.saved")] == [
            ("vera", ["reviewer", "data_curator"]),
            ("vera", ["reviewer"]),
        ]

    @pytest.mark.parametrize("roles", [[], ["king"], ["flow"], ["reviewer", "king"]])
    def test_only_known_roles_are_given(self, scene: Scene, roles: list[str]) -> None:
        with pytest.raises(BadInput, match="is not a role"):
            scene.add_person("vera", *roles)

    @pytest.mark.parametrize("name", ["flow:triage", "flow:", " "])
    def test_nobody_passes_for_a_flow(self, scene: Scene, name: str) -> None:
        with pytest.raises(BadInput, match="cannot be a person's name"):
            scene.add_person(name, "reviewer")


class TestOutcomes:
    def test_the_same_outcome_is_imported_once(self, scene: Scene) -> None:
        first, second = scene.automatic(2)
        rows = [(first, "csat", 4.0, 1), (second, "reversal", None, 2)]
        assert import_outcomes(scene, *rows) == {"imported": 2, "duplicates": 0}
        assert import_outcomes(scene, *rows, (first, "csat", 5.0, 3)) == {"imported": 1, "duplicates": 2}
        assert [event["outcomes"] for event in scene.events("outcomes.imported")] == [2, 1]

    def test_a_row_that_stands_twice_in_one_file_counts_once(self, scene: Scene) -> None:
        (case_id,) = scene.automatic(1)
        assert import_outcomes(scene, (case_id, "closed", None, 1), (case_id, "closed", None, 1)) == {
            "imported": 1,
            "duplicates": 1,
        }

    def test_nothing_new_leaves_no_event(self, scene: Scene) -> None:
        assert import_outcomes(scene) == {"imported": 0, "duplicates": 0}
        assert scene.events("outcomes.imported") == []


NONE_SPARED = {"escalated": 0, "waiting": 0, "held": 0, "undecided": 1, "undelivered": 0}
"""But for the one that still waits."""


class TestPurging:
    def fill(self, scene: Scene) -> tuple[int, int]:
        """A finished case with a note, one that still waits, and a quarantined row."""
        done, waiting = scene.waiting(2)
        scene.decide(done, "deny", reason_code="out_of_scope", note="a secret remark")
        scene.take_in(bad=["e-99"])
        return done, waiting

    def purge(self, scene: Scene, at: object, *, dry_run: bool) -> dict[str, int]:
        return asdict(purging.purge(scene.store, policy=scene.policy, actor=FOUNDER, now=at, dry_run=dry_run))

    def test_text_salt_customer_note_and_row_are_gone_and_the_trail_is_whole(self, scene: Scene) -> None:
        done, waiting = self.fill(scene)
        counts = self.purge(scene, NOW + 3 * YEAR, dry_run=False)
        assert counts == {"inputs": 1, "notes": 1, "quarantined_rows": 1, **NONE_SPARED}
        assert [row["case_id"] for row in scene.rows(schema.CaseInput)] == [waiting], "unfinished work keeps its text"
        assert scene.count(schema.Note) == 0
        row = scene.row(schema.Quarantine)
        assert row["row"] is None
        assert "lots" not in row["reason"]
        assert [event["case"] for event in scene.events("input.purged")] == [done]
        assert scene.trail_is_whole()
        assert self.purge(scene, NOW + 3 * YEAR, dry_run=False) == {
            "inputs": 0,
            "notes": 0,
            "quarantined_rows": 0,
            **NONE_SPARED,
        }

    def test_a_dry_run_counts_and_changes_nothing(self, scene: Scene) -> None:
        self.fill(scene)
        before = (scene.rows(schema.CaseInput), scene.rows(schema.Note), scene.rows(schema.Quarantine), scene.events())
        counts = {"inputs": 1, "notes": 1, "quarantined_rows": 1, **NONE_SPARED}
        assert self.purge(scene, NOW + 3 * YEAR, dry_run=True) == counts
        after = (scene.rows(schema.CaseInput), scene.rows(schema.Note), scene.rows(schema.Quarantine), scene.events())
        assert before == after

    def test_what_is_within_its_time_stays(self, scene: Scene) -> None:
        self.fill(scene)
        received = NOW - timedelta(hours=1)
        keep = received + scene.policy.retention.inputs
        assert self.purge(scene, keep, dry_run=True)["inputs"] == 0
        assert self.purge(scene, keep + SECOND, dry_run=True)["inputs"] == 1
        for name in ("notes", "quarantined_rows"):
            rule = scene.policy.retention.notes if name == "notes" else scene.policy.retention.quarantine
            assert self.purge(scene, NOW + rule, dry_run=True)[name] == 0
            assert self.purge(scene, NOW + rule + SECOND, dry_run=True)[name] == 1

    def test_a_case_that_was_never_let_in_is_purged_too(self, scene: Scene) -> None:
        taken = scene.take_in({"external_id": "e-1"})
        failures = pd.DataFrame(
            [{"case_id": 1, "external_id": "e-1", "row_digest": "e-1-1", "reason": "bad", "expectation": "rule"}]
        )
        intake.quarantine(scene.store, taken.delivery.batch_id, failures, actor=FLOW, now=NOW)
        assert self.purge(scene, NOW + 2 * YEAR, dry_run=False)["inputs"] == 1

    def test_what_a_customer_disputes_is_read_until_the_dispute_is_closed(self, scene: Scene) -> None:
        disputed, _ = self.fill(scene)
        known = {"actor": MANAGER, "policy": scene.policy, "now": NOW}
        disputing.open_dispute(scene.store, disputed, "I did pay", **known)
        for dry_run in (True, False):
            assert self.purge(scene, NOW + 3 * YEAR, dry_run=dry_run)["inputs"] == 0
        claim = scene.claim(disputed, MANAGER)
        scene.rule(claim, "approve", MANAGER, answer="We looked again.")
        assert self.purge(scene, NOW + 3 * YEAR, dry_run=False)["inputs"] == 1

    def test_reviewers_do_not_purge(self, scene: Scene) -> None:
        with pytest.raises(NotPermitted, match="data_curator"):
            purging.purge(scene.store, policy=scene.policy, actor="rita", now=NOW, dry_run=False)
