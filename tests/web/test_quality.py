import html
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI

from handrail.acts import alerting, employing, reading
from handrail.reading import Reading, Verdict
from handrail.store import schema
from tests.desks import Client
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, Scene


def decide(scene: Scene, person: str, approved: int, denied: int, seconds: float = 20.0) -> None:
    for number, case_id in enumerate(scene.waiting(approved + denied)):
        if number < approved:
            scene.decide(case_id, actor=person, seconds=seconds)
        else:
            scene.decide(case_id, "deny", person, reason_code="duplicate", seconds=seconds)


def test_a_reviewer_sees_counts_while_they_are_few_and_shares_with_their_interval_from_ten_on(
    scene: Scene, signed_in: Client
) -> None:
    decide(scene, "rita", 2, 1)
    page = signed_in("rita").get("/quality").text
    assert "2 of 3" in page
    assert "66.7" not in page
    decide(scene, "rita", 7, 0)
    page = signed_in("rita").get("/quality").text
    assert "90.0\u202f%" in page
    assert "n = 10" in page
    assert "20 s" in page


def test_others_are_a_median_without_names_and_only_from_three_on(scene: Scene, signed_in: Client) -> None:
    decide(scene, "rita", 10, 0)
    for person in ("ruth", "ron"):
        decide(scene, person, 5, 5)
    before = signed_in("rita").get("/quality").text
    assert "50.0\u202f%" not in before
    decide(scene, "remo", 6, 5)
    after = signed_in("rita").get("/quality").text
    assert "50.0\u202f%" in after
    assert not any(name in after for name in ("ruth", "ron<", "remo"))


def test_only_the_days_asked_for_count(app: FastAPI, scene: Scene, signed_in: Client) -> None:
    decide(scene, "rita", 3, 0)
    rita = signed_in("rita")
    app.state.desk.clock = lambda: NOW + timedelta(hours=1)
    assert "3 of 3" in rita.get("/quality").text
    app.state.desk.clock = lambda: NOW + timedelta(days=8)
    later = signed_in("rita")
    assert "decided nothing" in later.get("/quality").text
    assert "3 of 3" in later.get("/quality?days=28").text
    assert later.get("/quality?days=5").status_code == 422


def test_two_who_decide_blindly_are_compared(scene: Scene, signed_in: Client) -> None:
    for number, case_id in enumerate(scene.automatic(2)):
        scene.audit([case_id])
        scene.decide(case_id, "override", "rita", label="refund")
        first = scene.row(schema.Decision, case_id=case_id, kind="audit")["id"]
        with scene.store.write() as connection:
            draw = {"decision_id": first, "case_id": case_id, "person": "rita", "chance": 0.05, "drawn_at": NOW}
            connection.execute(schema.Recheck.__table__.insert().values(**draw))
            scene_work = {
                "case_id": case_id,
                "kind": "recheck",
                "queue": "C",
                "category": None,
                "suggestion_hidden": True,
                "opened_at": NOW,
                "due_at": NOW,
                "state": "open",
                "fence": 0,
            }
            connection.execute(schema.WorkItem.__table__.insert().values(**scene_work))
        scene.decide(case_id, "override", "ruth", label="cancel" if number else "refund")
    page = signed_in("rita").get("/quality").text
    assert "On 2 cases somebody else decided too" in page
    assert "1 of 2" in page
    assert "not enough: 2 of 50" in page


def test_todays_audits_are_counted_by_how_they_were_drawn_and_led_to(scene: Scene, signed_in: Client) -> None:
    old, done, waiting = scene.automatic(3)
    scene.audit([old], at=NOW - timedelta(days=5))
    scene.audit([done, waiting])
    scene.decide(done, "override", label="refund")
    page = " ".join(signed_in("ruth").get("/quality").text.split())
    assert "Drawn today: 2, done 1; open 2, <strong>overdue 1</strong>" in page
    assert '<th scope="row">at random</th>' in page
    assert 'href="/review?kinds=audit"' in page


def test_the_queue_of_audits_holds_audits_alone(scene: Scene, signed_in: Client) -> None:
    scene.waiting(1)
    (audited,) = scene.automatic(1)
    scene.audit([audited])
    assert f"Case {audited}" in signed_in("rita").get("/review?kinds=audit").text
    assert "Case " not in signed_in("ruth").get("/review?kinds=audit").text


def test_everybodys_figures_are_for_who_may_read_labels(scene: Scene, signed_in: Client) -> None:
    scene.add_person("cara", "data_curator")
    decide(scene, "rita", 2, 1)
    page = signed_in("cara").get("/reviewers")
    assert page.status_code == 200
    assert "rita" in page.text
    assert "2 of 3" in page.text
    assert signed_in(MANAGER).get("/reviewers").status_code == 200
    assert signed_in("rita").get("/reviewers").status_code == 403


@pytest.mark.parametrize("path", ["/quality", "/training", "/reviewers", "/training/people", "/training/gold"])
def test_an_empty_shop_has_useful_pages(scene: Scene, signed_in: Client, path: str) -> None:
    scene.add_person("all", "reviewer", "data_curator")
    page = signed_in("all").get(path)
    assert page.status_code == 200
    assert "none" in page.text.lower()


@pytest.mark.parametrize(
    ("away", "sent", "kept"), [(40, None, 40.0), (4000, None, 300.0), (40, "12.5", 12.5), (40, "5000", 300.0)]
)
def test_the_desk_measures_from_the_screen_to_the_decision_and_leaves_breaks_out(
    app: FastAPI, scene: Scene, signed_in: Client, away: int, sent: str | None, kept: float
) -> None:
    scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review").text
    fields = {name: page.split(f'name="{name}" value="')[1].split('"')[0] for name in ("fence", "shown")}
    item = page.split('data-item="')[1].split('"')[0]
    app.state.desk.clock = lambda: NOW + timedelta(seconds=away)
    timed = fields | ({"seconds": sent} if sent else {})
    assert rita.post(f"/review/{item}", data={**timed, "outcome": "approve"}).status_code == 303
    assert scene.row(schema.Decision, kind="review")["seconds"] == kept


def seen(scene: Scene, person: str, name: str = "glances", verdict: Verdict = Verdict.ALARM, **more: object) -> Reading:
    figures = {"name": name, "verdict": verdict, "value": 0.93, "low": 0.81, "high": 0.98, "n": 61, **more}
    return Reading("reviewers", person, (NOW - timedelta(days=28), NOW), verdict, {"signals": [figures]})


def test_a_reviewer_sees_their_own_signals_and_nobody_elses(scene: Scene, signed_in: Client) -> None:
    assert "No look yet" in signed_in("rita").get("/quality").text
    reading.record(scene.store, [seen(scene, "rita"), seen(scene, "ruth", n=77)], actor="flow:watch", now=NOW)
    page = signed_in("rita").get("/quality").text
    assert "Decisions faster than the others hardly ever are" in page
    assert "needs attention" in page
    assert "n = 61" in page
    assert "n = 77" not in page
    assert "ruth" not in page


def test_those_who_may_read_labels_see_the_signals_of_all_alarms_first(scene: Scene, signed_in: Client) -> None:
    turn = {
        "grouping": "region",
        "group": "coast",
        "reference": "refund",
        "said": "complaint",
        "hits": 29,
        "n": 48,
        "share": 0.6,
        "share_elsewhere": 0.02,
        "p": 0.0,
    }
    found = [
        seen(scene, "rita", verdict=Verdict.QUIET),
        seen(scene, "ruth"),
        seen(scene, "everybody", "bias", turns=[turn]),
        seen(scene, "ron", "vanished", Verdict.QUIET, low=None),
    ]
    reading.record(scene.store, found, actor="flow:watch", now=NOW)
    page = " ".join(signed_in(MANAGER).get("/reviewers").text.split())
    assert "refund as complaint for region coast: 29 of 48, elsewhere 2.0 %" in page
    signals = page[: page.index("How far they can be relied on")]
    places = [signals.index(f'<th scope="row">{name}') for name in ("everybody", "ruth", "rita", "ron")]
    assert places == sorted(places)
    assert signed_in("rita").get("/reviewers").status_code == 403


class TestTheAlertAndThePage:
    """The alert about reviewers stands while the page shows it, and says what the page shows."""

    @staticmethod
    def swept(scene: Scene, at: datetime = NOW) -> str | None:
        alerting.sweep(scene.store, policy=scene.policy, channels=[], actor=FLOW, now=at)
        found = scene.rows(schema.Alert, kind="reviewers", cleared_at=None)
        return str(found[0]["sentence"]) if found else None

    def test_who_has_left_stands_on_the_page_that_the_alert_sends_to(self, scene: Scene, signed_in: Client) -> None:
        scene.waiting(1)
        reading.record(scene.store, [seen(scene, "ruth", "deceived")], actor=FLOW, now=NOW)
        employing.change(
            scene.store, "ruth", roles=["data_curator"], skills=None, policy=scene.policy, actor=FOUNDER, now=NOW
        )
        assert (self.swept(scene) or "").startswith("Seen in how 1 reviewer works: wrong suggestions taken over. ")
        page = " ".join(signed_in(MANAGER).get("/reviewers").text.split())
        assert page.count('<th scope="row">ruth') == 3, "among the signals, and in both tables of figures"
        assert 'ruth <span class="tag">decides no more</span>' in page

    def test_a_bias_of_all_blames_nobody(self, scene: Scene, signed_in: Client) -> None:
        found = [seen(scene, "everybody", "bias"), seen(scene, "rita", verdict=Verdict.QUIET)]
        reading.record(scene.store, found, actor=FLOW, now=NOW)
        assert "1 reviewer" not in (self.swept(scene) or "1 reviewer")
        monitoring = " ".join(signed_in(MANAGER).get("/monitoring").text.split())
        assert (
            "1 looked at, 0 named by random rechecks or gold cases. All together show a bias that is nobody's own."
            in (html.unescape(monitoring))
        )

    def test_what_the_next_look_no_longer_shows_is_gone_from_both(self, scene: Scene, signed_in: Client) -> None:
        reading.record(scene.store, [seen(scene, "ruth")], actor=FLOW, now=NOW)
        assert self.swept(scene) is not None
        later = NOW + timedelta(days=7)
        reading.record(scene.store, [seen(scene, "rita", verdict=Verdict.QUIET)], actor=FLOW, now=later)
        assert self.swept(scene, later) is None
        signals = signed_in(MANAGER).get("/reviewers").text.split("How far they can be relied on")[0]
        assert "needs attention" not in signals
        assert '<th scope="row">ruth' not in signals

    def test_the_alert_links_to_the_page_for_who_may_know_names_and_else_to_the_counts(
        self, scene: Scene, signed_in: Client
    ) -> None:
        scene.add_person("olga", "product_owner")
        reading.record(scene.store, [seen(scene, "ruth")], actor=FLOW, now=NOW)
        self.swept(scene)
        for name, address in ((MANAGER, "/reviewers"), ("olga", "/monitoring#reviewers")):
            client = signed_in(name)
            page = client.get("/alerts").text
            assert f'<a href="{address}">See what was seen</a>' in page
            assert "ruth" not in page
            assert client.get(address.split("#")[0]).status_code == 200
