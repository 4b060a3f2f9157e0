"""`handrail audit repeat`: anybody can make the audit draws again and see that nobody chose the cases."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from console.main import app
from flows.audit_sampling import audit_sampling
from handrail.acts import pausing
from handrail.store import schema, trail
from tests.scenes import FOUNDER
from tests.shop import LATER, Shop


def repeat(shop: Shop, *options: str) -> tuple[int, str]:
    known = {"HANDRAIL_HOME": str(shop.workspace.home)}
    result = CliRunner().invoke(app, ["audit", "repeat", "--since", "2026-01-01", *options], env=known)
    return result.exit_code, result.output


def test_draws_that_were_left_alone_come_out_the_same(shop: Shop) -> None:
    assert repeat(shop) == (0, "No audit was drawn since 2026-01-01 00:00 UTC.\n")
    shop.automatic(60)
    shop.run(audit_sampling, LATER)
    code, text = repeat(shop)
    assert code == 0
    assert text.splitlines()[1].split() == ["2026-03-02", "10:00", "60", str(drawn(shop)), "the", "same", "cases"]
    code, document = repeat(shop, "--json")
    (one,) = json.loads(document)
    assert (code, one["looked_at"], one["drawn"], one["differing"], one["repeatable"]) == (0, 60, drawn(shop), [], True)


def test_a_case_that_was_put_into_or_out_of_the_sample_is_named(shop: Shop) -> None:
    shop.automatic(60)
    shop.run(audit_sampling, LATER)
    moved = next(row["case_id"] for row in shop.rows(schema.AuditDraw) if not row["drawn"])
    with shop.at().store.write() as connection:
        table = schema.AuditDraw.__table__
        connection.execute(table.update().where(table.c.case_id == moved).values(drawn=True))
    code, text = repeat(shop)
    assert code == 1
    assert f"1 DIFFER: {moved}" in text


def test_a_row_that_was_deleted_is_missed_and_a_chance_that_was_changed_named(shop: Shop) -> None:
    shop.automatic(60)
    shop.run(audit_sampling, LATER)
    rows = shop.rows(schema.AuditDraw)
    gone = next(row["case_id"] for row in rows if not row["drawn"])
    taken, other = [row["case_id"] for row in rows if row["drawn"]][:2]
    table = schema.AuditDraw.__table__
    with shop.at().store.write() as connection:
        connection.execute(table.delete().where(table.c.case_id.in_([gone, taken])))
        connection.execute(table.update().where(table.c.case_id == other).values(stratum="watched"))
    code, text = repeat(shop)
    assert code == 1
    assert f"2 DIFFER: {min(taken, other)}, {max(taken, other)}; 2 MISSING" in text


def test_two_draws_of_one_moment_under_other_rates_accuse_nobody(shop: Shop) -> None:
    shop.automatic(60)
    shop.run(audit_sampling, LATER)
    occasion = shop.at(actor=FOUNDER)
    why = {"reason": "odd", "policy": occasion.policy, "actor": FOUNDER, "now": LATER}
    pausing.pause(occasion.store, "tracking", **why)
    pausing.resume(occasion.store, "tracking", **why)
    shop.automatic(30, category="tracking")
    shop.run(audit_sampling, LATER)
    watched = [event["watched"] for event in draws_of(shop)]
    assert watched == [[], ["tracking"]]
    code, text = repeat(shop)
    assert code == 0, text
    assert text.splitlines()[1].split()[2] == "90"


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_time_that_is_none_is_refused_with_the_remedy(shop: Shop, words: tuple[str, ...]) -> None:
    known = {"HANDRAIL_HOME": str(shop.workspace.home)}
    result = CliRunner().invoke(app, ["audit", "repeat", "--since", "yesterday", *words], env=known)
    assert result.exit_code == 1
    assert "'yesterday' is not a time" in str(result.exception)


def draws_of(shop: Shop) -> list[dict[str, Any]]:
    with shop.at().store.read() as connection:
        return trail.search(connection, kind="audit.draw")


def drawn(shop: Shop) -> int:
    return sum(row["drawn"] for row in shop.rows(schema.AuditDraw))
