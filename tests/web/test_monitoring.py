"""The monitoring page shows what the watches wrote down, and says where they saw nothing."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from handrail.acts import attending, reading
from handrail.reading import Reading, Verdict
from handrail.store import readings
from handrail.store.engine import Store
from handrail.watches import BY_NAME, Off
from tasks.views.measure import watched_kpis
from tasks.watch.agreement import compare_people, look_at_reviewers
from tasks.watch.audit_reading import read_audits
from tasks.watch.blind_share import read_blind_share
from tasks.watch.breaker import look
from tasks.watch.drift import watch
from tasks.watch.fairness import compare_groups
from tests.desks import Client
from tests.scenes import FLOW, NOW, Scene

MONTH = timedelta(days=28)
WINDOW = (NOW - MONTH, NOW)


@pytest.fixture
def looked(app: FastAPI, scene: Scene) -> Scene:
    """A month in which auto-approvals were audited and suggestions decided, then one look of every watch."""
    for week in range(4):
        at = NOW - timedelta(weeks=week)
        scene.audit(ids := scene.automatic(4, at=at), at)
        for case_id in ids:
            scene.decide(case_id, "override", actor="rita", at=at, label="refund", seconds=20.0)
        for case_id in scene.waiting(3, at=at, suggestion_hidden=True):
            scene.decide(case_id, "override", actor="ruth", at=at, label="refund", seconds=30.0)
    later = NOW + timedelta(minutes=1)
    occasion = replace(app.state.desk.occasion(FLOW), now=later)
    read_audits(occasion)
    look(occasion)
    read_blind_share(occasion)
    watch(occasion, timedelta(days=7))
    compare_groups(occasion, MONTH)
    compare_people(occasion, MONTH)
    look_at_reviewers(occasion, MONTH)
    watched_kpis(occasion, MONTH)
    app.state.desk.clock = lambda: later
    return scene


def test_before_any_look_every_section_says_what_is_missing(scene: Scene, signed_in: Client) -> None:
    page = signed_in("stella").get("/monitoring").text
    assert page.count("no look yet") == 2 * 8, "once in its tile and once in its section"
    assert "<svg" not in page


def test_every_watch_has_its_section_with_figures_and_plots(looked: Scene, signed_in: Client) -> None:
    page = signed_in("stella").get("/monitoring").text
    for key in ("audits", "breaker", "blind-share", "drift", "fairness", "agreement", "reviewers", "kpis"):
        assert f'id="{key}"' in page
    assert "0 of 16 audited approvals of the last four weeks were wrong" in page
    assert "Evidence against the categories nearest to a pause" in page
    assert "16" in page.split('id="breaker"')[1].split("</section>")[0], "audits counted by the breaker"
    assert page.count("<svg") >= 2
    assert "nan" not in page.lower().replace("finance", "")


def test_reviewers_are_named_to_those_who_may_read_labels_alone(looked: Scene, signed_in: Client) -> None:
    looked.add_person("olga", "product_owner")
    signal = {"name": "glances", "verdict": "alarm", "value": 0.4, "low": 0.3, "high": 0.5, "n": 90, "turns": []}
    seen = [Reading("reviewers", name, WINDOW, Verdict.ALARM, {"signals": [signal]}) for name in ("rita", "ruth")]
    reading.record(looked.store, seen, actor=FLOW, now=NOW + timedelta(hours=1))
    assert '<th scope="row">rita</th>' in signed_in("stella").get("/monitoring").text
    page = signed_in("olga").get("/monitoring").text
    assert "2 looked at, 2 named by random rechecks or gold cases" in page
    assert "rita" not in page
    assert "ruth" not in page


def test_a_reviewer_does_not_open_it(scene: Scene, signed_in: Client) -> None:
    assert signed_in("rita").get("/monitoring").status_code == 403


def level(store: Store, subject: str, share: float, verdict: Verdict, at: datetime = NOW) -> None:
    """As if the breaker had been read at this level."""
    with store.read() as connection:
        (body,) = [row for row in readings.newest(connection, "breaker")["body"] if row.get("category") == "refund"]
    figures: dict[str, Any] = {**json.loads(json.dumps(body)), "category": subject, "level": share}
    reading.record(store, [Reading("breaker", subject, WINDOW, verdict, figures)], actor=FLOW, now=at)


def test_an_alarm_stands_out_and_is_drawn_over_time(looked: Scene, signed_in: Client) -> None:
    for day in range(1, 4):
        verdict = Verdict.ALARM if day == 3 else Verdict.QUIET
        level(looked.store, "refund", day / 2, verdict, NOW + timedelta(days=day))
    section = signed_in("stella").get("/monitoring").text.split('id="breaker"')[1].split("</section>")[0]
    assert "Rejected too often: refund" in section
    assert "needs attention" in section
    assert section.count("<circle") == 4, "each look is a dot"
    assert "150.0" in section


def test_how_far_back_the_plots_go_can_be_chosen(looked: Scene, signed_in: Client) -> None:
    stella = signed_in("stella")
    assert stella.get("/monitoring?days=28").status_code == 200
    assert stella.get("/monitoring?days=5").status_code == 422


def test_what_a_watch_saw_is_not_shown_as_current_once_it_does_not_look(
    app: FastAPI, scene: Scene, signed_in: Client
) -> None:
    def section() -> str:
        return signed_in("stella").get("/monitoring").text.split('<section class="card" id="blind-share"')[1]

    counts = {"reviewed": 40, "rejected": 0, "rate": 0.0, "reviewed_before": 40, "rejected_before": 0, "rate_before": 0}
    reading.record(scene.store, [Reading("blind_share", "refund", WINDOW, Verdict.QUIET, counts)], actor=FLOW, now=NOW)
    assert 'good">nothing found' in section()
    look_at_all(scene)
    assert 'good">nothing found' in section()
    attending.fail(scene.store, "quality_watch", error="database_busy", actor=FLOW, now=NOW)
    assert "This may no longer hold: breaker has failed since 2026-03-02 09:00 (database_busy)" in section()
    assert 'good">nothing found' not in section()
    look_at_all(scene)
    off = dict.fromkeys(BY_NAME) | {"quality_watch": Off.PAUSED}
    attending.switch(scene.store, off, actor=FLOW, now=NOW)
    assert "This may no longer hold: breaker is switched off in Prefect" in section()
    attending.switch(scene.store, dict.fromkeys(BY_NAME), actor=FLOW, now=NOW)
    assert 'good">nothing found' in section()
    app.state.desk.clock = lambda: NOW + timedelta(hours=3)
    assert "This may no longer hold: breaker last looked 2026-03-02 09:00." in section()
    assert "not current" in section()


def look_at_all(scene: Scene) -> None:
    for name in BY_NAME:
        attending.succeed(scene.store, name, actor=FLOW, now=NOW)
