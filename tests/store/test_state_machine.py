"""Acts of every kind in any order, cut in between each other and killed half-way: what must hold, holds."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import and_, text, update

from handrail.acts import pausing, routing
from handrail.errors import Refused
from handrail.outbox import OutboxAction
from handrail.store import outbox, pauses, schema, situation
from handrail.store.engine import Connection, Store
from tests import life_rules
from tests.life import ACTS, KILL, STEPS, Life
from tests.life_world import Interleaved
from tests.workspaces import ROOT

OFTEN = sorted([*ACTS, *("run", "run", "decide", "deliver", "beat") * 3])
"""Without cases nothing else happens."""
DISTURBING = sorted([KILL, *ACTS, *("pause", "stage", "trip", "promote") * 3])
"""What changes under others' hands most."""
PICKS = st.integers(0, 999)
INTRUDERS = st.none() | st.tuples(st.integers(1, 4), st.sampled_from(DISTURBING), PICKS)
STEPS_OF_A_LONG_LIFE = int(os.environ.get("HANDRAIL_STEPS", "5000"))
"""`make faults` plays ten times as many."""
LENGTH = 50
"""Steps of one life."""
SHRINKS = "HANDRAIL_SHRINK" in os.environ
"""Whether a failure is first made smaller, which may take five minutes; otherwise the steps that failed are printed."""


def machine(open_store: Callable[[], Interleaved]) -> type[RuleBasedStateMachine]:
    """The machine over stores of one kind."""

    class Shop(RuleBasedStateMachine):
        """One shop from its first day."""

        def __init__(self) -> None:
            super().__init__()
            self.folder = Path(tempfile.mkdtemp(prefix="handrail-life-"))
            self.store = open_store()

        @initialize(idempotent=st.booleans())
        def begin(self, idempotent: bool) -> None:
            self.life = Life(self.store, self.folder, idempotent=idempotent)
            self.memory = life_rules.Memory()
            self.store.watch = lambda connection: self.memory.at_commit(connection, self.life)

        # One rule: of several, Hypothesis leaves some out of a life, and in most nothing happened but time.
        @rule(
            after=st.none() | st.sampled_from(sorted(STEPS)),
            name=st.sampled_from(OFTEN),
            pick=PICKS,
            intruder=INTRUDERS,
        )
        def act(self, after: str | None, name: str, pick: int, intruder: tuple[int, str, int] | None) -> None:
            if after is not None:
                self.life.pass_time(after)
            self.life.perform(name, pick, intruder)

        @invariant()
        def holds(self) -> None:
            if hasattr(self, "life"):
                life_rules.check(self.life, self.memory)

        def teardown(self) -> None:
            try:
                if hasattr(self, "life"):
                    self.life.settle_down()
                    life_rules.check(self.life, self.memory)
            finally:
                self.store.dispose()
                shutil.rmtree(self.folder, ignore_errors=True)

    return Shop


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Every hold is a warning, and here they are many."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def live(open_store: Callable[[], Interleaved], steps: int, *, seed: int = 0) -> None:
    """Play so many steps, by the same dice every time and everywhere.

    Hypothesis mixes numbers into its draws that stand in the source of whatever is imported: by them any change of the
    program, or another selection of tests, would play something else.
    """
    chosen = settings(
        max_examples=max(1, steps // LENGTH),
        stateful_step_count=LENGTH,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if SHRINKS else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    played = machine(open_store)
    hypothesis.seed(seed)(played)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: None)
        run_state_machine_as_test(played, settings=chosen)


@pytest.fixture
def sqlite_stores(sqlite_template: Path, tmp_path: Path) -> Callable[[], Interleaved]:
    numbers = count(1)

    def create() -> Interleaved:
        file = tmp_path / f"{next(numbers)}.db"
        shutil.copyfile(sqlite_template, file)
        return Interleaved(f"sqlite:///{file}")

    return create


@pytest.fixture
def postgres_stores(new_database: Callable[..., str], postgres_template: str) -> Callable[[], Interleaved]:
    return lambda: Interleaved(new_database(postgres_template))


def test_whatever_happens_on_sqlite_nothing_is_lost_doubled_or_left_open(
    sqlite_stores: Callable[[], Interleaved],
) -> None:
    live(sqlite_stores, 200)


@pytest.mark.postgres
def test_whatever_happens_on_postgresql_nothing_is_lost_doubled_or_left_open(
    postgres_stores: Callable[[], Interleaved],
) -> None:
    live(postgres_stores, 75)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_half_a_long_life_on_sqlite(seed: int, sqlite_stores: Callable[[], Interleaved]) -> None:
    live(sqlite_stores, STEPS_OF_A_LONG_LIFE // 2, seed=seed)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.postgres
def test_a_long_life_on_postgresql(postgres_stores: Callable[[], Interleaved]) -> None:
    live(postgres_stores, STEPS_OF_A_LONG_LIFE // 10, seed=1)


@pytest.mark.faults
@pytest.mark.slow
def test_a_long_life_is_the_same_everywhere(sqlite_template: Path, tmp_path: Path) -> None:
    """By other hashes, beside other modules, at another time: what one machine finds, another one finds too."""
    (tmp_path / "numbers_of_others.py").write_text(f"NUMBERS = {list(range(100, 1000))}\n")
    told = [
        subprocess.Popen(
            [sys.executable, "-c", f"{imports}; from {__name__} import tell; tell({str(sqlite_template)!r})"],
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for imports, hashes in (("import sys", "1"), ("import numbers_of_others", "2"))
    ]
    one, other = (process.communicate(timeout=600)[0].splitlines() for process in told)
    assert len(one) > 100
    assert one == other


def tell(template: str) -> None:
    """Print what happens in eight lives."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        settle_down, numbers = Life.settle_down, count(1)

        def telling(life: Life) -> None:
            settle_down(life)
            for event in life.rows(schema.TrailEvent):
                sys.stdout.write(f"{event['at']} {event['kind']} {event['case_id']}\n")

        def create() -> Interleaved:
            file = Path(folder, f"{next(numbers)}.db")
            shutil.copyfile(template, file)
            return Interleaved(f"sqlite:///{file}")

        patch.setattr(Life, "settle_down", telling)
        live(create, 8 * LENGTH, seed=3)


def handed_over_is_undone(patch: pytest.MonkeyPatch) -> None:
    """What was handed over and not acknowledged goes back to people as if it had not been executed."""

    def unsent(connection: Connection, categories: Collection[str] | None) -> list[OutboxAction]:
        left = and_(outbox._automatic(categories), schema.Outbox.state.in_(("new", "retry", "leased")))
        withdrawn = update(schema.Outbox).where(left).values(state="withdrawn", lease_until=None)
        return outbox._in_order(connection, withdrawn)

    patch.setattr(routing, "_doubt_handed_over", lambda *_, **__: None)
    patch.setattr(outbox, "withdraw_new", unsent)


def routes_follow_an_earlier_situation(patch: pytest.MonkeyPatch) -> None:
    """Stages, pauses and holds are read before the transaction that writes the routes."""
    read, assign = situation.read, Life._assign

    def assign_by_then(life: Life) -> None:
        with life.store.read() as connection:
            then = read(connection, life.policy, life.now)
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(situation, "read", lambda *_: then)
            assign(life)

    patch.setattr(Life, "_assign", assign_by_then)


def an_alarm_is_swallowed(patch: pytest.MonkeyPatch) -> None:
    """A category that a person has paused cannot be paused by the breaker."""
    pause = pausing.pause

    def refused(store: Store, category: str | None, **known: object) -> int:
        with store.read() as connection:
            if category in pauses.paused(connection):
                raise Refused(f"{category} is paused already.")
        return pause(store, category, **known)

    patch.setattr(pausing, "pause", refused)


def numbers_come_back(patch: pytest.MonkeyPatch) -> None:
    """The highest number of a table is given again when its row is gone."""
    again = text("UPDATE sqlite_sequence SET seq = (SELECT coalesce(max(id), 0) FROM decisions) WHERE name='decisions'")
    write = Interleaved.write

    @contextmanager
    def forgetful(store: Interleaved) -> Iterator[Connection]:
        with write(store) as connection:
            connection.execute(again)
            yield connection

    patch.setattr(Interleaved, "write", forgetful)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize(
    ("put_back", "told", "seed"),  # dice that come to it soon
    [
        (handed_over_is_undone, "counts as withdrawn, and the receiver has executed it", 0),
        (routes_follow_an_earlier_situation, "was approved while|is at stage", 6),
        (an_alarm_is_swallowed, "tripped, and no model review is open", 1),
        (numbers_come_back, "stood for|undone twice", 1),
    ],
)
def test_a_fault_that_is_put_back_is_found(
    put_back: Callable[[pytest.MonkeyPatch], None],
    told: str,
    seed: int,
    sqlite_stores: Callable[[], Interleaved],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_back(monkeypatch)

    def several_lives() -> None:
        for another in range(seed, seed + 5):  # a rare one may need more than one throw
            live(sqlite_stores, 3_000, seed=another)

    with pytest.raises(AssertionError, match=told):
        several_lives()
