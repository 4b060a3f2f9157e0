"""`handrail audit repeat`: anybody can make the audit draws again and see that nobody chose the cases."""

import json

import pytest
from typer.testing import CliRunner

from console.main import app
from flows.audit_sampling import audit_sampling
from handrail.store import schema
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


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_time_that_is_none_is_refused_with_the_remedy(shop: Shop, words: tuple[str, ...]) -> None:
    known = {"HANDRAIL_HOME": str(shop.workspace.home)}
    result = CliRunner().invoke(app, ["audit", "repeat", "--since", "yesterday", *words], env=known)
    assert result.exit_code == 1
    assert "'yesterday' is not a time" in str(result.exception)


def drawn(shop: Shop) -> int:
    return sum(row["drawn"] for row in shop.rows(schema.AuditDraw))
