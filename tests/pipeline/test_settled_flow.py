"""With differences settled: from rejections over second looks to a pause, and from shadow to a certificate's end."""

from datetime import timedelta

import pytest

from flows.alerting import alerting
from flows.quality_watch import quality_watch
from flows.shadow_scoring import shadow_scoring
from handrail import policy as policies
from handrail.acts import publishing
from handrail.alpha_spending import first_look
from handrail.certificate import CONTRADICTED
from handrail.policy import Stage
from handrail.store import evidence, schema
from tests.scenes import FOUNDER
from tests.shop import LATER, POLICY_FILE, Shop, in_stage, letters

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SETTLING = POLICY_FILE.replace("settle_differences: false", "settle_differences: true")
ASKING = SETTLING.replace("\nflags:", "\ncertificate: {max_error: 0.1}\nflags:").replace(
    "uncertified: fixed", "uncertified: review"
)
FEWEST = first_look(0.1, 0.05)


def publish(shop: Shop, text: str) -> None:
    file = shop.workspace.home / "other.yaml"
    file.write_text(text, encoding="utf-8")
    publishing.publish(shop.at(LATER, FOUNDER).store, policies.read(file), actor=FOUNDER, now=LATER)


def settled(shop: Shop) -> dict[tuple[str | None, bool], int]:
    """How many cases came to each label, pending or not."""
    with shop.at().store.read() as connection:
        found = evidence.settled(connection, since=LATER)
    return found.groupby(["label", "pending"], dropna=False).size().to_dict()


@pytest.mark.parametrize(("confirmed", "paused"), [(True, ("refund",)), (False, ())])
def test_rejections_pause_a_category_once_others_have_confirmed_them(
    shop: Shop, *, confirmed: bool, paused: tuple[str, ...]
) -> None:
    publish(shop, SETTLING)
    shop.audited(shop.automatic(10), wrong=8)
    assert settled(shop) == {("refund", False): 2, ("tracking", True): 8}
    soon = LATER + HOUR
    first = shop.run(quality_watch, soon)
    assert first.paused == (), "one person's word is looked at again"
    assert shop.work(soon, kinds=["recheck"], right=not confirmed) == 8
    assert settled(shop) == ({("refund", False): 2, ("tracking", False): 8} if confirmed else {("refund", False): 10})
    later = soon + HOUR
    assert shop.run(quality_watch, later).paused == paused
    shop.run(alerting, later)
    raised = {(row["kind"], row["subject"]) for row in shop.rows(schema.Alert)}
    assert (("breaker", "refund") in raised) is confirmed
    assert ("error_spike", "refund") not in raised
    queue = "A" if not confirmed else "B"
    shop.deliver("after.csv", letters(5, only="refund"), later)
    assert {row["queue"] for row in shop.rows(schema.Route)[-5:]} == {queue}


def test_a_certificate_of_settled_labels_ends_by_the_settled_audits_that_contradict_it(shop: Shop) -> None:
    publish(shop, ASKING)
    in_stage(shop, "refund", Stage.SHADOW)
    shop.deliver("shadow.csv", letters(FEWEST, only="refund"))
    shop.work()
    shop.deliver("doubted.csv", letters(40, only="refund"))
    shop.work(kinds=["review"], right=False)
    waits = shop.run(shadow_scoring)
    assert waits.issued == (), "what others still look at counts as an error"
    assert {one.obstacle for one in waits.certificates if one.category == "refund"} == {"disagreement"}
    shop.work(kinds=["recheck"])
    assert settled(shop) == {("refund", False): FEWEST + 40}, "slips of who had said otherwise"
    shop.deliver("more.csv", letters(FEWEST, only="refund"), LATER + HOUR)
    shop.work(LATER + HOUR)  # the look that was spent asks for as many more
    issued = shop.run(shadow_scoring, LATER + HOUR)
    assert "refund" in issued.issued

    in_stage(shop, "refund", Stage.AUTO, LATER + HOUR)
    day = LATER + DAY
    shop.audited(shop.automatic(12, day), wrong=12, moment=day)
    shop.run(shadow_scoring, day + HOUR)
    assert all(row["voided_at"] is None for row in shop.rows(schema.Certificate)), "nobody has confirmed it"
    shop.work(day + HOUR, kinds=["recheck"], right=False)
    shop.run(shadow_scoring, day + 2 * HOUR)
    ended = {row["category"]: row["void_reason"] for row in shop.rows(schema.Certificate)}
    assert ended["refund"] == CONTRADICTED
    shop.deliver("after.csv", letters(5, only="refund"), day + 2 * HOUR)
    assert {row["queue"] for row in shop.rows(schema.Route)[-5:]} == {"B"}
