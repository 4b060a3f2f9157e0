"""A delivery reaches its queues, whatever stopped it on the way."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from flows.queue_assignment import queue_assignment
from flows.triage import triage
from handrail.acts import intake, pausing
from handrail.dead_mans_switch import WATCHES
from handrail.errors import BadInput, BatchStopped, NotFound
from handrail.policy import Stage
from handrail.store import schema, trail
from tasks import occasion as occasions
from tasks.intake.gate import gate
from tasks.intake.ingest import ingest
from tasks.intake.redact import redact
from tasks.occasion import Occasion
from tasks.routing.assign import assign
from tasks.routing.receiver import Ledger
from tasks.routing.score import score
from tasks.watch.heartbeat import beat
from tests.scenes import FOUNDER
from tests.shop import LATER, NOW, Shop, in_stage, letters
from tests.workspaces import Handrail


def routes(shop: Shop) -> dict[str, tuple[str, str]]:
    """Queue and reason by external id."""
    names = {row["id"]: row["external_id"] for row in shop.rows(schema.Case)}
    return {names[row["case_id"]]: (row["queue"], row["reason"]) for row in shop.rows(schema.Route)}


def states(shop: Shop) -> set[str]:
    return {row["state"] for row in shop.rows(schema.Case) if not row["history"]}


def effects(shop: Shop) -> int:
    return Ledger(shop.workspace.actions_path).effects()


def test_every_new_case_is_counted_once_and_its_reason_named(shop: Shop) -> None:
    result = shop.deliver("live.csv", letters(20))
    assert (result["received"], result["accepted"], result["quarantined"], result["imported"]) == (20, 20, 0, 0)
    assert sum(result["queues"].values()) == sum(result["reasons"].values()) == 20
    assert result["queues"]["A"] == result["reasons"]["auto"] == effects(shop) > 0
    assert {row["queue"] for row in shop.rows(schema.WorkItem)} == {"B", "C"}
    with shop.at().store.read() as connection:
        assert trail.verify(connection).valid


def test_the_same_file_again_changes_nothing(shop: Shop) -> None:
    first = shop.deliver("live.csv", letters(12))
    done = effects(shop)
    again = shop.deliver("live.csv", letters(12))
    assert (again["accepted"], again["duplicates"], again["queues"]) == (0, 12, {"A": 0, "B": 0, "C": 0})
    assert effects(shop) == done == first["queues"]["A"]


def test_a_run_says_what_it_could_not_deliver_and_what_to_do(shop: Shop) -> None:
    shop.workspace.actions_path.mkdir()  # no file can be written there: the receiver is away
    result = shop.deliver("live.csv", letters(20))
    assert result["actions"] == {"waiting": result["queues"]["A"], "dead": 0, "unknown": 0}
    pausing.pause(shop.at().store, None, reason="odd", policy=shop.at().policy, actor=FOUNDER, now=LATER)
    handrail = Handrail(shop.workspace.home)
    file = shop.write("next.csv", letters(4, seed=6))
    answer = handrail("run", file, "--mapping", shop.mapping, "--as-of", LATER.isoformat(), "--json")
    assert answer.json["actions"] == {"waiting": 0, "dead": 0, "unknown": result["queues"]["A"]}
    assert f"{result['queues']['A']} actions may have been carried out or not. Ask the receiver" in answer.err


STEPS: dict[str, Callable[[Occasion, int], object]] = {
    "ingest": lambda _, __: None,
    "gate": gate,
    "redact": lambda occasion, _: redact(occasion),
    "score": lambda occasion, _: score(occasion),
    "assign": lambda occasion, _: assign(occasion),
}


@pytest.mark.parametrize("last", STEPS)
def test_a_run_that_was_killed_after_any_step_is_completed_by_the_next(shop: Shop, last: str) -> None:
    occasion, file = shop.at(), shop.write("live.csv", letters(12))
    batch_id = ingest(occasion, str(file), str(shop.mapping)).batch_id
    for name, step in STEPS.items():
        step(occasion, batch_id)
        if name == last:
            break
    result = shop.deliver("live.csv", letters(12))
    assert (result["accepted"], result["duplicates"], result["batch"]) == (12, 0, batch_id)
    assert sum(result["queues"].values()) == 12
    assert effects(shop) == result["queues"]["A"] > 0
    assert states(shop) <= {"queued", "done"}


def test_cases_that_wait_scored_are_assigned_by_the_assignment_flow(shop: Shop) -> None:
    occasion, file = shop.at(), shop.write("live.csv", letters(12))
    gate(occasion, ingest(occasion, str(file), str(shop.mapping)).batch_id)
    redact(occasion)
    score(occasion)
    counts = shop.run(queue_assignment)
    assert counts["A"] + counts["B"] + counts["C"] == 12
    assert counts["delivered"] == counts["A"] == effects(shop)


def test_without_a_model_every_case_goes_to_a_person(empty_shop: Shop) -> None:
    result = empty_shop.deliver("live.csv", letters(8))
    assert (result["queues"], result["reasons"]) == ({"A": 0, "B": 0, "C": 8}, {"no_model": 8})
    assert all(row["suggestion_hidden"] for row in empty_shop.rows(schema.WorkItem))
    assert effects(empty_shop) == 0


def test_known_outcomes_enter_as_history(empty_shop: Shop) -> None:
    result = empty_shop.deliver("history.csv", letters(8, labelled=True), NOW)
    assert (result["accepted"], result["imported"], sum(result["queues"].values())) == (8, 8, 0)
    assert {row["status"] for row in empty_shop.rows(schema.Label)} == {"imported"}
    assert {row["state"] for row in empty_shop.rows(schema.Case)} == {"done"}


def test_what_no_model_may_decide_goes_to_queue_c_with_its_reason(shop: Shop) -> None:
    (letter,) = letters(1, only="refund")
    cases = {
        "ordinary": {},
        "refusing": {"consent": "no"},
        "empty": {"text": "  "},
        "threatening": {"text": f"{letter['text']} or my lawyer writes"},
        "dear": {"amount": 501},
        "just within": {"amount": 500},
    }
    shop.deliver("live.csv", [{**letter, "external_id": name, **case} for name, case in cases.items()])
    assert routes(shop) == {
        "ordinary": ("A", "auto"),
        "refusing": ("C", "no_consent"),
        "empty": ("C", "no_text"),
        "threatening": ("C", "flagged"),
        "dear": ("C", "flagged"),
        "just within": ("A", "auto"),
    }


def test_personal_data_leaves_the_text_that_the_model_and_the_desk_see(shop: Shop) -> None:
    (letter,) = letters(1, only="refund")
    shop.deliver("live.csv", [{**letter, "text": f"{letter['text']} jane.doe@example.com"}])
    given = shop.rows(schema.CaseInput)[-1]
    assert "jane.doe" in given["text"]
    assert "jane.doe" not in given["redacted"]


def test_a_paused_category_goes_to_queue_b(shop: Shop) -> None:
    occasion = shop.at(actor=FOUNDER)
    pausing.pause(occasion.store, "refund", reason="odd", policy=occasion.policy, actor=FOUNDER, now=occasion.now)
    shop.deliver("live.csv", [*letters(3, only="refund"), *letters(3, only="tracking")])
    assert set(routes(shop).values()) == {("B", "paused"), ("A", "auto")}


class TestDeadMansSwitch:
    def reasons(self, shop: Shop, moment: object) -> dict[str, int]:
        found: dict[str, int] = shop.deliver("live.csv", letters(4, only="refund"), moment)["reasons"]
        return found

    @pytest.fixture
    def silent_for(self, shop: Shop) -> timedelta:
        return shop.policy.watches.silent_for

    def test_after_the_policys_silence_nothing_is_approved_by_itself(self, shop: Shop, silent_for: timedelta) -> None:
        assert self.reasons(shop, NOW + silent_for + timedelta(seconds=1)) == {"held": 4}
        assert effects(shop) == 0

    def test_until_then_automation_runs(self, shop: Shop, silent_for: timedelta) -> None:
        assert self.reasons(shop, NOW + silent_for) == {"auto": 4}

    def test_living_watches_keep_it_running(self, shop: Shop, silent_for: timedelta) -> None:
        moment = NOW + 3 * silent_for
        for name in WATCHES:
            beat(shop.at(moment - silent_for), name)
        assert self.reasons(shop, moment) == {"auto": 4}

    def test_no_later_change_of_a_stage_starts_the_clock_again(self, shop: Shop, silent_for: timedelta) -> None:
        moment = NOW + silent_for + timedelta(seconds=1)
        in_stage(shop, "complaint", Stage.PARTIAL, moment)
        in_stage(shop, "refund", Stage.PARTIAL, moment)
        in_stage(shop, "refund", Stage.AUTO, moment)
        assert self.reasons(shop, moment) == {"held": 4}

    def test_after_160_silent_days_the_narrowing_of_another_category_lets_nothing_through(self, shop: Shop) -> None:
        for name in WATCHES:
            beat(shop.at(NOW), name)
        moment = NOW + timedelta(days=160)
        in_stage(shop, "tracking", Stage.SUGGEST, moment)
        cases = [{**case, "received_at": moment.isoformat()} for case in letters(45, only="refund")]
        result = shop.deliver("late.csv", cases, moment)
        assert (result["queues"], result["reasons"]) == ({"A": 0, "B": 45, "C": 0}, {"held": 45})
        assert effects(shop) == 0


class TestBadDeliveries:
    def test_a_few_bad_rows_lie_in_quarantine_and_the_rest_goes_on(self, shop: Shop) -> None:
        cases = letters(20)
        cases[3]["amount"] = "lots"
        cases[7]["amount"] = -5
        result = shop.deliver("live.csv", cases)
        assert (result["accepted"], result["quarantined"], sum(result["queues"].values())) == (18, 2, 18)

    def test_too_many_bad_rows_stop_the_file_every_time(self, shop: Shop) -> None:
        cases = [{**case, "amount": "lots" if number < 4 else 20} for number, case in enumerate(letters(20))]
        for _ in range(2):
            with pytest.raises(BatchStopped, match="4 of 20 rows"):
                shop.deliver("live.csv", cases)
            assert states(shop) == {"received"}
            assert shop.rows(schema.Route) == []

    def test_the_corrected_file_completes_the_stopped_one(self, shop: Shop) -> None:
        bad = [{**case, "amount": "lots" if number < 4 else 20} for number, case in enumerate(letters(20))]
        with pytest.raises(BatchStopped):
            shop.deliver("live.csv", bad)
        result = shop.deliver("live.csv", letters(20))
        assert (result["accepted"], result["quarantined"]) == (20, 0)
        assert states(shop) <= {"queued", "done"}

    def test_a_corrected_outcome_becomes_history(self, empty_shop: Shop) -> None:
        cases = letters(20, labelled=True)
        cases[4]["label"] = "refnud"
        assert empty_shop.deliver("history.csv", cases, NOW)["imported"] == 19
        cases[4]["label"] = "refund"
        assert empty_shop.deliver("corrected.csv", [{**cases[4], "external_id": "history-4"}], NOW)["imported"] == 1
        assert {row["state"] for row in empty_shop.rows(schema.Case)} == {"done"}

    def test_an_unusable_file_leaves_nothing(self, shop: Shop, tmp_path: Path) -> None:
        file = tmp_path / "strange.csv"
        file.write_text("colour,shape\nred,round\n")
        with pytest.raises(BadInput):
            shop.run(triage, file=str(file))
        assert len(shop.rows(schema.Batch)) == 1


def test_without_a_workspace_a_flow_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="handrail init"):
        occasions.begin("triage", home=str(tmp_path / "nowhere"))


def test_a_moment_that_is_none_is_refused() -> None:
    assert occasions.moment("2026-03-02T09:00:00").tzinfo is not None
    with pytest.raises(BadInput, match="is not a time"):
        occasions.moment("yesterday")


def test_seeds_differ_by_purpose_and_moment_and_are_repeatable(shop: Shop) -> None:
    now, later = shop.at(), shop.at(LATER + timedelta(seconds=1))
    assert now.seed("audit") == shop.at().seed("audit")
    assert len({now.seed("audit"), now.seed("jitter"), later.seed("audit")}) == 3


def test_a_batch_that_was_gated_is_closed_as_done(shop: Shop) -> None:
    batch_id = shop.deliver("live.csv", letters(4))["batch"]
    row = shop.rows(schema.Batch, id=batch_id)[0]
    assert (row["state"], row["counts"]["accepted"]) == ("done", 4)
    intake.close_batch(shop.at().store, batch_id, "done", actor="flow:test", now=LATER)
    assert shop.rows(schema.Batch, id=batch_id)[0] == row
