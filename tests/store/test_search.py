from datetime import timedelta

import pytest
from sqlalchemy import text

from handrail.acts import labelling
from handrail.store import cases, dossier, labels, schema, search, trail, visibility, work
from handrail.store.engine import Store
from handrail.store.search import Criteria, Place
from handrail.store.trail import Sought
from handrail.store.visibility import Onlooker
from tests.scenes import FOUNDER, NOW, Scene

OWNER = Onlooker(FOUNDER, {"product_owner"}, NOW)
REVIEWER = Onlooker("ruth", {"reviewer"}, NOW)


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def found(scene: Scene, onlooker: Onlooker = OWNER, **criteria: object) -> list[int]:
    with scene.store.read() as connection:
        rows, _ = search.find(connection, Criteria(**criteria), onlooker, limit=100)
        assert search.count(connection, Criteria(**criteria), onlooker, at_most=101) == len(rows)
    return sorted(row.id for row in rows)


def redact(scene: Scene, texts: dict[int, str]) -> None:
    with scene.store.write() as connection:
        cases.save_redactions(connection, [cases.Redaction(one, text) for one, text in texts.items()])


def test_all_words_must_stand_in_the_text_upper_and_lower_case_alike_in_every_alphabet(scene: Scene) -> None:
    ids = scene.accepted(6)
    texts = [
        "Wo ist MEIN Geld?",
        "ÄRGER mit dem Geld",
        "где мои Деньги",
        "100% off_er",
        "1000 off, er [x]",
        "أين نقودي",
    ]
    redact(scene, dict(zip(ids, texts, strict=True)))
    expected = {
        ("geld",): ids[:2],
        ("GELD", "mein"): ids[:1],
        ("ärger",): [ids[1]],
        ("ДЕНЬГИ",): [ids[2]],
        ("%",): [ids[3]],
        ("off_er",): [ids[3]],
        ("0%",): [ids[3]],
        ("نقودي",): [ids[5]],
        ("[x]",): [ids[4]],
        ("geld", "nie"): [],
        ("\\",): [],
        ("g*d",): [],
        ("ä*",): [],
        ("ä.",): [],
        ("ä[", "x"): [],
        ("é^",): [],
    }
    assert {words: found(scene, words=words) for words in expected} == expected


def test_a_case_is_found_by_its_number_and_by_that_of_its_source(scene: Scene) -> None:
    first, _ = scene.accepted(2)
    assert found(scene, case=str(first)) == [first]
    assert found(scene, case=str(scene.row(schema.Case, id=first)["external_id"])) == [first]
    assert found(scene, case="9" * 30) == []
    assert found(scene, case="%") == []
    assert found(scene, case="²") == []


def test_each_filter_finds_its_own_cases_and_together_they_narrow(scene: Scene) -> None:
    (machine,) = scene.automatic(1, amount=10.0)
    (person,) = scene.waiting(1, "tracking")
    scene.decide(person, "deny", reason_code="out_of_scope")
    (waits,) = scene.waiting(1, "refund")
    assert found(scene, category="refund") == [machine, waits]
    assert found(scene, queue="A") == [machine]
    assert found(scene, state="queued") == [waits]
    assert found(scene, outcome="deny") == [person]
    assert found(scene, by="machine") == [machine]
    assert found(scene, by="people") == [person]
    assert found(scene, decided_by="rita") == [person]
    assert found(scene, decided_by="ruth") == []
    assert found(scene, amount_to=10.0) == [machine]
    assert found(scene, amount_from=10.01) == [person, waits]
    assert found(scene, category="refund", by="machine") == [machine]
    assert found(scene, outcome="deny", by="machine") == []
    assert found(scene, flag="legal") == []
    assert found(scene, after="reversal") == []


def test_days_are_counted_from_the_first_moment_to_before_the_last(scene: Scene) -> None:
    (case,) = scene.accepted(1, received_at=NOW)
    assert found(scene, received_from=NOW) == [case]
    assert found(scene, received_from=NOW + timedelta(microseconds=1)) == []
    assert found(scene, received_until=NOW) == []
    assert found(scene, received_until=NOW + timedelta(microseconds=1)) == [case]


def test_pages_hold_every_case_once_newest_first_also_of_one_moment(scene: Scene) -> None:
    ids = [*scene.accepted(5, received_at=NOW), *scene.accepted(3, received_at=NOW + timedelta(hours=1))]
    seen: list[int] = []
    place: Place | None = None
    with scene.store.read() as connection:
        while True:
            rows, place = search.find(connection, Criteria(), OWNER, after=place, limit=2)
            seen += [row.id for row in rows]
            if place is None:
                break
    assert seen == [*ids[:4:-1], *ids[4::-1]]


def test_counting_ends_where_it_is_told_to(scene: Scene) -> None:
    scene.accepted(4)
    with scene.store.read() as connection:
        assert [search.count(connection, Criteria(), OWNER, at_most=most) for most in (3, 4, 5)] == [3, 4, 4]


def test_who_may_have_to_decide_unseen_finds_nothing_by_what_was_said(scene: Scene) -> None:
    scene.waiting(1, suggestion_hidden=True)
    (open_one,) = scene.waiting(1)
    audited, gold = scene.automatic(2)
    scene.audit([audited])
    with scene.store.write() as connection:
        labels.save_gold(
            connection, case_id=gold, label="refund", origin="review", attested_by=FOUNDER, attested_at=NOW
        )
    for leak in ({"category": "refund"}, {"queue": "B"}, {"queue": "A"}, {"by": "machine"}, {"outcome": "approve"}):
        assert set(found(scene, REVIEWER, **leak)) <= {open_one}, leak
    assert found(scene, REVIEWER, category="refund") == [open_one]
    with scene.store.read() as connection:
        rows, _ = search.find(connection, Criteria(), REVIEWER, limit=10)
    told = {row.id for row in rows if any((row.category, row.queue, row.outcome, row.confidence))}
    assert told == {open_one}
    assert len(found(scene, OWNER, category="refund")) == 4  # the owner decides nothing


def test_what_somebody_holds_is_kept_from_them_as_a_gold_case_would_be(scene: Scene) -> None:
    (case,) = scene.waiting(1)
    scene.claim(case, "ruth")
    assert found(scene, REVIEWER, category="refund") == []
    assert found(scene, Onlooker("rita", {"reviewer"}, NOW), category="refund") == [case]
    later = Onlooker("ruth", {"reviewer"}, NOW + timedelta(days=1))
    assert found(scene, later, category="refund") == [case]


def test_the_same_is_kept_as_the_console_withholds(scene: Scene) -> None:
    hidden, shown = *scene.waiting(1, suggestion_hidden=True), *scene.waiting(1)
    with scene.store.read() as connection:
        kept = visibility.kept(connection, [hidden, shown], REVIEWER)
        assert kept == labels.still_blind(connection, [hidden, shown]) == {hidden}
        assert visibility.kept(connection, [hidden, shown], OWNER) == set()


def test_the_trail_is_searched_by_who_acted_and_by_nobody_who_is_named_in_a_text(scene: Scene) -> None:
    scene.add_person("o'brien é", "reviewer")
    (case,) = scene.waiting(1)
    scene.decide(case, actor="rita")
    with scene.store.read() as connection:
        assert [event["kind"] for event in trail.search(connection, actor="rita")] == ["case.decided"]
        assert trail.search(connection, actor="rit") == []
        for name in ("o'brien é", 'o\'brien "x" é'):
            assert trail.search(connection, actor=name) == []
        assert {event["actor"] for event in trail.search(connection, actor=FOUNDER)} == {FOUNDER}
        assert trail.search(connection, actor="rita", case=case + 1) == []
        assert trail.search(connection, actor='rita","at') == []


def test_events_come_newest_first_and_go_on_before_a_number(scene: Scene) -> None:
    scene.waiting(3)
    with scene.store.read() as connection:
        whole = [event.seq for event in trail.newest(connection, Sought())]
        first = trail.newest(connection, Sought(), limit=4)
        rest = trail.newest(connection, Sought(before=first[-1].seq))
    assert [event.seq for event in (*first, *rest)] == whole == sorted(whole, reverse=True)


def test_what_was_said_of_a_case_to_be_decided_unseen_is_not_told_nor_who_took_it_in(scene: Scene) -> None:
    (case,) = scene.waiting(1, suggestion_hidden=True)
    with scene.store.read() as connection:
        assert trail.newest(connection, Sought(case=case), onlooker=REVIEWER) == []
        assert trail.newest(connection, Sought(kind="case.assigned"), onlooker=REVIEWER) == []
        assert len(trail.newest(connection, Sought(case=case), onlooker=OWNER)) == 2
        assert len(trail.newest(connection, Sought(), onlooker=REVIEWER)) == len(scene.events()) - 2


def test_the_end_of_the_trail_is_verified_without_the_rest(sqlite_store: Store) -> None:
    scene = Scene(sqlite_store)
    scene.waiting(4)
    newest = len(scene.events())
    with sqlite_store.write() as connection:
        for name in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        forged = "CAST(replace(body, 'flow', 'Flow') AS BLOB)"
        connection.execute(text(f"UPDATE trail SET body = {forged} WHERE seq = 3"))  # noqa: S608 - our own words
    with sqlite_store.read() as connection:
        assert not trail.verify(connection).valid
        assert trail.verify_newest(connection, newest - 3).valid
        assert trail.verify_newest(connection, newest - 3).events == newest - 3
        assert trail.verify_newest(connection, newest - 2).first_bad == 3
        assert not trail.verify_newest(connection, newest).valid
        assert trail.loose(connection, [1, 2, 3, 4, newest]) == {3}


def test_a_gold_case_among_ordinary_work_stands_where_a_review_stands(scene: Scene) -> None:
    (waiting,) = scene.waiting(1)
    scene.decide(waiting, actor="rita")
    work_on = labelling.gold_work(waiting, "ruth", now=NOW, due_at=NOW, slipped_in=True)
    with scene.store.write() as connection:
        labels.save_gold(
            connection, case_id=waiting, label="refund", origin="review", attested_by=FOUNDER, attested_at=NOW
        )
        work.insert_work(connection, [work_on])
    assert (found(scene, REVIEWER, state="queued"), found(scene, REVIEWER, state="decided")) == ([waiting], [])
    assert (found(scene, state="queued"), found(scene, state="decided")) == ([], [waiting])
    with scene.store.read() as connection:
        (row,) = search.rows_of(connection, [waiting], REVIEWER)
        assert row.state == dossier.opened(connection, waiting, REVIEWER).case.state == "queued"
        assert dossier.opened(connection, waiting, OWNER).case.state == "decided"
