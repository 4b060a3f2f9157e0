"""A small shop with a model of its own for the tests of tasks and flows."""

import csv
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prefect import Flow
from sqlalchemy import select

from handrail import policy as policies
from handrail.acts import claiming, deciding, drawing, pausing, publishing
from handrail.case import Outcome
from handrail.founding import Kind
from handrail.policy import Policy, Stage
from handrail.ruling import Ruling
from handrail.store import schema, staff
from handrail.store.engine import Store
from handrail.workspace import Workspace
from tasks.occasion import Occasion, enter
from tests.scenes import FOUNDER, MANAGER, NOVICE, REVIEWERS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""The first model begins to serve; deliveries come an hour later."""
LATER = NOW + timedelta(hours=1)
COLUMNS = ("external_id", "received_at", "text", "amount", "customer_id", "channel", "region", "consent", "label")
WORDS = {
    "refund": ("please send my money back", "I want a refund of this payment", "the charge must be returned to me"),
    "tracking": ("where is my parcel now", "the tracking number shows nothing", "when does the package arrive here"),
    "complaint": ("your staff was rude to us", "I complain about terrible service", "this is an awful experience"),
    "cancel": ("cancel my contract today", "I end the subscription for good", "terminate the membership please"),
}
MORE = ("today", "again", "soon", "at once", "this week", "since Monday", "as agreed", "for the second time", "by noon")
HISTORY = 160
UNSEEN = 6
"""Seed of letters that the history does not hold."""
POLICY_FILE = """
business: shop
queues: {auto_above: 0.6, human_below: 0.3, uncertified: fixed, blind_share: 0.0}
categories:
  refund: {action: pay_back, consequence: low, stage: shadow, amount_limit: 500}
  tracking: {action: send_tracking, consequence: low, stage: shadow}
  complaint: {action: open_complaint, consequence: medium, stage: shadow}
  cancel: {action: cancel_contract, consequence: high, stage: shadow}
flags: {legal: ['\\blawyer\\b']}
model: {fields: [channel], min_labels: 40, min_labels_per_category: 5, calibration_share: 0.25}
novelty: {max_in_scope_flagged: 0.0}
drift: {min_cases: 30}
sampling: {random_rate: 0.05}
breaker: {rule: literal, min_reviewed: 5, limit: 0.2}
gates: {training_set: {repeated_at_most: 0.9}}
promotion: {min_withheld: 20, withheld_share: 0.5, shadow_for: 'P1D'}
retraining: {min_audited: 10, error_rate_above: 0.2}
fairness: {groups: [region]}
labels: {second_share: 0, settle_differences: false}
intake: {stop_at_least: 3}
"""
MAPPING_FILE = """
source: shop
fields:
  external_id: external_id
  received_at: received_at
  text: text
  amount: amount
  customer_id: customer_id
  consent: {column: consent, given: ['yes'], refused: ['no']}
  label: label
  extra: {channel: channel, region: region}
timezone: UTC
history:
  all:
    - {column: label, present: true}
"""


class Shop:
    """A workspace with files to deliver; what happens goes through flows called as plain functions."""

    def __init__(self, home: Path, database_url: str = "") -> None:
        self.workspace = Workspace(home, database_url)

    @property
    def mapping(self) -> Path:
        """The mapping of every delivery."""
        return self.workspace.home / "mapping.yaml"

    def write_rules(self) -> tuple[Path, Path]:
        """Write policy and mapping."""
        policy = self.workspace.home / "policy.yaml"
        policy.write_text(POLICY_FILE, encoding="utf-8")
        self.mapping.write_text(MAPPING_FILE, encoding="utf-8")
        return policy, self.mapping

    def begin(self) -> "Shop":
        """Make the workspace, its policy and its people."""
        self.workspace.create()
        file, _ = self.write_rules()
        store = Store(self.workspace.database_url)
        store.upgrade()
        publishing.found(
            store, policies.read(file), founder=FOUNDER, now=NOW - timedelta(days=90), workspace=Kind.REHEARSAL
        )
        with store.write() as connection:
            for name in (*REVIEWERS, MANAGER, NOVICE):
                roles = ["reviewer", *(["escalation_manager"] if name == MANAGER else [])]
                until = None if name == NOVICE else NOW + timedelta(days=900)
                staff.save_person(connection, name=name, roles=roles, trained_until=until, active=True)
        store.dispose()
        return self

    def at(self, moment: datetime = LATER, actor: str = "flow:test") -> Occasion:
        """An occasion in this workspace."""
        return enter(self.workspace, actor, moment)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.at().policy

    def write(self, name: str, cases: list[dict[str, Any]]) -> Path:
        """Write a delivery; what a case does not say is ordinary."""
        file = self.workspace.home / name
        with file.open("w", newline="", encoding="utf-8") as target:
            writer = csv.DictWriter(target, COLUMNS)
            writer.writeheader()
            for number, case in enumerate(cases):
                ordinary = {
                    "external_id": f"{file.stem}-{number}",
                    "received_at": (LATER - timedelta(minutes=5)).isoformat(),
                    "amount": 20,
                    "customer_id": f"c-{number}",
                    "channel": "web",
                    "region": "north",
                    "consent": "yes",
                    "label": "",
                }
                writer.writerow({**ordinary, **case})
        return file

    def run(self, flow: Flow[..., Any], moment: datetime = LATER, **parameters: object) -> Any:  # noqa: ANN401 - its own
        """Call a flow's function without Prefect."""
        return flow.fn(**parameters, as_of=moment.isoformat(), home=str(self.workspace.home))

    def deliver(
        self, name: str, cases: list[dict[str, Any]], moment: datetime = LATER, **more: object
    ) -> dict[str, Any]:
        """Write a delivery and triage it."""
        from flows.triage import Triaged, triage

        found: Triaged = self.run(
            triage, moment, file=str(self.write(name, cases)), mapping=str(self.mapping), docs=False, **more
        )
        return asdict(found)

    def learn(self) -> "Shop":
        """Import history, train the first model, and let refunds and tracking run by themselves."""
        from flows.retraining import retraining

        self.deliver("history.csv", letters(HISTORY, labelled=True), NOW)
        self.run(retraining, NOW, cause="by_hand")
        occasion = self.at(NOW, FOUNDER)
        for category, stage in {
            "refund": "auto",
            "tracking": "auto",
            "complaint": "suggest",
            "cancel": "suggest",
        }.items():
            pausing.set_stage(
                occasion.store, category, Stage(stage), reason="test", policy=occasion.policy, actor=FOUNDER, now=NOW
            )
        return self

    def work(self, moment: datetime = LATER, *, kinds: list[str] | None = None, right: bool = True) -> int:
        """Let two people and the manager decide everything that waits: blind, by the case's true category."""
        occasion, done = self.at(moment), 0
        for name in ("rita", "ruth", "ron", MANAGER):
            known = {"policy": occasion.policy, "now": moment}
            while claims := claiming.claim(occasion.store, name, limit=10_000, kinds=kinds, **known):
                rulings = [
                    Ruling(claim.item_id, claim.fence, Outcome.OVERRIDE, self._label(claim.case_id, right=right))
                    for claim in claims
                ]
                done += len(deciding.decide(occasion.store, rulings, name, **known))
        return done

    def automatic(self, count: int, moment: datetime = LATER, category: str = "refund") -> list[int]:
        """Cases of a category approved by themselves."""
        before = len(self.rows(schema.Outbox))
        assert self.deliver(f"{category}s.csv", letters(count, only=category), moment)["queues"]["A"] == count
        return [row["case_id"] for row in self.rows(schema.Outbox)[before:]]

    def audited(
        self,
        ids: list[int],
        wrong: int,
        moment: datetime = LATER,
        *,
        random: bool = True,
        category: str = "refund",
        chance: float = 0.05,
    ) -> None:
        """Audits of these approvals of one category, drawn with one chance; the first `wrong` are rejected."""
        occasion = self.at(moment)
        draws = pd.DataFrame(
            {
                "case_id": ids,
                "category": category,
                "drawn": True,
                "random": random,
                "stratum": "random",
                "inclusion_probability": chance,
            }
        )
        for part, right in ((draws.iloc[:wrong], False), (draws.iloc[wrong:], True)):
            drawing.draw_audits(occasion.store, part, seed=1, policy=occasion.policy, actor=occasion.actor, now=moment)
            self.work(moment, kinds=["audit"], right=right)

    def _label(self, case_id: int, *, right: bool) -> str:
        (given,) = self.rows(schema.CaseInput, case_id=case_id)
        truth = true_category(given["text"])
        return truth if right else {"refund": "tracking"}.get(truth, "refund")

    def rows(self, table: type[schema.Base], **where: object) -> list[dict[str, Any]]:
        """Rows of a table, in the order of its key."""
        query = select(table.__table__).order_by(*table.__table__.primary_key.columns)
        for name, value in where.items():
            query = query.where(table.__table__.c[name] == value)
        with self.at().store.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def in_stage(shop: Shop, category: str, stage: Stage, moment: datetime = LATER) -> None:
    """Bring one category to a stage."""
    occasion = shop.at(moment, FOUNDER)
    pausing.set_stage(occasion.store, category, stage, reason="test", policy=occasion.policy, actor=FOUNDER, now=moment)


def letters(count: int, *, labelled: bool = False, only: str | None = None, seed: int = 5) -> list[dict[str, Any]]:
    """Cases whose words tell their category; with `labelled` they are history.

    The same words come again after `HISTORY` cases: what the model has seen is not novel to it. Another `seed` than
    the history's puts the same phrases together otherwise: few of its letters were seen before.
    """
    wanted = [number for number in range(count * len(WORDS)) if only in (None, _category(number))][:count]
    return [_letter(number, labelled=labelled, seed=seed) for number in wanted]


def _category(number: int) -> str:
    return list(WORDS)[number % len(WORDS)]


def _letter(number: int, *, labelled: bool, seed: int) -> dict[str, Any]:
    rng, category = np.random.default_rng([seed, number % HISTORY]), _category(number)
    extra = rng.choice(MORE, 2, replace=False)
    case = {"text": f"{rng.choice(WORDS[category])} {extra[0]} {extra[1]}", "region": ("north", "south")[number % 2]}
    if labelled:
        received = NOW - timedelta(days=60) + timedelta(hours=6 * number)
        case |= {"label": category, "received_at": received.isoformat()}
    return case


def true_category(text: str) -> str:
    """The category whose words the text begins with."""
    return next(name for name, words in WORDS.items() if text.startswith(words))


@pytest.fixture(scope="session")
def learned_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose first model serves."""
    return Shop(tmp_path_factory.mktemp("shop") / "home").begin().learn().workspace.home


@pytest.fixture
def shop(learned_home: Path, tmp_path: Path) -> Iterator[Shop]:
    """A shop of one's own whose first model serves."""
    yield Shop(Path(shutil.copytree(learned_home, tmp_path / "home")))
    os.environ.pop("HANDRAIL_HOME", None)


@pytest.fixture
def empty_shop(tmp_path: Path) -> Shop:
    """A shop of one's own, just begun."""
    return Shop(tmp_path / "home").begin()
