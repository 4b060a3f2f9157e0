"""What a rehearsal is measured by is what the tables hold; its steward and owner act through the product's own acts."""

from datetime import UTC, timedelta
from pathlib import Path

import pandas as pd
import pytest

from handrail import mapping as mappings
from handrail.policy import CategoryRules, Consequence, Stage
from handrail.readiness import CategoryReadiness
from handrail.store import models, schema, stages
from handrail.store.engine import Store, practising
from tasks.rehearsal import played, steward
from tasks.rehearsal.played import Notes
from tasks.rehearsal.year import Year
from tests.scenes import FOUNDER, MANAGER
from tests.shop import LATER, NOW, Shop, letters, true_category

DAY = timedelta(days=1)


def year_of(shop: Shop) -> Year:
    """The shop's own live cases as a year of one day."""
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
    mapping = mappings.read(shop.mapping)
    day = LATER.date()
    return Year(mapping, shop.policy, None, None, live.head(0), live, live, day, 1, {day: UTC}, ())


def test_automated_cases_are_those_whose_first_action_no_person_saw(shop: Shop) -> None:
    approved = shop.automatic(12)
    shop.deliver("others.csv", letters(12, only="complaint"), LATER)
    shop.work(LATER + timedelta(hours=1), kinds=["review"])
    shop.audited(approved[:4], 1, LATER + timedelta(hours=2))
    with shop.at().store.read() as connection:
        version = models.serving(connection).model_version

    year = year_of(shop)
    found = played.collect(shop.at(LATER + DAY, FOUNDER), year, Notes(plain_version=version), ["rita", "ruth"])

    names = {row["id"]: row["external_id"] for row in shop.rows(schema.Case)}
    sent = {names[row["case_id"]] for row in shop.rows(schema.Outbox, automatic=True)}
    assert set(found.cases.loc[found.cases["automated"] == 1, "id"]) == sent == {names[case] for case in approved}
    said = {names[row["case_id"]]: row["label"] for row in shop.rows(schema.Prediction, role="champion")}
    assert dict(zip(found.cases["id"], found.cases["predicted"], strict=True)) == {
        name: said[name] for name in found.cases["id"]
    }
    # An audit that rejects corrects the label; what went out stays what it was.
    automated = found.cases[found.cases["automated"] == 1]
    assert (automated["decided"] == automated["predicted"]).all()
    by_people = found.cases[found.cases["automated"] == 0]
    assert (by_people["decided"] == by_people["truth"]).all()

    assert len(found.events.audits) == 4
    assert found.events.audits["chance"].tolist() == [0.05] * 4
    assert len(found.looks) == 4
    assert set(found.plain["id"]) == set(found.cases["id"])
    plain = found.plain.set_index("id")["label"]
    assert all(plain[name] == said[name] for name in plain.index)
    assert found.measured().automated_share == pytest.approx(12 / 24)


def test_what_waits_has_no_decision_and_what_is_denied_has_its_reason(shop: Shop) -> None:
    shop.deliver("waiting.csv", letters(5, only="complaint"), LATER)
    found = played.collect(shop.at(LATER + DAY, FOUNDER), year_of(shop), Notes(), [])
    assert found.cases["decided"].isna().all()
    assert not found.cases["automated"].any()
    assert found.plain.empty
    assert found.measured().naive.share is None


def test_the_steward_moves_what_is_ready_and_leaves_what_rests(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def ready(_: object) -> list[CategoryReadiness]:
        return [
            CategoryReadiness("complaint", Stage.SUGGEST, Stage.PARTIAL, ready=True, reasons=()),
            CategoryReadiness("cancel", Stage.SUGGEST, Stage.PARTIAL, ready=True, reasons=()),
            CategoryReadiness("tracking", Stage.AUTO, None, ready=False, reasons=()),
        ]

    monkeypatch.setattr(steward, "readiness", ready)
    moved = steward.advance(shop.at(LATER, FOUNDER), {"cancel"}, MANAGER)
    assert moved == {"complaint": Stage.PARTIAL}
    occasion = shop.at(LATER)
    with occasion.store.read() as connection:
        now = stages.stages(connection, occasion.policy)
    assert (now["complaint"], now["cancel"]) == (Stage.PARTIAL, Stage.SUGGEST)
    assert steward.advance(shop.at(LATER, FOUNDER), {None}, MANAGER) == {}


def test_the_owner_adds_a_category_in_shadow(shop: Shop) -> None:
    rules = CategoryRules(action="voucher", consequence=Consequence.LOW, stage=Stage.AUTO)
    steward.launch(shop.at(LATER, FOUNDER), "voucher", rules)
    assert shop.policy.categories["voucher"].stage is Stage.SHADOW
    assert len(shop.policy.categories) == 5


def test_stores_that_practise_share_a_file_and_lose_nothing_to_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'handrail.db'}"
    with practising():
        first, second = Store(url, clock=lambda: NOW), Store(url, clock=lambda: LATER)
        first.upgrade()
        assert second.revision() == first.revision()
        assert (first.clock(), second.clock()) == (NOW, LATER)
        with second.read() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 0
    # What is not practised waits for the disk, as ever.
    with Store(url).read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
