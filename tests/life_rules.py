"""What holds after every act of a shop's life, whatever came before, cut in or died; each rule says what breaks it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select

from handrail.case import State
from handrail.policy import Stage
from handrail.queues import Queue, Reason
from handrail.store import disputes, models, outbox, pauses, schema, stages, trail
from handrail.store.engine import Connection
from tests.life import UNDOABLE, Life
from tests.open_things import nothing_left_open

Rows = list[dict[str, Any]]
Tables = Mapping[str, Rows]

WATCHED = (
    schema.Case,
    schema.Route,
    schema.WorkItem,
    schema.Decision,
    schema.Outbox,
    schema.Escalation,
    schema.Dispute,
    schema.Pause,
    schema.ModelReview,
)
IDENTITY = {
    "work_items": ("case_id", "kind", "opened_at"),
    "decisions": ("case_id", "kind", "actor", "decided_at"),
    "outbox": ("key",),
    "escalations": ("case_id", "cause"),
    "disputes": ("case_id", "opened_at"),
    "pauses": ("category", "since"),
    "model_reviews": ("category", "opened_at"),
}
"""What a number stands for, as long as the workspace lives."""
DECIDING = {"review", "second", "escalation", "dispute"}
"""What a waiting case may wait for."""
FIRST = {"review", "second"}
"""What ends with the decision. An audit may escalate, and a customer contest, what was decided."""
UNSETTLED = {"new", "retry", "leased", "unknown", "dead"}


class Memory:
    """What was seen before: which numbers stood for what, and how far the automatic decisions were judged."""

    def __init__(self) -> None:
        self.meanings: dict[tuple[str, int], tuple[Any, ...]] = {}
        self.judged = 0

    def at_commit(self, connection: Connection, life: Life) -> None:
        """Judge what a transaction decided by the state that it leaves."""
        decided = schema.Decision.__table__
        query = select(decided).where(decided.c.kind == "automatic", decided.c.id > self.judged)
        fresh = [dict(row) for row in connection.execute(query.order_by(decided.c.id)).mappings()]
        if not fresh:
            return
        self.judged = max(row["id"] for row in fresh)
        paused = pauses.paused(connection)
        rollout = stages.stages(connection, life.policy)
        serving = models.serving(connection).model_version
        routes = _rows(connection, schema.Route)
        models_of = {row["case_id"]: row["model_version"] for row in routes}
        for row in fresh:
            category = row["label"]
            assert None not in paused, f"case {row['case_id']} was approved while everything is paused"
            assert category not in paused, f"case {row['case_id']} was approved while {category} is paused"
            assert rollout[category] in {Stage.PARTIAL, Stage.AUTO}, f"{category} is at stage {rollout[category]}"
            assert models_of[row["case_id"]] == serving, f"case {row['case_id']} was approved by an earlier version"


def check(life: Life, memory: Memory) -> None:
    """Raise with every rule that is broken."""
    with life.store.read() as connection:
        tables = {table.__tablename__: _rows(connection, table) for table in WATCHED}
        verified = trail.verify(connection)
        standing = {
            row["id"]: disputes.decision_in_force(connection, row["id"])
            for row in tables["cases"]
            if row["state"] == State.DONE
        }
        serving = models.serving(connection).model_version
        moments = [row["at"] for row in _rows(connection, schema.TrailEvent)]
    broken = [
        *_conserved(life, tables),
        *_worked_on(tables),
        *_effects(life, tables, standing),
        *_numbers(memory, tables),
        *_alarms(life, tables),
        *_routed(tables, serving),
        *nothing_left_open(life.store, life.policy, life.now),
    ]
    if not verified.valid:
        broken.append(f"the trail is broken: {verified}")
    if moments != sorted(moments):
        broken.append("time runs backwards in the trail")
    assert not broken, "\n".join(broken)


def _rows(connection: Connection, table: type[schema.Base]) -> Rows:
    columns = table.__table__
    query = select(columns).order_by(*columns.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


def _conserved(life: Life, tables: Tables) -> Iterator[str]:
    """Every row that came in is a case in one state."""
    for name in life.received - {row["external_id"] for row in tables["cases"]}:
        yield f"{name} was received and is gone"


def _worked_on(tables: Tables) -> Iterator[str]:
    """What waits has one work for it, what is decided has an action on its way, what is done has neither."""
    open_work: dict[int, list[str]] = defaultdict(list)
    for row in tables["work_items"]:
        if row["state"] == "open":
            open_work[row["case_id"]].append(row["kind"])
    actions: dict[int, set[str]] = defaultdict(set)
    for row in tables["outbox"]:
        actions[row["case_id"]].add(row["state"])
    for row in tables["cases"]:
        name, deciding = f"case {row['id']} is {row['state']}", DECIDING.intersection(open_work[row["id"]])
        if row["state"] == State.QUEUED and (not deciding or deciding >= FIRST):
            yield f"{name} with the open work {open_work[row['id']]}"
        elif row["state"] == State.DECIDED and not UNSETTLED.intersection(actions[row["id"]]):
            yield f"{name} and nothing is on its way: {actions[row['id']]}"
        elif row["state"] in {State.DECIDED, State.DONE} and deciding & FIRST:
            yield f"{name} with the open work {deciding & FIRST}"
        elif row["state"] in {State.RECEIVED, State.ACCEPTED, State.SCORED} and open_work[row["id"]]:
            yield f"{name} with the open work {open_work[row['id']]}"
        if len(open_work[row["id"]]) != len(set(open_work[row["id"]])):
            yield f"{name} with work twice: {open_work[row['id']]}"


def _effects(life: Life, tables: Tables, standing: Mapping[int, Any]) -> Iterator[str]:
    """One effect a decision, none without one, and nothing that had one counts as withdrawn."""
    effects = life.receiver.effects
    rows = {row["key"]: row for row in tables["outbox"]}
    in_force: dict[int, list[str]] = defaultdict(list)
    for key, times in effects.items():
        if key not in rows:
            yield f"an effect without an action: {key[:8]}"
            continue
        row = rows[key]
        name = f"action {row['id']} ({row['action']}, case {row['case_id']})"
        if row["state"] == "withdrawn":
            yield f"{name} counts as withdrawn, and the receiver has executed it"
        if times > 1:
            yield f"{name} had {times} effects"
        undo = rows.get(outbox.undo_key(key))
        is_taken_back = undo is not None and undo["state"] != "withdrawn"
        if row["action"] not in UNDOABLE.values() and not is_taken_back:
            in_force[row["case_id"]].append(row["category"])
    for case_id, categories in in_force.items():
        if len(categories) > 1:
            yield f"case {case_id} had the effects {categories}"
    for case_id, decision in standing.items():
        wanted = [] if decision is None or decision.label is None or decision.outcome == "deny" else [decision.label]
        if decision is not None and in_force[case_id] != wanted:
            yield f"case {case_id} is done as {wanted} and had the effects {in_force[case_id]}"


def _numbers(memory: Memory, tables: Tables) -> Iterator[str]:
    """A number never stands for something else."""
    for table, columns in IDENTITY.items():
        for row in tables[table]:
            means = tuple(row[column] for column in columns)
            before = memory.meanings.setdefault((table, row["id"]), means)
            if before != means:
                yield f"number {row['id']} of {table} stood for {before} and stands for {means}"


def _alarms(life: Life, tables: Tables) -> Iterator[str]:
    """What tripped is paused until somebody has reviewed it; an open escalation has work behind it."""
    running = {row["category"] for row in tables["pauses"] if row["until"] is None}
    reviews = {row["category"] for row in tables["model_reviews"] if row["closed_at"] is None}
    for category in sorted(life.tripped):
        if category not in reviews:
            yield f"the breaker of {category} tripped, and no model review is open"
        if not running & {category, None}:
            yield f"the breaker of {category} tripped, and it runs on without a review"
    open_work = {row["case_id"] for row in tables["work_items"] if row["state"] == "open"}
    for row in tables["escalations"]:
        if row["resolved_at"] is None and row["case_id"] not in open_work:
            yield f"escalation {row['id']} ({row['cause']}) of case {row['case_id']} is open without any work"
    for row in tables["disputes"]:
        if row["closed_at"] is None and row["case_id"] not in open_work:
            yield f"dispute {row['id']} of case {row['case_id']} is open without any work"


def _routed(tables: Tables, serving: str | None) -> Iterator[str]:
    """While a model serves nothing waits for want of one."""
    for row in tables["routes"]:
        if row["reason"] == Reason.NO_MODEL and row["queue"] == Queue.C and serving is not None:
            yield f"case {row['case_id']} went to C for want of a model, and version {serving} serves"
