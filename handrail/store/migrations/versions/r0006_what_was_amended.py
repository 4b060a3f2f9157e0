"""What revisions 1 to 4 gained after their first form had made workspaces; what is there already stays."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INDEXES = {
    "ix_work_items_case_id_state": ("work_items", ["case_id", "state"]),
    "ix_work_items_holder_state": ("work_items", ["holder", "state"]),
    "ix_decisions_actor_id": ("decisions", ["actor", "id"]),
}

COMMENTS = {
    ("model_versions", "cause"): "first, drift, error_rate, monthly, new_labels or by_hand",
    ("model_versions", "artifact_digest"): "SHA-256 over both files of the model",
    ("model_versions", "status"): "challenger, superseded, champion, retired, refused or rolled_back",
    ("labels", "provenance"): "history, review, audit, second, recheck, escalation, dispute, adjudication or consensus",
    ("decisions", "work_item_id"): "null: automatic, or practice",
    ("batches", "file_digest"): "SHA-256 of the delivered bytes; of a call: 'call:' and its digits",
    ("alert_deliveries", "number"): "1: first told, 2 and on: told again; 0: told that it is over",
    ("alert_deliveries", "state"): "new, leased, retry, sent, dead or dropped",
}


def upgrade() -> None:
    existing = sa.inspect(op.get_bind())
    if not existing.has_table("reasons"):
        op.create_table(
            "reasons",
            sa.Column("seq", ID, autoincrement=False, nullable=False, comment="trail event it explains"),
            sa.Column("text", sa.Text(), nullable=False, comment="free text"),
            sa.PrimaryKeyConstraint("seq", name=op.f("pk_reasons")),
        )
    for name, (table, columns) in INDEXES.items():
        if name not in {index["name"] for index in existing.get_indexes(table)}:
            op.create_index(op.f(name), table, columns)
    if "ix_work_items_case_id" in {index["name"] for index in existing.get_indexes("work_items")}:
        op.drop_index(op.f("ix_work_items_case_id"), "work_items")
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        for (table, column), comment in COMMENTS.items():
            op.alter_column(table, column, comment=comment)
