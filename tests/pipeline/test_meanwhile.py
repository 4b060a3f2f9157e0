"""What is changed while a run is on counts for every case that is in no queue yet."""

from collections.abc import Callable

import pytest

from flows.queue_assignment import queue_assignment
from flows.triage import triage
from handrail import policy as policies
from handrail.acts import models as model_acts
from handrail.acts import pausing, publishing
from handrail.policy import Stage
from handrail.store import readable, schema, trail
from tasks.routing import onward
from tests.learned import register
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop, letters

CASES = 24
STEPS = ["redact", "score", "assign"]
Change = Callable[[Shop], object]


def meanwhile(shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str, change: Change, *, times: int = 1) -> list[str]:
    """Commit `change` just before a step of a run, the first so many times that it is taken; the steps as taken."""
    taken: list[str] = []

    def watched(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(occasion: object) -> object:
            taken.append(name)
            if name == step and taken.count(step) <= times:
                change(shop)
            return real(occasion)

        return call

    for name in STEPS:
        monkeypatch.setattr(onward, name, watched(name, getattr(onward, name)))
    return taken


def of_category(shop: Shop, category: str) -> set[tuple[str, str]]:
    """Queue and first reason of the cases of which a model says `category`."""
    return {(row["queue"], row["reason"]) for row in shop.rows(schema.Route) if row["category"] == category}


def assert_nothing_is_lost(shop: Shop, result: dict[str, object]) -> None:
    live = [row for row in shop.rows(schema.Case) if not row["history"]]
    assert len(live) == CASES == len(shop.rows(schema.Route)) == sum(result["queues"].values())
    assert {row["state"] for row in live} <= {"queued", "decided", "done"}
    assert result["remaining"] == 0
    assert len({row["case_id"] for row in shop.rows(schema.Outbox)}) == len(shop.rows(schema.Outbox))
    with shop.at().store.read() as connection:
        assert trail.verify(connection).valid


def to_manual(shop: Shop) -> object:
    known = {"reason": "odd", "policy": shop.policy, "actor": FOUNDER, "now": LATER}
    return pausing.set_stage(shop.at().store, "refund", Stage.MANUAL, **known)


def pause(shop: Shop) -> object:
    return pausing.pause(shop.at().store, "refund", reason="odd", policy=shop.policy, actor=FOUNDER, now=LATER)


def pause_all(shop: Shop) -> object:
    return pausing.pause(shop.at().store, None, reason="odd", policy=shop.policy, actor=FOUNDER, now=LATER)


def publish(shop: Shop, old: str, new: str) -> object:
    text = (shop.workspace.home / "policy.yaml").read_text(encoding="utf-8")
    assert old in text
    file = shop.workspace.home / "other.yaml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return publishing.publish(shop.at().store, policies.read(file), actor=FOUNDER, now=LATER)


def flag_money(shop: Shop) -> object:
    return publish(shop, r"{legal: ['\blawyer\b']}", "{legal: [money, payment, charge]}")


def higher_consequence(shop: Shop) -> object:
    return publish(shop, "refund: {action: pay_back, consequence: low", "refund: {action: pay_back, consequence: high")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("change", "then"),
    [
        (to_manual, ("C", "stage_manual")),
        (pause, ("B", "paused")),
        (pause_all, ("B", "paused")),
        (flag_money, ("C", "flagged")),
        (higher_consequence, ("C", "high_consequence")),
    ],
)
def test_what_withholds_a_category_counts_from_its_commit_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str, change: Change, then: tuple[str, str]
) -> None:
    meanwhile(shop, monkeypatch, step, change)
    result = shop.deliver("live.csv", letters(CASES))
    assert of_category(shop, "refund") == {then}
    assert "no_model" not in result["reasons"]
    assert_nothing_is_lost(shop, result)


@pytest.mark.parametrize("step", STEPS)
def test_what_is_in_flight_when_another_version_is_promoted_is_scored_by_that_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    second = register(shop, LATER, right=True)

    def promote(shop: Shop) -> object:
        return model_acts.set_champion(shop.at().store, second, reason="better", actor=FOUNDER, now=LATER)

    meanwhile(shop, monkeypatch, step, promote)
    result = shop.deliver("live.csv", letters(CASES))
    assert "no_model" not in result["reasons"]
    assert {row["model_version"] for row in shop.rows(schema.Route)} == {second}
    assert result["queues"]["A"] > 0
    assert_nothing_is_lost(shop, result)


@pytest.mark.parametrize("step", STEPS)
def test_what_is_in_flight_when_a_version_is_rolled_back_is_scored_by_the_earlier_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    second = register(shop, LATER, right=False)
    model_acts.set_champion(shop.at().store, second, reason="better", actor=FOUNDER, now=LATER)
    back = lambda shop: model_acts.roll_back(shop.at().store, reason="worse", actor=FOUNDER, now=LATER)  # noqa: E731
    meanwhile(shop, monkeypatch, step, back)
    result = shop.deliver("live.csv", letters(CASES))
    assert "no_model" not in result["reasons"]
    assert {row["model_version"] for row in shop.rows(schema.Route)} == {"1"}
    assert_nothing_is_lost(shop, result)


def test_consent_that_is_withdrawn_before_the_route_is_written_leaves_nothing_a_model_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def withdraw(shop: Shop) -> None:
        with shop.at().store.write() as connection:
            live = [row["id"] for row in shop.rows(schema.Case) if not row["history"]]
            readable.refuse(connection, live)

    meanwhile(shop, monkeypatch, "assign", withdraw)
    result = shop.deliver("live.csv", letters(CASES))
    assert result["reasons"] == {"no_consent": CASES}
    assert {row["category"] for row in shop.rows(schema.Route)} == {None}
    assert_nothing_is_lost(shop, result)


def test_a_run_ends_and_says_what_remains_where_policies_never_come_to_rest(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def owner(shop: Shop) -> None:
        other = shop.policy.model_copy(update={"owner": f"{shop.policy.owner}y"})
        publishing.publish(shop.at().store, other, actor=FOUNDER, now=LATER)

    taken = meanwhile(shop, monkeypatch, "assign", owner, times=99)
    result = shop.deliver("live.csv", letters(CASES))
    assert (result["remaining"], sum(result["queues"].values())) == (CASES, 0)
    assert taken == STEPS * onward.ROUNDS
    monkeypatch.undo()
    counts = shop.run(queue_assignment)
    assert counts["A"] + counts["B"] + counts["C"] == CASES


def test_nothing_is_done_twice_where_nothing_changed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = meanwhile(shop, monkeypatch, "score", lambda _: None)
    file = shop.write("live.csv", letters(CASES))
    shop.run(triage, file=str(file), mapping=str(shop.mapping), docs=False)
    assert taken == STEPS
