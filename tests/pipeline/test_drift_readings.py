"""What the drift watch writes down: a reading for each column and one of everything, with what was done."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from flows.drift_detection import drift_detection, headline
from handrail.store import drifts, models, readings, schema
from handrail.store.frames import records
from tasks.watch import drift
from tasks.watch.drift_readings import verdict_of
from tests.shop import LATER, Shop, letters

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK_LATER = LATER + 8 * DAY


def newest(shop: Shop) -> dict[str, Any]:
    """The newest reading of each subject."""
    with shop.at().store.read() as connection:
        return {row["subject"]: row for row in records(readings.newest(connection, "drift"))}


@pytest.fixture
def quiet(shop: Shop) -> Shop:
    """A shop with a week that became its reference."""
    shop.deliver("quiet.csv", letters(60))
    shop.run(drift_detection, LATER)
    return shop


def next_week(shop: Shop, **changes: object) -> None:
    cases = [{**case, "received_at": WEEK_LATER.isoformat(), **changes} for case in letters(60)]
    shop.deliver("next.csv", cases, WEEK_LATER)


def test_without_a_reference_nothing_is_measured_and_the_reading_says_so(quiet: Shop) -> None:
    (row,) = newest(quiet).values()
    assert (row["subject"], row["verdict"]) == ("all", "not_measured")
    assert (row["body"]["profile"], row["body"]["next_profile"]) == (None, 1)
    assert row["body"]["done"] == "This window became reference profile 1."


def test_a_quiet_week_has_a_quiet_reading_of_every_column(quiet: Shop) -> None:
    next_week(quiet)
    said = quiet.run(drift_detection, WEEK_LATER + HOUR)
    found = newest(quiet)
    watched = {"amount", "text_length", "channel", "region", *drift.MODEL_COLUMNS}
    assert set(found) == {"all", *watched}
    assert {row["verdict"] for row in found.values()} == {"quiet"}
    assert (verdict_of(said), found["all"]["body"]["profile"], found["all"]["body"]["done"]) == (
        "quiet",
        1,
        "Nothing to do.",
    )
    assert {"psi", "js", "ks", "p_adjusted", "definition", "direction"} <= set(found["confidence"]["body"])
    assert "ks" not in found["predicted"]["body"]


def test_a_shift_names_its_column_its_direction_and_what_was_done(quiet: Shop) -> None:
    next_week(quiet, amount=400, region="moon")
    quiet.run(drift_detection, WEEK_LATER + HOUR)
    found = newest(quiet)
    everything = found["all"]["body"]
    assert [found[name]["verdict"] for name in ("all", "amount", "region", "channel")] == [
        "alarm",
        "alarm",
        "alarm",
        "quiet",
    ]
    assert set(everything["drifted"]) == {"amount", "region"}
    assert found["amount"]["body"]["direction"].endswith("→ 400.00")
    assert found["region"]["body"]["new_categories"] == ["moon"]
    until = WEEK_LATER + HOUR + quiet.policy.drift.audit_factor_for
    assert everything["audits_raised_until"] == until.isoformat()
    assert (everything["drift"], everything["profile"], everything["next_profile"]) == (1, 1, 2)
    assert "audits are multiplied by 3" in everything["done"]


def test_new_terms_stand_in_the_reading_with_their_case_ids_and_no_text(quiet: Shop) -> None:
    cases = [
        {**case, "text": f"{case['text']} frobnicator", "received_at": WEEK_LATER.isoformat()} for case in letters(60)
    ]
    quiet.deliver("strange.csv", cases, WEEK_LATER)
    quiet.run(drift_detection, WEEK_LATER + HOUR)
    body = newest(quiet)["all"]["body"]
    (term,) = [one for one in body["terms"] if one["term"] == "frobnicator"]
    assert term["documents"] > 0
    assert set(term["cases"]) <= {str(row["id"]) for row in quiet.rows(schema.Case)}
    assert body["unknown_words"] > 0


def test_too_few_cases_are_underpowered_not_quiet(quiet: Shop) -> None:
    quiet.run(drift_detection, LATER + 30 * DAY)
    row = newest(quiet)["all"]
    assert (row["verdict"], row["body"]["cases"], row["body"]["needed"]) == ("underpowered", 0, 30)


def test_another_models_columns_are_not_measured_and_say_why(quiet: Shop) -> None:
    next_week(quiet)
    with quiet.at().store.write() as connection:
        models.set_serving(connection, model_version=None)
    occasion = quiet.at(WEEK_LATER + HOUR)
    verdict = drift.watch(occasion)
    found = newest(quiet)
    assert {found[name]["verdict"] for name in drift.MODEL_COLUMNS} == {"not_measured"}
    assert "another model version" in found["confidence"]["body"]["note"]
    assert "confidence was not measured" in headline(occasion, verdict)


def test_the_audited_error_stands_beside_the_one_that_confidence_expects(shop: Shop) -> None:
    shop.audited(shop.automatic(10), wrong=4)
    drift.watch(shop.at(LATER + HOUR))
    body = newest(shop)["all"]["body"]
    assert body["audited"] == 10
    assert body["audited_error"] == pytest.approx(0.4)
    assert 0 < body["estimated_error"] < 1


def test_a_reference_that_held_cases_without_consent_is_built_again_without_them(quiet: Shop) -> None:
    with quiet.at().store.write() as connection:
        of_then = json.loads(drifts.newest_profile(connection).body)
        del of_then[drift.DOOR]
        connection.execute(update(schema.Profile).values(body=json.dumps(of_then), cases=61))
    next_week(quiet)
    assert quiet.run(drift_detection, WEEK_LATER + HOUR).profile == 2
    before, again = quiet.rows(schema.Profile)
    assert (again["cases"], again["cause"]) == (60, "profile 1 without cases that may not be read")
    assert [again[name] == before[name] for name in ("window_from", "window_to", "model_version")] == [True] * 3
    assert quiet.run(drift_detection, WEEK_LATER + 2 * HOUR).profile == 2


def test_where_too_little_of_such_a_reference_is_left_the_window_becomes_the_first_one(quiet: Shop) -> None:
    with quiet.at().store.write() as connection:
        connection.execute(update(schema.Profile).values(body="{}"))
        connection.execute(update(schema.Case).where(~schema.Case.history).values(consent=False))
    next_week(quiet)
    said = quiet.run(drift_detection, WEEK_LATER + HOUR)
    assert (said.profile, said.next_profile, verdict_of(said)) == (None, 2, "not_measured")
