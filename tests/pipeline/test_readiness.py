"""The road from shadow to auto: what the checks say at each stage, of what really happened in a small shop."""

from datetime import datetime, timedelta

from handrail import policy as policies
from handrail.acts import publishing
from handrail.alpha_spending import first_look
from handrail.dead_mans_switch import WATCHES
from handrail.policy import Stage
from handrail.readiness import CategoryReadiness
from handrail.store import schema
from tasks.learning import certify
from tasks.learning.readiness import readiness
from tasks.watch.heartbeat import beat
from tests.scenes import FOUNDER
from tests.shop import LATER, POLICY_FILE, WORDS, Shop, in_stage, letters

DAY = timedelta(days=1)
FEWEST = first_look(0.1, 0.05)


def standing(shop: Shop, moment: datetime, category: str = "refund") -> CategoryReadiness:
    for watch in WATCHES:
        beat(shop.at(moment), watch)
    return next(row for row in readiness(shop.at(moment)) if row.category == category)


def ask_for_certificates(shop: Shop) -> None:
    file = shop.workspace.home / "certified.yaml"
    text = POLICY_FILE.replace("uncertified: fixed", "uncertified: review")
    file.write_text(text.replace("\nflags:", "\ncertificate: {max_error: 0.1}\nflags:"), encoding="utf-8")
    publishing.publish(shop.at(LATER, FOUNDER).store, policies.read(file), actor=FOUNDER, now=LATER)


def labelled(shop: Shop, cases: int, moment: datetime, only: str | None = None) -> None:
    """Cases that come in shadow, labelled blind."""
    for category in WORDS:
        in_stage(shop, category, Stage.SHADOW, LATER)
    shop.deliver(f"shadow-{moment:%m%d%H%M}.csv", letters(cases, only=only), moment)
    shop.work(moment)


def passed(shop: Shop, count: int, moment: datetime) -> list[int]:
    """Refunds of that many deliveries at stage partial that were approved by themselves."""
    before = len(shop.rows(schema.Outbox))
    shop.deliver(f"partial-{moment:%m%d%H%M}.csv", letters(count, only="refund"), moment)
    return [row["case_id"] for row in shop.rows(schema.Outbox)[before:]]


def test_a_category_walks_from_shadow_over_its_certificate_to_auto(shop: Shop) -> None:
    ask_for_certificates(shop)
    labelled(shop, FEWEST - 41, LATER, only="refund")
    soon = LATER + 8 * DAY
    row = standing(shop, soon)
    assert (row.stage, row.next_stage, row.ready) == (Stage.SHADOW, Stage.PARTIAL, False)
    assert row.sentence.startswith(
        "not ready for partial, because there is no certificate yet: about 41 more blind labels are needed"
    )
    labelled(shop, FEWEST, LATER + 2 * DAY, only="refund")
    certify.certify(shop.at(soon))
    row = standing(shop, soon)
    assert row.ready, row.sentence
    assert "certified for this category" in row.reasons

    in_stage(shop, "refund", Stage.PARTIAL, soon)
    row = standing(shop, soon)
    assert (row.next_stage, row.ready, row.missing) == (Stage.AUTO, False, ("partial", "audits"))
    assert row.reasons[0] == "3 more days at partial are needed"
    automatic = passed(shop, 60, soon)
    shop.audited(automatic[:20], wrong=0, moment=soon)
    row = standing(shop, soon + 3 * DAY)
    assert row.ready, row.sentence
    assert any("20 audits find" in reason for reason in row.reasons)
    in_stage(shop, "refund", Stage.AUTO, soon + 3 * DAY)
    assert standing(shop, soon + 3 * DAY).next_stage is None
