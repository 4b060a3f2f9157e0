"""A frame's columns are of the types that its query declares, whatever rows there are."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import func, insert, select, update

import handrail.store
from handrail.acts import breaking, deciding, disputing, drifting, labelling, pausing, reading, withdrawing
from handrail.case import Outcome, State
from handrail.policy import LabelRules
from handrail.reading import Reading, Verdict
from handrail.ruling import Ruling
from handrail.store import cases, certificates, outcomes, proposals, readable, schema, tokens
from handrail.store.engine import Store
from handrail.store.frames import frame, records
from handrail.window import Window
from tests import scenes
from tests.scenes import FLOW, FOUNDER, NOW, VERSION, Scene

POLICY = scenes.POLICY.model_copy(update={"labels": LabelRules(second_share=1)})
FLOW_WATCH = "flow:quality_watch"
AGES = timedelta(days=400)
VERDICTS = {"all": "quiet", "amount": "alarm"}
VALUES: dict[str, Any] = {
    "since": NOW - AGES,
    "until": NOW + AGES,
    "now": NOW + timedelta(days=2),
    "limit": 1000,
    "moment": NOW,
    "category": "refund",
    "approved_after": None,
    "received_after": None,
    "withdrawal_id": 1,
    "version": VERSION,
    "model_version": VERSION,
    "batch_id": None,
    "status": None,
    "only_open": False,
    "person": "ruth",
    "watch": "drift",
    "after": 0,
    "states": ("new", "retry", "leased", "done", "dead", "unknown", "withdrawn"),
    "ids": list(range(1, 41)),
    "case_id": 1,
    "state": State.DECIDED,
    "policy": POLICY,
    "window": Window(NOW - AGES, NOW + AGES),
    "columns": tuple(cases._PICKED),
    "only_audited": False,
}
"""What a function of the store may ask for; a new one with another name makes the test ask for its value here."""
OPTIONAL = {
    "case_id": ("labels.of_case",),
    "person": ("labels.testable", "reviewer_quality.unseen_gold"),
    "subject": (),
}
"""Arguments that narrow what is found are given only to these."""


def readers() -> Iterator[tuple[str, Callable[..., pd.DataFrame]]]:
    """Every public function of the store that returns a frame, by module and name."""
    for module in pkgutil.iter_modules(handrail.store.__path__):
        if module.ispkg:
            continue
        found = importlib.import_module(f"handrail.store.{module.name}")
        for name, function in inspect.getmembers(found, inspect.isfunction):
            returned = inspect.signature(function).return_annotation
            if function.__module__ == found.__name__ and returned is pd.DataFrame and not name.startswith("_"):
                yield f"{module.name}.{name}", function


READERS = {name: reader for name, reader in readers() if reader not in (frame, readable.read)}


def read(store: Store, name: str, **given: object) -> pd.DataFrame:
    """Call one of them with everything that it takes."""
    values: dict[str, Any] = {}
    for argument, parameter in list(inspect.signature(READERS[name]).parameters.items())[1:]:
        narrows = argument in OPTIONAL and name not in OPTIONAL[argument]
        if parameter.default is inspect.Parameter.empty or (argument in VALUES and not narrows):
            values[argument] = VALUES[argument]
    with store.read() as connection:
        return READERS[name](connection, **values | given)


def fill(store: Store) -> None:
    """A shop in which every reader finds something."""
    scene = Scene(store, POLICY)
    scene.take_in({"external_id": "h-1", "history": True, "label": "refund"}, bad=("bad-1",))
    approved = scene.automatic(4)
    scene.audit(approved[:3])
    decide(scene, approved[0], "override", label="refund", seconds=20.0)
    decide(scene, approved[1], "deny", reason_code="out_of_scope")
    breaking.count(store, "refund", policy=POLICY, actor=FLOW_WATCH, now=NOW + timedelta(days=1))
    decide(scene, approved[2], "override", label="refund")
    slipped, *_ = doubted = scene.automatic(1)
    scene.audit(doubted)
    decide(scene, slipped, "override", label="tracking")
    decide(scene, slipped, "override", "ruth", label="refund")
    scene.automatic(1, "complaint")
    scene.accepted(1)
    twice, denied, contested, rejected, *_ = scene.waiting(7, suggestion_hidden=True)
    decide(scene, twice, "override", label="refund")
    decide(scene, twice, "override", "ruth", label="tracking")
    decide(scene, denied, "deny", reason_code="out_of_scope")
    decide(scene, contested, "override", label="refund")
    disputing.open_dispute(store, contested, "Not so.", actor="remo", policy=POLICY, now=NOW)
    decide(scene, rejected, "deny", reason_code="legal")
    sighted, taken_back = scene.waiting(2, queue="C", reason="low_confidence")
    decide(scene, sighted, "override", label="tracking")
    decide(scene, taken_back, "override", "ron", label="tracking")
    scene.add_person("cora", "data_curator")
    withdrawing.withdraw(store, "ron", NOW, reason="He clicked through.", actor="cora", **scene.known)
    scene.scored(1)
    labelling.write(store, pd.DataFrame({"text": ["Where?"], "label": ["tracking"]}), actor=FOUNDER, **scene.known)
    with store.write() as connection:  # an approval that a pause takes back is none
        connection.execute(update(schema.Outbox).where(schema.Outbox.case_id.in_(approved[:3])).values(state="done"))
    pausing.pause(store, "refund", kind="breaker", evidence={}, reason="r", actor=FLOW_WATCH, **scene.known)
    pausing.pause(store, "tracking", reason="r", actor=FOUNDER, **scene.known)
    scene.add_version(VERSION, labels=1)
    drifting.save_profile(store, "{}", cause="first", cases=1, window=(NOW, NOW), actor=FLOW, now=NOW)
    drifting.record_drift(
        store, profile_id=1, columns=["amount"], terms=[], window=(NOW, NOW), policy=POLICY, actor=FLOW, now=NOW
    )
    seen = [Reading("drift", subject, (NOW, NOW), Verdict(verdict)) for subject, verdict in VERDICTS.items()]
    reading.record(store, seen, actor=FLOW, now=NOW)
    known = {"model_version": VERSION, "delta": 0.05, "labels": 40, "errors": 0}
    with store.write() as connection:
        connection.execute(update(schema.CaseInput).where(schema.CaseInput.case_id > 1).values(redacted="Money back."))
        certificate = certificates.insert_certificate(
            connection,
            threshold=0.9,
            max_error=0.02,
            window_from=NOW,
            window_to=NOW,
            issued_at=NOW,
            expires_at=NOW + AGES,
            **known,
        )
        certificates.insert_attempt(connection, at=NOW, coverage=0.5, needed=0, certificate_id=certificate, **known)
        certificates.insert_attempt(connection, at=NOW, coverage=0.5, needed=9, **known)
        certificates.insert_attempt(connection, at=NOW, coverage=0.5, needed=9, renews=certificate, **known)
        tested = {"kind": "gold", "outcome": "override", "label": "refund", "actor": "ruth", "seconds": 9.0}
        connection.execute(
            insert(schema.Decision).values(case_id=twice, blind=True, trained=True, decided_at=NOW, **tested)
        )
        outcomes.insert_outcomes(connection, [outcomes.ImportedOutcome(twice, "csat", 4.0, NOW)], NOW)
        tokens.insert_token(
            connection, person="ruth", name="till", digest="d", scopes=[], created_at=NOW, expires_at=NOW + AGES
        )
        for days in (1, 30):
            proposals.insert_proposal(
                connection,
                act="resume",
                arguments={"category": "refund"},
                reason="r",
                proposer=FOUNDER,
                proposed_at=NOW,
                expires_at=NOW + timedelta(days=days),
            )


def decide(scene: Scene, case: int, outcome: str, actor: str = "rita", **ruling: object) -> None:
    """Decide, with a key: a blind label is drawn for a second look."""
    claim = scene.claim(case, actor)
    one = Ruling(claim.item_id, claim.fence, Outcome(outcome), **ruling)  # type: ignore[arg-type]
    deciding.decide(scene.store, [one], actor, secret=b"a key of thirty-two bytes or so.", **scene.known)


def test_an_empty_frame_has_the_columns_and_types_of_a_filled_one(store: Store) -> None:
    empty = {name: read(store, name) for name in READERS}
    fill(store)
    filled = {name: read(store, name) for name in READERS}
    assert [name for name, found in filled.items() if found.empty] == []
    assert [line for name, full in filled.items() for line in lost(name, full, empty[name])] == []
    assert len(READERS) > 50


def test_asked_for_no_case_a_reader_gives_the_same_columns_and_types(store: Store) -> None:
    fill(store)
    about = [name for name in READERS if "ids" in inspect.signature(READERS[name]).parameters]
    assert [line for name in about for line in lost(name, read(store, name), read(store, name, ids=[]))] == []
    assert len(about) >= 3


def test_a_number_of_something_stays_whole_where_others_are_missing(store: Store) -> None:
    fill(store)
    reviews = [row["model_review_id"] for row in records(read(store, "pauses.pauses"))]
    assert reviews == [1, None]
    assert type(reviews[0]) is int


def test_a_column_without_a_declared_type_is_refused(sqlite_store: Store) -> None:
    with sqlite_store.read() as connection, pytest.raises(NotImplementedError):
        frame(connection, select(func.hex(schema.Case.source)))


def lost(name: str, full: pd.DataFrame, empty: pd.DataFrame) -> Iterator[str]:
    """Columns of `full` that `empty` has not, or with another type; a missing value may widen whole and bool."""
    for column in full.columns:
        dtype, before = full[column].dtype, empty.dtypes.get(column)
        widened = full[column].isna().any() and (str(dtype), str(before)) in {("Int64", "int64"), ("object", "bool")}
        if before != dtype and not widened:
            yield f"{name}: {column} is {dtype}, in an empty frame {before}"
