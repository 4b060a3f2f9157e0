"""A shop's life for the state machine: acts that follow one another, cut in between each other, or die half-way.

Between any two commits of an act another one may run whole, or the process may die: `Interleaved` is the store that
does so. Everything else is real: the acts, both databases, a receiver that keeps what it executed.
"""

import random
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from handrail.acts import (
    attending,
    claiming,
    deciding,
    delivering,
    disputing,
    drawing,
    escalating,
    handing,
    intake,
    pausing,
    publishing,
    purging,
    routing,
    settling,
    undoing,
)
from handrail.acts import models as model_acts
from handrail.case import Outcome, State
from handrail.dead_mans_switch import WATCHES
from handrail.errors import HandrailError, PermanentError
from handrail.founding import Kind
from handrail.policy import LabelRules, Policy, Stage
from handrail.ruling import Ruling
from handrail.store import cases, models, schema
from handrail.workspace import Workspace
from tasks.occasion import Occasion
from tasks.routing.assign import assign
from tests.contesting import SHOP, TOLD
from tests.life_world import Interleaved, Killed, Ledger
from tests.scenes import ACTIONS, BETTER, FLOW, FOUNDER, MANAGER, NOW, REVIEWERS, Scene, bad_rows, good_rows

KILL = "kill"
KEY = "5" * 64
HOLD = timedelta(seconds=10)
CODES = ("wrong_category", "out_of_scope", "policy", "legal")
STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1), "year": timedelta(400)}
UNDOABLE = {name: f"undo_{action}" for name, action in ACTIONS.items()}
POLICY = SHOP.model_copy(
    update={
        "categories": {
            name: rules.model_copy(update={"undone_by": UNDOABLE[name]}) for name, rules in SHOP.categories.items()
        },
        "labels": LabelRules(second_share=0.3),
    }
)
"""Every action can be taken back, so that two effects on one case are always a fault."""


ACTS = (
    "run",
    "score",
    "assign",
    "beat",
    "claim",
    "decide",
    "undo",
    "undo again",
    "release",
    "pause",
    "resume",
    "trip",
    "close review",
    "stage",
    "new version",
    "promote",
    "roll back",
    "deliver",
    "settle",
    "audit",
    "dispute",
    "escalate",
    "publish",
    "purge",
)
"""What may happen in a shop; a method of `Life` each."""


class Life:
    """One shop from its first day; `perform` does an act that `pick` chooses the particulars of."""

    def __init__(self, store: Interleaved, folder: Path, *, idempotent: bool, policy: Policy = POLICY) -> None:
        self.store, self.policy, self.now = store, policy, NOW
        self.scene = Scene(store, policy, kind=Kind.LIVE)
        store.clock = lambda: self.now  # after the scene, whose own clock stands
        self.workspace = Workspace(folder, "sqlite://")
        self.workspace.create()
        self.workspace.secret_file.write_text(KEY)  # keyed draws are dice too: which case is approved, which held back
        self.receiver = Ledger(idempotent=idempotent)
        self.received: set[str] = set()
        self.versions, self.files = 0, 0
        self.undone: list[int] = []
        self.tripped: set[str] = set()
        """Categories whose breaker has tripped and whose model review nobody has closed."""
        self.refusals: Counter[str] = Counter()
        self._choose = random.Random(0)  # noqa: S311 - a replayable choice
        self._beat()
        self._new_version()
        self._promote()

    def perform(self, name: str, pick: int, intruder: tuple[int, str, int] | None = None) -> None:
        """Do one act; before its nth transaction the intruder's act happens, or the process dies.

        A refusal is an answer as good as any; it is counted.
        """
        if intruder is not None:
            at, other, other_pick = intruder
            if name == other == "deliver":
                at += 1  # a second sender waits while the first takes over what a dead one left
            self.store.intruder = (at, lambda: self._intrude(other, other_pick))
        try:
            self._once(name, pick)
        except Killed:
            pass
        finally:
            self.store.intruder = None

    def pass_time(self, step: str) -> None:
        """Let time go by, for the business and for the leases."""
        self.now += STEPS[step]

    def settle_down(self) -> None:
        """Bring everything that can be ended to its end, as calm days do."""
        for _ in range(3):
            for name in ("beat", "score", "assign", "settle"):
                self._once(name, 0)
            self._send("well")
            self.pass_time("hour")

    def _intrude(self, name: str, pick: int) -> None:
        if name == KILL:
            raise Killed
        self._once(name, pick)

    def _once(self, name: str, pick: int) -> None:
        before, self._choose = self._choose, random.Random(pick)  # noqa: S311
        try:
            getattr(self, "_" + name.replace(" ", "_"))()
        except HandrailError as refusal:
            self.refusals[f"{name}: {type(refusal).__name__}"] += 1
        finally:
            self._choose = before

    def rows(self, table: type[schema.Base], **where: object) -> list[dict[str, Any]]:
        """Rows of a table, as `Scene.rows`."""
        return self.scene.rows(table, **where)

    def _one(self, rows: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever is chosen from
        if not rows:
            raise PermanentError("There is nothing to choose from.")
        return self._choose.choice(list(rows))

    def _occasion(self) -> Occasion:
        return Occasion(self.workspace, self.store, self.policy, self.now, FLOW)

    def _run(self) -> None:
        """A file of one to four rows, the last perhaps bad, as far as the gate."""
        self.files += 1
        count = self._choose.randint(1, 4)
        names = [f"e-{self.files}-{number}" for number in range(count)]
        category = self._one(sorted(ACTIONS))
        rows = good_rows(*({"external_id": name, "fields": {"channel": "web"}} for name in names))
        bad = bad_rows(f"b-{self.files}") if self._choose.random() < 0.2 else bad_rows()
        delivery = intake.resume(self.store, "shop", f"file-{self.files}-{category}")
        taken = intake.take_in(self.store, rows, bad, delivery, policy=self.policy, actor=FLOW, now=self.now)
        self.received.update(names)
        self._accept(taken.delivery.batch_id)
        self._score()
        self._assign()

    def _accept(self, batch_id: int | None) -> None:
        ids = [row["id"] for row in self.rows(schema.Case, batch_id=batch_id, state=State.RECEIVED)]
        intake.accept(self.store, ids, [], actor=FLOW, now=self.now)

    def _score(self) -> None:
        """What the serving version says: the category by the case's number, surely or not."""
        for batch in {row["batch_id"] for row in self.rows(schema.Case, state=State.RECEIVED)}:
            self._accept(batch)
        with self.store.read() as connection:
            version = models.serving(connection).model_version
            waiting = cases.pick(connection, State.ACCEPTED, ["amount"], after=0, limit=1000)
        ids = waiting["case_id"].tolist()
        if not ids or version is None:
            return
        names = sorted(ACTIONS)
        said = pd.DataFrame(
            {
                "case_id": ids,
                "label": [names[(one + int(version)) % len(names)] for one in ids],
                "confidence": [0.99 if one % 3 else 0.8 for one in ids],
                "novelty": 0.1,
                "novel": False,
            }
        )
        routing.record_predictions(
            self.store, said, version=version, role="champion", advance=True, actor=FLOW, now=self.now
        )

    def _assign(self) -> None:
        assign(self._occasion())

    def _beat(self) -> None:
        for name in WATCHES:
            attending.note_watch(self.store, name, actor="flow:watch", now=self.now)

    def _claim(self) -> None:
        person = self._one((*REVIEWERS, MANAGER))
        claiming.claim(self.store, person, policy=self.policy, now=self.now, limit=self._choose.randint(1, 3))

    def _decide(self) -> None:
        """Somebody decides what they hold, or else the next that is offered."""
        person = self._one((*REVIEWERS, MANAGER))
        held = claiming.held(self.store, person)
        mine = held or claiming.claim(self.store, person, policy=self.policy, now=self.now)
        item = self._one(mine)
        outcome = self._one((Outcome.APPROVE, Outcome.APPROVE, Outcome.OVERRIDE, Outcome.DENY))
        label = self._one(sorted(ACTIONS)) if outcome is Outcome.OVERRIDE or item.suggestion_hidden else None
        if item.suggestion_hidden and outcome is Outcome.APPROVE:
            outcome = Outcome.OVERRIDE
        ruling = Ruling(
            item.item_id,
            item.fence,
            outcome,
            label=None if outcome is Outcome.DENY else label,
            reason_code=self._one(CODES) if outcome is not Outcome.APPROVE else None,
            answer=TOLD if item.kind == "dispute" else None,
        )
        act = disputing.resolve if item.kind == "dispute" else None
        known = {"policy": self.policy, "now": self.now, "secret": b"s" * 32, "hold": HOLD}
        if act is not None:
            act(self.store, ruling, person, **known)
        else:
            deciding.decide(self.store, [ruling], person, **known)

    def _undo(self) -> None:
        recent = [row for row in self.rows(schema.Decision) if row["actor"] in {*REVIEWERS, MANAGER}]
        decision = self._one(recent[-4:])
        undoing.undo(self.store, [decision["id"]], decision["actor"], policy=self.policy, now=self.now)
        self.undone.append(decision["id"])

    def _undo_again(self) -> None:
        """The same request once more, by whoever it was: nothing of it may happen."""
        number = self._one(self.undone)
        for person in (*REVIEWERS, MANAGER):
            try:
                undoing.undo(self.store, [number], person, policy=self.policy, now=self.now)
            except HandrailError:
                continue
            raise AssertionError(f"decision {number} was undone twice")

    def _release(self) -> None:
        person = self._one(REVIEWERS)
        mine = claiming.held(self.store, person)
        handing.release(self.store, [self._one(mine).item_id], person, now=self.now)

    def _scope(self) -> str | None:
        category: str | None = self._one((*sorted(ACTIONS), None))
        return category

    def _pause(self) -> None:
        pausing.pause(
            self.store, self._scope(), reason="too many complaints", policy=self.policy, actor=FOUNDER, now=self.now
        )

    def _resume(self) -> None:
        category = self._one([row["category"] for row in self.rows(schema.Pause, until=None)])
        pausing.resume(self.store, category, reason="mended", policy=self.policy, actor=FOUNDER, now=self.now)

    def _trip(self) -> None:
        """The breaker pauses a category, as the quality watch lets it; only a kill leaves that to the next look.

        What it has paused already it does not pause again: the watch asks no more until somebody resumes.
        """
        stopped = {row["category"] for row in self.rows(schema.Pause, until=None, kind="breaker")}
        category = self._one(sorted(ACTIONS.keys() - stopped))
        try:
            pausing.pause(
                self.store,
                category,
                reason="3 of 20 audited approvals rejected",
                policy=self.policy,
                actor="flow:quality_watch",
                now=self.now,
                kind="breaker",
                evidence={"reviewed": 20, "rejected": 3},
            )
        finally:
            if not isinstance(sys.exception(), Killed):
                self.tripped.add(category)

    def _close_review(self) -> None:
        review = self._one(self.rows(schema.ModelReview, closed_at=None))
        pausing.close_review(self.store, review["id"], conclusion="mended", actor=FOUNDER, now=self.now)
        if not self.rows(schema.ModelReview, closed_at=None, category=review["category"]):
            self.tripped.discard(review["category"])

    def _stage(self) -> None:
        category, stage = self._one(sorted(ACTIONS)), self._one(list(Stage))
        pausing.set_stage(
            self.store, category, stage, reason="as agreed", policy=self.policy, actor=FOUNDER, now=self.now
        )

    def _new_version(self) -> None:
        self.versions += 1
        figures = {"accuracy": 0.9, **BETTER}
        self.scene.add_version(
            str(self.versions), cause="by_hand", labels=300, metrics=figures, trained_until=NOW, now=self.now
        )

    def _promote(self) -> None:
        version = self._one([row["version"] for row in self.rows(schema.ModelVersion)])
        model_acts.set_champion(self.store, version, actor=FOUNDER, reason="better", now=self.now)

    def _roll_back(self) -> None:
        model_acts.roll_back(self.store, actor=FOUNDER, reason="worse after all", now=self.now)

    def _deliver(self) -> None:
        self._send(self._one(Ledger.MOODS), limit=self._one((1, 2, 1000)))

    def _send(self, mood: str, limit: int = 1000) -> None:
        """The desk's sender or triage's, to a receiver in this mood."""
        before, self.receiver.mood = self.receiver.mood, mood
        try:
            delivering.deliver(
                self.store,
                self.receiver,
                policy=self.policy,
                actor=FLOW,
                now=self.now,
                rng=np.random.default_rng(self._choose.randrange(100)),
                limit=limit,
            )
        finally:
            self.receiver.mood = before

    def _settle(self) -> None:
        """A person has looked at the receiver, and says what is true."""
        stuck = [row for row in self.rows(schema.Outbox) if row["state"] in settling.STUCK]
        action = self._one(stuck)
        known = {"actor": FOUNDER, "now": self.now, "reason": "the receiver's books say so"}
        if self.receiver.effects[action["key"]]:
            settling.confirm_executed(self.store, action["id"], **known)
        elif self._choose.random() < 0.5:
            settling.retry(self.store, action["id"], **known)
        else:
            settling.abandon(self.store, action["id"], policy=self.policy, **known)

    def _audit(self) -> None:
        routes = {row["case_id"]: row for row in self.rows(schema.Route, queue="A")}
        fresh = sorted(set(routes) - {row["case_id"] for row in self.rows(schema.AuditDraw)})
        case_id = self._one(fresh)
        draws = pd.DataFrame(
            {
                "case_id": [case_id],
                "category": [routes[case_id]["category"]],
                "drawn": True,
                "random": True,
                "stratum": "random",
                "inclusion_probability": 0.05,
            }
        )
        drawing.draw_audits(self.store, draws, seed=7, policy=self.policy, actor=FLOW, now=self.now)

    def _dispute(self) -> None:
        settled = [row["id"] for row in self.rows(schema.Case) if row["state"] in {State.DECIDED, State.DONE}]
        disputing.open_dispute(
            self.store, self._one(settled), "I never asked for this", actor="remo", policy=self.policy, now=self.now
        )

    def _escalate(self) -> None:
        escalating.escalate_breaches(self.store, policy=self.policy, actor=FLOW, now=self.now)

    def _publish(self) -> None:
        """Another policy: the rule of the breaker, or the threshold of queue A."""
        threshold = self._one((0.95, 0.97, 0.9))
        rules = self.policy.queues.model_copy(update={"auto_above": threshold})
        draft = self.policy.model_copy(update={"queues": rules})
        publishing.publish(self.store, draft, actor=FOUNDER, now=self.now)
        self.policy = draft

    def _purge(self) -> None:
        purging.purge(self.store, policy=self.policy, actor=FOUNDER, now=self.now, dry_run=False)
