"""Every scheduled flow notes how its runs went, wherever it runs."""

from importlib import import_module
from typing import Any

import pytest

from flows.due import flow_of
from flows.sla_watch import sla_watch
from flows.triage import watch as watch_all
from handrail.errors import DatabaseBusy, HandrailError
from handrail.store import watch_runs
from handrail.watches import BY_NAME, WATCHES, Runs
from tasks.watch import attendance
from tests.logs import every_line
from tests.shop import LATER, Shop


def runs(shop: Shop) -> dict[str, Runs]:
    with shop.at().store.read() as connection:
        return watch_runs.runs(connection)


def broken(*_: object, **__: object) -> Any:  # noqa: ANN401 - never comes back
    raise DatabaseBusy("Somebody else writes. Try again.")


class TestPlainCalls:
    def test_every_scheduled_flow_notes_its_failure_and_then_its_success(
        self, empty_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for watch in WATCHES:
            with monkeypatch.context() as patched:
                patched.setattr(import_module(f"flows.{watch.name}"), "begin", broken)
                with pytest.raises(DatabaseBusy):
                    empty_shop.run(flow_of(watch), LATER)
            assert runs(empty_shop)[watch.name] == Runs(LATER, failed_since=LATER, error="database_busy")
            empty_shop.run(flow_of(watch), LATER)
            assert runs(empty_shop)[watch.name] == Runs(LATER, None, LATER, steady_since=LATER)

    def test_a_stopped_run_has_not_looked(self, empty_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        def stopped(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("flows.sla_watch.escalate_breaches", stopped)
        with pytest.raises(KeyboardInterrupt):
            empty_shop.run(sla_watch, LATER)
        assert runs(empty_shop)["sla_watch"].error == "keyboard_interrupt"

    def test_a_failure_that_cannot_be_written_down_does_not_hide_the_first(
        self, empty_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flows.sla_watch.escalate_breaches", broken)
        monkeypatch.setattr(attendance.attending, "fail", broken)
        with every_line() as lines, pytest.raises(DatabaseBusy) as fault:
            empty_shop.run(sla_watch, LATER)
        assert fault.value.__notes__ == ["The failure of sla_watch could not be written down: database_busy."]
        assert "that could not be written down: database_busy" in "\n".join(lines)

    def test_the_watches_of_a_delivery_count_each_for_itself(
        self, empty_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flows.triage.draw", broken)
        with pytest.raises(HandrailError):
            watch_all(empty_shop.at(LATER))
        found = runs(empty_shop)
        assert found["sla_watch"].succeeded_at == LATER
        assert found["audit_sampling"].failed_since == LATER
        assert "quality_watch" not in found

    def test_what_somebody_asks_for_by_hand_is_no_look(self, empty_shop: Shop) -> None:
        from flows.deployment import deployment
        from flows.retraining import retraining

        for flow, parameters in ((deployment, {"act": "rollback"}), (retraining, {"cause": "by_hand"})):
            with pytest.raises(HandrailError):
                empty_shop.run(flow, LATER, **parameters)
        assert runs(empty_shop) == {}


def test_every_watch_is_named_as_its_flow() -> None:
    for name, watch in BY_NAME.items():
        assert flow_of(watch).name == watch.deployment, name
