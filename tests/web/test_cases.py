import csv
import io
from datetime import timedelta
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser

from desk.routes import cases as pages
from handrail.errors import DatabaseBusy
from handrail.store import cases, labels
from tests.desks import Client, served, signed_in_context
from tests.scenes import FOUNDER, MANAGER, NOW, Scene

RAW = "my mail is ann@example.org"


def redact(scene: Scene, case: int, text: str, findings: list[list[object]] | None = None) -> None:
    with scene.store.write() as connection:
        cases.save_redactions(connection, [cases.Redaction(case, text, findings or [])])


def export(client: object, query: str = "") -> list[list[str]]:
    answer = client.post(f"/cases/export{query}")  # type: ignore[attr-defined]
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_an_empty_desk_says_so(scene: Scene, signed_in: Client) -> None:
    answer = signed_in("rita").get("/cases")
    assert answer.status_code == 200
    assert "No case has come in yet." in answer.text


def test_a_search_is_its_address_and_empty_filters_fall_away(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    redact(scene, case, "Wo ist mein Geld")
    rita = signed_in("rita")
    answer = rita.get("/cases?q=geld&category=&queue=&from=")
    assert (answer.status_code, answer.headers["location"]) == (303, "/cases?q=geld")
    page = rita.get("/cases?q=geld").text
    assert "1 case;" in page
    assert f'href="/cases/{case}"' in page
    assert 'name="q" value="geld"' in page
    assert "No case fits" in rita.get("/cases?q=gold").text


def test_pages_follow_each_other_without_a_case_twice(scene: Scene, signed_in: Client) -> None:
    ids = scene.accepted(pages.PAGE + 1)
    rita = signed_in("rita")
    first = rita.get("/cases").text
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = rita.get(older).text
    assert [f'"/cases/{case}"' in first for case in ids] == [False] + [True] * pages.PAGE
    assert [f'"/cases/{case}"' in second for case in ids] == [True] + [False] * pages.PAGE


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("q=" + "x" * 5_000, "at most 200 letters"),
        ("q=a%00b", "at most 200 letters"),
        ("q=" + "+".join("abcdefghi"), "at most 8 words"),
        ("case=%00", "at most 200 letters"),
        ("from=yesterday", "is no day"),
        ("from=2026-02-30", "is no day"),
        ("from=0001-01-01", "is no day"),
        ("to=9999-12-31", "is no day"),
        ("from=2026-02-02&to=2026-02-01", "The days are reversed"),
        ("min=lots", "is no amount"),
        ("min=nan", "is no amount"),
        ("max=1e999", "is no amount"),
        ("min=12,50", "the point before cents"),
        ("min=1,2", "the point before cents"),
        ("min=1.234,50", "the point before cents"),
        ("min=1_000", "is no amount"),
        ("max=1.200", "could be 1200 or 1.20"),
        ("min=2&max=1", "The amounts are reversed"),
        ("category=%27+OR+1%3D1", "There is no category"),
        ("queue=D", "There is no queue"),
        ("state=dead", "There is no state"),
        ("older=x", "is damaged"),
        ("older=2026-01-01T00:00:00~1", "is damaged"),
        (f"older=2026-01-01T00:00:00%2B00:00~{2**64}", "is damaged"),
    ],
)
def test_a_filter_that_cannot_be_used_is_answered_with_one_sentence(
    scene: Scene, signed_in: Client, query: str, sentence: str
) -> None:
    answer = signed_in("rita").get(f"/cases?{query}")
    assert answer.status_code == 400
    assert answer.text.count('role="alert"') == 1
    assert sentence in answer.text


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ("min=1,200", [1200.0, 1250.5]),
        ("min=1.2&max=1,200", [1.2, 1200.0]),
        ("min=1250.50", [1250.5]),
        ("max=1.20", [1.2]),
        ("max=0.125", []),
    ],
)
def test_an_amount_is_read_as_the_desk_writes_it(
    scene: Scene, signed_in: Client, query: str, amounts: list[float]
) -> None:
    for amount in (1.2, 1200.0, 1250.5):
        scene.accepted(1, amount=amount)
    page = signed_in("rita").get(f"/cases?{query}")
    assert page.status_code == 200
    assert [amount for amount in (1.2, 1200.0, 1250.5) if f"{amount:,.2f}" in page.text] == amounts


@pytest.mark.parametrize("query", ["q=%25", "q=_", "q=%27%3B--", "case=%25", "q=%D8%A3%D9%8A%D9%86", "min=1&max=1"])
def test_signs_of_the_database_and_other_alphabets_find_nothing_and_break_nothing(
    scene: Scene, signed_in: Client, query: str
) -> None:
    scene.waiting(1)
    answer = signed_in("rita").get(f"/cases?{query}")
    assert answer.status_code == 200
    assert "No case fits" in answer.text


@pytest.mark.parametrize(("number", "status"), [("0", 404), ("-1", 404), ("77", 404), (str(2**70), 404), ("x", 422)])
def test_a_case_that_does_not_exist_is_answered_with_a_sentence(
    scene: Scene, signed_in: Client, number: str, status: int
) -> None:
    assert signed_in("rita").get(f"/cases/{number}").status_code == status


def test_scripts_in_texts_and_fields_stay_text(scene: Scene, signed_in: Client) -> None:
    evil = "<script>alert(1)</script>"
    (case,) = scene.accepted(1, fields={"channel": evil}, text=evil)
    redact(scene, case, evil)
    rita = signed_in("rita")
    for address in ("/cases", f"/cases/{case}"):
        page = rita.get(address).text
        assert evil not in page
        assert "&lt;script&gt;" in page
    raw = rita.post(f"/cases/{case}/raw", data={"reason": "I suspect fraud"})
    assert evil not in raw.text


def test_the_page_of_a_case_explains_how_it_came_where_it_went_and_who_decided(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    redact(scene, case, "where is my money")
    scene.decide(case, "deny", at=NOW + timedelta(hours=1), reason_code="out_of_scope", note="write to ann@example.org")
    page = signed_in("stella").get(f"/cases/{case}").text
    for words in (
        "where is my money",
        "It took this for <strong>refund</strong> and was very sure",
        "Queue <strong>B</strong>",
        "The category is at the stage where the machine suggests and people confirm.",
        "Denied by rita.",
        "None of our categories fits",
        f"/disputes/new?case={case}",
        "2026-03-02 10:00",
        "has the hash that follows from its bytes",
    ):
        assert words in page, words
    assert "ann@example.org" not in page  # nor what people write beside a case


def test_a_deleted_text_is_said_and_the_story_stays(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.automatic(1)
    with scene.store.write() as connection:
        cases.delete_inputs(connection, [case])
    page = signed_in("rita").get(f"/cases/{case}").text
    assert "The text was deleted" in page
    assert "Approved as refund automatically." in page
    assert "Show the raw text" not in page


def test_nobody_who_may_have_to_decide_a_case_unseen_learns_here_what_was_said(scene: Scene, signed_in: Client) -> None:
    (hidden,) = scene.waiting(1, suggestion_hidden=True)
    audited, gold = scene.automatic(2)
    (early,) = scene.scored(1)
    scene.audit([audited])
    with scene.store.write() as connection:
        labels.save_gold(
            connection, case_id=gold, label="refund", origin="review", attested_by=FOUNDER, attested_at=NOW
        )
    ruth = signed_in("ruth")
    for case in (hidden, audited, gold, early):
        page = ruth.get(f"/cases/{case}").text.lower()
        assert "not shown yet" in page
        for leak in ("refund", "pay_back", "pay back", "99.0", "queue b", "queue a", "approved", "model version"):
            assert leak not in page, (case, leak)
        assert "shop" not in page.split("<main")[1].split("</main>")[0]  # a source would tell what is gold
    rows = export(ruth)[1:]
    assert len(rows) == 4
    assert "refund" not in str(rows)
    assert len(export(ruth, "?category=refund")) == 1
    for page in (ruth.get("/cases?category=refund").text, ruth.get("/cases?outcome=approve").text):
        assert "No case fits" in page
    for case in (hidden, audited, gold):
        assert "No event fits." in ruth.get(f"/trail?case={case}").text
    scene.add_person("olga", "product_owner")
    assert "refund" in signed_in("olga").get(f"/cases/{hidden}").text


def test_an_audited_case_tells_all_once_it_is_decided(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.automatic(1)
    scene.audit([case])
    ruth = signed_in("ruth")
    assert "not shown yet" in ruth.get("/cases").text
    scene.decide(case, "override", label="refund")
    assert "not shown yet" not in ruth.get("/cases").text
    assert "It took this for <strong>refund</strong>" in ruth.get(f"/cases/{case}").text


def test_labels_are_for_those_who_may_read_labels(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    scene.decide(case)
    assert 'id="labels"' not in signed_in("ruth").get(f"/cases/{case}").text
    assert 'id="labels"' in signed_in("stella").get(f"/cases/{case}").text


def test_a_raw_text_is_shown_after_its_event_marked_and_kept_by_no_cache(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.accepted(1, text=RAW)
    redact(scene, case, "my mail is [EMAIL]", [["email", 11, 26]])
    rita = signed_in("rita")
    assert "ann@" not in rita.get(f"/cases/{case}").text
    answer = rita.post(f"/cases/{case}/raw", data={"reason": "I suspect fraud", "sentence": "he called twice"})
    assert answer.status_code == 200
    assert '<mark title="email">ann@example.org</mark>' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    (event,) = scene.events("input.viewed")
    assert (event["actor"], event["because"]) == ("rita", "he called twice")
    assert "he called twice" in rita.get(f"/trail?case={case}").text


def test_without_its_event_no_raw_text_is_sent(
    scene: Scene, app: FastAPI, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (case,) = scene.accepted(1, text=RAW)
    rita = signed_in("rita")

    def acts_and_then_fails(act: object) -> object:
        act(scene.store)  # type: ignore[operator]
        raise DatabaseBusy("The commit failed. Try again.")

    monkeypatch.setattr(app.state.desk, "act", acts_and_then_fails)
    answer = rita.post(f"/cases/{case}/raw", data={"reason": "I suspect fraud"})
    assert answer.status_code == 503
    assert "ann@" not in answer.text


def test_a_raw_text_asks_for_a_reason_the_right_role_and_a_form_of_the_session(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.accepted(1, text=RAW)
    scene.add_person("olga", "product_owner")
    rita, olga = signed_in("rita"), signed_in("olga")
    assert rita.get(f"/cases/{case}/raw").status_code == 405
    assert rita.post(f"/cases/{case}/raw", data={"reason": " "}).status_code == 400
    assert olga.post(f"/cases/{case}/raw", data={"reason": "I suspect fraud"}).status_code == 403
    assert "Show the raw text" not in olga.get(f"/cases/{case}").text
    del rita.headers["X-CSRF"]
    assert rita.post(f"/cases/{case}/raw", data={"reason": "I suspect fraud"}).status_code == 403
    assert scene.events("input.viewed") == []


def test_the_file_holds_the_rows_of_the_page_no_text_and_no_formula(scene: Scene, signed_in: Client) -> None:
    for name in ("=1+1", "+1", "-1", "@x", "\tx", "e~1"):
        scene.take_in({"external_id": name, "text": RAW}, file=f"f{name}")
    rita = signed_in("rita")
    head, *rows = export(rita, "?min=20")
    assert head[:3] == ["id", "source", "external_id"]
    assert sorted(row[2] for row in rows) == sorted(["'=1+1", "'+1", "'-1", "'@x", "'\tx", "e~1"])
    assert "ann@" not in str(rows)
    assert len(export(rita, "?min=21")) == 1
    taken = scene.events("cases.exported")
    assert [len(event["cases"]) for event in taken] == [6, 0]
    assert rita.post("/cases/export?" + quote("min") + "=x").status_code == 400


def test_somebody_searches_opens_a_case_reads_it_raw_and_finds_the_own_view_in_the_trail(
    scene: Scene, app: FastAPI, chromium: Browser
) -> None:
    (case,) = scene.accepted(1, text=RAW)
    redact(scene, case, "my mail is [EMAIL]", [["email", 11, 26]])
    problems: list[str] = []
    with served(app) as address:
        context = signed_in_context(chromium, app, address, "rita", java_script_enabled=False)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.goto("/cases")
        page.get_by_label("Words in the text").fill("MAIL")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name=str(case), exact=True).click()
        page.go_back()
        assert page.url.endswith("/cases?q=MAIL")
        page.go_forward()
        assert page.get_by_role("heading", level=1).inner_text() == f"Case {case}"
        page.get_by_text("Read what the customer really wrote").click()
        page.get_by_label("Or in your own words").fill("she asked for a call")
        page.get_by_role("button", name="Show the raw text").click()
        assert page.locator("mark").inner_text() == "ann@example.org"
        page.get_by_role("link", name="Back to the case").click()
        page.get_by_role("link", name="Search the trail").click()
        row = page.get_by_role("row").filter(has_text="The raw text was shown to rita.")
        assert "she asked for a call" in row.inner_text()
        page.go_back()
        assert page.url.endswith(f"/cases/{case}")
        context.close()
    assert problems == []


def test_a_case_is_held_and_released_on_its_page_by_those_who_may(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    mona, rita = signed_in(MANAGER), signed_in("rita")
    assert "Hold the texts" in mona.get(f"/cases/{case}").text
    assert "Hold the texts" not in rita.get(f"/cases/{case}").text
    assert rita.post(f"/cases/{case}/hold", data={"reason": "x"}).status_code == 403
    assert mona.post(f"/cases/{case}/hold", data={"reason": " "}).status_code == 400
    assert mona.post(f"/cases/{case}/hold", data={"reason": "a lawsuit"}).status_code == 303
    page = mona.get(f"/cases/{case}").text
    assert f"by {MANAGER}: its texts are kept" in page
    assert "a lawsuit" in page
    assert mona.post(f"/cases/{case}/release", data={"reason": "over"}).status_code == 303
    assert f"by {MANAGER}: its texts are kept" not in mona.get(f"/cases/{case}").text
