"""The page of the alerts: what stands, who takes care, what is over, and the channels."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, expect

from desk import alerting as loops
from desk.alerting import Alerting
from handrail.acts import alerting, attending, reading
from handrail.acts.alerting import CALM
from handrail.dead_mans_switch import WATCHES
from handrail.reading import Reading, Verdict
from handrail.store import schema
from handrail.watches import BY_NAME
from tasks.watch.alert import tell
from tasks.watch.channels import VARIABLE
from tests.desks import Client, served, signed_in_context
from tests.programs import Program
from tests.receivers import HttpReceiver, http_receiver
from tests.scenes import FLOW, FOUNDER, MANAGER, NOW, POLICY, Scene

WINDOW = (NOW - timedelta(days=7), NOW)


@pytest.fixture(autouse=True)
def _no_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpReceiver]:
    """The channel ops."""
    with http_receiver() as found:
        monkeypatch.setenv(VARIABLE, f"ops=json://127.0.0.1:{found.port}/s3cr3t")
        yield found


def rise(scene: Scene, verdict: Verdict = Verdict.ALARM, subject: str = "refund") -> None:
    reading.record(scene.store, [Reading("breaker", subject, WINDOW, verdict)], actor=FLOW, now=NOW)


def look(scene: Scene, at: timedelta = timedelta(), *names: str) -> None:
    """Let watches look, all of them when none is named."""
    for name in names or BY_NAME:
        attending.succeed(scene.store, name, actor=FLOW, now=NOW + at)


def sweep(scene: Scene, at: timedelta = timedelta(), channels: tuple[str, ...] = ()) -> None:
    for name in WATCHES:
        attending.note_watch(scene.store, name, actor=FLOW, now=NOW + at)
    look(scene, at)
    alerting.sweep(scene.store, policy=POLICY, channels=channels, actor=FLOW, now=NOW + at)


def test_an_open_alert_says_what_to_do_and_moves_to_whoever_takes_care(scene: Scene, signed_in: Client) -> None:
    rise(scene)
    sweep(scene)
    mona = signed_in(MANAGER)
    text = mona.get("/alerts").text
    assert "Error spike: refund" in text
    assert "<code>handrail pause</code>" in text
    answer = mona.post("/alerts/1/acknowledge")
    assert answer.status_code == 303
    text = mona.get(answer.headers["location"]).text
    assert "You take care of alert 1." in text
    assert "mona takes care of it" in text
    assert "Nothing new. Last look 2026-03-02 09:00." in text
    assert mona.post("/alerts/1/acknowledge").status_code == 409
    assert mona.post("/alerts/2/acknowledge").status_code == 404


def test_what_is_over_stands_below(scene: Scene, signed_in: Client) -> None:
    rise(scene)
    sweep(scene)
    rise(scene, Verdict.QUIET)
    client = signed_in(FOUNDER)
    assert "Nothing is over yet." in client.get("/alerts").text
    sweep(scene, CALM)
    text = client.get("/alerts").text
    assert "Nothing is wrong. Last look" in text
    assert "error spike: refund" in text


class TestNobodyLooked:
    def test_where_nobody_has_looked_the_page_says_so_and_how_to_begin(self, scene: Scene, signed_in: Client) -> None:
        text = signed_in(FOUNDER).get("/alerts").text
        assert "Nobody has looked yet. Let the watches look once with" in text
        assert f"<code>handrail watch --as-of {NOW:%Y-%m-%dT%H:%MZ}</code>" in text
        assert "Nothing is wrong" not in text
        assert scene.count(schema.Alert) == 0

    def test_where_nobody_looks_any_more_it_says_since_when(
        self, app: FastAPI, scene: Scene, signed_in: Client
    ) -> None:
        look(scene)
        assert "Nothing is wrong. Last look 2026-03-02 09:00." in signed_in(FOUNDER).get("/alerts").text
        app.state.desk.clock = lambda: NOW + timedelta(hours=170)
        text = signed_in(FOUNDER).get("/alerts").text
        assert "Nobody has looked since 2026-03-02 09:00." in text
        assert "Nothing is wrong" not in text

    def test_operations_and_the_api_say_it_too(self, scene: Scene, signed_in: Client, program: Program) -> None:
        client, calls = signed_in(FOUNDER), program(FOUNDER)
        assert "Nobody has looked yet." in client.get("/operations").text
        told = calls.get("/status").json()
        assert (told["watched"], told["looked_at"]) == ("never", None)
        look(scene)
        attending.fail(scene.store, "drift_detection", error="database_busy", actor=FLOW, now=NOW)
        text = client.get("/operations").text
        assert "Last look 2026-03-02 09:00, but not at everything: drift watch." in text
        assert "Everything is watched." not in text
        told = calls.get("/status").json()
        assert told["watched"] == "in_part"
        (failing,) = [one for one in told["watches"] if one["failed_since"]]
        assert (failing["watch"], failing["error"]) == ("drift_detection", "database_busy")
        look(scene)
        assert "Everything is watched. Last look 2026-03-02 09:00." in client.get("/operations").text
        assert calls.get("/status").json()["watched"] == "whole"
        assert client.get("/readyz").json()["watched"] == "whole"

    def test_a_desk_that_cannot_sweep_says_that_nobody_looks(
        self, app: FastAPI, scene: Scene, signed_in: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(_: Any) -> None:  # noqa: ANN401 - an occasion
            raise ZeroDivisionError

        look(scene)
        monkeypatch.setattr(loops, "sweep", broken)
        with pytest.raises(ZeroDivisionError):
            Alerting(app.state.desk).sweep()
        text = signed_in(FOUNDER).get("/alerts").text
        assert "but not at everything: alerting." in text
        assert "zero_division_error" in text


def test_whoever_may_only_look_gets_no_button(scene: Scene, signed_in: Client) -> None:
    scene.add_person("cora", "data_curator")
    rise(scene)
    sweep(scene)
    client = signed_in("cora")
    assert "I take care" not in client.get("/alerts").text
    assert client.post("/alerts/1/acknowledge").status_code == 403
    assert signed_in("rita").get("/alerts").status_code == 403


def test_a_channel_is_tested_and_its_address_shown_nowhere(
    scene: Scene, signed_in: Client, receiver: HttpReceiver
) -> None:
    client = signed_in(FOUNDER)
    text = client.get("/alerts").text
    assert "Test ops" in text
    answer = client.post("/alerts/channels/ops/test")
    assert "The channel took the test message." in client.get(answer.headers["location"]).text
    assert receiver.messages[0]["title"] == "shop: test"
    receiver.status = 500
    answer = client.post("/alerts/channels/ops/test")
    assert "did not take the test message" in answer.text
    assert client.post("/alerts/channels/mail/test").status_code == 404
    assert "s3cr3t" not in text + answer.text


def test_without_a_channel_or_with_a_broken_one_the_page_says_so(
    scene: Scene, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scene.count(schema.Alert) == 0
    client = signed_in(FOUNDER)
    assert "no channel is configured" in client.get("/alerts").text
    monkeypatch.setenv(VARIABLE, "s3cr3t")
    text = client.get("/alerts").text
    assert "Channel 1 of the alerts is no NAME=ADDRESS" in text
    assert "s3cr3t" not in text


def test_a_running_desk_finds_and_tells_by_itself(
    app: FastAPI, scene: Scene, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "SWEEP_EVERY", 0.05)
    monkeypatch.setattr(loops, "TELL_EVERY", 0.05)
    for name in WATCHES:
        attending.note_watch(scene.store, name, actor=FLOW, now=NOW)
    rise(scene)
    running = Alerting(app.state.desk)
    running.start()
    until = time.monotonic() + 20
    while not receiver.bodies and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.3)
    running.stop()
    assert [message["title"] for message in receiver.messages] == ["shop: critical: error spike refund"]


def test_a_sweep_and_a_telling_fit_well_into_a_minute() -> None:
    assert loops.SWEEP_EVERY + loops.TELL_EVERY <= 30


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_telephone(
    app: FastAPI,
    scene: Scene,
    chromium: Browser,
    receiver: HttpReceiver,
    scheme: Any,  # noqa: ANN401 - a literal of the browser's
) -> None:
    receiver.status = 500
    for subject in ("refund", "tracking", "complaint"):
        rise(scene, subject=subject)
    sweep(scene, channels=("ops",))
    tell(app.state.desk.occasion(FLOW))
    alerting.acknowledge(scene.store, 1, actor=MANAGER, now=NOW)
    rise(scene, Verdict.QUIET)
    sweep(scene, CALM)
    with served(app) as address:
        context = signed_in_context(
            chromium, app, address, FOUNDER, color_scheme=scheme, viewport={"width": 390, "height": 844}
        )
        page = context.new_page()
        page.goto("/alerts")
        expect(page.get_by_text("The newest that are over")).to_be_visible()
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name="I take care of alert 3").click()
        expect(page.get_by_text("You take care of alert 3.")).to_be_visible()
        context.close()
