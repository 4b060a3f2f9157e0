"""Known cases that come again with other content, and stopped deliveries that wait for a person's word."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATE = "open, gated, stopped, released, rejected, replaced or done"
COUNTS = "rows received, waiting, accepted, imported, reopened, quarantined, changed"


def upgrade() -> None:
    op.create_table(
        "case_changes",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="the case"),
        sa.Column("batch_id", ID, nullable=False, comment="delivery that brought the change"),
        sa.Column(
            "state",
            sa.String(length=9),
            nullable=False,
            comment="waiting; applied: the content is the earlier one; labelled, reopened or dropped",
        ),
        sa.Column("row_digest", sa.String(length=64), nullable=False, comment="SHA-256 of the row with this content"),
        sa.Column("at", MOMENT, nullable=False, comment="when it came"),
        sa.Column("settled_at", MOMENT, nullable=True, comment="when it was applied, or settled otherwise"),
        sa.Column("label", sa.Text(), nullable=True, comment="known outcome that came with it"),
        sa.Column("amount", sa.Double(), nullable=True, comment="largest amount at stake"),
        sa.Column("consent", sa.Boolean(), nullable=False, comment="consent of this content"),
        sa.Column("fields", sa.JSON(), nullable=False, comment="mapped fields"),
        sa.Column("marks", sa.JSON(), nullable=False, comment="flags that were set at intake"),
        sa.Column("given_label", sa.Text(), nullable=True, comment="category that its source's model gave"),
        sa.Column("given_confidence", sa.Double(), nullable=True, comment="that model's own confidence"),
        sa.Column("received_at", MOMENT, nullable=False, comment="when the customer sent it"),
        sa.Column("salt", sa.LargeBinary(length=16), nullable=True, comment="key of the trail's digest; null: erased"),
        sa.Column("text", sa.Text(), nullable=True, comment="raw text"),
        sa.Column(
            "redacted", sa.Text(), nullable=True, comment="text with personal data replaced; null before redaction"
        ),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="the source's id of the customer"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_changes_case_id")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_case_changes_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_changes")),
        sa.UniqueConstraint("batch_id", "case_id", name=op.f("uq_case_changes_batch_id_case_id")),
    )
    op.create_index(op.f("ix_case_changes_case_id_state"), "case_changes", ["case_id", "state"])
    op.create_table(
        "reopenings",
        sa.Column("case_id", ID, nullable=False, autoincrement=False, comment="the case that goes on"),
        sa.Column("earlier_id", ID, nullable=False, comment="the decided case before it"),
        sa.Column("first_id", ID, nullable=False, comment="the case that its source first sent"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_reopenings_case_id")),
        sa.ForeignKeyConstraint(["earlier_id"], ["cases.id"], name=op.f("fk_reopenings_earlier_id")),
        sa.ForeignKeyConstraint(["first_id"], ["cases.id"], name=op.f("fk_reopenings_first_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_reopenings")),
    )
    op.create_index(op.f("ix_reopenings_first_id"), "reopenings", ["first_id"])
    op.create_index(op.f("ix_reopenings_earlier_id"), "reopenings", ["earlier_id"])
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("batches", "state", existing_type=sa.String(length=12), comment=STATE)
        op.alter_column("batches", "counts", existing_type=sa.JSON(), comment=COUNTS)
