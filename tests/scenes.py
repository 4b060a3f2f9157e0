"""A small shop for the tests of acts: its people, and cases brought through the acts to where a test needs them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pandas as pd
from sqlalchemy import func, select

from handrail.acts import claiming, deciding, drawing, employing, intake, publishing, routing
from handrail.acts import models as model_acts
from handrail.acts.claiming import Claim
from handrail.acts.intake import Delivery, Taken
from handrail.case import Outcome
from handrail.founding import Kind
from handrail.policy import CategoryRules, Consequence, LabelRules, Policy, QueueRules, Stage
from handrail.ruling import Ruling
from handrail.store import policies, schema, staff, trail
from handrail.store.engine import Store

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FLOW = "flow:triage"
FOUNDER = "stella"
MANAGER = "mona"
REVIEWERS = ("rita", "ruth", "ron", "remo")
"""Trained, all of them."""
NOVICE = "nils"
VERSION = "1"
ACTIONS = {
    "refund": "pay_back",
    "tracking": "send_tracking",
    "complaint": "open_complaint",
    "cancel": "cancel_contract",
}
CONSEQUENCES = {"complaint": Consequence.MEDIUM, "cancel": Consequence.HIGH}

POLICY = Policy(
    business="shop",
    queues=QueueRules(uncertified="fixed"),
    categories={
        name: CategoryRules(action=action, consequence=CONSEQUENCES.get(name, Consequence.LOW), stage=Stage.AUTO)
        for name, action in ACTIONS.items()
    },
    labels=LabelRules(second_share=0, settle_differences=False),  # both have tests of their own
)

BETTER = {"only_model_right": 9.0, "only_commonest_right": 0.0}
"""Figures of a version that is better than always saying the commonest category."""


def good_rows(*rows: dict[str, Any]) -> pd.DataFrame:
    """Rows as `handrail.rows` parses them; what a row does not say is ordinary."""
    ordinary = {
        "row_number": 1,
        "external_id": "e-1",
        "received_at": NOW - timedelta(hours=1),
        "text": "where is my money",
        "amount": 20.0,
        "customer_id": "c-1",
        "consent": True,
        "label": None,
        "history": False,
        "fields": {"channel": "web"},
    }
    filled = [{**ordinary, "row_digest": f"{row['external_id']}-1"[-64:], **row} for row in rows]
    return pd.DataFrame(filled, columns=[*ordinary, "row_digest"])


def bad_rows(*external_ids: str) -> pd.DataFrame:
    """Rows that could not be read."""
    return pd.DataFrame(
        {
            "row_number": range(1, len(external_ids) + 1),
            "external_id": external_ids,
            "reason": ["the amount 'lots' is no number"] * len(external_ids),
            "expectation": ["amount_readable"] * len(external_ids),
            "row": [{"amount": "lots"}] * len(external_ids),
            "row_digest": [f"{external_id}-bad" for external_id in external_ids],
        }
    )


class Scene:
    """A begun workspace with people; every method goes through the acts, except those that only look."""

    def __init__(self, store: Store, policy: Policy = POLICY, kind: Kind = Kind.REHEARSAL) -> None:
        self.store, self.policy = store, policy
        self._numbers = count(1)
        self.known: dict[str, Any] = {"policy": policy, "now": NOW}
        store.clock = lambda: NOW
        publishing.found(store, policy, founder=FOUNDER, now=NOW, workspace=kind)
        trained = NOW + timedelta(days=30)
        people = [(name, ["reviewer"], trained) for name in REVIEWERS]
        people += [(NOVICE, ["reviewer"], None), (MANAGER, ["escalation_manager", "reviewer"], trained)]
        with store.write() as connection:  # one transaction instead of six: every test begins here
            for name, roles, until in people:
                staff.save_person(connection, name=name, roles=roles, trained_until=until, active=True)

    @contextmanager
    def when(self, at: datetime) -> Iterator[None]:
        """Let the real clock stand there for what is done within."""
        before, self.store.clock = self.store.clock, lambda: at
        try:
            yield
        finally:
            self.store.clock = before

    def add_person(self, name: str, *roles: str, trained_until: datetime | None = None) -> None:
        """Add a person."""
        employing.add_person(self.store, name, roles=roles, trained_until=trained_until, actor=FOUNDER, now=NOW)

    def add_version(self, version: str, **values: object) -> None:
        """Register a model version; `values` are those of its columns that the test is about."""
        ordinary = {
            "run_id": f"run-{version}",
            "cause": "first",
            "artifact_digest": "a" * 64,
            "dataset_digest": "d" * 64,
            "policy_version": self.policy.version,
            "labels": 10,
            "metrics": {},
            "novelty_threshold": 0.5,
            "actor": FLOW,
            "now": NOW,
        }
        model_acts.add_version(self.store, version=version, **{**ordinary, **values})

    def publish(self, policy: Policy) -> None:
        """Put another policy into force."""
        self.policy = self.known["policy"] = policy
        publishing.publish(self.store, policy, actor=FOUNDER, now=NOW)

    def take_in(
        self, *rows: dict[str, Any], bad: Sequence[str] = (), file: str = "file-1", at: datetime = NOW
    ) -> Taken:
        """Deliver rows as one file."""
        return intake.take_in(
            self.store,
            good_rows(*rows),
            bad_rows(*bad),
            intake.resume(self.store, "shop", file),
            policy=self.policy,
            actor=FLOW,
            now=at,
        )

    def accepted(self, cases: int, at: datetime = NOW, **values: object) -> list[int]:
        """Take in new cases and let them through the gate; their ids."""
        ids = [f"e-{next(self._numbers)}" for _ in range(cases)]
        delivery = Delivery("shop", f"file-of-{ids[0]}")
        rows = good_rows(*({"external_id": name, **values} for name in ids))
        taken = intake.take_in(self.store, rows, bad_rows(), delivery, policy=self.policy, actor=FLOW, now=at)
        with self.store.read() as connection:
            query = select(schema.Case.id).where(schema.Case.batch_id == taken.delivery.batch_id)
            found = list(connection.execute(query.order_by(schema.Case.id)).scalars())
        intake.accept(self.store, found, [], actor=FLOW, now=at)
        return found

    def scored(self, cases: int, category: str = "refund", at: datetime = NOW, **values: object) -> list[int]:
        """New cases of which a model says `category`."""
        ids = self.accepted(cases, at, **values)
        predictions = pd.DataFrame(
            {"case_id": ids, "label": category, "confidence": 0.99, "novelty": 0.1, "novel": False}
        )
        routing.record_predictions(
            self.store, predictions, version=VERSION, role="champion", advance=True, actor=FLOW, now=at
        )
        return ids

    def assign(self, ids: Sequence[int], at: datetime = NOW, **route: object) -> dict[str, int]:
        """Send scored cases to a queue, as planned at that moment; `route` says what is not ordinary."""
        values = {
            "queue": "A",
            "reason": "auto",
            "category": "refund",
            "confidence": 0.99,
            "threshold": 0.95,
            "stage": "auto",
            "control": False,
            "suggestion_hidden": False,
            "model_version": VERSION,
            "due_at": at + timedelta(hours=4),
            **route,
        }
        values.setdefault("blind_chance", self._blind_chance(str(values["queue"]), str(values["stage"])))
        rows = [{"case_id": case_id, "reasons": (values["reason"],), **values} for case_id in ids]
        planned = pd.DataFrame(rows)

        def plan(waiting: routing.Waiting) -> pd.DataFrame:
            return planned[planned["case_id"].isin(waiting.cases["case_id"])]

        # A test may decide by a policy that nobody has published; nothing is routed by one.
        with self.store.read() as connection:
            in_force = policies.in_force(connection)
        policy = self.policy if in_force is None or in_force.altered else in_force.policy
        with self.when(at):
            return routing.assign(self.store, ids, plan, policy=policy, actor=FLOW, now=at)

    def _blind_chance(self, queue: str, stage: str) -> float | None:
        """As the router has it."""
        if queue == "A":
            return None
        return (
            1.0
            if stage in {"shadow", "manual"}
            else self.policy.queues.blind_share_at(Stage(stage))
            if queue == "B"
            else 0.0
        )

    def automatic(self, cases: int, category: str = "refund", at: datetime = NOW, **values: object) -> list[int]:
        """New cases in queue A: decided by the flow, their actions not yet sent."""
        ids = self.scored(cases, category, at, **values)
        self.assign(ids, at, category=category)
        return ids

    def waiting(self, cases: int, category: str = "refund", at: datetime = NOW, **route: object) -> list[int]:
        """New cases in queue B that wait for a person."""
        ids = self.scored(cases, category, at)
        self.assign(ids, at, **{"category": category, "queue": "B", "reason": "stage_suggest", **route})
        return ids

    def audit(self, ids: Sequence[int], at: datetime = NOW, category: str = "refund", *, random: bool = True) -> None:
        """Draw an audit of each of these auto-approvals."""
        draws = pd.DataFrame(
            {
                "case_id": ids,
                "category": category,
                "drawn": True,
                "random": random,
                "stratum": "random",
                "inclusion_probability": 0.05,
            }
        )
        drawing.draw_audits(self.store, draws, seed=7, policy=self.policy, actor=FLOW, now=at)

    def claim(self, case_id: int, actor: str = "rita", at: datetime = NOW) -> Claim:
        """Claim the open work of a case."""
        with self.when(at):
            return claiming.claim_case(self.store, case_id, actor, policy=self.policy, now=at)

    def decide(
        self, case_id: int, outcome: str = "approve", actor: str = "rita", at: datetime = NOW, **ruling: object
    ) -> Claim:
        """Claim a case and decide it."""
        claim = self.claim(case_id, actor, at)
        self.rule(claim, outcome, actor, at, **ruling)
        return claim

    def rule(
        self, claim: Claim, outcome: str = "approve", actor: str = "rita", at: datetime = NOW, **ruling: object
    ) -> None:
        """Decide claimed work."""
        one = Ruling(claim.item_id, claim.fence, Outcome(outcome), **ruling)
        deciding.decide(self.store, [one], actor, policy=self.policy, now=at)

    def rows(self, table: type[schema.Base], **where: object) -> list[dict[str, Any]]:
        """Rows of a table, in the order of its key."""
        query = select(table.__table__).order_by(*table.__table__.primary_key.columns)
        for name, value in where.items():
            query = query.where(table.__table__.c[name] == value)
        with self.store.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def row(self, table: type[schema.Base], **where: object) -> dict[str, Any]:
        """The only row of a table that fits."""
        (found,) = self.rows(table, **where)
        return found

    def count(self, table: type[schema.Base]) -> int:
        """How many rows a table has."""
        with self.store.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table.__table__)).scalar_one())

    def states(self) -> list[str]:
        """The state of every case, by id."""
        return [row["state"] for row in self.rows(schema.Case)]

    def state(self, case_id: int) -> str:
        """The state of one case."""
        return str(self.row(schema.Case, id=case_id)["state"])

    def events(self, kind: str | None = None, case: int | None = None) -> list[dict[str, Any]]:
        """What the trail says."""
        with self.store.read() as connection:
            return trail.search(connection, kind=kind, case=case, limit=100_000)

    def trail_is_whole(self) -> bool:
        """Does the trail verify?"""
        with self.store.read() as connection:
            return trail.verify(connection).valid
