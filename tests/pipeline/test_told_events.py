"""A rehearsal's story holds what became of every certificate, test and training, on the day on which it was."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from handrail.mapping import Fields, Mapping
from handrail.policy import QueueRules
from handrail.rehearsed import PromotionPlayed
from tasks.rehearsal.certificates import Certificates
from tasks.rehearsal.played import case_table
from tasks.rehearsal.telling import retested, trained, watched
from tasks.rehearsal.year import Year
from tests.rehearsed_weeks import BEGAN, policy

DAYS = 84
NONE = pd.DataFrame()
FIELDS = Fields(external_id="id", received_at="at", text="body")


def year(live: pd.DataFrame = NONE) -> Year:
    mapping = Mapping(source="shop", fields=FIELDS)
    return Year(mapping, policy(), None, None, NONE, live, NONE, BEGAN, DAYS, {BEGAN: UTC}, ())


def noon(day: int) -> datetime:
    return datetime.combine(BEGAN, datetime.min.time(), tzinfo=UTC) + timedelta(days=day - 1, hours=12)


def issued(number: int, day: int, *, lasts: int = 60, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - cells
    row = {
        "id": number,
        "model_version": "1",
        "category": None,
        "threshold": 0.99,
        "max_error": 0.02,
        "labels": 600,
        "errors": 4,
        "issued_at": noon(day),
        "expires_at": noon(day + lasts),
        "voided_at": None,
        "void_reason": None,
    }
    return row | more


def told(rows: list[dict[str, Any]], failed: list[dict[str, Any]] | None = None, **more: Any) -> dict[int, str]:  # noqa: ANN401
    of = Certificates(rows, failed or [], year())
    happened = of.happenings(more.get("policy", policy()), more.get("promotions", ()), "1")
    return {one.day: one.words for one in happened}


def test_a_certificate_that_runs_out_is_told_with_what_follows_and_what_its_renewal_lacked() -> None:
    days = told([issued(1, 23)], [{"renews": 1, "at": noon(82), "needed": 5}])
    assert "certificate for model 1 (all cases together): at most 2.0% wrong, until day 83" in days[23]
    assert "could not be renewed: at least 5 more answers were needed" in days[82]
    assert days[83] == "the certificate of model 1 (all cases together) ran out; from here on people decide everything"
    loose = policy().model_copy(update={"queues": QueueRules(uncertified="fixed")})
    assert told([issued(1, 23)], policy=loose)[83].endswith("ran out")
    assert told([issued(1, 23)], promotions=[PromotionPlayed(70, "2")])[83].endswith("ran out")


def test_one_that_lasts_beyond_the_end_has_not_ended() -> None:
    assert list(told([issued(1, 40)])) == [40]
    assert Certificates([issued(1, 40)], [], year()).uncertified_day(noon(85)) is None


@pytest.mark.parametrize(("threshold", "words"), [(0.958, "more goes out"), (0.995, "less goes out"), (0.99, None)])
def test_a_renewal_says_whether_it_lets_more_go_out(threshold: float, words: str | None) -> None:
    first = issued(1, 20, voided_at=noon(79), void_reason="renewed")
    days = told([first, issued(2, 79, threshold=threshold)])
    assert sorted(days) == [20, 79], "what a newer one replaces has not ended"
    assert "renewed until day 139" in days[79]
    assert (words or "600 answers looked at") in days[79]
    if words is None:
        assert "goes out" not in days[79]
    else:
        assert f"from a confidence of {threshold:.1%} on, where it was 99.0%" in days[79]


def test_one_that_was_voided_says_why_and_the_next_is_earned_again() -> None:
    first = issued(1, 20, voided_at=noon(30), void_reason="contradicted by audits")
    days = told([first, issued(2, 50)])
    assert days[30].startswith("the certificate of model 1 (all cases together) ended, because audits contradicted it")
    assert "earned again until day 110" in days[50]


def test_no_certificate_at_the_end_is_known_by_the_day_of_the_last() -> None:
    rows = [issued(1, 20, voided_at=noon(50), void_reason="renewed"), issued(2, 50, lasts=20)]
    assert Certificates(rows, [], year()).uncertified_day(noon(85)) == 70
    assert Certificates([], [], year()).uncertified_day(noon(85)) is None


def test_tests_after_the_first_day_and_a_lost_training_are_told() -> None:
    def event(kind: str, day: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - an event
        at = (noon(day)).isoformat().replace("+00:00", "Z")
        return {"kind": kind, "at": at, "person": "r4", "cases": 20, "right": 14} | more

    first, again = (event("person.tested", day, passed=day == 1) for day in (1, 5))
    lost = event("person.training_lost", 47, right=11)
    happened = retested([first, again, lost], year())
    assert [(one.day, one.lane) for one in happened] == [(5, "person"), (47, "person")]
    assert happened[0].words == "r4 failed another test (14 of 20 right)"
    assert "11 of 20 right" in happened[1].words
    assert "has to pass a new test" in happened[1].words


def test_every_training_is_told_on_its_day_and_a_refusal_on_the_day_of_its_judgement() -> None:
    def version(name: str, status: str, day: int, judgement: object = None) -> dict[str, Any]:
        return {
            "version": name,
            "status": status,
            "cause": "monthly",
            "registered_at": pd.Timestamp(noon(day)),
            "judgement": judgement,
        }

    judged = {"judged_at": noon(83).isoformat(), "reasons": ["the gain is not certain enough: at 90% confidence …"]}
    rows = [
        version("1", "champion", 1),
        version("2", "refused", 29, judged),
        version("3", "superseded", 40),
        version("4", "challenger", 60),
    ]
    happened = {(one.day, one.words) for one in trained(pd.DataFrame(rows), year())}
    assert (29, "model 2 trained (a month had passed)") in happened
    assert (83, "model 2 did not take over: the gain is not certain enough") in happened
    assert any(day == 40 and "never took over" in words for day, words in happened)
    assert any(day == 60 and "on trial at the end" in words for day, words in happened)
    assert len(happened) == 4


def test_an_alarm_is_one_event_with_its_first_day() -> None:
    rows = [("reviewers", "r4", "alarm", 44, noon(42)), ("reviewers", "r4", "quiet", 35, noon(7))]
    frame = pd.DataFrame(rows, columns=["watch", "subject", "verdict", "looks", "first"])
    (one,) = watched(frame.assign(first=pd.to_datetime(frame["first"])), year())
    assert (one.watch, one.subject, one.alarm_day, one.verdicts) == ("reviewers", "r4", 42, {"alarm": 44, "quiet": 35})


def test_decided_is_what_was_done_first_and_no_later_look() -> None:
    names = ["went out", "by a person", "denied"]
    live = pd.DataFrame({"external_id": names, "day": [date(2026, 3, 2)] * 3, "truth": ["a", "b", "c"]})
    stored = pd.DataFrame({"case_id": [1, 2, 3], "external_id": names, "queue": ["A", "B", "C"], "reason": ["x"] * 3})
    said = pd.DataFrame({"case_id": [1, 2, 3], "predicted": ["a"] * 3, "confidence": [0.9] * 3})
    executed = pd.DataFrame(
        {
            "external_id": ["went out", "by a person", "by a person"],
            "executed_label": ["a", "a", "b"],
            "automatic": [True, False, False],
        }
    )
    decided = [
        (1, "audit", "b", None),
        (2, "review", "a", None),
        (2, "recheck", "b", None),
        (3, "review", None, "out_of_scope"),
        (3, "recheck", "a", None),
    ]
    rulings = pd.DataFrame(decided, columns=["case_id", "kind", "label", "reason_code"])
    cases = case_table(year(live), stored, said, rulings, executed).set_index("id")
    assert cases["decided"].to_dict() == {"went out": "a", "by a person": "a", "denied": "out_of_scope"}
    assert cases["automated"].to_dict() == {"went out": 1, "by a person": 0, "denied": 0}
