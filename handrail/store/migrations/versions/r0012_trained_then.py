"""A decision keeps whether its person's training counted at that moment.

Of decisions from before, the label that was accepted with one proves it. A denial has none: there the training that
counts today must have begun before, by a test that was passed or a label that was accepted until then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0009"
branch_labels = None
depends_on = None

_WITH_ITS_LABEL = """
    UPDATE decisions SET trained = :yes WHERE EXISTS (
        SELECT 1 FROM labels WHERE labels.case_id = decisions.case_id AND labels.reviewer = decisions.actor
        AND labels.status = 'accepted' AND labels.labelled_at = decisions.decided_at)
"""
_BEGINNINGS = """
    SELECT name, min(at) AS at FROM (
        SELECT reviewer AS name, labelled_at AS at FROM labels WHERE status = 'accepted' AND reviewer IS NOT NULL
        UNION ALL SELECT person, closed_at FROM qualifications WHERE passed = :yes) AS proofs
    GROUP BY name
"""
_SINCE_ITS_BEGINNING = """
    UPDATE decisions SET trained = :yes WHERE actor = :name AND kind <> 'automatic' AND decided_at >= :begun
    AND decided_at < (SELECT trained_until FROM people WHERE people.name = :name)
"""


def upgrade() -> None:
    op.add_column(
        "decisions",
        sa.Column(
            "trained", sa.Boolean(), nullable=True, comment="the person's training counted then; null: it was no person"
        ),
    )
    connection = op.get_bind()
    connection.execute(sa.text("UPDATE decisions SET trained = :no WHERE kind <> 'automatic'"), {"no": False})
    connection.execute(sa.text(_WITH_ITS_LABEL), {"yes": True})
    for name, begun in connection.execute(sa.text(_BEGINNINGS), {"yes": True}).all():
        connection.execute(sa.text(_SINCE_ITS_BEGINNING), {"yes": True, "name": name, "begun": begun})
