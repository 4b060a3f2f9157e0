"""Alerts reach real receivers, once; what fails is told elsewhere, and no secret is said anywhere."""

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flows.alerting import Alerted
from flows.alerting import alerting as flow
from handrail.acts import attending, reading
from handrail.acts.alerting import CALM
from handrail.alerts import Telling
from handrail.dead_mans_switch import WATCHES
from handrail.errors import BadInput, NotFound, NotPermitted
from handrail.reading import Reading, Verdict
from handrail.store import schema
from handrail.store.engine import Store
from handrail.watches import BY_NAME
from handrail.workspace import Workspace
from tasks.occasion import Occasion, enter
from tasks.watch import alert, channels
from tasks.watch.channels import FILE, VARIABLE, Channel, Message
from tests.logs import every_line
from tests.receivers import HttpReceiver, http_receiver, mail_receiver
from tests.scenes import FLOW, FOUNDER, NOW, Scene

SECRET = "s3cr3t-T0KEN"  # noqa: S105 - of no door
MINUTE = timedelta(minutes=1)
WINDOW = (NOW - timedelta(days=7), NOW)
HELLO = Message("shop: test", "Hello.", "info")


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as found:
        yield found


@pytest.fixture
def place(tmp_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with the shop and no channel."""
    monkeypatch.delenv(VARIABLE, raising=False)
    store = Store(tmp_workspace.database_url)
    Scene(store)
    store.dispose()
    return tmp_workspace


def at(place: Workspace, moment: datetime = NOW, actor: str = FLOW) -> Occasion:
    return enter(place, actor, moment)


def rise(place: Workspace, moment: datetime = NOW, verdict: Verdict = Verdict.ALARM) -> None:
    reading.record(at(place).store, [Reading("breaker", "refund", WINDOW, verdict)], actor=FLOW, now=moment)


def run(place: Workspace, moment: datetime) -> Any:  # noqa: ANN401 - the flow's own
    """The flow at that moment, at which every watch was heard."""
    for name in WATCHES:
        attending.note_watch(at(place).store, name, actor=FLOW, now=moment)
    for name in BY_NAME:
        attending.succeed(at(place).store, name, actor=FLOW, now=moment)
    return flow.fn(as_of=moment.isoformat(), home=str(place.home))


def rows(place: Workspace, table: type[schema.Base]) -> list[dict[str, Any]]:
    with at(place).store.read() as connection:
        return [dict(row) for row in connection.execute(select(table.__table__)).mappings()]


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class TestReceived:
    def test_an_alert_arrives_once_with_business_severity_sentence_and_remedy(
        self, place: Workspace, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, f"ops=json://127.0.0.1:{receiver.port}/{SECRET}")
        rise(place)
        assert run(place, NOW).sent == 1
        for minute in range(1, 4):
            assert run(place, NOW + minute * MINUTE).sent == 0
        (message,) = receiver.messages
        assert message["title"] == "shop: critical: error spike refund"
        assert message["type"] == "failure"
        assert message["message"].startswith("CRITICAL (alert 1): Audits reject too many automatic approvals of refund")
        assert "`handrail pause`" in message["message"]

    def test_several_are_one_message_the_worst_first_and_their_end_is_another(
        self, place: Workspace, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, f"ops=json://127.0.0.1:{receiver.port}/")
        seen = [Reading("blind_share", "tracking", WINDOW, Verdict.ALARM)]
        reading.record(at(place).store, seen, actor=FLOW, now=NOW)
        rise(place)
        run(place, NOW)
        (message,) = receiver.messages
        assert message["title"] == "shop: critical: error spike refund and 1 more"
        assert [line.split()[0] for line in message["message"].splitlines()] == ["CRITICAL", "WARNING"]
        rise(place, NOW + MINUTE, Verdict.QUIET)
        run(place, NOW + CALM)
        run(place, NOW + CALM + MINUTE)
        _, over = receiver.messages
        assert (over["title"], over["type"]) == ("shop: over: error spike refund", "success")
        assert over["message"] == "OVER (alert 1): error spike refund is no trouble any more."

    def test_it_arrives_as_xml_and_as_a_letter_too(self, receiver: HttpReceiver) -> None:
        with mail_receiver() as (port, letters):
            xml = Channel("xml", f"xml://127.0.0.1:{receiver.port}/")
            mail = Channel("mail", f"mailto://127.0.0.1:{port}/?from=handrail@shop.example&to=ops@shop.example")
            assert channels.send_all({"xml": (xml, HELLO), "mail": (mail, HELLO)}) == {}
        assert "<Subject>shop: test</Subject>" in receiver.bodies[0]
        assert "Hello." in receiver.bodies[0]
        assert "Subject: shop: test" in letters[0]


class TestFailing:
    def test_a_receiver_that_refuses_is_an_alert_over_the_other_channel_and_is_cleared_when_it_is_back(
        self, place: Workspace, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with http_receiver() as other:
            receiver.status = 500
            monkeypatch.setenv(
                VARIABLE, f"ops=json://127.0.0.1:{receiver.port}/{SECRET}\nmail=json://127.0.0.1:{other.port}/"
            )
            rise(place)
            minutes = [NOW + number * MINUTE for number in range(8)]
            for moment in minutes:
                run(place, moment)
            titles = [message["title"] for message in other.messages]
            assert titles == ["shop: critical: error spike refund", "shop: critical: channel ops"]
            assert "`handrail alerts test ops`" in other.messages[1]["message"]
            (failed,) = [row for row in rows(place, schema.AlertDelivery) if row["channel"] == "ops"]
            assert "500" in failed["error"]
            assert SECRET.lower() not in failed["error"].lower()
            receiver.status = 200
            tried = len(receiver.bodies)
            for number in range(9, 30):
                run(place, NOW + number * MINUTE)
            assert len(receiver.bodies) == tried + 1
            assert other.messages[-1]["title"] == "shop: over: channel ops"
            assert len(other.messages) == 3

    def test_a_channel_that_hangs_is_given_up_for_now_and_the_others_are_told(self, receiver: HttpReceiver) -> None:
        with http_receiver() as other:
            receiver.hangs = True
            hanging = Channel("ops", f"json://127.0.0.1:{receiver.port}/")
            well = Channel("mail", f"json://127.0.0.1:{other.port}/")
            errors = channels.send_all({"ops": (hanging, HELLO), "mail": (well, HELLO)}, patience=1)
            assert errors == {"ops": "It did not answer within 1 seconds."}
            assert len(other.bodies) == 1

    def test_no_secret_is_logged_stored_or_shown(self, place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        address = f"json://user:{SECRET}@127.0.0.1:{closed_port()}/hooks/{SECRET}?+X-Key={SECRET}"
        monkeypatch.setenv(VARIABLE, f"ops={address}")
        rise(place)
        with every_line() as lines:
            run(place, NOW)
        told = "\n".join(lines)
        assert "the channel ops did not take 1 alerts" in told
        said = told + repr(channels.read(place)) + repr(alert.listed(at(place)))
        said += repr([rows(place, table) for table in (schema.Alert, schema.AlertDelivery)])
        for part in (SECRET, "hooks", address):
            assert part.lower() not in said.lower()
        (failed,) = rows(place, schema.AlertDelivery)
        assert "127.0.0.1" not in failed["error"]
        assert "…" in failed["error"]

    def test_a_redirect_does_not_carry_the_message_elsewhere(self, receiver: HttpReceiver) -> None:
        with http_receiver() as elsewhere:
            receiver.status, receiver.location = 307, f"http://127.0.0.1:{elsewhere.port}/"
            assert Channel("ops", f"json://127.0.0.1:{receiver.port}/").send(HELLO) is not None
            assert elsewhere.bodies == []


class TestTest:
    def test_a_test_arrives_and_stands_in_the_trail(
        self, place: Workspace, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, f"ops=json://127.0.0.1:{receiver.port}/")
        assert alert.try_channel(at(place, actor=FOUNDER), "ops") is None
        assert receiver.messages[0]["title"] == "shop: test"
        receiver.status = 403
        assert "403" in (alert.try_channel(at(place, actor=FOUNDER), "ops") or "")
        with pytest.raises(NotPermitted):
            alert.try_channel(at(place, actor="rita"), "ops")
        assert len(receiver.bodies) == 2, "whoever may not test sends nothing"
        with pytest.raises(NotFound, match="there are: ops"):
            alert.try_channel(at(place, actor=FOUNDER), "mail")

    def test_an_address_that_apprise_cannot_read_is_told_without_it(
        self, place: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, f"ops=nonsense://{SECRET}")
        with pytest.raises(BadInput, match="channel ops cannot be read") as refusal:
            alert.try_channel(at(place, actor=FOUNDER), "ops")
        assert SECRET not in str(refusal.value)
        said = Channel("ops", f"nonsense://{SECRET}").send(HELLO) or ""
        assert "Unparseable URL …" in said, "not even the first letter"


class TestConfiguration:
    def test_a_file_of_the_owner_alone_names_channels(self, place: Workspace) -> None:
        file = place.home / FILE
        file.write_text("# who is told\nops=json://one/x=1\n\nmail=mailto://two\n")
        file.chmod(0o600)
        assert [(one.name, one.address) for one in channels.read(place)] == [
            ("ops", "json://one/x=1"),
            ("mail", "mailto://two"),
        ]

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
    def test_a_file_that_others_may_read_is_refused_with_the_remedy(self, place: Workspace, mode: int) -> None:
        file = place.home / FILE
        file.write_text(f"ops=json://{SECRET}\n")
        file.chmod(mode)
        with pytest.raises(BadInput, match="chmod 600") as refusal:
            channels.read(place)
        assert SECRET not in str(refusal.value)

    @pytest.mark.parametrize(
        "text", ["json://S", "OPS=json://S", "a b=json://S", "ops=S", "=json://S", "a=x://S a=x://S"]
    )
    def test_what_is_no_channel_is_refused_without_its_address(
        self, place: Workspace, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        monkeypatch.setenv(VARIABLE, text.replace("S", SECRET))
        with pytest.raises(BadInput, match=VARIABLE) as refusal:
            channels.read(place)
        assert SECRET not in str(refusal.value)

    def test_with_a_broken_configuration_alerts_are_raised_all_the_same(
        self, place: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, "nonsense")
        rise(place)
        assert run(place, NOW) == Alerted(raised=(1, 2), cleared=(), standing=2, sent=0)
        assert {row["kind"] for row in rows(place, schema.Alert)} == {"error_spike", "channels"}

    def test_without_a_channel_nothing_is_told_and_nothing_waits(self, place: Workspace) -> None:
        rise(place)
        assert run(place, NOW).standing == 1
        assert rows(place, schema.AlertDelivery) == []


class TestMessages:
    def test_what_is_more_than_a_message_holds_is_counted(self) -> None:
        tellings = [Telling(0, number, "ops", 2, 1, "sla", "B", "warning", "Late. Hurry.") for number in range(25)]
        message = alert.compose("shop", tellings)
        lines = message.body.splitlines()
        assert len(lines) == alert.MOST + 1
        assert lines[0] == "WARNING (alert 0, still standing): Late. Hurry."
        assert lines[-1].startswith("… and 5 more")
        assert message.title == "shop: warning: sla B and 24 more"


def test_apprise_loads_no_plugins_from_disk_and_sends_to_nobody_else() -> None:
    asset = Channel("ops", "json://127.0.0.1:1/")._apprise.asset
    assert list(asset.plugin_paths) == []
    assert asset.storage_mode.value == "memory"
    assert not asset.http_redirects
    assert asset.image_url("info") is None
