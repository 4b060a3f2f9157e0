"""Every page and every answer of the API, for a case of each kind and for each role: none of them falls over."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from fastapi.dependencies.utils import get_flat_params
from fastapi.testclient import TestClient
from playwright.sync_api import Browser
from sqlalchemy import delete

from desk.app import create_app
from handrail.acts import escalating, intake, labelling, pausing, reading, routing, training
from handrail.acts.signing_in import digest_of
from handrail.permissions import EVERYBODY, PERMITTED
from handrail.reading import Reading, Verdict
from handrail.store import schema, tokens
from handrail.workspace import Workspace
from tests.contesting import TOLD, contest, resolve
from tests.desks import client_of, served, signed_in_context
from tests.operating import trip, two_versions
from tests.routes import Route, every_route
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, Scene

ROLES = sorted(EVERYBODY)
HUMAN = {"reviewer": "rita", "escalation_manager": MANAGER}
"""Who has work of their own; the other roles have a person named after them."""
UNREAD = {"queue": "C", "category": None, "confidence": None, "threshold": None, "stage": None, "model_version": None}
OF_A_CASE = {"/cases/{case_id}"}
"""Pages that a browser opens for every kind of case; without one, all are asked for each of them."""
PAGES = [route for method, route in every_route() if method == "GET"]


class Shop:
    """A desk with a case of each kind, and an example for whatever else stands in an address.

    An empty one has people and nothing else; its examples do not exist.
    """

    def __init__(self, app: FastAPI, *, empty: bool = False) -> None:
        self.app = app
        self.scene = Scene(app.state.desk.store)
        for role in ROLES:
            if role not in HUMAN:
                self.scene.add_person(role, role)
        self.cases = {} if empty else self._cases()
        nothing = {name: [1] for name in ("case_id", "case", "number", "item", "test", "batch")}
        self.examples = {**nothing, "category": list(self.scene.policy.categories)} if empty else self._examples()

    def _cases(self) -> dict[str, int]:
        scene, store = self.scene, self.scene.store
        history = self._received("h-1", history=True, label="refund")
        intake.accept(store, [history], [history], actor=FLOW, now=NOW)
        received, aside = self._received("r-1"), self._received("q-1")
        failures = pd.DataFrame(
            [{"case_id": aside, "external_id": "q-1", "row_digest": "q", "reason": "too long", "expectation": "length"}]
        )
        intake.quarantine(store, self._batch(aside), failures, actor=FLOW, now=NOW)
        audited, audit = scene.automatic(2)
        scene.audit([audited, audit])
        scene.decide(audited, "override", label="tracking")
        disputed, settled, escalated, blind, denied = scene.waiting(5)
        for case in (disputed, settled):
            scene.decide(case)
        contest(scene, disputed)
        resolve(scene, contest(scene, settled), "override", label="tracking", answer=TOLD)
        scene.decide(escalated, "deny", reason_code="legal", note="they threaten to sue")
        scene.decide(denied, "deny", reason_code="out_of_scope")
        (hidden,) = scene.waiting(1, suggestion_hidden=True)
        (late,) = scene.waiting(1, at=NOW - timedelta(days=2))
        escalating.escalate_breaches(store, policy=scene.policy, actor=FLOW, now=NOW)
        letters = pd.DataFrame({"text": ["Where is it?", "Money!"], "label": ["tracking", "refund"]})
        labelling.write(store, letters, actor=FOUNDER, **scene.known)
        gold = scene.rows(schema.GoldCase)[0]["case_id"]
        (purged,) = scene.automatic(1, "tracking")
        with store.write() as connection:
            connection.execute(delete(schema.CaseInput).where(schema.CaseInput.case_id == purged))
        no_model = scene.accepted(1)[0]
        found = {
            "history": history,
            "no text": scene.accepted(1, text="")[0],
            "quarantined": aside,
            "gold": gold,
            "no consent": scene.accepted(1, consent=False)[0],
            "audit": audit,
            "disputed": disputed,
            "unscored": scene.accepted(1)[0],
            "scored": scene.scored(1)[0],
            "received": received,
            "audited": audited,
            "dispute settled": settled,
            "escalated": escalated,
            "late": late,
            "hidden": hidden,
            "denied": denied,
            "claimed": blind,
            "purged": purged,
            "no model": no_model,
        }
        for kind, reason in (("no text", "no_text"), ("no consent", "no_consent"), ("no model", "no_model")):
            routing.pass_unscored(store, [found[kind]], version=None, actor=FLOW)
            scene.assign([found[kind]], reason=reason, **UNREAD)
        scene.claim(blind)
        (found["paused"],) = scene.automatic(1)
        trip(scene)
        pausing.pause(store, "tracking", reason="we look at it", actor=FOUNDER, **scene.known)
        return found

    def _received(self, name: str, **values: object) -> int:
        self.scene.take_in({"external_id": name, **values}, file=f"file-of-{name}")
        return int(self.scene.row(schema.Case, external_id=name)["id"])

    def _batch(self, case: int) -> int:
        return int(self.scene.row(schema.Case, id=case)["batch_id"])

    def _examples(self) -> dict[str, list[Any]]:
        scene = self.scene
        two_versions(self.app)
        wide = scene.policy.labels.model_copy(update={"gold_cases": 2})
        known = {**scene.known, "policy": scene.policy.model_copy(update={"labels": wide})}
        test = training.begin(scene.store, "rita", rng=np.random.default_rng(1), **known)
        seen = [Reading("breaker", "refund", (NOW, NOW), Verdict.UNREADABLE, {"fault": "KeyError"})]
        reading.record(scene.store, seen, actor=FLOW, now=NOW)
        cases = list(self.cases.values())
        return {
            "case_id": cases,
            "case": cases,
            "number": [row["id"] for row in scene.rows(schema.Dispute)],
            "item": [row["id"] for row in scene.rows(schema.WorkItem)],
            "category": [*scene.policy.categories, "odd"],
            "test": [test],
            "batch": [self._batch(self.cases["history"])],
        }

    def addresses(self, route: Route) -> list[str]:
        """The route once for every example, of its path or of a case that it may be asked about."""
        names = re.findall(r"\{(\w+)(?::\w+)?\}", route.path)
        assert set(names) <= self.examples.keys(), f"say in `_examples` what stands for {names} of {route.path}"
        found = [route.path]
        for name in names:
            found = [
                re.sub(rf"\{{{name}(:\w+)?\}}", str(value), path) for path in found for value in self.examples[name]
            ]
        if "case" in {field.alias for field in get_flat_params(route.dependant)} - set(names):
            found += [f"{route.path}?case={case}" for case in self.cases.values()]
        return found

    def client(self, role: str) -> TestClient:
        """Somebody with this role; a page sees their session, the API their token."""
        name = HUMAN.get(role, role)
        client = client_of(self.app, name)
        secret = token_hex(8)
        client.headers["Authorization"] = f"Bearer {secret}"
        with self.scene.store.write() as connection:
            tokens.insert_token(
                connection,
                person=name,
                name="all",
                digest=digest_of(secret),
                scopes=sorted(PERMITTED),
                created_at=NOW,
                expires_at=NOW + timedelta(days=1),
            )
        return client


def desk(home: Path, tables: Path) -> FastAPI:
    workspace = Workspace(home)
    workspace.create()
    shutil.copyfile(tables, workspace.home / "handrail.db")
    return create_app(workspace, clock=lambda: NOW)


@pytest.fixture(scope="module")
def shop(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    app = desk(tmp_path_factory.mktemp("every") / "workspace", sqlite_template)
    yield Shop(app)
    app.state.desk.close()


@pytest.fixture(scope="module")
def empty_shop(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    app = desk(tmp_path_factory.mktemp("empty") / "workspace", sqlite_template)
    yield Shop(app, empty=True)
    app.state.desk.close()


def test_the_shop_has_a_case_of_each_kind(shop: Shop) -> None:
    states = {kind: shop.scene.state(case) for kind, case in shop.cases.items()}
    assert set(states.values()) == {"received", "quarantined", "accepted", "scored", "queued", "decided", "done"}
    promised = {"history", "no text", "no consent", "quarantined", "gold", "audit", "disputed", "paused", "unscored"}
    assert promised <= states.keys()


@pytest.mark.parametrize("role", ROLES)
def test_no_page_and_no_answer_falls_over_for_any_case_and_role(shop: Shop, role: str) -> None:
    statuses = asked(shop, role)
    assert [address for address, status in statuses.items() if status >= 500] == []
    assert list(statuses.values()).count(200) > 40


@pytest.mark.parametrize("role", ROLES)
def test_no_page_and_no_answer_falls_over_where_there_is_nothing(empty_shop: Shop, role: str) -> None:
    statuses = asked(empty_shop, role)
    assert [address for address, status in statuses.items() if status >= 500] == []
    assert list(statuses.values()).count(200) > 10


def asked(shop: Shop, role: str) -> dict[str, int]:
    """The status of every address for somebody with this role."""
    client = shop.client(role)
    return {address: client.get(address).status_code for route in PAGES for address in shop.addresses(route)}


@pytest.mark.parametrize("kind", ["history", "no text", "no consent", "no model", "quarantined", "unscored"])
def test_a_case_that_no_model_read_says_so(shop: Shop, kind: str) -> None:
    page = shop.client("model_steward").get(f"/cases/{shop.cases[kind]}")
    assert page.status_code == 200
    assert "No model has read it." in page.text


@pytest.mark.slow
def test_a_browser_opens_every_page_for_a_case_of_each_kind_and_each_role(shop: Shop, chromium: Browser) -> None:
    fallen, opened = [], 0
    addresses = [at for route in PAGES for at in shop.addresses(route)[: None if route.path in OF_A_CASE else 1]]
    with served(shop.app) as address:
        for role in ROLES:
            context = signed_in_context(chromium, shop.app, address, HUMAN.get(role, role))
            page = context.new_page()
            for at in addresses:
                answer = page.goto(at, wait_until="commit")
                assert answer is not None
                opened += answer.status == 200
                if answer.status >= 500:
                    fallen.append(f"{role}: {answer.status} {at}")
            context.close()
    assert fallen == []
    assert opened > 200
