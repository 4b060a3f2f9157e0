"""Blind labels drawn to be repeated keep the chance of their draw, and labels can be withdrawn and reinstated."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0016"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATUS = "imported, accepted, provisional, adjudicated or withdrawn"
TRAINED = "the person's training counted then, and it was not withdrawn; null: it was no person"
SHARE = 0.05
EARLIER = """
    INSERT INTO rechecks (decision_id, case_id, person, chance, drawn_at)
    SELECT d.id, d.case_id, d.actor, CAST(:share AS DOUBLE PRECISION), d.decided_at FROM decisions d WHERE d.id IN (
        SELECT min(f.id) FROM decisions f WHERE f.blind AND f.kind IN ('review', 'audit') AND f.label IS NOT NULL
        AND EXISTS (SELECT 1 FROM work_items w WHERE w.case_id = f.case_id AND w.kind = 'recheck') GROUP BY f.case_id
    )
"""


def upgrade() -> None:
    op.create_table(
        "rechecks",
        sa.Column("decision_id", ID, nullable=False, autoincrement=False, comment="the decision that gave the label"),
        sa.Column("case_id", ID, nullable=False, comment="its case"),
        sa.Column("person", sa.Text(), nullable=False, comment="who gave it"),
        sa.Column("chance", sa.Double(), nullable=False, comment="chance of being drawn, whatever the label said"),
        sa.Column("drawn_at", MOMENT, nullable=False, comment="when"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_rechecks_decision_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_rechecks_case_id")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_rechecks")),
    )
    op.create_index(op.f("ix_rechecks_case_id"), "rechecks", ["case_id"])
    op.create_index(op.f("ix_rechecks_person_drawn_at"), "rechecks", ["person", "drawn_at"])
    _keep_earlier_draws()
    op.create_table(
        "label_withdrawals",
        sa.Column("id", ID, nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False, comment="whose labels"),
        sa.Column("since", MOMENT, nullable=False, comment="given from then on"),
        sa.Column("until", MOMENT, nullable=False, comment="given up to then: when it was withdrawn"),
        sa.Column("withdrawn_by", sa.Text(), nullable=False, comment="who"),
        sa.Column("reinstated_at", MOMENT, nullable=True, comment="when they began to count again"),
        sa.Column("reinstated_by", sa.Text(), nullable=True, comment="who"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_withdrawals")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_label_withdrawals_reviewer_since"), "label_withdrawals", ["reviewer", "since"])
    op.add_column(
        "labels",
        sa.Column("withdrawal_id", ID, nullable=True, comment="the withdrawal that changed its status; null: none"),
    )
    op.add_column(
        "labels",
        sa.Column("stood_as", sa.String(length=12), nullable=True, comment="status before that withdrawal"),
    )
    op.add_column(
        "decisions",
        sa.Column(
            "withdrawal_id", ID, nullable=True, comment="the withdrawal by which it counts no longer; null: none"
        ),
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("labels", "status", existing_type=sa.String(length=12), comment=STATUS)
        op.alter_column("decisions", "trained", existing_type=sa.Boolean(), comment=TRAINED)


def _keep_earlier_draws() -> None:
    """Every second review was drawn by the policy's share until now: its first blind label is a draw of that chance."""
    body = op.get_bind().execute(sa.text("SELECT body FROM policies ORDER BY id DESC LIMIT 1")).scalar()
    keep = sa.text(EARLIER).bindparams(share=SHARE if body is None else _share(body))
    op.execute(keep)


def _share(body: str) -> float:
    """The policy's share of second labels; the usual one where it has none, or somebody wrote what is no policy."""
    try:
        return float(json.loads(body)["labels"]["second_share"]) or SHARE
    except (ValueError, KeyError, TypeError):
        return SHARE
