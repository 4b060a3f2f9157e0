"""Acts of every kind in any order, cut in between each other and killed half-way: what must hold, holds."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests import life_rules
from tests.life import ACTS, KILL, STEPS, Interleaved, Life

PICKS = st.integers(0, 999)
INTRUDERS = st.none() | st.tuples(st.integers(1, 4), st.sampled_from([KILL, *ACTS]), PICKS)
LENGTH = 50
"""Steps of one life."""


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

        @rule(name=st.sampled_from(ACTS), pick=PICKS, intruder=INTRUDERS)
        def act(self, name: str, pick: int, intruder: tuple[int, str, int] | None) -> None:
            self.life.perform(name, pick, intruder)

        @rule(step=st.sampled_from(sorted(STEPS)))
        def time_passes(self, step: str) -> None:
            self.life.pass_time(step)

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


def live(open_store: Callable[[], Interleaved], steps: int) -> None:
    """Play so many steps, the same ones every time."""
    chosen = settings(
        max_examples=max(1, steps // LENGTH),
        stateful_step_count=LENGTH,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine(open_store), settings=chosen)


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
    live(sqlite_stores, 300)


@pytest.mark.postgres
def test_whatever_happens_on_postgresql_nothing_is_lost_doubled_or_left_open(
    postgres_stores: Callable[[], Interleaved],
) -> None:
    live(postgres_stores, 150)
