"""What the desk remembers: accounts, sessions, tokens, skips, disputes, proposals, seeded suggestions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "idempotent_answers",
        sa.Column("person", sa.Text(), nullable=False, comment="who called"),
        sa.Column("key", sa.String(length=128), nullable=False, comment="the caller's Idempotency-Key"),
        sa.Column("request", sa.String(length=64), nullable=False, comment="SHA-256 of method, path and body"),
        sa.Column("status", sa.Integer(), nullable=False, comment="HTTP status"),
        sa.Column("body", sa.JSON(), nullable=False, comment="ids and codes of the answer"),
        sa.Column("at", MOMENT, nullable=False, comment="when; old ones are purged"),
        sa.PrimaryKeyConstraint("person", "key", name=op.f("pk_idempotent_answers")),
    )
    op.create_index(op.f("ix_idempotent_answers_at"), "idempotent_answers", ["at"])
    op.create_table(
        "proposals",
        sa.Column("id", ID, nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False, comment="resume, promote, roll_back or set_stage"),
        sa.Column("arguments", sa.JSON(), nullable=False, comment="what the act is called with: ids and policy values"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why"),
        sa.Column("proposer", sa.Text(), nullable=False, comment="who; may not confirm it"),
        sa.Column("proposed_at", MOMENT, nullable=False, comment="when"),
        sa.Column("expires_at", MOMENT, nullable=False, comment="without effect from then on"),
        sa.Column("settled_at", MOMENT, nullable=True, comment="when"),
        sa.Column("settled_by", sa.Text(), nullable=True, comment="the second person, or the proposer who withdrew it"),
        sa.Column(
            "outcome", sa.String(length=9), nullable=True, comment="confirmed, refused or withdrawn; null: waits"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
    )
    op.create_index(op.f("ix_proposals_settled_at"), "proposals", ["settled_at"])
    op.create_table(
        "accounts",
        sa.Column("person", sa.Text(), nullable=False, comment="sign-in name"),
        sa.Column("password", sa.Text(), nullable=False, comment="argon2 hash"),
        sa.Column("changed_at", MOMENT, nullable=False, comment="when the password was set"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="wrong passwords since the last right one"),
        sa.Column("locked_until", MOMENT, nullable=True, comment="after too many wrong passwords"),
        sa.Column("shortcuts", sa.Boolean(), nullable=False, comment="single keys decide"),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name=op.f("fk_accounts_person")),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_accounts")),
    )
    op.create_table(
        "invitations",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the link's secret"),
        sa.Column("person", sa.Text(), nullable=False, comment="for whom"),
        sa.Column("invited_by", sa.Text(), nullable=False, comment="who, or the first start"),
        sa.Column("expires_at", MOMENT, nullable=False, comment="of no use from then on"),
        sa.Column("used_at", MOMENT, nullable=True, comment="when"),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name=op.f("fk_invitations_person")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_invitations")),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the cookie"),
        sa.Column("person", sa.Text(), nullable=False, comment="who"),
        sa.Column("csrf", sa.String(length=64), nullable=False, comment="must come back with every form"),
        sa.Column("opened_at", MOMENT, nullable=False, comment="when"),
        sa.Column("seen_at", MOMENT, nullable=False, comment="last request, to the minute"),
        sa.Column("expires_at", MOMENT, nullable=False, comment="at the latest"),
        sa.Column("ended_at", MOMENT, nullable=True, comment="signed out or revoked"),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name=op.f("fk_sessions_person")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_person_ended_at"), "sessions", ["person", "ended_at"])
    op.create_table(
        "tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("person", sa.Text(), nullable=False, comment="in whose name it acts"),
        sa.Column("name", sa.Text(), nullable=False, comment="what it is for"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the token"),
        sa.Column("scopes", sa.JSON(), nullable=False, comment="acts it may ask for; the person must be permitted too"),
        sa.Column("created_at", MOMENT, nullable=False, comment="when"),
        sa.Column("expires_at", MOMENT, nullable=False, comment="of no use from then on"),
        sa.Column("revoked_at", MOMENT, nullable=True, comment="when"),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name=op.f("fk_tokens_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )
    op.create_table(
        "skips",
        sa.Column("work_item_id", ID, autoincrement=False, nullable=False),
        sa.Column("person", sa.Text(), nullable=False, comment="who skipped it"),
        sa.Column("until", MOMENT, nullable=False, comment="offered to them again from then on"),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_items.id"], name=op.f("fk_skips_work_item_id")),
        sa.PrimaryKeyConstraint("work_item_id", "person", name=op.f("pk_skips")),
    )
    op.create_table(
        "disputes",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="the case"),
        sa.Column("work_item_id", ID, nullable=False, comment="the work of looking again"),
        sa.Column("first_decision_id", ID, nullable=False, comment="what is contested"),
        sa.Column("first_decider", sa.Text(), nullable=False, comment="person or flow; never decides the dispute"),
        sa.Column("opened_by", sa.Text(), nullable=False, comment="who took the dispute down"),
        sa.Column("opened_at", MOMENT, nullable=False, comment="when"),
        sa.Column("closed_at", MOMENT, nullable=True, comment="when it was decided"),
        sa.Column("upheld", sa.Boolean(), nullable=True, comment="the first decision stands; null: not decided"),
        sa.Column("text", sa.Text(), nullable=True, comment="erasable: what the customer said"),
        sa.Column("answer", sa.Text(), nullable=True, comment="erasable: what the customer was told"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_disputes_case_id")),
        sa.ForeignKeyConstraint(["first_decision_id"], ["decisions.id"], name=op.f("fk_disputes_first_decision_id")),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_items.id"], name=op.f("fk_disputes_work_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
    )
    op.create_index(op.f("ix_disputes_case_id"), "disputes", ["case_id"])
    op.create_index(op.f("ix_disputes_closed_at"), "disputes", ["closed_at"])
    op.add_column("people", sa.Column("skills", sa.JSON(), nullable=True, comment="categories they review; null: all"))
    op.add_column(
        "people", sa.Column("away_from", MOMENT, nullable=True, comment="on leave from then on: no work is offered")
    )
    op.add_column(
        "people",
        sa.Column("away_until", MOMENT, nullable=True, comment="back from then on; null with away_from: open end"),
    )
    op.add_column(
        "work_items", sa.Column("snoozed_until", MOMENT, nullable=True, comment="not offered before; the SLA runs on")
    )
    op.add_column(
        "work_items",
        sa.Column("shown_label", sa.Text(), nullable=True, comment="wrong suggestion seeded into a gold case"),
    )
    op.add_column(
        "work_items",
        sa.Column("shown_confidence", sa.Double(), nullable=True, comment="invented for the seeded suggestion"),
    )

    op.create_index(op.f("ix_work_items_holder_state"), "work_items", ["holder", "state"])
    op.create_index(op.f("ix_decisions_actor_id"), "decisions", ["actor", "id"])
    if op.get_context().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column(
            "work_items", "kind", comment="review, audit, second, recheck, adjudication, gold, escalation or dispute"
        )
        op.alter_column(
            "labels",
            "provenance",
            comment="history, review, audit, second, recheck, escalation, dispute, adjudication or consensus",
        )
        op.alter_column("decisions", "work_item_id", comment="null: automatic, or practice")
        op.alter_column(
            "batches", "file_digest", comment="SHA-256 of the delivered bytes; of a call: 'call:' and its digits"
        )
