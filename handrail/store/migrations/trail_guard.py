"""The triggers that keep the trail append-only; the first revision uses them, so a change takes a new file.

They stop accidents and programs. Who owns the database can drop them; then the hash chain tells.
"""

SQLITE = (
    """
    CREATE TRIGGER trail_refuses_update BEFORE UPDATE ON trail
    BEGIN SELECT RAISE(ABORT, 'the trail is append-only: events are never changed'); END
    """,
    """
    CREATE TRIGGER trail_refuses_delete BEFORE DELETE ON trail
    BEGIN SELECT RAISE(ABORT, 'the trail is append-only: events are never deleted'); END
    """,
    # INSERT OR REPLACE deletes the old event unasked where recursive_triggers is off.
    """
    CREATE TRIGGER trail_refuses_gap BEFORE INSERT ON trail
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM trail)
    BEGIN SELECT RAISE(ABORT, 'the trail is append-only: the next event follows the newest'); END
    """,
    """
    CREATE TRIGGER trail_head_refuses_return BEFORE UPDATE ON trail_head
    WHEN NEW.id IS NOT OLD.id OR NEW.seq < OLD.seq
    BEGIN SELECT RAISE(ABORT, 'the trail is append-only: its head never goes back'); END
    """,
    """
    CREATE TRIGGER trail_head_refuses_delete BEFORE DELETE ON trail_head
    BEGIN SELECT RAISE(ABORT, 'the trail is append-only: its head stays'); END
    """,
)

POSTGRESQL = (
    """
    CREATE FUNCTION trail_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the trail is append-only: % of % refused', TG_OP, TG_TABLE_NAME; END $$
    """,
    """
    CREATE TRIGGER trail_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON trail
    FOR EACH STATEMENT EXECUTE FUNCTION trail_refuses()
    """,
    # Once a statement, not once a row: the new numbers have no gap, and the first of them follows an old one.
    """
    CREATE FUNCTION trail_refuses_gap() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE first bigint; last bigint; fresh bigint;
    BEGIN
        SELECT min(seq), max(seq), count(*) INTO first, last, fresh FROM added;
        IF fresh > 0 AND (
            first < 1 OR last - first + 1 <> fresh
            OR (first > 1 AND NOT EXISTS (SELECT FROM trail WHERE seq = first - 1))
        ) THEN
            RAISE EXCEPTION 'the trail is append-only: the next event follows the newest';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER trail_refuses_gap AFTER INSERT ON trail
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION trail_refuses_gap()
    """,
    """
    CREATE TRIGGER trail_head_refuses_delete BEFORE DELETE OR TRUNCATE ON trail_head
    FOR EACH STATEMENT EXECUTE FUNCTION trail_refuses()
    """,
    """
    CREATE TRIGGER trail_head_refuses_return BEFORE UPDATE ON trail_head
    FOR EACH ROW WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.seq < OLD.seq) EXECUTE FUNCTION trail_refuses()
    """,
    "REVOKE UPDATE, DELETE, TRUNCATE ON trail FROM CURRENT_USER",
)

STATEMENTS = {"sqlite": SQLITE, "postgresql": POSTGRESQL}
