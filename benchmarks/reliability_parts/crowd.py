"""Four reviewers decide and undo while an SLA watch, an operator, a sender and the audits write beside them."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event, Lock

import numpy as np
import pandas as pd
from sqlalchemy import text

from handrail.acts import (
    claiming,
    deciding,
    delivering,
    drawing,
    escalating,
    intake,
    pausing,
    publishing,
    routing,
    undoing,
)
from handrail.acts.intake import Delivery
from handrail.case import Outcome
from handrail.errors import HandrailError
from handrail.outbox import OutboxAction
from handrail.policy import CategoryRules, Consequence, LabelRules, Policy, QueueRules, Stage
from handrail.ruling import Ruling
from handrail.store import audits, staff, trail
from handrail.store.engine import Store

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FOUNDER, FLOW = "stella", "flow:benchmark"
REVIEWERS = ("rita", "ruth", "ron", "remo")
UNDO_EVERY = 3
POLICY = Policy(
    business="shop",
    queues=QueueRules(uncertified="fixed"),
    categories={
        name: CategoryRules(action=f"do_{name}", consequence=Consequence.LOW, stage=Stage.AUTO)
        for name in ("refund", "tracking")
    },
    labels=LabelRules(second_share=0),
)


@dataclass
class Tally:
    """What happened: acts that ended well and refusals by act, the waits of pauses in seconds."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    pauses: list[float] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, act: str, refusal: HandrailError | None = None) -> None:
        """Count one act, from any thread."""
        with self._lock:
            if refusal is None:
                self.done[act] += 1
            else:
                self.refused[f"{act}: {refusal}"] += 1


@dataclass(frozen=True)
class Place:
    """A store with people and waiting work; work falls due second by second from `NOW` on."""

    store: Store

    def begin(self, cases: int) -> None:
        """Make the workspace and queue `cases` for people."""
        self.store.upgrade()
        publishing.found(self.store, POLICY, founder=FOUNDER, now=NOW)
        with self.store.write() as connection:
            for name in REVIEWERS:
                until = NOW + timedelta(days=900)
                staff.save_person(connection, name=name, roles=["reviewer"], trained_until=until, active=True)
        self.queue(range(cases), queue="B")

    def queue(self, numbers: Sequence[int], *, queue: str) -> None:
        """Take in cases and route them to a queue, due one after the other."""
        names = [f"{queue}-{number}" for number in numbers]
        delivery = Delivery("shop", f"file-{names[0]}")
        taken = intake.take_in(self.store, _rows(names), _NONE, delivery, policy=POLICY, actor=FLOW, now=NOW)
        with self.store.read() as connection:
            query = text("SELECT id FROM cases WHERE batch_id = :batch ORDER BY id")
            ids = list(connection.execute(query, {"batch": taken.delivery.batch_id}).scalars())
        intake.accept(self.store, ids, [], actor=FLOW, now=NOW)
        routing.pass_unscored(self.store, ids, version=None, actor=FLOW)
        _assign(self.store, ids, queue)


_NONE = pd.DataFrame(columns=["row_number", "external_id", "reason", "expectation", "row", "row_digest"])


def _rows(names: Sequence[str]) -> pd.DataFrame:
    rows = pd.DataFrame({"external_id": names, "row_digest": names})
    return rows.assign(
        row_number=range(1, len(names) + 1),
        received_at=NOW - timedelta(hours=1),
        text="where is my money",
        amount=20.0,
        customer_id=None,
        consent=True,
        label=None,
        history=False,
        fields=[{}] * len(names),
    )


def _assign(store: Store, ids: Sequence[int], queue: str) -> None:
    planned = pd.DataFrame({"case_id": ids, "queue": queue}).assign(
        reason="auto" if queue == "A" else "stage_suggest",
        reasons=[("auto" if queue == "A" else "stage_suggest",)] * len(ids),
        category=["refund" if number % 2 else "tracking" for number in range(len(ids))],
        confidence=0.99,
        threshold=0.95,
        stage="auto",
        control=False,
        suggestion_hidden=False,
        blind_chance=None if queue == "A" else POLICY.queues.blind_share,
        model_version=None,
        due_at=[NOW + timedelta(seconds=number) for number in range(len(ids))],
    )
    planned["model_version"] = planned["model_version"].astype(object)

    def plan(waiting: routing.Waiting) -> pd.DataFrame:
        """Where they are wanted; while refunds are paused, theirs go to people."""
        mine = planned[planned["case_id"].isin(waiting.cases["case_id"])]
        paused = mine["category"].map(waiting.situation.is_paused) & mine["queue"].eq("A")
        return mine.assign(queue=mine["queue"].mask(paused, "B"), reason=mine["reason"].mask(paused, "paused"))

    routing.assign(store, ids, plan, policy=POLICY, actor=FLOW, now=NOW)


class Obedient:
    """A receiver that acknowledges everything."""

    idempotent = True

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        """Do nothing, successfully."""


class Crowd:
    """Everybody who works in a place until it is over."""

    def __init__(self, place: Place) -> None:
        """Come to `place`."""
        self.tally, self.over = Tally(), Event()
        self._place, self._store = place, place.store

    def work(self, seconds: float) -> Tally:
        """Work for so long; what was refused is counted."""
        with ThreadPoolExecutor(len(REVIEWERS) + 3) as pool:
            working = [pool.submit(self._review, name) for name in REVIEWERS]
            working += [pool.submit(act) for act in (self._watch, self._operate, self._send)]
            self.over.wait(seconds)
            self.over.set()
            for one in working:
                one.result()
        return self.tally

    def _once(self, act: str, function: Callable[..., object], *arguments: object, **named: object) -> None:
        try:
            function(*arguments, **named)
        except HandrailError as refusal:
            self.tally.add(act, refusal)
        else:
            self.tally.add(act)

    def _review(self, name: str) -> None:
        for number in count(1):
            if self.over.is_set():
                return
            self._once("decide", _decide, self._store, name, undo=number % UNDO_EVERY == 0)

    def _watch(self) -> None:
        for step in count(1):
            if self.over.wait(0.005):
                return
            late = NOW + timedelta(seconds=5 * step)
            self._once("SLA watch", escalating.escalate_breaches, self._store, policy=POLICY, actor=FLOW, now=late)

    def _operate(self) -> None:
        known = {"reason": "a test", "policy": POLICY, "actor": FOUNDER, "now": NOW}
        while not self.over.wait(0.01):
            began = time.monotonic()
            self._once("pause", pausing.pause, self._store, "refund", **known)
            self.tally.pauses.append(time.monotonic() - began)
            self._once("resume", pausing.resume, self._store, "refund", **known)

    def _send(self) -> None:
        rng = np.random.default_rng(7)
        for start in count(step=10):
            if self.over.wait(0.01):
                return
            self._once("route", self._place.queue, range(start, start + 10), queue="A")
            self._once("deliver", _deliver, self._store, rng)
            self._once("audit", _draw, self._store)


def _decide(store: Store, name: str, *, undo: bool) -> None:
    claims = claiming.claim(store, name, policy=POLICY, now=NOW, kinds=("review",))
    if not claims:
        return
    rulings = [Ruling(one.item_id, one.fence, Outcome.APPROVE) for one in claims]
    made = deciding.decide(store, rulings, name, policy=POLICY, now=NOW, hold=timedelta(seconds=30))
    if undo:
        undoing.undo(store, made, name, policy=POLICY, now=NOW)


def _deliver(store: Store, rng: np.random.Generator) -> None:
    delivering.deliver(store, Obedient(), policy=POLICY, actor=FLOW, now=NOW, rng=rng)


def _draw(store: Store) -> None:
    with store.read() as connection:
        candidates = audits.undrawn(connection, 1000)
    draws = candidates[["case_id", "category"]].assign(
        drawn=True, random=True, stratum="random", inclusion_probability=0.5
    )
    drawing.draw_audits(store, draws, seed=7, policy=POLICY, actor=FLOW, now=NOW)


@contextmanager
def opened(address: str, cases: int) -> Iterator[Place]:
    """A place in a fresh database."""
    store = Store(address)
    place = Place(store)
    place.begin(cases)
    yield place
    store.dispose()


def deadlocks(store: Store) -> int:
    """How many deadlocks this PostgreSQL database has counted."""
    with store.read() as connection:
        query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(connection.execute(query).scalar_one())


def is_whole(store: Store) -> bool:
    """Does the trail verify?"""
    with store.read() as connection:
        return trail.verify(connection).valid
