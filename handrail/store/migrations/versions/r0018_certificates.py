"""A certificate names the cases it speaks of, and a look the certificate that it would renew."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
VOIDED = "by a new model, drift, or audits that contradict it"


def upgrade() -> None:
    first = sa.Column(
        "cases_from",
        MOMENT,
        nullable=True,
        comment="when the first case it speaks of came; null: from before it was kept",
    )
    last = sa.Column("cases_until", MOMENT, nullable=True, comment="when the last one came")
    outside = sa.Column(
        "outside", sa.Integer(), nullable=True, comment="cases of categories and days without any blind look"
    )
    for column in (first, last, outside):
        op.add_column("certificates", column)
    renews = sa.Column("renews", ID, nullable=True, comment="the certificate it would renew")
    op.add_column("certificate_attempts", renews)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"COMMENT ON COLUMN certificates.voided_at IS '{VOIDED}'")
