"""What somebody wrote past Handrail is answered with a sentence and a remedy, never with a trace of the program."""

import pytest
from sqlalchemy import text

from handrail.acts import attending, pausing, publishing
from handrail.errors import BadInput, HandrailError, PermanentError
from handrail.store import heartbeats, models, pauses, situation, trail, watch_runs
from handrail.store.engine import Store
from tests.scenes import FLOW, FOUNDER, NOW, VERSION, Scene

READERS = {
    "pauses.since": pauses.pauses,
    "watches.succeeded_at": heartbeats.watches,
    "policies.published_at": watch_runs.founded_at,
    "serving.since": models.serving,
}


@pytest.fixture
def scene(store: Store) -> Scene:
    scene = Scene(store)
    scene.add_version(VERSION)
    return scene


def forge(scene: Scene, statement: str, **values: object) -> None:
    with scene.store.write() as connection:
        connection.execute(text(statement), values)


@pytest.mark.parametrize("place", READERS)
def test_a_moment_that_is_none_is_told_in_one_sentence_with_its_place(scene: Scene, place: str) -> None:
    pausing.pause(scene.store, "refund", reason="x", policy=scene.policy, actor=FOUNDER, now=NOW)
    attending.note_watch(scene.store, "sla_watch", actor=FLOW, now=NOW)
    table, column = place.split(".")
    with scene.store.write() as connection:
        models.set_serving(connection, model_version=VERSION, since=NOW)
    on_sqlite = scene.store.dialect == "sqlite"
    forge(scene, f"UPDATE {table} SET {column} = :junk", junk="soon" if on_sqlite else "infinity")  # noqa: S608 - our own names
    with pytest.raises(PermanentError) as caught, scene.store.read() as connection:
        READERS[place](connection)
    sentence = str(caught.value)
    assert "not written by Handrail. Restore a backup" in sentence
    assert "\n" not in sentence
    assert (place in sentence and "'soon'" in sentence) or not on_sqlite


def append_forged(scene: Scene, body: bytes, hash_: object) -> None:
    forge(
        scene,
        "INSERT INTO trail (seq, at, kind, body, hash)"
        " SELECT seq + 1, :at, 'policy.published', :body, :hash FROM trail_head",
        at=NOW if scene.store.dialect == "postgresql" else "2026-03-02 09:00:00.000000",
        body=body,
        hash=hash_,
    )


def test_a_forged_event_behind_the_trail_refuses_every_act_in_a_sentence(scene: Scene) -> None:
    append_forged(scene, b'{"at":"2026-03-02T09:00:00.000000Z","kind":"x"}', b"junk")
    for act in (
        lambda: scene.add_person("olga", "reviewer"),
        lambda: pausing.pause(scene.store, "refund", reason="x", policy=scene.policy, actor=FOUNDER, now=NOW),
    ):
        with pytest.raises(PermanentError, match=r"not written by Handrail.*trail verify.*restore a backup"):
            act()
    assert not scene.trail_is_whole()


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[]", b"{}", b'{"kind":"policy.published","at":"soon"}', b'{"kind":7}'])
def test_a_forged_event_that_says_nothing_is_told_where_what_governs_is_read(scene: Scene, body: bytes) -> None:
    append_forged(scene, body, b"junk")
    with pytest.raises(BadInput, match=r"backup"), scene.store.read() as connection:
        situation.read(connection, scene.policy, NOW)
    with pytest.raises(HandrailError):
        publishing.publish(scene.store, scene.policy, actor=FOUNDER, now=NOW)


@pytest.mark.parametrize(("moment", "hash_"), [("2026-03-02 09:00:00.000000", "junk"), ("soon", bytes(32)), (7, 7)])
def test_a_forged_event_of_any_kind_is_found_by_verifying_and_shown_by_searching(
    sqlite_store: Store, moment: object, hash_: object
) -> None:
    scene = Scene(sqlite_store)
    body = b'{"actor":"x","at":"2026-03-02T09:00:00.000000Z","kind":"policy.published","seq":2}'
    statement = "INSERT INTO trail (seq, at, kind, body, hash) VALUES (2, :at, 'policy.published', :body, :hash)"
    forge(scene, statement, at=moment, body=body, hash=hash_)
    with sqlite_store.read() as connection:
        assert trail.verify(connection).first_bad == 2
        assert [event["seq"] for event in trail.search(connection)] == [1, 2]
