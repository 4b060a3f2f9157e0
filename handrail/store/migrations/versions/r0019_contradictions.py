"""Labels that differ from a sure prediction, until others have looked."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = "review, audit, second, recheck, doubt, adjudication, gold, escalation or dispute"
PROVENANCES = "history, review, audit, second, recheck, doubt, escalation, dispute, adjudication or consensus"


def upgrade() -> None:
    op.create_table(
        "contradictions",
        sa.Column("case_id", ID, nullable=False, autoincrement=False, comment="the case"),
        sa.Column("decision_id", ID, nullable=False, comment="whose label differs"),
        sa.Column("predicted", sa.Text(), nullable=False, comment="category that a version surely said"),
        sa.Column("also_predicted", sa.Text(), nullable=True, comment="another that another version surely said"),
        sa.Column("drawn", sa.Boolean(), nullable=False, comment="a random recheck of the case serves as the look"),
        sa.Column(
            "opened_at", MOMENT, nullable=False, comment="with the label; later where a newer version contradicts it"
        ),
        sa.Column("due_at", MOMENT, nullable=False, comment="alarms count it as an error from then on, settled or not"),
        sa.Column("settled_at", MOMENT, nullable=True, comment="when; null: others still look"),
        sa.Column(
            "settled_by",
            sa.String(length=12),
            nullable=True,
            comment="looks, adjudication, or stands: nobody else could look",
        ),
        sa.Column(
            "label", sa.Text(), nullable=True, comment="what holds; null while open, and where no category was right"
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_contradictions_case_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_contradictions_decision_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_contradictions")),
    )
    op.create_index(op.f("ix_contradictions_settled_at_due_at"), "contradictions", ["settled_at", "due_at"])
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("work_items", "kind", existing_type=sa.String(length=12), comment=KINDS)
        op.alter_column("labels", "provenance", existing_type=sa.String(length=12), comment=PROVENANCES)
