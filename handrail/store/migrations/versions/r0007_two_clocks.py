"""The end of the trail knows its moment, and what the real clock showed when it was written."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    at = sa.Column("at", MOMENT, nullable=True, comment="of the newest event; null when empty")
    clock = sa.Column("clock", MOMENT, nullable=True, comment="what the real clock showed then; null: not known")
    op.add_column("trail_head", at)
    op.add_column("trail_head", clock)
    # Under the name of its own table: the trail's triggers let the end move on, and never back.
    op.execute("UPDATE trail_head SET at = (SELECT trail.at FROM trail WHERE trail.seq = trail_head.seq)")
