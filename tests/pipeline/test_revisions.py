"""Overlapping deliveries double nothing, drop nothing, and show what has changed."""

from datetime import timedelta
from typing import Any

import pytest

from flows.queue_assignment import queue_assignment
from handrail.acts import claiming, releasing
from handrail.acts.claiming import Claim
from handrail.errors import BadInput, BatchStopped
from handrail.store import batches, schema
from tasks.views.review import shown_case
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop, letters

NEXT_DAY = LATER + timedelta(hours=12)


def day(*changed: int, count: int = 6, **values: object) -> list[dict[str, Any]]:
    """A daily export: letters with ids of their own; the `changed` ones with other values."""
    rows = [{**one, "external_id": f"T-{number}"} for number, one in enumerate(letters(count, only="refund"))]
    return [{**row, **values} if number in changed else row for number, row in enumerate(rows)]


def sums(result: dict[str, Any]) -> dict[str, int]:
    """The counts of a run, which account for every row."""
    names = ("accepted", "quarantined", "duplicates", "changed")
    assert result["received"] == sum(result[name] for name in names)
    assert result["accepted"] == sum(result["queues"].values()) + result["imported"]
    return {name: result[name] for name in names if result[name]}


def held(shop: Shop, case: int) -> Claim:
    occasion = shop.at(NEXT_DAY, "rita")
    return claiming.claim_case(occasion.store, case, "rita", policy=occasion.policy, now=NEXT_DAY)


def waiting_shop(shop: Shop) -> dict[str, Any]:
    """A first day whose amounts are above the limit, so that every case waits for a person."""
    return shop.deliver("export-29.csv", day(*range(6), amount=900))


def test_overlapping_daily_exports_double_nothing(shop: Shop) -> None:
    assert sums(waiting_shop(shop)) == {"accepted": 6}
    second = shop.deliver("export-30.csv", day(*range(8), count=8, amount=900), NEXT_DAY)
    assert sums(second) == {"accepted": 2, "duplicates": 6}
    assert len(shop.rows(schema.WorkItem, state="open")) == 8


def test_a_changed_text_of_a_waiting_case_is_shown_scored_and_routed_again(shop: Shop) -> None:
    waiting_shop(shop)
    case = shop.rows(schema.Case, external_id="T-2")[0]["id"]
    before = shop.rows(schema.CaseInput, case_id=case)[0]["redacted"]
    text = "please send my money back or my lawyer writes"
    rows = day(*range(6), amount=900)
    rows[2]["text"] = text
    second = shop.deliver("export-30.csv", rows, NEXT_DAY)
    assert sums(second) == {"duplicates": 5, "changed": 1}
    assert len(shop.rows(schema.Prediction, case_id=case)) == 1
    assert shop.rows(schema.Case, id=case)[0]["flags"] == ["legal"]
    assert shop.rows(schema.Case, id=case)[0]["state"] == "queued"
    shown = shown_case(shop.at(NEXT_DAY, "rita"), held(shop, case))
    assert (shown.text, [one.earlier for one in shown.changes]) == (text, [before])
    assert sums(shop.deliver("export-30.csv", rows, NEXT_DAY)) == {"duplicates": 6}
    assert sums(shop.deliver("export-29.csv", day(*range(6), amount=900), NEXT_DAY)) == {"duplicates": 6}
    assert shop.rows(schema.CaseInput, case_id=case)[0]["text"] == text


def test_a_request_that_changes_after_its_decision_is_never_executed_a_second_time_by_itself(shop: Shop) -> None:
    first = shop.deliver("export-29.csv", day())
    assert first["queues"]["A"] == 6
    rows = day()
    rows[0]["text"] = "I want a refund of this payment today again"
    second = shop.deliver("export-30.csv", rows, NEXT_DAY)
    assert sums(second) == {"accepted": 1, "duplicates": 5}
    assert (second["reopened"], second["queues"], second["reasons"]) == (1, {"A": 0, "B": 0, "C": 1}, {"reopened": 1})
    assert len(shop.rows(schema.Outbox)) == 6
    (link,) = shop.rows(schema.Reopening)
    shown = shown_case(shop.at(NEXT_DAY, "rita"), held(shop, link["case_id"]))
    assert (shown.goes_on_from, shown.flags) == (link["earlier_id"], ["reopened"])


def test_a_late_outcome_of_a_waiting_case_becomes_a_label(shop: Shop) -> None:
    waiting_shop(shop)
    labels = len(shop.rows(schema.Label))
    rows = day(1, amount=900, label="refund")
    rows = [{**row, "amount": 900} for row in rows]
    assert sums(shop.deliver("outcomes.csv", rows, NEXT_DAY)) == {"duplicates": 5, "changed": 1}
    assert len(shop.rows(schema.Label)) == labels + 1
    assert sums(shop.deliver("outcomes-again.csv", rows, NEXT_DAY)) == {"duplicates": 6}


def test_a_case_whose_consent_is_withdrawn_while_it_waits_goes_to_a_person_unread(shop: Shop) -> None:
    waiting_shop(shop)
    rows = [{**row, "amount": 900} for row in day(3, consent="no")]
    assert sums(shop.deliver("export-30.csv", rows, NEXT_DAY)) == {"duplicates": 5, "changed": 1}
    case = shop.rows(schema.Case, external_id="T-3")[0]["id"]
    assert shop.rows(schema.Route, case_id=case)[0]["reason"] == "no_consent"
    assert shop.rows(schema.Prediction, case_id=case) == []


class TestSources:
    def test_the_same_ids_and_texts_under_another_name_are_known(self, shop: Shop) -> None:
        waiting_shop(shop)
        again = shop.deliver("export-30.csv", day(*range(6), amount=900), NEXT_DAY, source="export-30.csv")
        assert sums(again) == {"duplicates": 6}
        assert again["elsewhere"] == 6

    def test_the_same_id_with_another_text_asks_which_source_it_is(self, shop: Shop) -> None:
        shop.deliver("export-29.csv", day(*range(6), amount=900), source="export-29.csv")
        rows = [{**row, "amount": 900} for row in day(2, text="something else entirely")]
        shop.mapping.write_text(shop.mapping.read_text().replace("source: shop", "source: crm"))
        before = len(shop.rows(schema.Batch))
        with pytest.raises(BadInput, match=r"'export-29.csv' brought .* 'T-2'.*--source export-29.csv"):
            shop.deliver("export-30.csv", rows, NEXT_DAY)
        assert len(shop.rows(schema.Batch)) == before
        named = shop.deliver("export-30.csv", rows, NEXT_DAY, source="export-29.csv")
        assert sums(named) == {"duplicates": 5, "changed": 1}
        other = shop.deliver("export-30.csv", rows, NEXT_DAY, source="crm")
        assert sums(other) == {"duplicates": 5, "accepted": 1} or sums(other) == {"duplicates": 6}

    def test_two_files_without_a_mapping_whose_ids_are_other_customers_are_not_mixed_up(self, shop: Shop) -> None:
        from flows.triage import triage

        rows = [{**row, "customer_id": "c-1"} for row in day()]
        shop.run(triage, file=str(shop.write("crm.csv", rows)))
        others = [{**row, "customer_id": "c-2", "text": "quite another matter"} for row in rows]
        with pytest.raises(BadInput, match="Say which source the file is"):
            shop.run(triage, file=str(shop.write("web.csv", others)), moment=NEXT_DAY)


class TestStopped:
    def stop(self, shop: Shop) -> list[dict[str, Any]]:
        rows = [{**row, "amount": "lots" if number < 4 else 20} for number, row in enumerate(day(count=10))]
        with pytest.raises(BatchStopped, match="quarantine release"):
            shop.deliver("live.csv", rows)
        return rows

    def test_fewer_bad_rows_than_the_policy_says_never_stop_a_delivery(self, shop: Shop) -> None:
        result = shop.deliver("live.csv", day(0, 1, count=3, amount="lots"))
        assert sums(result) == {"accepted": 1, "quarantined": 2}

    def test_the_share_of_bad_rows_is_taken_of_all_rows_that_were_read(self, shop: Shop) -> None:
        shop.deliver("export-29.csv", day(count=40))
        bad = [{**row, "external_id": f"N-{number}", "amount": "lots"} for number, row in enumerate(day(count=4))]
        assert sums(shop.deliver("export-30.csv", [*day(count=40), *bad], NEXT_DAY)) == {
            "quarantined": 4,
            "duplicates": 40,
        }
        others = [{**row, "external_id": f"O-{row['external_id']}"} for row in bad]
        with pytest.raises(BatchStopped, match="4 of 34 rows"):
            shop.deliver("export-31.csv", [*day(count=30), *others], NEXT_DAY)

    def test_released_its_good_rows_travel_and_its_bad_ones_stay_aside(self, shop: Shop) -> None:
        self.stop(shop)
        occasion = shop.at(NEXT_DAY, FOUNDER)
        number = shop.rows(schema.Batch, state="stopped")[0]["id"]
        releasing.release(occasion.store, number, reason="known", actor=FOUNDER, now=NEXT_DAY)
        counts = shop.run(queue_assignment, NEXT_DAY)
        assert counts["A"] + counts["B"] + counts["C"] == 6
        (batch,) = shop.rows(schema.Batch, id=number)
        assert (batch["state"], batch["counts"]["accepted"], batch["counts"]["quarantined"]) == ("done", 6, 4)

    def test_released_the_same_file_run_again_completes_it(self, shop: Shop) -> None:
        rows = self.stop(shop)
        occasion = shop.at(NEXT_DAY, FOUNDER)
        number = shop.rows(schema.Batch, state="stopped")[0]["id"]
        releasing.release(occasion.store, number, reason="known", actor=FOUNDER, now=NEXT_DAY)
        result = shop.deliver("live.csv", rows, NEXT_DAY)
        assert sums(result) == {"accepted": 6, "quarantined": 4}
        with occasion.store.read() as connection:
            assert batches.counts(connection, number).waiting == 0


def test_an_amount_in_another_currency_goes_to_a_person_with_a_reason_of_its_own(shop: Shop) -> None:
    rows = day(0, amount="€ 20")
    rows[1]["amount"] = "USD 20"
    result = shop.deliver("live.csv", rows)
    assert result["reasons"] == {"auto": 5, "other_currency": 1}
    case = shop.rows(schema.Case, external_id="T-0")[0]
    assert (case["amount"], case["fields"]["stated_amount"], case["flags"]) == (None, "20.00 EUR", ["currency"])
