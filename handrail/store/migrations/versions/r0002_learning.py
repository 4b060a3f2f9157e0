"""What the learning half remembers: looks for certificates, gold cases and tests, given predictions, leases."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "model_versions",
        sa.Column(
            "kind",
            sa.String(length=8),
            server_default="trained",
            nullable=False,
            comment="trained here, or given: calibrated",
        ),
    )
    op.add_column(
        "model_versions",
        sa.Column("rebuild", sa.JSON(), nullable=True, comment="seed, code, lock, packages, digest of predictions"),
    )
    op.add_column(
        "model_versions",
        sa.Column("judgement", sa.JSON(), nullable=True, comment="the gates' last word: passed, figures, reasons"),
    )
    op.add_column(
        "work_items",
        sa.Column("assigned_to", sa.Text(), nullable=True, comment="only this person may claim it; null: whoever may"),
    )
    op.create_table(
        "given_predictions",
        sa.Column("case_id", ID, autoincrement=False, nullable=False),
        sa.Column("label", sa.Text(), nullable=False, comment="category it gave, as delivered"),
        sa.Column("confidence", sa.Double(), nullable=False, comment="its own confidence in [0, 1], uncalibrated"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_given_predictions_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_given_predictions")),
    )
    op.create_table(
        "certificate_attempts",
        sa.Column("id", ID, nullable=False),
        sa.Column("model_version", sa.String(length=32), nullable=False, comment="the version looked at"),
        sa.Column("category", sa.Text(), nullable=True, comment="null: overall"),
        sa.Column("at", MOMENT, nullable=False, comment="when"),
        sa.Column("delta", sa.Double(), nullable=False, comment="chance of a wrong guarantee that this look spent"),
        sa.Column("labels", sa.Integer(), nullable=False, comment="blind labels looked at"),
        sa.Column(
            "errors",
            sa.Integer(),
            nullable=False,
            comment="errors among them, at or above the threshold where there is one",
        ),
        sa.Column("threshold", sa.Double(), nullable=True, comment="what was certified; null: nothing"),
        sa.Column("coverage", sa.Double(), nullable=False, comment="share of cases at or above the threshold"),
        sa.Column(
            "needed",
            sa.Integer(),
            nullable=False,
            comment="further labels without an error that would certify; 0 when certified",
        ),
        sa.Column("certificate_id", ID, nullable=True, comment="what came of it"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name=op.f("fk_certificate_attempts_certificate_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_attempts")),
    )
    op.create_index(
        op.f("ix_certificate_attempts_model_version_category_id"),
        "certificate_attempts",
        ["model_version", "category", "id"],
    )
    op.create_table(
        "gold_cases",
        sa.Column("case_id", ID, autoincrement=False, nullable=False),
        sa.Column("label", sa.Text(), nullable=False, comment="the attested category"),
        sa.Column("origin", sa.String(length=8), nullable=False, comment="history, review or written by hand"),
        sa.Column("attested_by", sa.Text(), nullable=False, comment="data curator"),
        sa.Column("attested_at", MOMENT, nullable=False, comment="when"),
        sa.Column("retired_at", MOMENT, nullable=True, comment="no longer used from then on"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_gold_cases_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_gold_cases")),
    )
    op.create_table(
        "qualifications",
        sa.Column("id", ID, nullable=False),
        sa.Column("person", sa.Text(), nullable=False, comment="who is tested"),
        sa.Column("opened_at", MOMENT, nullable=False, comment="when the gold cases were handed out"),
        sa.Column("cases", sa.Integer(), nullable=False, comment="gold cases handed out"),
        sa.Column(
            "right", sa.Integer(), nullable=True, comment="how many were labelled as attested; null: not finished"
        ),
        sa.Column("passed", sa.Boolean(), nullable=True, comment="null: not finished"),
        sa.Column("closed_at", MOMENT, nullable=True, comment="when the last one was decided"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qualifications")),
    )
    op.create_index(op.f("ix_qualifications_person_id"), "qualifications", ["person", "id"])
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False, comment="what is reserved"),
        sa.Column("holder", sa.Text(), nullable=False, comment="a random name of the run that holds it"),
        sa.Column("until", MOMENT, nullable=False, comment="free again from then on"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    if op.get_context().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column(
            "work_items", "kind", comment="review, audit, second, recheck, adjudication, gold or escalation"
        )
        op.alter_column("model_versions", "cause", comment="first, drift, error_rate, monthly, new_labels or by_hand")
        op.alter_column(
            "model_versions",
            "status",
            comment="challenger, superseded, champion, retired, refused or rolled_back",
        )
        op.alter_column("model_versions", "artifact_digest", comment="SHA-256 over both files of the model")
        op.alter_column(
            "labels",
            "provenance",
            comment="history, review, audit, second, recheck, escalation, adjudication or consensus",
        )
        op.alter_column("decisions", "kind", comment="automatic, or the work item's kind")
