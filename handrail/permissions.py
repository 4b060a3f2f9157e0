"""Who may do what: one table for desk, console and flows alike."""

from collections.abc import Collection
from enum import StrEnum

from handrail.errors import NotPermitted

SYSTEM = "flow:"


class Role(StrEnum):
    """The five roles of the business, and the flows' own."""

    REVIEWER = "reviewer"
    ESCALATION_MANAGER = "escalation_manager"
    MODEL_STEWARD = "model_steward"
    DATA_CURATOR = "data_curator"
    PRODUCT_OWNER = "product_owner"
    FLOW = "flow"


EVERYBODY = frozenset(role for role in Role if role is not Role.FLOW)

PERMITTED: dict[str, frozenset[Role]] = {
    "decide": frozenset({Role.REVIEWER, Role.ESCALATION_MANAGER}),
    "resolve_escalation": frozenset({Role.ESCALATION_MANAGER}),
    "adjudicate": frozenset({Role.ESCALATION_MANAGER, Role.DATA_CURATOR}),
    # Whoever is tested must not read the answers, nor the labels of those who will be.
    "read_labels": frozenset({Role.ESCALATION_MANAGER, Role.DATA_CURATOR, Role.MODEL_STEWARD}),
    "attest_gold": frozenset({Role.DATA_CURATOR}),
    # Never one's own, whatever the role: that is asked beside it.
    "withdraw_labels": frozenset({Role.DATA_CURATOR}),
    "test_people": frozenset({Role.DATA_CURATOR, Role.PRODUCT_OWNER}),
    "intake": frozenset({Role.DATA_CURATOR, Role.MODEL_STEWARD, Role.FLOW}),
    # A stopped delivery goes on, or ends, by a person's word alone.
    "settle_deliveries": frozenset({Role.DATA_CURATOR, Role.MODEL_STEWARD, Role.PRODUCT_OWNER}),
    "assign": frozenset({Role.MODEL_STEWARD, Role.FLOW}),
    "draw_audits": frozenset({Role.MODEL_STEWARD, Role.FLOW}),
    "escalate": frozenset({Role.ESCALATION_MANAGER, Role.FLOW}),
    "pause": frozenset({Role.MODEL_STEWARD, Role.PRODUCT_OWNER, Role.ESCALATION_MANAGER, Role.FLOW}),
    # A flow may withhold automation, never give it back: resuming and widening are acts of people.
    "resume": frozenset({Role.MODEL_STEWARD, Role.PRODUCT_OWNER}),
    "close_review": frozenset({Role.MODEL_STEWARD}),
    "set_stage": frozenset({Role.MODEL_STEWARD, Role.PRODUCT_OWNER}),
    "set_champion": frozenset({Role.MODEL_STEWARD, Role.FLOW}),
    "certify": frozenset({Role.MODEL_STEWARD, Role.FLOW}),
    "roll_back": frozenset({Role.MODEL_STEWARD, Role.PRODUCT_OWNER, Role.FLOW}),
    "publish_policy": frozenset({Role.PRODUCT_OWNER, Role.MODEL_STEWARD}),
    "manage_people": frozenset({Role.PRODUCT_OWNER}),
    "import_outcomes": frozenset({Role.DATA_CURATOR, Role.PRODUCT_OWNER, Role.FLOW}),
    # Who purges is said by the policy: `retention.purgers`.
    "hold_text": frozenset({Role.DATA_CURATOR, Role.ESCALATION_MANAGER, Role.PRODUCT_OWNER}),
    "read_raw": frozenset({Role.REVIEWER, Role.ESCALATION_MANAGER, Role.DATA_CURATOR}),
    "come_in": EVERYBODY,
    "read_cases": EVERYBODY,
    "read_trail": EVERYBODY,
    "hand_out": frozenset({Role.ESCALATION_MANAGER, Role.PRODUCT_OWNER}),
    "open_dispute": frozenset({Role.REVIEWER, Role.ESCALATION_MANAGER, Role.DATA_CURATOR, Role.PRODUCT_OWNER}),
    "resolve_dispute": frozenset({Role.ESCALATION_MANAGER}),
    "read_escalations": frozenset({Role.ESCALATION_MANAGER, Role.PRODUCT_OWNER}),
    "read_operations": frozenset({Role.MODEL_STEWARD, Role.PRODUCT_OWNER, Role.ESCALATION_MANAGER}),
    "read_watch": frozenset({Role.MODEL_STEWARD, Role.PRODUCT_OWNER, Role.ESCALATION_MANAGER, Role.DATA_CURATOR}),
    "watch": frozenset({Role.MODEL_STEWARD, Role.FLOW}),
    "acknowledge_alert": frozenset({Role.ESCALATION_MANAGER, Role.MODEL_STEWARD, Role.PRODUCT_OWNER}),
    "settle_actions": frozenset({Role.MODEL_STEWARD, Role.PRODUCT_OWNER}),
}


def check(act: str, actor: str, roles: Collection[str]) -> None:
    """Let `actor` with `roles` do `act`, or refuse.

    Raises:
        NotPermitted: names the roles that may.
    """
    permitted = PERMITTED[act]
    if not permitted.intersection(roles):
        who = ", ".join(sorted(role for role in permitted if role is not Role.FLOW))
        raise NotPermitted(f"{actor} may not {act.replace('_', ' ')}. Ask somebody with the role {who}.")
