"""The chance with which a case's first look is blind: what its label weighs."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "routes",
        sa.Column(
            "blind_chance",
            sa.Double(),
            nullable=True,
            comment="chance that this was so; null in queue A, and for routes of before it was kept",
        ),
    )
