"""Cases that rita approves together, each with another fate."""

from handrail.acts import handing
from tests.scenes import NOW, POLICY, Scene

NEVER_HEARD_OF = 4711


def one_of_each_fate(scene: Scene) -> dict[int, str]:
    """Cases of which each has another fate when rita approves refunds together."""
    approved, held, decided, hers, skipped = scene.waiting(5)
    (unscored,) = scene.accepted(1)
    (blind,) = scene.waiting(1, suggestion_hidden=True)
    (careful,) = scene.waiting(1, queue="C", reason="low_confidence")
    (other,) = scene.waiting(1, "tracking")
    (automatic,) = scene.automatic(1)
    scene.audit([automatic])
    scene.claim(held, "ruth")
    scene.decide(decided, "deny", "ron", reason_code="duplicate")
    handing.hand_over(
        scene.store, scene.claim(hers, "ruth").item_id, "ron", reason="he knows them", actor="ruth", now=NOW
    )
    handing.skip(scene.store, scene.claim(skipped).item_id, "rita", policy=POLICY, now=NOW)
    return {
        approved: "approved",
        held: "held",
        decided: "decided",
        hers: "not_yours",
        skipped: "put_off",
        unscored: "not_queued",
        blind: "alone",
        careful: "alone",
        other: "changed",
        automatic: "decided",
        NEVER_HEARD_OF: "unknown",
    }
