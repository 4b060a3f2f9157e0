"""How the runs of each scheduled flow went: attempts, successes, failures, and what Prefect does not start."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
LOOKED = {
    "drift": "drift_detection",
    "fairness": "fairness_watch",
    "agreement": "agreement_watch",
    "kpi": "kpi_report",
}
"""Whose readings tell when a weekly flow last succeeded: it need not be called late for a week after the upgrade."""


def upgrade() -> None:
    op.create_table(
        "watch_runs",
        sa.Column("name", sa.String(length=24), nullable=False, comment="the flow's, such as sla_watch"),
        sa.Column("attempted_at", MOMENT, nullable=True, comment="the newest run began"),
        sa.Column("begun_at", MOMENT, nullable=True, comment="a run under way began; null: none is"),
        sa.Column("succeeded_at", MOMENT, nullable=True, comment="the last run that succeeded began"),
        sa.Column("steady_since", MOMENT, nullable=True, comment="no success was overdue since then"),
        sa.Column(
            "failed_since",
            MOMENT,
            nullable=True,
            comment="the first run that failed since then began; null: the last one succeeded",
        ),
        sa.Column(
            "error", sa.String(length=60), nullable=True, comment="the newest failure's class as a code; no message"
        ),
        sa.Column(
            "off",
            sa.String(length=12),
            nullable=True,
            comment="why Prefect does not start it: paused, unscheduled or missing; null: it does, or not known",
        ),
        sa.Column("off_since", MOMENT, nullable=True, comment="a Prefect server said so first"),
        sa.Column("asked_at", MOMENT, nullable=True, comment="a Prefect server was last asked"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watch_runs")),
    )
    op.execute(
        "INSERT INTO watch_runs (name, attempted_at, succeeded_at)"
        " SELECT name, succeeded_at, succeeded_at FROM watches"
        " WHERE name IN ('audit_sampling', 'quality_watch', 'sla_watch')"
    )
    insert = sa.text(
        "INSERT INTO watch_runs (name, attempted_at, succeeded_at)"
        " SELECT :name, max(at), max(at) FROM readings WHERE watch = :watch HAVING count(*) > 0"
    )
    for watch, name in LOOKED.items():
        op.execute(insert.bindparams(name=name, watch=watch))
