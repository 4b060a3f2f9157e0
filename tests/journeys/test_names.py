"""The command line lets nobody in, and lets nobody act, under a name that hides another."""

from pathlib import Path

import pytest

from tests.workspaces import Handrail


@pytest.fixture
def handrail(tmp_path: Path) -> Handrail:
    handrail = Handrail(tmp_path / "home")
    handrail.ask("init")
    handrail.ask("people", "add", "cleo", "--role", "reviewer")
    return handrail


@pytest.mark.parametrize("twin", ["cleo ", "Cleo", "сleo", "c\u200bleo", "\uff43leo"])
def test_people_add_refuses_a_name_that_looks_like_a_colleagues(handrail: Handrail, twin: str) -> None:
    assert "cleo" in handrail("people", "add", twin, "--role", "escalation_manager").refusal
    assert "but 'cleo' is" in handrail("people", "invite", twin).refusal
    assert "but 'cleo' is" in handrail("tokens", "create", "shop", "--scope", "decide", actor=twin).refusal
    assert len(handrail.ask("people", "list")) == 2


def test_nobody_acts_as_a_flow(handrail: Handrail) -> None:
    assert "is a flow and no person" in handrail("pause", "--all", "--reason", "x", actor="flow:triage").refusal
