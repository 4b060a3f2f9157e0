import pytest
from fastapi import FastAPI
from sqlalchemy import text

from desk.routes import trail as pages
from tests.desks import Client
from tests.scenes import Scene


def test_the_trail_is_told_in_sentences_with_its_bytes_beside(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    scene.decide(case)
    page = signed_in("stella").get(f"/trail?case={case}").text
    assert f'<a href="/cases/{case}">Case {case}</a>: Approved as refund, in review.' in page
    assert "Sent to queue B as refund." in page
    assert "case.decided" in page
    assert page.index("Approved as refund") < page.index("Sent to queue B")


def test_a_search_narrows_by_kind_person_and_day(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    scene.decide(case)
    stella = signed_in("stella")
    assert "Approved as refund" in stella.get("/trail?actor=rita").text
    assert "No event fits." in stella.get("/trail?actor=ruth").text
    assert "No event fits." in stella.get("/trail?kind=no.such").text
    assert "Approved as refund" in stella.get("/trail?kind=case.decided&since=2026-03-02&until=2026-03-02").text
    assert "No event fits." in stella.get("/trail?until=2026-03-01").text
    answer = stella.get("/trail?case=&actor=rita")
    assert (answer.status_code, answer.headers["location"]) == (303, "/trail?actor=rita")


def test_pages_go_on_before_the_last_event(scene: Scene, signed_in: Client) -> None:
    scene.waiting(pages.PAGE)
    stella = signed_in("stella")
    first = stella.get("/trail").text
    older = first.split('rel="next" href="')[1].split('"')[0]
    last = int(older.split("=")[1])
    second = stella.get(older).text
    assert f'id="event-{last}"' in first
    assert f'id="event-{last}"' not in second
    assert f'id="event-{last - 1}"' in second


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("case=x", "is no number"),
        ("case=-1", "is no number"),
        (f"case={2**63}", "is no number"),
        ("case=%C2%B2", "is no number"),
        ("before=1.5", "is no number"),
        ("actor=%00", "at most 200 letters"),
        ("kind=" + "k" * 5_000, "at most 200 letters"),
        ("since=soon", "is no day"),
        ("since=2026-03-02&until=2026-03-01", "The days are reversed"),
    ],
)
def test_a_filter_that_cannot_be_used_is_answered_with_one_sentence(
    scene: Scene, signed_in: Client, query: str, sentence: str
) -> None:
    answer = signed_in("rita").get(f"/trail?{query}")
    assert answer.status_code == 400
    assert answer.text.count('role="alert"') == 1
    assert sentence in answer.text


def test_the_chain_is_verified_on_a_page(scene: Scene, signed_in: Client, app: FastAPI) -> None:
    scene.waiting(1)
    stella = signed_in("stella")
    assert "The trail is whole" in stella.get("/trail/verify").text
    store = app.state.desk.store
    with store.write() as connection:
        for name in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("UPDATE trail SET hash = zeroblob(32) WHERE seq = 2"))
    page = stella.get("/trail/verify").text
    assert "The trail is broken" in page
    assert "At event 2" in page


def test_a_broken_event_is_named_on_the_page_of_its_case(scene: Scene, signed_in: Client, app: FastAPI) -> None:
    (case,) = scene.waiting(1)
    with app.state.desk.store.write() as connection:
        for name in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(
            text("UPDATE trail SET hash = zeroblob(32) WHERE case_id = :c AND kind = 'case.received'"), {"c": case}
        )
    assert "do not follow from what stands before" in signed_in("stella").get(f"/cases/{case}").text
