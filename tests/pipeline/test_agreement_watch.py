"""The agreement watch: what people said blindly, and how each one works."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.agreement_watch import agreement_watch
from handrail import agreement
from handrail.acts import alerting
from handrail.policy import Stage
from handrail.store import readings, schema
from tasks.views import reviewers
from tasks.watch import agreement as watch
from tests.scenes import FLOW, MANAGER
from tests.shop import LATER, Shop, in_stage, letters

DAY = timedelta(days=1)


def kept(shop: Shop, watch: str) -> dict[str, dict[str, Any]]:
    with shop.at().store.read() as connection:
        found = readings.newest(connection, watch)
    return {row["subject"]: row for row in found.to_dict("records")}


def decide(shop: Shop, count: int, *, blind: bool = False, seconds: float = 30.0, person: str = "rita") -> None:
    """Decisions of quick work as the desk leaves them; every fifth suggestion is wrong and rejected."""
    store = shop.at().store
    with store.write() as connection:
        cases = [row["id"] for row in shop.rows(schema.Case)][-count:]
        for number, case_id in enumerate(cases):
            item = connection.execute(
                schema.WorkItem.__table__.insert().values(
                    case_id=case_id,
                    kind="review",
                    queue="B",
                    category="refund",
                    suggestion_hidden=blind,
                    opened_at=LATER,
                    due_at=LATER,
                    state="done",
                    fence=0,
                )
            ).inserted_primary_key[0]
            wrong = number % 5 == 0
            made = connection.execute(
                schema.Decision.__table__.insert().values(
                    case_id=case_id,
                    work_item_id=item,
                    kind="review",
                    outcome="override" if wrong else "approve",
                    proposed="refund",
                    label="tracking" if wrong else "refund",
                    actor=person,
                    blind=blind,
                    seconds=seconds,
                    decided_at=LATER,
                )
            )
            if blind and person == "rita":
                draw = {"decision_id": made.inserted_primary_key[0], "case_id": case_id, "person": person}
                connection.execute(schema.Recheck.__table__.insert().values(**draw, chance=1.0, drawn_at=LATER))


def test_nothing_decided_is_not_measured_and_says_so(shop: Shop) -> None:
    found = shop.run(agreement_watch)
    assert [one.subject for one in found.agreement] == ["all"]
    assert kept(shop, "agreement")["all"]["verdict"] == "not_measured"
    assert kept(shop, "reviewers") == {}


def test_blind_opinions_of_two_are_compared_for_all_and_for_each_category(shop: Shop) -> None:
    for category in ("refund", "tracking"):
        in_stage(shop, category, Stage.SUGGEST)
    shop.deliver("live.csv", letters(60))
    decide(shop, 60, blind=True)
    decide(shop, 60, blind=True, person="ruth")
    found = {one.subject: one for one in shop.run(agreement_watch).agreement}
    assert set(found) == {"all"}, "of two labels each says what both say"
    assert (found["all"].items, found["all"].alpha, found["all"].verdict) == (60, 1.0, "quiet")
    assert kept(shop, "agreement")["all"]["body"]["low"] == found["all"].low


def test_who_clicks_through_is_seen_to_and_by_that_alone_named_nowhere(shop: Shop) -> None:
    shop.deliver("live.csv", letters(60))
    for person in ("rita", "ruth", "ron"):
        decide(shop, 60, person=person)
    decide(shop, 60, person=MANAGER, seconds=1.5)
    shown = shop.run(agreement_watch)
    row = next(one for one in shown.signals if one.signal == "glances").reviewers
    assert (row["alarm"], row["quiet"]) == (1, 3)
    assert MANAGER not in str(shown)
    named = kept(shop, "reviewers")
    assert {name for name, one in named.items() if one["verdict"] == "alarm"} == set()
    (glances,) = [one for one in named[MANAGER]["body"]["signals"] if one["name"] == "glances"]
    assert (glances["value"], glances["n"], glances["median_seconds"]) == (1.0, 60, 1.5)


def repeat(shop: Shop, person: str, count: int, wrong: int) -> None:
    """Labels of `person` that were drawn by chance, repeated by two others who agree; the first ones are wrong."""
    store = shop.at().store
    with store.write() as connection:
        cases = [row["id"] for row in shop.rows(schema.Case)][-count:]
        for number, case_id in enumerate(cases):
            for name in (person, "ruth", "ron"):
                mine = name == person
                said = "tracking" if mine and number < wrong else "refund"
                decision = {"case_id": case_id, "kind": "review" if mine else "recheck", "outcome": "override"}
                told = {"proposed": None, "label": said, "actor": name, "blind": True, "decided_at": LATER}
                row = connection.execute(schema.Decision.__table__.insert().values(**decision, **told, trained=True))
                if mine:
                    draw = {"decision_id": row.inserted_primary_key[0], "case_id": case_id, "person": person}
                    connection.execute(schema.Recheck.__table__.insert().values(**draw, chance=0.25, drawn_at=LATER))


def test_who_is_often_wrong_in_random_rechecks_is_named_with_counts_and_interval(shop: Shop) -> None:
    shop.deliver("live.csv", letters(60))
    repeat(shop, "rita", 60, 14)
    shown = shop.run(agreement_watch)
    row = next(one for one in shown.signals if one.signal == "rechecks").reviewers
    assert (row["alarm"], row["quiet"]) == (1, 1)
    assert "rita" not in str(shown)
    assert {name: one["verdict"] for name, one in kept(shop, "reviewers").items()} == {"rita": "alarm", "ruth": "quiet"}
    mine = reviewers.own_signals(shop.at(actor="rita"))
    assert mine is not None
    assert mine.named == ("14 of 60 rechecks wrong, 95 % interval 9–43 %",)
    alerting.sweep(shop.at().store, policy=shop.policy, channels=[], actor=FLOW, now=LATER)
    (alert,) = shop.rows(schema.Alert, kind="reviewers")
    assert (
        "14 of 60 rechecks wrong, 95 % interval 9–43 %. Test them again, or withdraw their labels."
        in (alert["sentence"])
    )
    assert "rita" not in alert["sentence"]


def test_what_is_older_than_the_window_does_not_count(shop: Shop) -> None:
    shop.deliver("live.csv", letters(20))
    decide(shop, 20)
    shop.run(agreement_watch, LATER + 30 * DAY, days=28)
    assert kept(shop, "reviewers") == {}


def test_a_reviewer_reads_their_own_signals_and_the_curators_those_of_all(shop: Shop) -> None:
    shop.deliver("live.csv", letters(20))
    for person in ("rita", "ruth"):
        decide(shop, 20, person=person)
    shop.run(agreement_watch)
    mine = reviewers.own_signals(shop.at(actor="rita"))
    assert mine is not None
    assert mine.person == "rita"
    assert {one.person for one in reviewers.signals(shop.at(actor=MANAGER))} == {"rita", "ruth", "everybody"}
    assert reviewers.own_signals(shop.at(actor="ron")) is None


def contested(times: int) -> agreement.Ratings:
    """Sixty cases on which two people agree, but for `times` that one of them alone calls a complaint."""
    rows = [(item, rater, "refund" if item % 2 else "tracking") for item in range(60) for rater in ("rita", "ruth")]
    rows = [(item, rater, "complaint" if item < times and rater == "ruth" else said) for item, rater, said in rows]
    return agreement.collect(pd.DataFrame(rows, columns=["item", "rater", "label"]))


@pytest.mark.parametrize(("times", "verdict"), [(1, "underpowered"), (9, "underpowered"), (10, "alarm"), (20, "alarm")])
def test_a_category_that_hardly_anybody_named_raises_no_alarm(shop: Shop, times: int, verdict: str) -> None:
    ratings = contested(times)
    rng = np.random.default_rng(1)
    rest = watch._against_rest(ratings, "complaint")
    assert watch._agreed(shop.at(), "complaint", rest, 0.95, rng).verdict == verdict
