"""One worker of the kill loop, in a process of its own: it takes in, routes, sends, claims, decides and takes back.

    python shift.py DATABASE HOME PORT FIRST LAST LOG SEED idempotent|repeats

It brings the cases FIRST to LAST of a delivery to their end and works on whatever waits. Each act that has returned is
written to LOG before the next one begins: that is what was acknowledged.
"""

import http.client
import json
import os
import random
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sqlalchemy import text

from handrail.acts import attending, claiming, deciding, delivering, intake, pausing, routing, undoing
from handrail.case import Outcome, State
from handrail.clock import machine
from handrail.dead_mans_switch import WATCHES
from handrail.errors import HandrailError, RetryableError, Unanswered
from handrail.outbox import OutboxAction
from handrail.ruling import Ruling
from handrail.store import cases, policies
from handrail.store.engine import Store
from handrail.workspace import Workspace
from tasks.occasion import Occasion
from tasks.routing.assign import assign

FLOW = "flow:triage"
OPERATOR = "stella"
PEOPLE = ("rita", "ruth", "ron", "remo")
ROWS = 20
"""Of one file."""
VERSION = "1"
LEASE = timedelta(seconds=2)
"""Instead of five minutes: a benchmark cannot wait as long for what a killed worker held."""
UNDOABLE = (
    "SELECT d.id, d.actor FROM decisions d JOIN outbox o ON o.decision_id = d.id"
    " WHERE d.kind = 'review' AND o.state = 'new' ORDER BY d.id DESC LIMIT 1"
)
PAUSED = "SELECT category FROM pauses WHERE until IS NULL"
UNSETTLED = (
    "SELECT (SELECT count(*) FROM cases WHERE state NOT IN ('decided', 'done'))"
    " + (SELECT count(*) FROM outbox WHERE state IN ('new', 'retry', 'leased'))"
    " + (SELECT count(*) FROM work_items WHERE state = 'open')"
)
"""What goes on by itself; what is unknown or dead waits for a person."""


class Remote:
    """The receiver's process."""

    def __init__(self, port: int, *, idempotent: bool) -> None:
        self._port, self.idempotent = port, idempotent

    def execute(self, actions: Sequence[OutboxAction]) -> None:
        """Post them; a connection that breaks after the request tells nothing."""
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            link.connect()
        except OSError as error:
            raise RetryableError("The receiver is away. It is tried again.") from error
        try:
            link.request("POST", "/", json.dumps([[action.key, action.case_id] for action in actions]))
            link.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered("The receiver did not answer. It is tried again.") from error
        finally:
            link.close()


class Shift:
    """What one worker does, over and over."""

    def __init__(self, words: Sequence[str]) -> None:
        database, home, port, first, last, log, seed, kind = words
        self.store = Store(database)
        with self.store.read() as connection:
            in_force = policies.in_force(connection)
        assert in_force is not None
        self.policy = in_force.policy
        self.workspace = Workspace(Path(home), database)
        self.receiver = Remote(int(port), idempotent=kind == "idempotent")
        self.names = [f"e-{number}" for number in range(int(first), int(last))]
        self.choose = random.Random(int(seed))  # noqa: S311
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @property
    def now(self) -> datetime:
        """The machine's time: a worker bends no clock."""
        return machine()

    def work(self) -> None:
        """Until everything of this delivery is settled and nothing waits."""
        while self._deliver_file() or self._is_anything_left():
            for act in (
                self._route,
                self._send,
                self._decide,
                self._decide,
                self._take_back,
                self._withhold,
                self._watch,
            ):
                try:
                    act()
                except HandrailError as refusal:
                    self._say("refused", act.__name__, type(refusal).__name__)

    def _say(self, *words: object) -> None:
        os.write(self.log, (" ".join(map(str, words)) + "\n").encode())

    def _deliver_file(self) -> bool:
        """The next twenty rows that are not there yet, as a file; False when all are."""
        with self.store.read() as connection:
            there = cases.known(connection, "shop", self.names)
        names = [name for name in self.names if name not in there][:ROWS]
        if names:
            moment = self.now
            rows = pd.DataFrame(
                {
                    "row_number": range(1, len(names) + 1),
                    "external_id": names,
                    "received_at": moment,
                    "text": "where is my money",
                    "amount": 20.0,
                    "customer_id": "c-1",
                    "consent": True,
                    "label": None,
                    "history": False,
                    "fields": [{"channel": "web"}] * len(names),
                    "row_digest": [f"{name}-digest" for name in names],
                }
            )
            bad = rows.head(0).assign(reason="", expectation="", row=[])
            delivery = intake.resume(self.store, "shop", f"file-of-{names[0]}")
            intake.take_in(self.store, rows, bad, delivery, policy=self.policy, actor=FLOW, now=moment)
            self._say("received", len(names))
        return bool(names)

    def _route(self) -> None:
        with self.store.read() as connection:
            received = cases.pick(connection, State.RECEIVED, ["amount"], after=0, limit=1000)["case_id"].tolist()
        intake.accept(self.store, received, [], actor=FLOW, now=self.now)
        with self.store.read() as connection:
            accepted = cases.pick(connection, State.ACCEPTED, ["amount"], after=0, limit=1000)["case_id"].tolist()
        names = sorted(self.policy.categories)
        said = pd.DataFrame(
            {
                "case_id": accepted,
                "label": [names[one % len(names)] for one in accepted],
                "confidence": [0.99 if one % 2 else 0.8 for one in accepted],
                "novelty": 0.1,
                "novel": False,
            }
        )
        if len(said):
            routing.record_predictions(
                self.store, said, version=VERSION, role="champion", advance=True, actor=FLOW, now=self.now
            )
        assign(Occasion(self.workspace, self.store, self.policy, self.now, FLOW))

    def _send(self) -> None:
        rng = np.random.default_rng(self.choose.randrange(1 << 30))
        delivering.deliver(self.store, self.receiver, policy=self.policy, actor=FLOW, now=self.now, rng=rng, limit=5)

    def _decide(self) -> None:
        person = self.choose.choice(PEOPLE)
        for claim in claiming.claim(self.store, person, policy=self.policy, now=self.now, limit=3):
            outcome = self.choose.choice((Outcome.APPROVE, Outcome.APPROVE, Outcome.DENY))
            code = None if outcome is Outcome.APPROVE else "out_of_scope"
            ruling = Ruling(claim.item_id, claim.fence, outcome, reason_code=code)
            (number,) = deciding.decide(self.store, [ruling], person, policy=self.policy, now=self.now)
            self._say("decided", number, claim.case_id, person)

    def _take_back(self) -> None:
        """One in twenty is undone, while its action has not gone out."""
        if self.choose.random() < 0.05:
            with self.store.read() as connection:
                newest = connection.execute(text(UNDOABLE)).first()
            if newest is not None:
                number, person = newest
                undoing.undo(self.store, [number], person, policy=self.policy, now=self.now)
                self._say("undone", number)

    def _withhold(self) -> None:
        """Now and then an operator pauses a category, and resumes it."""
        with self.store.read() as connection:
            paused = connection.execute(text(PAUSED)).scalars().all()
        known = {"policy": self.policy, "actor": OPERATOR, "now": self.now, "reason": "as the day brings it"}
        if paused and self.choose.random() < 0.3:
            pausing.resume(self.store, paused[0], **known)
        elif not paused and self.choose.random() < 0.2:
            pausing.pause(self.store, self.choose.choice(sorted(self.policy.categories)), **known)

    def _watch(self) -> None:
        for name in WATCHES:
            attending.note_watch(self.store, name, actor="flow:watch", now=self.now)

    def _is_anything_left(self) -> bool:
        with self.store.read() as connection:
            return bool(connection.execute(text(UNSETTLED)).scalar())


if __name__ == "__main__":
    delivering.LEASE = LEASE
    Shift(sys.argv[1:]).work()
