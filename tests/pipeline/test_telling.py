"""What the report of a rehearsal says is what the store holds."""

from collections import Counter
from datetime import UTC, timedelta

import pandas as pd

from handrail import mapping as mappings
from handrail.acts import pausing
from handrail.policy import Stage
from handrail.store import models, schema
from tasks.learning.readiness import readiness
from tasks.rehearsal import owner_report, played, telling
from tasks.rehearsal.people import SimulatedReviewer
from tasks.rehearsal.played import Notes
from tasks.rehearsal.year import Year
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop, in_stage, letters, true_category


def test_pauses_versions_looks_and_people_come_from_the_store(shop: Shop) -> None:
    approved = shop.automatic(12)
    shop.deliver("others.csv", letters(12, only="complaint"), LATER)
    shop.work(LATER + timedelta(hours=1), kinds=["review"])
    shop.audited(approved[:4], 1, LATER + timedelta(hours=2))
    in_stage(shop, "tracking", Stage.SHADOW, LATER + timedelta(hours=3))
    evening = shop.at(LATER + timedelta(hours=8), FOUNDER)
    pausing.pause(evening.store, "refund", reason="odd", policy=shop.policy, actor=FOUNDER, now=evening.now)
    texts = {row["case_id"]: row["redacted"] for row in shop.rows(schema.CaseInput)}
    cases = [row for row in shop.rows(schema.Case) if not row["history"]]
    live = pd.DataFrame(
        {
            "external_id": [row["external_id"] for row in cases],
            "received_at": [row["received_at"] for row in cases],
            "day": [LATER.date()] * len(cases),
            "text": [texts[row["id"]] for row in cases],
            "truth": [true_category(texts[row["id"]]) for row in cases],
        }
    )
    day = LATER.date()
    year = Year(mappings.read(shop.mapping), shop.policy, None, None, live.head(0), live, live, day, 1, {day: UTC}, ())
    with evening.store.read() as connection:
        notes = Notes(plain_version=models.serving(connection).model_version)
    notes.stages.append((1, "refund", str(Stage.AUTO)))
    people = (SimulatedReviewer(name="rita", accuracy=0.9), SimulatedReviewer(name="ruth", accuracy=0.9))

    found = telling.gather(evening, played.collect(evening, year, notes, [one.name for one in people]), people)

    lanes = {one.lane: one.words for one in found.happenings}
    assert lanes["stage"] == "refund: auto"
    assert "refund paused (operator): odd" in lanes["pause"]
    decisions = [row for row in shop.rows(schema.Decision) if row["kind"] != "automatic"]
    looks = {one.name: one.looks for one in found.workers}
    assert looks == {one.name: sum(row["actor"] == one.name for row in decisions) for one in people}
    seconds = sum(row["seconds"] or 0 for row in decisions)
    assert sum(sum(weeks.values()) for weeks in found.minutes.values()) * 60 == seconds
    assert {"deciding cases", "audits"} <= set(found.minutes)
    assert {one.watch for one in found.watched} == {row["watch"] for row in shop.rows(schema.Reading)}
    readings = [(row["watch"], row["subject"]) for row in shop.rows(schema.Reading)]
    assert {(one.watch, one.subject): sum(one.verdicts.values()) for one in found.watched} == Counter(readings)
    asked = {one.category: one.reasons for one in readiness(evening) if one.next_stage and not one.ready}
    assert found.stuck == asked
    assert asked["tracking"][0] in owner_report.page(found).replace("&#39;", "'")
    assert found.found.running is None
