"""A case goes only where the table of its states lets it, whatever people, flows and customers do in whatever order."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from handrail.acts import settling, undoing
from handrail.case import ENTRY, NEXT, NewCase, State
from handrail.errors import ForbiddenTransition, HandrailError
from handrail.store import cases, schema
from handrail.store.engine import Store
from tasks.routing.receiver import Ledger
from tests.contesting import SHOP, contest, resolve
from tests.scenes import FOUNDER, MANAGER, Scene
from tests.store.test_acts_silence import Day

RECORDED = (
    "CREATE TABLE moves (before TEXT NOT NULL, after TEXT NOT NULL)",
    """CREATE TRIGGER moved AFTER UPDATE OF state ON cases WHEN old.state <> new.state
    BEGIN INSERT INTO moves VALUES (old.state, new.state); END""",
)


class Unruly(Day):
    """A working day on which people also change their minds, customers disagree, and actions are given up."""

    def live(self) -> None:
        for _ in range(4):
            super().live()
            for change in (self.undo, self.undo, self.contest, self.contest, self.abandon):
                with suppress(HandrailError):
                    change()

    def undo(self) -> None:
        self.arrive()
        self.work()
        decision = self.scene.rows(schema.Decision)[-1]
        undoing.undo(self.scene.store, [decision["id"]], decision["actor"], policy=self.scene.policy, now=self.now)

    def contest(self) -> None:
        settled = [row["id"] for row in self.scene.rows(schema.Case) if row["state"] in ("decided", "done")]
        case = settled[int(self.rng.integers(len(settled)))]
        dispute = contest(self.scene, case, at=self.now)
        outcome = self._one(["approve", "override", "deny"])
        label = self._one(["refund", "tracking"]) if outcome == "override" else None
        resolve(self.scene, dispute, outcome, MANAGER, self.now, label=label)

    def abandon(self) -> None:
        for action in self.scene.rows(schema.Outbox, state="dead")[:1]:
            settling.abandon(self.scene.store, action["id"], reason="gone", policy=SHOP, actor=FOUNDER, now=self.now)


@contextmanager
def recorded(store: Store) -> Iterator[set[tuple[State, State]]]:
    """The moves of all cases inside the block, as the database itself saw them."""
    with store.write() as connection:
        for statement in RECORDED:
            connection.execute(text(statement))
    moves: set[tuple[State, State]] = set()
    yield moves
    with store.read() as connection:
        found = connection.execute(text("SELECT DISTINCT before, after FROM moves"))
        moves.update((State(before), State(after)) for before, after in found)


@pytest.mark.parametrize("seed", [1, 3])
def test_only_allowed_moves_happen(sqlite_store: Store, tmp_path: Path, seed: int) -> None:
    day = Unruly(Scene(sqlite_store, SHOP), Ledger(tmp_path / "actions.db"), seed)
    with recorded(sqlite_store) as moves:
        day.live()
    assert {(before, after) for before, after in moves if after not in NEXT[before]} == set()
    assert {(State.QUEUED, State.DONE), (State.DECIDED, State.QUEUED), (State.DONE, State.DECIDED)} <= moves


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


@pytest.fixture
def shop(sqlite_store: Store) -> Scene:
    return Scene(sqlite_store)


def place(scene: Scene, case: int, state: State) -> None:
    with scene.store.write() as connection:
        connection.execute(update(schema.Case).where(schema.Case.id == case).values(state=state))


def test_a_move_happens_where_it_is_allowed_and_is_refused_where_not(scene: Scene) -> None:
    (case,) = scene.accepted(1)
    for before, after in product(State, State):
        place(scene, case, before)
        with scene.store.write() as connection:
            if after in NEXT[before]:
                assert cases.set_state(connection, [case], after, only_from=before) == [case]
            else:
                with pytest.raises(ForbiddenTransition, match=f"is {before} never becomes {after}"):
                    cases.set_state(connection, [case], after, only_from=before)
        assert scene.state(case) == (after if after in NEXT[before] else before)


def test_a_forbidden_move_leaves_nothing_of_its_transaction(scene: Scene) -> None:
    waiting, early = *scene.waiting(1), *scene.scored(1)

    def skip_people() -> None:
        with scene.store.write() as connection:
            cases.set_state(connection, [waiting], State.DONE, only_from=State.QUEUED)
            cases.set_state(connection, [early], State.DONE, only_from=State.SCORED)

    with pytest.raises(ForbiddenTransition):
        skip_people()
    assert (scene.state(waiting), scene.state(early)) == ("queued", "scored")


@given(moves=st.lists(st.tuples(st.sampled_from(State), st.sampled_from(State)), max_size=20))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_case_is_where_its_allowed_moves_have_brought_it(shop: Scene, moves: list[tuple[State, State]]) -> None:
    (case,) = shop.accepted(1)
    state = State.ACCEPTED
    for before, after in moves:
        with suppress(ForbiddenTransition), shop.store.write() as connection:
            cases.set_state(connection, [case], after, only_from=before)
        state = after if before is state and after in NEXT[before] else state
        assert shop.state(case) == state


def test_every_state_is_reached_and_none_leads_to_itself() -> None:
    reached = set(ENTRY).union(*NEXT.values())
    assert set(NEXT) == reached == set(State)
    assert not [state for state in State if state in NEXT[state]]


def test_a_case_comes_in_received_or_done(scene: Scene) -> None:
    (case,) = scene.accepted(1)
    row = scene.row(schema.Case, id=case)
    entered = ("source", "batch_id", "row_digest", "received_at", "ingested_at")
    new = NewCase(external_id="e-new", state=State.QUEUED, **{name: row[name] for name in entered})
    with scene.store.write() as connection, pytest.raises(ForbiddenTransition, match="comes in as"):
        cases.insert_cases(connection, [new])
