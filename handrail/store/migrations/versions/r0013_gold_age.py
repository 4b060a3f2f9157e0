"""The age that a gold case among ordinary work passes for."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "work_items",
        sa.Column(
            "shown_received_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the age that a gold case among work passes for",
        ),
    )
