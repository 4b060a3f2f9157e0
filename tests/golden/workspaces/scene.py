"""Writes the scene that `tests/store/test_upgrades.py` upgrades: six automatic actions are done and two audited, one of
them denied; three were sent in vain and one was left by a killed sender; people hold, decided and wait; a category is
paused by hand and another by the breaker; rows were put aside, cases are received, accepted and scored.

To be called as it was then, in a checkout of the first commit of a revision, with the address of an empty database:
`PYTHONPATH=. python scene.py sqlite:///old.db`. The first commit of revision 1 had no `tests/scenes.py` yet and lent
that of revision 2, with the key that its routes still carried. The SQL is Python's `iterdump` and `pg_dump --inserts`.
"""

import inspect
import sys
from collections.abc import Sequence

import numpy as np
from sqlalchemy import text

from handrail.acts import delivering, pausing
from handrail.errors import RetryableError
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, NOW, Scene


class Receiver:
    idempotent = True

    def __init__(self, *, is_down: bool) -> None:
        self.is_down = is_down

    def execute(self, _: Sequence[object]) -> None:
        if self.is_down:
            raise RetryableError("the receiver is down")


def deliver(scene: Scene, *, is_down: bool) -> None:
    known = {"actor": FLOW, "now": NOW, "rng": np.random.default_rng(1), "limit": 10, "policy": scene.policy}
    wanted = inspect.signature(delivering.deliver).parameters
    delivering.deliver(scene.store, Receiver(is_down=is_down), **{k: v for k, v in known.items() if k in wanted})


def play(scene: Scene) -> None:
    automatic = scene.automatic(6)
    deliver(scene, is_down=False)
    scene.audit(automatic[:2])
    scene.automatic(3, category="tracking")
    deliver(scene, is_down=True)
    scene.automatic(2)
    waiting = scene.waiting(5)
    scene.decide(waiting[0])
    scene.decide(waiting[1], "override", label="tracking", reason_code="wrong_category")
    scene.claim(waiting[2], "ruth")
    scene.decide(automatic[0], "deny", reason_code="out_of_scope", actor="ron")
    scene.take_in({"external_id": "x-1"}, {"external_id": "x-2"}, bad=("b-1", "b-2"), file="file-9")
    scene.accepted(2)
    scene.scored(2)
    pause = {"policy": scene.policy, "now": NOW}
    pausing.pause(scene.store, "refund", reason="too many complaints", actor=FOUNDER, **pause)
    evidence = {"rejected": 3, "audited": 20}
    breaker = {"actor": "flow:quality_watch", "kind": "breaker", "evidence": evidence}
    pausing.pause(scene.store, "complaint", reason="tripped", **breaker, **pause)
    with scene.store.write() as connection:
        connection.execute(
            text(
                "UPDATE outbox SET state = 'leased', lease_until = next_at, attempts = 1"
                " WHERE id = (SELECT max(id) FROM outbox WHERE state IN ('new', 'retry'))"
            )
        )


if __name__ == "__main__":
    store = Store(sys.argv[1])
    store.upgrade()
    play(Scene(store))
    store.dispose()
