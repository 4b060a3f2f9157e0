"""What starts a retraining: read from a real store, told once, answered once, one at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.overview import overview, shown
from flows import quality_watch as quality_module
from flows.quality_watch import quality_watch
from flows.retraining import NotTrained, retraining
from handrail.acts import attending, drifting, leasing, pausing
from handrail.dead_mans_switch import WATCHES
from handrail.errors import BadInput, Conflict, PermanentError
from handrail.policy import Stage
from handrail.retraining_triggers import TriggerFacts
from handrail.store import schema, trail
from handrail.store.engine import Store
from tasks.learning import trigger
from tasks.learning.trigger_facts import trigger_facts
from tests.scenes import FLOW, FOUNDER
from tests.shop import HISTORY, LATER, NOW, WORDS, Shop, letters
from tests.workspaces import Handrail

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEEK_LATER = NOW + 7 * DAY


def events(shop: Shop, kind: str) -> list[dict[str, Any]]:
    with shop.at().store.read() as connection:
        return trail.search(connection, kind=kind)


def versions(shop: Shop) -> list[str]:
    return [row["cause"] for row in shop.rows(schema.ModelVersion)]


def drift(shop: Shop, moment: datetime) -> None:
    """A drift that was found at this moment."""
    occasion = shop.at(moment)
    known: dict[str, Any] = {"actor": occasion.actor, "now": moment, "window": (moment - DAY, moment)}
    profile = drifting.save_profile(occasion.store, "{}", cause="first", cases=1, **known)
    drifting.record_drift(
        occasion.store, profile_id=profile, columns=["amount"], terms=[], policy=occasion.policy, **known
    )


def rejected_audits(shop: Shop, moment: datetime, wrong: int = 3) -> None:
    """Ten audits, of which more than the policy's fifth are rejected."""
    for watch in WATCHES:
        attending.note_watch(shop.at().store, watch, actor=FLOW, now=moment)
    shop.audited(shop.automatic(10, moment), wrong, moment)


def blind_labels(shop: Shop, count: int, moment: datetime) -> None:
    for category in WORDS:
        pausing.set_stage(
            shop.at().store, category, Stage.SHADOW, reason="test", policy=shop.policy, actor=FOUNDER, now=moment
        )
    shop.deliver(f"labels-{count}.csv", letters(count), moment)
    shop.work(moment)


class TestStanding:
    def test_an_empty_workspace_knows_nothing(self, empty_shop: Shop) -> None:
        assert trigger_facts(empty_shop.at()) == TriggerFacts(LATER)

    def test_imported_history_is_new_until_it_trains(self, empty_shop: Shop) -> None:
        empty_shop.deliver("history.csv", letters(HISTORY, labelled=True), NOW)
        assert trigger_facts(empty_shop.at()).new_labels == HISTORY
        empty_shop.run(retraining, NOW + HOUR, cause="when_due")
        assert versions(empty_shop) == ["first"]
        expected = TriggerFacts(NOW + 2 * HOUR, trained_at=NOW + HOUR, learnt=HISTORY)
        assert trigger_facts(empty_shop.at(NOW + 2 * HOUR)) == expected

    def test_only_labels_that_can_train_count(self, shop: Shop) -> None:
        blind_labels(shop, 40, LATER)
        blind = [row["case_id"] for row in shop.rows(schema.Label) if row["blind"]]
        held = int(shop.at().withholding.draws(blind).sum())
        assert 5 < held < 35
        assert trigger_facts(shop.at()).new_labels == len(set(blind)) - held
        with shop.at().store.write() as connection:
            connection.execute(schema.Label.__table__.update().values(status="provisional"))
        assert trigger_facts(shop.at()).new_labels == 0

    def test_gold_cases_and_unknown_categories_do_not_count(self, shop: Shop) -> None:
        shop.deliver("more.csv", letters(12, labelled=True), LATER)
        fresh = [row["case_id"] for row in shop.rows(schema.Label) if row["labelled_at"] == LATER]
        assert trigger_facts(shop.at(LATER)).new_labels == len(fresh) == 12
        with shop.at().store.write() as connection:
            connection.execute(
                schema.GoldCase.__table__.insert().values(
                    case_id=fresh[0], label="refund", origin="history", attested_by=FOUNDER, attested_at=LATER
                )
            )
            table = schema.Label.__table__
            connection.execute(table.update().where(table.c.case_id == fresh[1]).values(label="unheard of"))
        assert trigger_facts(shop.at(LATER)).new_labels == 10

    def test_every_audit_of_the_window_counts_weighted_for_how_it_was_drawn(self, shop: Shop) -> None:
        ids = shop.automatic(12)
        shop.audited(ids[:8], 2)
        shop.audited(ids[8:], 4, random=False, chance=0.5)
        found = trigger_facts(shop.at(LATER))
        assert (found.audited, found.rejected) == (12, 6)
        assert found.error_rate == pytest.approx((2 * 20 + 4 * 2) / (8 * 20 + 4 * 2))
        assert found.effective < 12
        late = LATER + shop.policy.retraining.error_window
        assert trigger_facts(shop.at(late)).audited == 0
        assert trigger_facts(shop.at(late - timedelta(seconds=1))).audited == 12


class TestTheFlow:
    def test_nothing_due_trains_nothing_and_says_why(self, shop: Shop) -> None:
        found = shop.run(retraining, LATER, cause="when_due")
        assert found == NotTrained("Nothing calls for a retraining.")
        assert versions(shop) == ["by_hand"]

    def test_a_month_after_the_last_training(self, shop: Shop) -> None:
        every = shop.policy.retraining.every
        early = shop.run(retraining, NOW + every - timedelta(seconds=1), cause="when_due")
        assert not early.trained
        assert shop.run(retraining, NOW + every, cause="when_due").cause == "monthly"

    @pytest.mark.parametrize(("wrong", "cause"), [(2, None), (3, "error_rate")])
    def test_an_audited_error_rate_above_the_policys(self, shop: Shop, wrong: int, cause: str | None) -> None:
        rejected_audits(shop, WEEK_LATER, wrong)
        assert trigger.read_triggers(shop.at(WEEK_LATER)).cause == cause

    def test_several_drifts_are_one_training(self, shop: Shop) -> None:
        drift(shop, LATER)
        drift(shop, LATER + HOUR)
        first = shop.run(retraining, LATER + 2 * HOUR, cause="drift")
        assert (first.trained, first.cause) == (True, "drift")
        assert not shop.run(retraining, LATER + 2 * HOUR, cause="drift").trained
        drift(shop, LATER + 3 * HOUR)
        assert shop.run(retraining, LATER + 3 * HOUR, cause="drift").trained, "found right after a training"
        assert versions(shop) == ["by_hand", "drift", "drift"]

    def test_a_drift_whose_event_was_lost_is_answered_by_the_daily_look(self, shop: Shop) -> None:
        drift(shop, LATER)
        assert shop.run(retraining, LATER + DAY, cause="when_due").cause == "drift"

    def test_the_status_shows_each_figure_beside_the_policys_bound(self, shop: Shop) -> None:
        drift(shop, LATER)
        seen = overview(shop.at(LATER + HOUR))
        assert seen.overview.retraining.called_for_by == "drift"
        text = shown(seen)
        assert "training   called for by drift\n" in text
        assert "           error rate: no audit; policy 20.0% of at least 10\n" in text
        assert f"           new labels: 0 since the last training; policy {HISTORY // 2}, " in text


class TestWhatFailed:
    @pytest.fixture
    def failed(self, shop: Shop) -> Shop:
        """A drift whose training broke its gate: the texts of the history are gone."""
        drift(shop, WEEK_LATER)
        self.redacted(shop, "")
        with pytest.raises(PermanentError):
            shop.run(retraining, WEEK_LATER + HOUR, cause="drift")
        return shop

    def redacted(self, shop: Shop, text: str | None) -> None:
        with shop.at().store.write() as connection:
            connection.execute(schema.CaseInput.__table__.update().values(redacted=text))

    def test_it_stands_in_the_trail_with_cause_and_code_and_the_champion_stays(self, failed: Shop) -> None:
        (event,) = events(failed, "retraining.failed")
        assert (event["cause"], event["code"]) == ("drift", "gate_failed")
        assert versions(failed) == ["by_hand"]

    def test_it_is_not_tried_again_while_nothing_has_changed(self, failed: Shop) -> None:
        until = WEEK_LATER + HOUR + failed.policy.retraining.not_again_within
        for asked in ("drift", "when_due"):
            found = failed.run(retraining, until - timedelta(seconds=1), cause=asked)
            assert found.reason.startswith("The last attempt failed: the next one waits")
        assert len(events(failed, "retraining.failed")) == 1
        self.redacted(failed, None)
        assert failed.run(retraining, until, cause="when_due").cause == "drift"

    def test_new_labels_are_reason_to_try_again(self, failed: Shop) -> None:
        self.redacted(failed, None)
        failed.deliver("repair.csv", letters(4, labelled=True), WEEK_LATER + 2 * HOUR)
        assert failed.run(retraining, WEEK_LATER + 3 * HOUR, cause="when_due").cause == "drift"

    def test_by_hand_it_is_tried_at_any_time(self, failed: Shop) -> None:
        self.redacted(failed, None)
        assert failed.run(retraining, WEEK_LATER + 2 * HOUR, cause="by_hand").trained

    def test_too_few_labels_by_hand_are_noted_too(self, empty_shop: Shop) -> None:
        empty_shop.deliver("history.csv", letters(30, labelled=True), NOW)
        with pytest.raises(PermanentError):
            empty_shop.run(retraining, NOW, cause="by_hand")
        assert [event["cause"] for event in events(empty_shop, "retraining.failed")] == ["by_hand"]

    def test_the_code_is_the_kind_of_error(self, shop: Shop) -> None:
        trigger.note_failed(shop.at(), "monthly", BadInput("Too few. Label more."))
        assert [event["code"] for event in events(shop, "retraining.failed")] == ["bad_input"]


class TestOneAtATime:
    def test_a_second_retraining_ends_without_training_and_says_why(self, shop: Shop) -> None:
        with trigger.reserve(shop.at()):
            found = shop.run(retraining, LATER, cause="by_hand")
        assert found.trained is False
        assert found.reason.startswith("Another retraining is running since ")
        assert versions(shop) == ["by_hand"]
        assert shop.run(retraining, LATER, cause="by_hand").trained, "the place is free again"

    def test_the_command_is_refused_with_the_same_sentence(self, begun: Handrail) -> None:
        store = Store(f"sqlite:///{begun.home / 'handrail.db'}")
        with leasing.take(store, trigger.WORK, clock=lambda: datetime.now(UTC)):
            assert begun("train").refusal.startswith("Another retraining is running since ")
        store.dispose()

    def test_the_lease_runs_by_the_real_clock_whatever_moment_is_acted_at(self, shop: Shop) -> None:
        before = datetime.now(UTC)
        trigger.reserve(shop.at(NOW - 900 * DAY))
        (lease,) = shop.rows(schema.Lease)
        assert lease["until"] >= before + leasing.LASTS
        with pytest.raises(Conflict):
            trigger.reserve(shop.at(NOW + 900 * DAY))

    def test_a_training_that_fails_gives_its_place_back(self, empty_shop: Shop) -> None:
        with pytest.raises(PermanentError):
            empty_shop.run(retraining, NOW, cause="by_hand")
        assert empty_shop.rows(schema.Lease) == []


class TestEvents:
    @pytest.fixture
    def emitted(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, str]]]:
        found: list[tuple[str, str, dict[str, str]]] = []
        monkeypatch.setattr(
            quality_module.publish, "event", lambda name, resource, payload: found.append((name, resource, payload))
        )
        return found

    def test_an_error_rate_above_the_policys_is_told_once(self, shop: Shop, emitted: list[Any]) -> None:
        rejected_audits(shop, WEEK_LATER)
        for hour in (1, 2, 30):
            moment = WEEK_LATER + hour * HOUR
            assert shop.run(quality_watch, moment).retraining == (("error_rate",) if hour == 1 else ())
        moment = WEEK_LATER + HOUR
        payload = {"business": "shop", "as_of": moment.isoformat(), "audited": "10", "rejected": "3"}
        told = [event for event in emitted if event[0] != "handrail.category.paused"]
        assert told == [("handrail.error_rate.exceeded", "handrail.business.shop", payload)]
        (event,) = events(shop, "retraining.called_for")
        assert (event["cause"], event["audited"], event["rejected"]) == ("error_rate", 10, 3)

    def test_what_a_training_answered_is_told_no_more(self, shop: Shop, emitted: list[Any]) -> None:
        rejected_audits(shop, WEEK_LATER)
        shop.run(quality_watch, WEEK_LATER + HOUR)
        assert shop.run(retraining, WEEK_LATER + 2 * HOUR, cause="error_rate").cause == "error_rate"
        assert not shop.run(retraining, WEEK_LATER + 2 * HOUR, cause="error_rate").trained
        assert shop.run(quality_watch, WEEK_LATER + 3 * HOUR).retraining == ()

    def test_enough_new_labels_are_told_once(self, shop: Shop, emitted: list[Any]) -> None:
        needed = HISTORY // 2  # half of what serves has learnt
        many = letters(needed, labelled=True)
        for number, letter in enumerate(many):
            letter |= {"text": f"{letter['text']} {number}", "received_at": LATER.isoformat()}
        shop.deliver("first.csv", many[1:], WEEK_LATER)
        assert shop.run(quality_watch, WEEK_LATER).retraining == ()
        shop.deliver("last.csv", many[:1], WEEK_LATER)
        assert shop.run(quality_watch, WEEK_LATER).retraining == ("new_labels",)
        assert shop.run(quality_watch, WEEK_LATER + HOUR).retraining == ()
        (told,) = emitted
        assert (told[0], told[2]["labels"]) == ("handrail.labels.enough", str(needed))
        assert shop.run(retraining, WEEK_LATER + 2 * HOUR, cause="new_labels").cause == "new_labels"
