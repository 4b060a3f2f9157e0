"""What the watches saw: readings, the state of the sequential breaker, alerts and their delivery."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", ID, nullable=False),
        sa.Column(
            "kind",
            sa.String(length=24),
            nullable=False,
            comment="what is wrong, such as breaker, drift or watch_silent",
        ),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="category, watch, action or channel that it is about; 'all'"
        ),
        sa.Column("severity", sa.String(length=8), nullable=False, comment="info, warning or critical"),
        sa.Column(
            "sentence", sa.Text(), nullable=False, comment="what is wrong and what to do; ids and counts, no case text"
        ),
        sa.Column("raised_at", MOMENT, nullable=False, comment="first found"),
        sa.Column("seen_at", MOMENT, nullable=False, comment="last found"),
        sa.Column("cleared_at", MOMENT, nullable=True, comment="not found any more"),
        sa.Column("acknowledged_at", MOMENT, nullable=True, comment="somebody takes care; it is not told again"),
        sa.Column("acknowledged_by", sa.Text(), nullable=True, comment="who"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_cleared_at"), "alerts", ["cleared_at"])
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("cleared_at IS NULL"),
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.create_table(
        "breaker_states",
        sa.Column("category", sa.Text(), nullable=False, comment="category"),
        sa.Column(
            "rules", sa.Text(), nullable=False, comment="what the state was computed with; other rules begin afresh"
        ),
        sa.Column("since", MOMENT, nullable=False, comment="first hour looked at"),
        sa.Column("looked_until", MOMENT, nullable=False, comment="end of the newest hour looked at"),
        sa.Column(
            "log_evidence",
            sa.JSON(),
            nullable=False,
            comment="natural logarithm, one of each alternative rate",
        ),
        sa.Column("reviewed", sa.Integer(), nullable=False, comment="audits counted so far"),
        sa.Column("rejected", sa.Integer(), nullable=False, comment="rejections among them"),
        sa.Column("alarm_at", MOMENT, nullable=True, comment="end of the hour in which the evidence sufficed"),
        sa.PrimaryKeyConstraint("category", name=op.f("pk_breaker_states")),
    )
    op.create_table(
        "readings",
        sa.Column("id", ID, nullable=False),
        sa.Column(
            "watch",
            sa.String(length=16),
            nullable=False,
            comment="audits, breaker, blind_share, drift, fairness, agreement, reviewers or kpi",
        ),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="category, grouping or reviewer that was looked at; 'all'"
        ),
        sa.Column("at", MOMENT, nullable=False, comment="when it was read"),
        sa.Column("window_from", MOMENT, nullable=False, comment="oldest moment looked at"),
        sa.Column("window_to", MOMENT, nullable=False, comment="newest moment looked at"),
        sa.Column(
            "verdict",
            sa.String(length=12),
            nullable=False,
            comment="quiet, alarm, underpowered (too little to say quiet) or not_measured",
        ),
        sa.Column("body", sa.JSON(), nullable=False, comment="figures, names and case ids; no case text"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readings")),
    )
    op.create_index(op.f("ix_readings_at"), "readings", ["at"])
    op.create_index(op.f("ix_readings_watch_subject_id"), "readings", ["watch", "subject", "id"])
    op.create_table(
        "alert_deliveries",
        sa.Column("id", ID, nullable=False),
        sa.Column("alert_id", ID, nullable=False, comment="the alert"),
        sa.Column(
            "channel",
            sa.Text(),
            nullable=False,
            comment="name of the channel; its address is a secret and not kept here",
        ),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            comment="1: first told, 2 and on: told again; 0: told that it is over",
        ),
        sa.Column("state", sa.String(length=8), nullable=False, comment="new, leased, retry, sent, dead or dropped"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="tries so far"),
        sa.Column("next_at", MOMENT, nullable=False, comment="not before; of a leased one: free again from then on"),
        sa.Column("sent_at", MOMENT, nullable=True, comment="accepted by the channel"),
        sa.Column("error", sa.Text(), nullable=True, comment="what the channel said last, without its address"),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_deliveries_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_deliveries")),
        sa.UniqueConstraint("alert_id", "channel", "number", name=op.f("uq_alert_deliveries_alert_id_channel_number")),
    )
    op.create_index(op.f("ix_alert_deliveries_state_next_at"), "alert_deliveries", ["state", "next_at"])
    op.add_column(
        "audit_draws",
        sa.Column("counted_at", MOMENT, nullable=True, comment="the breaker has counted the audit; each once"),
    )
    op.create_index(op.f("ix_audit_draws_random_counted_at"), "audit_draws", ["random", "counted_at"])

    if op.get_context().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("audit_draws", "stratum", comment="random, low_confidence, high_value, new_segment or watched")
