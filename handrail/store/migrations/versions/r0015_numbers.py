"""No number is given twice: SQLite remembers the highest one that it gave, also of rows that are gone.

PostgreSQL's sequences always did. The tables are found rather than listed: every one that numbers its own rows.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
OWN_NUMBER = re.compile(r"\bid INTEGER NOT NULL,")
OWN_KEY = re.compile(r",\s*(CONSTRAINT \w+ )?PRIMARY KEY \(id\)")
NUMBERED_BY_HAND = {"serving", "trail_head"}
"""Tables of one row, which is always number 1."""
MENTIONED = {
    "alert": "alerts",
    "batch": "batches",
    "certificate": "certificates",
    "decision": "decisions",
    "dispute": "disputes",
    "drift": "drifts",
    "item": "work_items",
    "pause": "pauses",
    "profile": "profiles",
    "proposal": "proposals",
    "review": "model_reviews",
    "test": "qualifications",
    "token": "tokens",
}
"""Under which key an event names a row of which table: the row may have been deleted since."""


def upgrade() -> None:
    op.create_table(
        "legal_holds",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False, comment="whose text, customer and notes are kept"),
        sa.Column("since", MOMENT, nullable=False, comment="from then on"),
        sa.Column("held_by", sa.Text(), nullable=False, comment="who; why stands beside the trail's event"),
        sa.Column("until", MOMENT, nullable=True, comment="released; null: held"),
        sa.Column("released_by", sa.Text(), nullable=True, comment="who"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_legal_holds_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
    )
    op.create_index(op.f("ix_legal_holds_case_id"), "legal_holds", ["case_id"])
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":  # which keeps no comments
        causes = "policy, legal, sla_breach, dispute, retention or incident"
        op.alter_column("escalations", "cause", comment=causes)
        return
    tables = _numbered(connection)
    for table, declaration in tables.items():
        _rebuild(connection, table, declaration)
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"the upgrade would leave references without their rows: {broken[:5]}")
    _count_on(connection, tables)


def _numbered(connection: sa.Connection) -> dict[str, str]:
    """The tables that number their own rows and may give a number twice, as they were declared."""
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return {
        name: sql
        for name, sql in rows.fetchall()
        if sql and name not in NUMBERED_BY_HAND and OWN_NUMBER.search(sql) and OWN_KEY.search(sql)
    }


def _rebuild(connection: sa.Connection, table: str, declaration: str) -> None:
    """SQLite cannot alter a key: the rows go into a new table that takes the old one's name, indexes and triggers."""
    query = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL"
    around = connection.exec_driver_sql(query, (table,)).scalars().all()
    renamed = declaration.replace("CREATE TABLE", "").lstrip().removeprefix(f'"{table}"').removeprefix(table)
    columns = OWN_KEY.sub("", OWN_NUMBER.sub("id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,", renamed, count=1))
    connection.exec_driver_sql(f'CREATE TABLE "{table}_numbered" {columns}')
    connection.exec_driver_sql(f'INSERT INTO "{table}_numbered" SELECT * FROM "{table}"')  # noqa: S608 - our own names
    connection.exec_driver_sql(f'DROP TABLE "{table}"')
    connection.exec_driver_sql(f'ALTER TABLE "{table}_numbered" RENAME TO "{table}"')
    for statement in around:
        connection.exec_driver_sql(statement)


def _count_on(connection: sa.Connection, tables: dict[str, str]) -> None:
    """Count on from the highest number in the table, and in the trail where it knows of one that has gone."""
    named = [key for key, table in MENTIONED.items() if table in tables]
    highest = ", ".join(
        f"max(CASE WHEN json_type(told, '$.{key}') = 'integer' THEN told ->> '{key}' END)" for key in named
    )
    query = f"SELECT max(case_id), {highest} FROM (SELECT case_id, CAST(body AS TEXT) AS told FROM trail)"  # noqa: S608
    in_trail = dict(zip(["case", *named], connection.exec_driver_sql(query).one(), strict=True))
    gone = {MENTIONED.get(key, "cases"): number or 0 for key, number in in_trail.items()}
    for table in tables:
        own = connection.exec_driver_sql(f'SELECT coalesce(max(id), 0) FROM "{table}"').scalar_one()  # noqa: S608
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name IN (?, ?)", (table, f"{table}_numbered"))
        values = (table, max(own, gone.get(table, 0)))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", values)
