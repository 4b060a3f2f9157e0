"""Each case says which policy its text was read under and which model version it was scored by."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "cases",
        sa.Column(
            "read_under",
            sa.String(length=12),
            nullable=True,
            comment="policy by which its text was redacted and flagged; null: none was, or before this column",
        ),
    )
    op.add_column(
        "cases",
        sa.Column(
            "scored_by",
            sa.String(length=32),
            nullable=True,
            comment="model version that served when it was scored, or passed unscored; null: none did",
        ),
    )
