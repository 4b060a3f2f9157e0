"""The first tables, and the triggers that keep the trail append-only."""

import sqlalchemy as sa
from alembic import op

from handrail.store.migrations.trail_guard import STATEMENTS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
GENESIS = bytes(32)


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", ID, nullable=False),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="where the rows come from; with external_id it identifies a case",
        ),
        sa.Column("file_digest", sa.String(length=64), nullable=False, comment="SHA-256 of the delivered bytes"),
        sa.Column("policy_version", sa.String(length=12), nullable=False, comment="policy pinned for this batch"),
        sa.Column("state", sa.String(length=12), nullable=False, comment="open, gated, stopped or done"),
        sa.Column("started_at", MOMENT, nullable=False, comment="first row read"),
        sa.Column("finished_at", MOMENT, nullable=True, comment="last step ended"),
        sa.Column(
            "counts",
            sa.JSON(),
            nullable=False,
            comment="received, accepted, quarantined, duplicates, imported",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_table(
        "certificates",
        sa.Column("id", ID, nullable=False),
        sa.Column("model_version", sa.String(length=32), nullable=False, comment="valid for this version only"),
        sa.Column("category", sa.Text(), nullable=True, comment="null: overall, guarantees no single category"),
        sa.Column("threshold", sa.Double(), nullable=False, comment="confidence at or above it is certified"),
        sa.Column("max_error", sa.Double(), nullable=False, comment="guaranteed share of errors"),
        sa.Column("delta", sa.Double(), nullable=False, comment="chance that the guarantee is wrong"),
        sa.Column("labels", sa.Integer(), nullable=False, comment="blind labels at or above the threshold"),
        sa.Column("errors", sa.Integer(), nullable=False, comment="errors among them"),
        sa.Column("window_from", MOMENT, nullable=False, comment="oldest label"),
        sa.Column("window_to", MOMENT, nullable=False, comment="newest label"),
        sa.Column("issued_at", MOMENT, nullable=False, comment="when"),
        sa.Column("expires_at", MOMENT, nullable=False, comment="policy's age limit"),
        sa.Column("voided_at", MOMENT, nullable=True, comment="by a new model or drift"),
        sa.Column("void_reason", sa.Text(), nullable=True, comment="which"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
    )
    op.create_index(op.f("ix_certificates_model_version_voided_at"), "certificates", ["model_version", "voided_at"])
    op.create_table(
        "model_reviews",
        sa.Column("id", ID, nullable=False),
        sa.Column("category", sa.Text(), nullable=False, comment="category"),
        sa.Column("evidence", sa.JSON(), nullable=False, comment="counts, rate, window, case ids"),
        sa.Column("opened_at", MOMENT, nullable=False, comment="when"),
        sa.Column("closed_at", MOMENT, nullable=True, comment="when"),
        sa.Column("closed_by", sa.Text(), nullable=True, comment="who"),
        sa.Column("conclusion", sa.Text(), nullable=True, comment="what was found and done"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_reviews")),
    )
    op.create_table(
        "model_versions",
        sa.Column("version", sa.String(length=32), nullable=False, comment="MLflow registry version"),
        sa.Column("run_id", sa.String(length=64), nullable=False, comment="MLflow run"),
        sa.Column(
            "status",
            sa.String(length=16),
            nullable=False,
            comment="challenger, champion, retired, refused, rolled_back",
        ),
        sa.Column("artifact_digest", sa.String(length=64), nullable=False, comment="SHA-256 of the skops file"),
        sa.Column(
            "dataset_digest",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 over case ids and labels of the training set",
        ),
        sa.Column("policy_version", sa.String(length=12), nullable=False, comment="policy it was trained under"),
        sa.Column("labels", sa.Integer(), nullable=False, comment="size of the training set"),
        sa.Column(
            "cause",
            sa.Text(),
            nullable=False,
            comment="what started the training: first, monthly, error_rate, drift, by_hand",
        ),
        sa.Column("metrics", sa.JSON(), nullable=False, comment="accuracy, ece, log_loss … on data never trained on"),
        sa.Column("novelty_threshold", sa.Double(), nullable=False, comment="novelty above it flags a case as novel"),
        sa.Column("registered_at", MOMENT, nullable=False, comment="when it was registered"),
        sa.Column("trained_until", MOMENT, nullable=True, comment="receipt of the newest training case"),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_model_versions")),
    )
    op.create_table(
        "people",
        sa.Column("name", sa.Text(), nullable=False, comment="sign-in name"),
        sa.Column(
            "roles",
            sa.JSON(),
            nullable=False,
            comment="reviewer, escalation_manager, model_steward, data_curator, product_owner",
        ),
        sa.Column("trained_until", MOMENT, nullable=True, comment="labels count as accepted until then"),
        sa.Column("active", sa.Boolean(), nullable=False, comment="may act"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_people")),
    )
    op.create_table(
        "policies",
        sa.Column("id", ID, nullable=False),
        sa.Column(
            "version",
            sa.String(length=12),
            nullable=False,
            comment="first hex digits of the content's SHA-256",
        ),
        sa.Column("body", sa.Text(), nullable=False, comment="the policy as JSON"),
        sa.Column("published_at", MOMENT, nullable=False, comment="when it came into force"),
        sa.Column("actor", sa.Text(), nullable=False, comment="who published it"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
    )
    op.create_table(
        "profiles",
        sa.Column("id", ID, nullable=False),
        sa.Column("model_version", sa.String(length=32), nullable=True, comment="serving when it was built"),
        sa.Column("cause", sa.Text(), nullable=False, comment="first, promotion or drift absorbed"),
        sa.Column("built_at", MOMENT, nullable=False, comment="when"),
        sa.Column("window_from", MOMENT, nullable=False, comment="oldest case"),
        sa.Column("window_to", MOMENT, nullable=False, comment="newest case"),
        sa.Column("cases", sa.Integer(), nullable=False, comment="how many"),
        sa.Column(
            "body",
            sa.Text(),
            nullable=False,
            comment="columns and terms as JSON; terms are document frequencies, no texts",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
    )
    op.create_table(
        "stage_changes",
        sa.Column("id", ID, nullable=False),
        sa.Column("category", sa.Text(), nullable=False, comment="category"),
        sa.Column("stage", sa.String(length=8), nullable=False, comment="manual, shadow, suggest, partial or auto"),
        sa.Column("since", MOMENT, nullable=False, comment="from then on"),
        sa.Column("actor", sa.Text(), nullable=False, comment="who"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_changes")),
    )
    op.create_index(op.f("ix_stage_changes_category_id"), "stage_changes", ["category", "id"])
    op.create_table(
        "trail",
        sa.Column("seq", ID, autoincrement=False, nullable=False, comment="1, 2, 3 … without a gap"),
        sa.Column("at", MOMENT, nullable=False, comment="copy of body.at, for searching; verified"),
        sa.Column("kind", sa.String(length=40), nullable=False, comment="copy of body.kind, for searching; verified"),
        sa.Column("case_id", ID, nullable=True, comment="copy of body.case, for searching; verified"),
        sa.Column(
            "body",
            sa.LargeBinary(),
            nullable=False,
            comment="JSON with sorted keys; what was hashed is what is stored",
        ),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="sha256(previous hash ‖ body)"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_trail")),
    )
    op.create_index(op.f("ix_trail_case_id"), "trail", ["case_id"])
    op.create_index(op.f("ix_trail_kind_seq"), "trail", ["kind", "seq"])
    op.create_table(
        "reasons",
        sa.Column("seq", ID, autoincrement=False, nullable=False, comment="trail event it explains"),
        sa.Column("text", sa.Text(), nullable=False, comment="free text"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_reasons")),
    )
    op.create_table(
        "trail_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", ID, nullable=False, comment="of the newest event; 0 when empty"),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="of the newest event; zeros when empty"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trail_head")),
    )
    op.create_table(
        "watches",
        sa.Column("name", sa.Text(), nullable=False, comment="audit_sampling, quality_watch or sla_watch"),
        sa.Column("succeeded_at", MOMENT, nullable=False, comment="when"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watches")),
    )
    op.create_table(
        "cases",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="where the case comes from"),
        sa.Column("external_id", sa.Text(), nullable=False, comment="the source's id of the case"),
        sa.Column("batch_id", ID, nullable=False, comment="delivery it came with"),
        sa.Column("row_digest", sa.String(length=64), nullable=False, comment="SHA-256 of the row as delivered"),
        sa.Column(
            "state",
            sa.String(length=12),
            nullable=False,
            comment="received, quarantined, accepted, scored, queued, decided, done",
        ),
        sa.Column("received_at", MOMENT, nullable=False, comment="when the customer sent it"),
        sa.Column("ingested_at", MOMENT, nullable=False, comment="when Handrail took it in"),
        sa.Column(
            "history",
            sa.Boolean(),
            nullable=False,
            comment="known outcome: enters as done, with a label and no queue",
        ),
        sa.Column("has_text", sa.Boolean(), nullable=False, comment="false: nothing for the model to read"),
        sa.Column("consent", sa.Boolean(), nullable=False, comment="false: a person decides"),
        sa.Column("amount", sa.Double(), nullable=True, comment="largest amount at stake, in the policy's currency"),
        sa.Column("fields", sa.JSON(), nullable=False, comment="mapped fields such as channel, region, tier"),
        sa.Column(
            "flags",
            sa.JSON(),
            nullable=False,
            comment="policy, legal, safety or amount hits that force queue C",
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_cases_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_cases_source_external_id")),
    )
    op.create_index(op.f("ix_cases_batch_id_state"), "cases", ["batch_id", "state"])
    op.create_index(op.f("ix_cases_received_at"), "cases", ["received_at"])
    op.create_index(op.f("ix_cases_state_id"), "cases", ["state", "id"])
    op.create_table(
        "drifts",
        sa.Column("id", ID, nullable=False),
        sa.Column("profile_id", ID, nullable=False, comment="compared with"),
        sa.Column("window_from", MOMENT, nullable=False, comment="oldest case looked at"),
        sa.Column("window_to", MOMENT, nullable=False, comment="newest case looked at"),
        sa.Column("columns", sa.JSON(), nullable=False, comment="names of drifted columns"),
        sa.Column("terms", sa.JSON(), nullable=False, comment="new terms, most lifted first"),
        sa.Column("found_at", MOMENT, nullable=False, comment="when"),
        sa.Column("raises_audits_until", MOMENT, nullable=False, comment="policy's factor applies until then"),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_drifts_profile_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drifts")),
    )
    op.create_index(op.f("ix_drifts_raises_audits_until"), "drifts", ["raises_audits_until"])
    op.create_table(
        "pauses",
        sa.Column("id", ID, nullable=False),
        sa.Column("category", sa.Text(), nullable=True, comment="null: everything"),
        sa.Column("kind", sa.String(length=10), nullable=False, comment="breaker or operator"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why"),
        sa.Column("actor", sa.Text(), nullable=False, comment="who"),
        sa.Column("since", MOMENT, nullable=False, comment="from then on"),
        sa.Column("until", MOMENT, nullable=True, comment="resumed"),
        sa.Column("model_review_id", ID, nullable=True, comment="opened by the breaker"),
        sa.ForeignKeyConstraint(["model_review_id"], ["model_reviews.id"], name=op.f("fk_pauses_model_review_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pauses")),
    )
    op.create_index(op.f("ix_pauses_until"), "pauses", ["until"])
    op.create_table(
        "serving",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_version", sa.String(length=32), nullable=True, comment="null: all to people"),
        sa.Column("previous", sa.String(length=32), nullable=True, comment="what a rollback returns to"),
        sa.Column("challenger", sa.String(length=32), nullable=True, comment="scored in shadow beside the champion"),
        sa.Column("since", MOMENT, nullable=False, comment="when it began to serve"),
        sa.ForeignKeyConstraint(["model_version"], ["model_versions.version"], name=op.f("fk_serving_model_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_serving")),
    )
    op.create_table(
        "case_inputs",
        sa.Column("case_id", ID, autoincrement=False, nullable=False),
        sa.Column(
            "salt",
            sa.LargeBinary(length=16),
            nullable=False,
            comment="key of the trail's digest; gone with the text",
        ),
        sa.Column("text", sa.Text(), nullable=False, comment="raw text"),
        sa.Column(
            "redacted",
            sa.Text(),
            nullable=True,
            comment="text with personal data replaced; null before redaction",
        ),
        sa.Column(
            "findings",
            sa.JSON(),
            nullable=True,
            comment="[type, start, end] of each replacement, in characters",
        ),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="the source's id of the customer"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_inputs_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_inputs")),
    )
    op.create_index(op.f("ix_case_inputs_customer_id"), "case_inputs", ["customer_id"])
    op.create_table(
        "escalations",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="the case"),
        sa.Column(
            "cause",
            sa.String(length=12),
            nullable=False,
            comment="policy, legal, sla_breach, dispute or incident",
        ),
        sa.Column("first_decider", sa.Text(), nullable=True, comment="never reviews it again"),
        sa.Column("opened_at", MOMENT, nullable=False, comment="when"),
        sa.Column("due_at", MOMENT, nullable=False, comment="policy's escalation time"),
        sa.Column("resolved_at", MOMENT, nullable=True, comment="when"),
        sa.Column("resolved_by", sa.Text(), nullable=True, comment="who"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_escalations_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalations")),
        sa.UniqueConstraint("case_id", "cause", name=op.f("uq_escalations_case_id_cause")),
    )
    op.create_index(op.f("ix_escalations_resolved_at_due_at"), "escalations", ["resolved_at", "due_at"])
    op.create_table(
        "labels",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="the case"),
        sa.Column("label", sa.Text(), nullable=False, comment="category"),
        sa.Column(
            "status",
            sa.String(length=12),
            nullable=False,
            comment="imported, accepted, provisional or adjudicated",
        ),
        sa.Column(
            "provenance",
            sa.String(length=12),
            nullable=False,
            comment="history, review, audit, second, gold or escalation",
        ),
        sa.Column("reviewer", sa.Text(), nullable=True, comment="null for history"),
        sa.Column(
            "blind",
            sa.Boolean(),
            nullable=False,
            comment="given without seeing the suggestion; only these certify",
        ),
        sa.Column("reason_code", sa.Text(), nullable=True, comment="reason of a correction"),
        sa.Column("labelled_at", MOMENT, nullable=False, comment="when"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_labels_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
    )
    op.create_index(op.f("ix_labels_case_id"), "labels", ["case_id"])
    op.create_index(op.f("ix_labels_status_labelled_at"), "labels", ["status", "labelled_at"])
    op.create_table(
        "outcomes",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="the case"),
        sa.Column("kind", sa.String(length=10), nullable=False, comment="reversal, complaint, csat or closed"),
        sa.Column("value", sa.Double(), nullable=True, comment="CSAT 1–5; else null"),
        sa.Column("at", MOMENT, nullable=False, comment="when it happened"),
        sa.Column("imported_at", MOMENT, nullable=False, comment="when Handrail learnt of it"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_outcomes_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcomes")),
        sa.UniqueConstraint("case_id", "kind", "at", name=op.f("uq_outcomes_case_id_kind_at")),
    )
    op.create_index(op.f("ix_outcomes_kind_at"), "outcomes", ["kind", "at"])
    op.create_table(
        "predictions",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="the case"),
        sa.Column("model_version", sa.String(length=32), nullable=False, comment="who predicted"),
        sa.Column("role", sa.String(length=12), nullable=False, comment="champion or challenger at that time"),
        sa.Column("label", sa.Text(), nullable=False, comment="predicted category"),
        sa.Column("confidence", sa.Double(), nullable=False, comment="calibrated probability of the label"),
        sa.Column("novelty", sa.Double(), nullable=False, comment="0 familiar … 1 unlike anything in training"),
        sa.Column("novel", sa.Boolean(), nullable=False, comment="novelty above the version's threshold"),
        sa.Column("scored_at", MOMENT, nullable=False, comment="when"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_predictions_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_predictions")),
        sa.UniqueConstraint("case_id", "model_version", name=op.f("uq_predictions_case_id_model_version")),
    )
    op.create_index(op.f("ix_predictions_model_version_scored_at"), "predictions", ["model_version", "scored_at"])
    op.create_table(
        "quarantine",
        sa.Column("id", ID, nullable=False),
        sa.Column("batch_id", ID, nullable=False, comment="delivery it came with"),
        sa.Column("source", sa.Text(), nullable=False, comment="where the row comes from"),
        sa.Column(
            "row_number",
            sa.Integer(),
            nullable=False,
            comment="1-based row in the delivery, header not counted",
        ),
        sa.Column(
            "row_digest",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 of the row; the same row enters once",
        ),
        sa.Column("external_id", sa.Text(), nullable=True, comment="the source's id, where it could be read"),
        sa.Column("case_id", ID, nullable=True, comment="the case, where one was made"),
        sa.Column("reason", sa.Text(), nullable=False, comment="what is wrong and the remedy"),
        sa.Column("expectation", sa.Text(), nullable=False, comment="rule or Great Expectations name that failed"),
        sa.Column("row", sa.JSON(), nullable=True, comment="the row as delivered; erasable"),
        sa.Column("at", MOMENT, nullable=False, comment="when it was put aside"),
        sa.Column("released_at", MOMENT, nullable=True, comment="when a corrected row replaced it"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_quarantine_batch_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_quarantine_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("source", "row_digest", name=op.f("uq_quarantine_source_row_digest")),
    )
    op.create_index(op.f("ix_quarantine_batch_id"), "quarantine", ["batch_id"])
    op.create_table(
        "routes",
        sa.Column("case_id", ID, autoincrement=False, nullable=False),
        sa.Column("queue", sa.String(length=1), nullable=False, comment="A, B or C"),
        sa.Column("reason", sa.Text(), nullable=False, comment="code of the first matching rule"),
        sa.Column("reasons", sa.JSON(), nullable=False, comment="codes of all matching rules, in order"),
        sa.Column("category", sa.Text(), nullable=True, comment="predicted category; null without a prediction"),
        sa.Column("confidence", sa.Double(), nullable=True, comment="of that prediction"),
        sa.Column("threshold", sa.Double(), nullable=True, comment="auto threshold applied"),
        sa.Column("stage", sa.String(length=8), nullable=True, comment="stage of the category at that time"),
        sa.Column("control", sa.Boolean(), nullable=False, comment="randomised control group of a partial rollout"),
        sa.Column("suggestion_hidden", sa.Boolean(), nullable=False, comment="the reviewer decides blind"),
        sa.Column("model_version", sa.String(length=32), nullable=True, comment="who predicted"),
        sa.Column("policy_version", sa.String(length=12), nullable=False, comment="policy that routed"),
        sa.Column("assigned_at", MOMENT, nullable=False, comment="when"),
        sa.Column("due_at", MOMENT, nullable=False, comment="assignment + SLA in business time"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_routes_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_routes")),
    )
    op.create_index(op.f("ix_routes_assigned_at"), "routes", ["assigned_at"])
    op.create_index(op.f("ix_routes_category_assigned_at"), "routes", ["category", "assigned_at"])
    op.create_index(op.f("ix_routes_queue_due_at"), "routes", ["queue", "due_at"])
    op.create_table(
        "work_items",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="the case"),
        sa.Column("kind", sa.String(length=12), nullable=False, comment="review, audit, second, gold or escalation"),
        sa.Column("queue", sa.String(length=1), nullable=False, comment="queue of the case at opening"),
        sa.Column("category", sa.Text(), nullable=True, comment="predicted category"),
        sa.Column("suggestion_hidden", sa.Boolean(), nullable=False, comment="the reviewer decides blind"),
        sa.Column("opened_at", MOMENT, nullable=False, comment="when the work came up"),
        sa.Column("due_at", MOMENT, nullable=False, comment="SLA"),
        sa.Column("state", sa.String(length=8), nullable=False, comment="open or closed"),
        sa.Column("holder", sa.Text(), nullable=True, comment="reviewer who claimed it"),
        sa.Column("lease_until", MOMENT, nullable=True, comment="the claim ends here"),
        sa.Column("fence", sa.Integer(), nullable=False, comment="grows with each claim; a stale one is refused"),
        sa.Column("breached_at", MOMENT, nullable=True, comment="SLA breach noticed"),
        sa.Column("closed_at", MOMENT, nullable=True, comment="decided or withdrawn"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_work_items_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_items")),
    )
    op.create_index(op.f("ix_work_items_case_id_state"), "work_items", ["case_id", "state"])
    op.create_index(op.f("ix_work_items_kind_state"), "work_items", ["kind", "state"])
    op.create_index(op.f("ix_work_items_state_due_at"), "work_items", ["state", "due_at"])
    op.create_table(
        "audit_draws",
        sa.Column("case_id", ID, autoincrement=False, nullable=False),
        sa.Column("work_item_id", ID, nullable=True, comment="null: looked at, not drawn"),
        sa.Column("drawn", sa.Boolean(), nullable=False, comment="in the sample"),
        sa.Column(
            "random",
            sa.Boolean(),
            nullable=False,
            comment="drawn by the simple-random stratum; the breaker counts only these",
        ),
        sa.Column(
            "stratum",
            sa.String(length=16),
            nullable=True,
            comment="random, low_confidence, high_value or new_segment",
        ),
        sa.Column(
            "inclusion_probability",
            sa.Double(),
            nullable=False,
            comment="chance of being in the sample by any stratum",
        ),
        sa.Column("drawn_at", MOMENT, nullable=False, comment="when"),
        sa.Column("seed", ID, nullable=False, comment="reproduces the draw"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_audit_draws_case_id")),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_items.id"], name=op.f("fk_audit_draws_work_item_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_audit_draws")),
    )
    op.create_index(op.f("ix_audit_draws_drawn_at"), "audit_draws", ["drawn_at"])
    op.create_table(
        "decisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="the case"),
        sa.Column("work_item_id", ID, nullable=True, comment="null: automatic"),
        sa.Column(
            "kind",
            sa.String(length=12),
            nullable=False,
            comment="automatic, review, audit, second, gold or escalation",
        ),
        sa.Column("outcome", sa.String(length=8), nullable=False, comment="approve, override or deny"),
        sa.Column("proposed", sa.Text(), nullable=True, comment="label the model proposed"),
        sa.Column("label", sa.Text(), nullable=True, comment="label decided; null when none fits"),
        sa.Column("reason_code", sa.Text(), nullable=True, comment="why a rejection"),
        sa.Column("actor", sa.Text(), nullable=False, comment="reviewer, or the flow"),
        sa.Column("blind", sa.Boolean(), nullable=False, comment="decided without seeing the suggestion"),
        sa.Column("seconds", sa.Double(), nullable=True, comment="time the person took"),
        sa.Column("decided_at", MOMENT, nullable=False, comment="when"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_decisions_case_id")),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_items.id"], name=op.f("fk_decisions_work_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_case_id"), "decisions", ["case_id"])
    op.create_index(op.f("ix_decisions_decided_at"), "decisions", ["decided_at"])
    op.create_index(op.f("ix_decisions_kind_decided_at"), "decisions", ["kind", "decided_at"])
    op.create_table(
        "notes",
        sa.Column("decision_id", ID, autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="free text"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_notes_decision_id")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_notes")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="the case"),
        sa.Column("decision_id", ID, nullable=False, comment="the decision it carries out"),
        sa.Column("key", sa.String(length=64), nullable=False, comment="idempotency key for the receiver"),
        sa.Column("action", sa.Text(), nullable=False, comment="what the receiver does"),
        sa.Column("category", sa.Text(), nullable=False, comment="label decided; a pause stops automatic ones by it"),
        sa.Column("automatic", sa.Boolean(), nullable=False, comment="true: held while the category is paused"),
        sa.Column(
            "state",
            sa.String(length=9),
            nullable=False,
            comment="new, leased, done, retry, dead, unknown or withdrawn",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="deliveries tried"),
        sa.Column("created_at", MOMENT, nullable=False, comment="with its decision"),
        sa.Column("next_at", MOMENT, nullable=False, comment="not before"),
        sa.Column("lease_until", MOMENT, nullable=True, comment="a sender holds it until then"),
        sa.Column("done_at", MOMENT, nullable=True, comment="acknowledged by the receiver"),
        sa.Column("error", sa.Text(), nullable=True, comment="last failure"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_outbox_case_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_outbox_decision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    op.create_index(op.f("ix_outbox_case_id"), "outbox", ["case_id"])
    op.create_index(op.f("ix_outbox_state_next_at"), "outbox", ["state", "next_at"])

    op.bulk_insert(
        sa.table("trail_head", sa.column("id", sa.Integer), sa.column("seq", ID), sa.column("hash", sa.LargeBinary)),
        [{"id": 1, "seq": 0, "hash": GENESIS}],
    )
    for statement in STATEMENTS[op.get_context().dialect.name]:
        op.execute(statement)
