"""What only watched pauses nothing later, and a missed SLA ends with the work that was late."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BESIDE = "beside literal: "
"""How `handrail.acts.breaking.rules_of` marks a state that was kept beside the rule in force."""
OUTCOME = "confirmed, refused, withdrawn or overtaken; null: waits"
ENDED = """
    UPDATE escalations SET resolved_at = (
        SELECT max(w.closed_at) FROM work_items w WHERE w.case_id = escalations.case_id
    ), resolved_by = 'flow:upgrade'
    WHERE resolved_at IS NULL AND cause = 'sla_breach'
    AND EXISTS (
        SELECT 1 FROM work_items w WHERE w.case_id = escalations.case_id AND w.closed_at IS NOT NULL
    )
    AND NOT EXISTS (
        SELECT 1 FROM work_items w WHERE w.case_id = escalations.case_id AND w.state = 'open'
        AND w.breached_at IS NOT NULL AND w.kind NOT IN ('recheck', 'adjudication', 'gold')
    )
"""


def upgrade() -> None:
    op.execute(ENDED)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"COMMENT ON COLUMN proposals.outcome IS '{OUTCOME}'")
    body = op.get_bind().execute(sa.text("SELECT body FROM policies ORDER BY id DESC LIMIT 1")).scalar()
    if body is not None and _rule(body) == "literal":
        mark = sa.text("UPDATE breaker_states SET rules = :beside || rules WHERE rules LIKE 'esr %'")
        op.execute(mark.bindparams(beside=BESIDE))


def _rule(body: str) -> str | None:
    """The rule of the breaker; None where somebody wrote what is no policy: then nothing is automatic anyway."""
    try:
        rules = json.loads(body)["breaker"]["rule"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(rules)
