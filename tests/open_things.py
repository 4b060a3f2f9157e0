"""What is open has something behind it: the facts of the tables that hold after every act, each with its sentence."""

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import text

from handrail.case import State
from handrail.policy import Policy
from handrail.store import alerts, proposals, situation, trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Sought

FORGOTTEN = timedelta(hours=1)
"""An alert that no sweep has seen for so long, while sweeps ran, is one that nobody ends."""

FACTS = {
    "queued case {} waits for nobody": """
        SELECT c.id FROM cases c WHERE c.state = 'queued'
        AND NOT EXISTS (SELECT 1 FROM work_items w WHERE w.state = 'open'
         AND w.case_id = c.id AND w.kind IN ('review', 'second', 'escalation', 'dispute'))""",
    "queued case {} waits for two decisions at once": """
        SELECT w.case_id FROM work_items w JOIN cases c ON c.id = w.case_id
        WHERE w.state = 'open' AND c.state = 'queued' AND w.kind IN ('review', 'second', 'escalation')
        GROUP BY w.case_id HAVING count(*) > 1""",
    "queued case {} has an action that will be sent all the same": """
        SELECT c.id FROM cases c JOIN outbox o ON o.case_id = c.id
        WHERE c.state = 'queued' AND o.state IN ('new', 'retry')""",
    "case {} is not routed yet and has open work": """
        SELECT c.id FROM cases c WHERE c.state IN ('received', 'accepted', 'scored', 'quarantined')
        AND EXISTS (SELECT 1 FROM work_items w WHERE w.state = 'open' AND w.case_id = c.id)""",
    "case {} is not routed yet and has an action": """
        SELECT c.id FROM cases c JOIN outbox o ON o.case_id = c.id
        WHERE c.state IN ('received', 'accepted', 'scored', 'quarantined')""",
    "decided case {} has no action under way": """
        SELECT c.id FROM cases c WHERE c.state = 'decided'
        AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.case_id = c.id
         AND o.state IN ('new', 'retry', 'leased', 'dead', 'unknown'))""",
    "done case {} has an action that is not done": """
        SELECT c.id FROM cases c JOIN outbox o ON o.case_id = c.id
        WHERE c.state = 'done' AND o.state IN ('new', 'retry', 'leased', 'dead', 'unknown')""",
    "quarantined case {} has no row in quarantine": """
        SELECT c.id FROM cases c WHERE c.state = 'quarantined'
        AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.case_id = c.id AND q.released_at IS NULL)""",
    "work {} is a first decision on a case that does not wait": """
        SELECT w.id FROM work_items w JOIN cases c ON c.id = w.case_id
        WHERE w.state = 'open' AND w.kind IN ('review', 'second') AND c.state <> 'queued'""",
    "work {} looks again at a case that is not decided": """
        SELECT w.id FROM work_items w JOIN cases c ON c.id = w.case_id
        WHERE w.state = 'open' AND c.state NOT IN ('decided', 'done')
        AND (w.kind = 'audit' OR (w.kind = 'dispute' AND c.state <> 'queued'))""",  # its action was taken back unsent
    "audit {} is of a case that was not approved by itself": """
        SELECT w.id FROM work_items w WHERE w.state = 'open' AND w.kind = 'audit' AND NOT EXISTS
        (SELECT 1 FROM decisions d WHERE d.case_id = w.case_id AND d.kind = 'automatic')""",
    "work {} is the manager's and no escalation is open": """
        SELECT w.id FROM work_items w WHERE w.state = 'open' AND w.kind = 'escalation' AND NOT EXISTS
        (SELECT 1 FROM escalations e WHERE e.case_id = w.case_id AND e.resolved_at IS NULL
         AND e.cause NOT IN ('sla_breach', 'dispute', 'retention'))""",
    "work {} is of a dispute that is not open": """
        SELECT w.id FROM work_items w WHERE w.state = 'open' AND w.kind = 'dispute' AND NOT EXISTS
        (SELECT 1 FROM disputes d WHERE d.work_item_id = w.id AND d.closed_at IS NULL)""",
    "work {} repeats a label that nobody gave": """
        SELECT w.id FROM work_items w WHERE w.state = 'open' AND w.kind = 'recheck' AND NOT EXISTS
        (SELECT 1 FROM labels l WHERE l.case_id = w.case_id)""",
    "work {} looks because of a doubt that there is not": """
        SELECT w.id FROM work_items w WHERE w.state = 'open' AND w.kind = 'doubt' AND NOT EXISTS
        (SELECT 1 FROM contradictions d WHERE d.case_id = w.case_id AND d.settled_at IS NULL)""",
    "contradiction of case {} is open, and nobody will look": """
        SELECT d.case_id FROM contradictions d WHERE d.settled_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM work_items w WHERE w.state = 'open' AND w.case_id = d.case_id
         AND w.kind IN ('doubt', 'recheck', 'second', 'adjudication'))""",
    "case {} is looked at twice because of one doubt": """
        SELECT w.case_id FROM work_items w WHERE w.state = 'open' AND w.kind IN ('doubt', 'adjudication')
        GROUP BY w.case_id HAVING count(*) > 1""",
    "settled case {} has no label for it": """
        SELECT d.case_id FROM contradictions d WHERE d.settled_by = 'looks' AND d.label IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM labels l WHERE l.case_id = d.case_id AND l.status = 'adjudicated')""",
    "adjudication {} is of a case without labels in doubt": """
        SELECT w.id FROM work_items w WHERE w.state = 'open' AND w.kind = 'adjudication' AND NOT EXISTS
        (SELECT 1 FROM labels l WHERE l.case_id = w.case_id AND l.status = 'provisional')""",
    "adjudication {} is of a case that is settled": """
        SELECT w.id FROM work_items w JOIN labels l ON l.case_id = w.case_id
        WHERE w.state = 'open' AND w.kind = 'adjudication' AND l.status = 'adjudicated'""",
    "work {} is a test on a case that is not gold": """
        SELECT w.id FROM work_items w WHERE w.state = 'open' AND w.kind = 'gold' AND NOT EXISTS
        (SELECT 1 FROM gold_cases g WHERE g.case_id = w.case_id AND g.retired_at IS NULL)""",
    "work {} is on a case whose content is deleted": """
        SELECT w.id FROM work_items w WHERE w.state = 'open' AND NOT EXISTS
        (SELECT 1 FROM case_inputs i WHERE i.case_id = w.case_id) AND NOT EXISTS
        (SELECT 1 FROM escalations e WHERE e.case_id = w.case_id AND e.cause = 'retention'
         AND e.resolved_at IS NULL)""",  # warned of, and open still after the second period
    "closed work {} is still leased": """
        SELECT w.id FROM work_items w WHERE w.state = 'closed' AND w.lease_until IS NOT NULL""",
    "escalation {} has no work of the manager behind it": """
        SELECT e.id FROM escalations e
        WHERE e.resolved_at IS NULL AND e.cause NOT IN ('sla_breach', 'dispute', 'retention')
        AND NOT EXISTS (SELECT 1 FROM work_items w WHERE w.state = 'open'
         AND w.case_id = e.case_id AND w.kind = 'escalation')""",
    "escalation {} is of a dispute that is over": """
        SELECT e.id FROM escalations e WHERE e.resolved_at IS NULL AND e.cause = 'dispute' AND NOT EXISTS
        (SELECT 1 FROM disputes d WHERE d.case_id = e.case_id AND d.closed_at IS NULL)""",
    "escalation {} is of a missed SLA, and nothing late is open": """
        SELECT e.id FROM escalations e WHERE e.resolved_at IS NULL AND e.cause = 'sla_breach' AND NOT EXISTS
        (SELECT 1 FROM work_items w WHERE w.state = 'open' AND w.case_id = e.case_id
         AND w.breached_at IS NOT NULL AND w.kind NOT IN ('recheck', 'doubt', 'adjudication', 'gold'))""",
    "escalation {} warns of the retention, and nothing of its case is open": """
        SELECT e.id FROM escalations e WHERE e.resolved_at IS NULL AND e.cause = 'retention'
        AND NOT EXISTS (SELECT 1 FROM work_items w WHERE w.state = 'open' AND w.case_id = e.case_id)
        AND NOT EXISTS (SELECT 1 FROM disputes d WHERE d.closed_at IS NULL AND d.case_id = e.case_id)
        AND NOT EXISTS (SELECT 1 FROM escalations o WHERE o.resolved_at IS NULL AND o.case_id = e.case_id
         AND o.cause <> 'retention')""",
    "dispute {} is open, and its work is not": """
        SELECT d.id FROM disputes d JOIN work_items w ON w.id = d.work_item_id
        WHERE d.closed_at IS NULL AND w.state <> 'open'""",
    "case {} has two open disputes": """
        SELECT d.case_id FROM disputes d WHERE d.closed_at IS NULL GROUP BY d.case_id HAVING count(*) > 1""",
    "dispute {} is open, and no escalation says so": """
        SELECT d.id FROM disputes d WHERE d.closed_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM escalations e WHERE e.case_id = d.case_id AND e.cause = 'dispute' AND e.resolved_at IS NULL)""",
    "model review {} is open and binds no pause": """
        SELECT r.id FROM model_reviews r WHERE r.closed_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM pauses p WHERE p.model_review_id = r.id AND p.until IS NULL)""",
    "pause {} is the breaker's and has no model review": """
        SELECT p.id FROM pauses p WHERE p.until IS NULL AND p.kind = 'breaker' AND p.model_review_id IS NULL""",
    "test {} is open, and all of it is decided": """
        SELECT q.id FROM qualifications q WHERE q.closed_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM work_items w WHERE w.state = 'open' AND w.kind = 'gold' AND w.assigned_to = q.person)""",
    "the decision behind action {} is of another case": """
        SELECT o.id FROM outbox o JOIN decisions d ON d.id = o.decision_id WHERE d.case_id <> o.case_id""",
}
"""A sentence, and the query whose rows contradict it by their id."""

CATEGORIES = {
    "open work {} proposes {!r}, which the policy does not have": """
        SELECT w.id, w.category FROM work_items w LEFT JOIN routes r ON r.case_id = w.case_id
        WHERE w.state = 'open' AND w.category IS NOT NULL AND coalesce(r.reason, '') <> 'unknown_category'""",
    "waiting case {} is routed as {!r}, which the policy does not have": """
        SELECT r.case_id, r.category FROM routes r JOIN cases c ON c.id = r.case_id
        WHERE c.state = 'queued' AND r.category IS NOT NULL AND r.reason <> 'unknown_category'""",
    "pause {} is of {!r}, which the policy does not have": """
        SELECT p.id, p.category FROM pauses p WHERE p.until IS NULL AND p.category IS NOT NULL""",
    "open model review {} is of {!r}, which the policy does not have": """
        SELECT r.id, r.category FROM model_reviews r WHERE r.closed_at IS NULL""",
    "certificate {} holds for {!r}, which the policy does not have": """
        SELECT c.id, c.category FROM certificates c WHERE c.voided_at IS NULL AND c.category IS NOT NULL""",
}
"""Where a category stands that governs something now."""


def nothing_left_open(store: Store | Connection, policy: Policy, now: datetime) -> list[str]:
    """What is open and should not be, or waits for nobody, as sentences; empty when all is well.

    `store` may be a connection, which reads what its transaction sees.
    """
    if isinstance(store, Store):
        with store.read() as connection:
            return nothing_left_open(connection, policy, now)
    return [
        *_sums(store),
        *(sentence.format(row[0]) for sentence, query in FACTS.items() for row in store.execute(text(query))),
        *(
            sentence.format(*row)
            for sentence, query in CATEGORIES.items()
            for row in store.execute(text(query))
            if row[1] not in policy.categories
        ),
        *(one.sentence for one in situation.altered(store, policy)),
        *_proposals(store, policy, now),
        *_alerts(store),
    ]


def _sums(connection: Connection) -> list[str]:
    """*waiting + decided + done + quarantined = received*, by the tables' word and by the trail's."""
    states = pd.Series(
        {row[0]: row[1] for row in connection.execute(text("SELECT state, count(*) FROM cases GROUP BY 1"))}
    )
    sums = {
        "waiting": int(states.reindex(["received", "accepted", "scored", "queued"]).sum()),
        **{name: int(states.get(name, 0)) for name in ("decided", "done", "quarantined")},
    }
    received = connection.execute(
        text("SELECT count(DISTINCT case_id) FROM trail WHERE kind = 'case.received'")
    ).scalar()
    wrong = [f"cases are in the state {name}, which there is not" for name in states.index if name not in set(State)]
    if sum(sums.values()) != received:
        parts = " + ".join(f"{name} {count}" for name, count in sums.items())
        wrong.append(f"{parts} is not received {received}")
    return wrong


def _proposals(connection: Connection, policy: Policy, now: datetime) -> list[str]:
    """Proposals that wait for a second person, and that nobody could confirm any more."""
    wrong: list[str] = []
    waiting = proposals.waiting(connection, now)
    if not waiting:
        return wrong
    running = pd.read_sql(text("SELECT id, category FROM pauses WHERE until IS NULL"), connection)
    stages = {name: str(stage) for name, stage in situation.read(connection, policy, now).stages.items()}
    for one in waiting:
        asked = one.arguments
        name = asked.get("category")
        if one.act == "resume":
            mine = running[running["category"].isna() if name is None else running["category"] == name]
            if asked["pauses"] != mine["id"].tolist():
                wrong.append(f"proposal {one.id} would resume what is not paused, or paused by more than it says")
        elif one.act == "set_stage" and stages.get(name) != asked["from"]:
            wrong.append(f"proposal {one.id} would move {name} from {asked['from']}, where it is not")
    return wrong


def _alerts(connection: Connection) -> list[str]:
    """Alerts of a breaker without a pause, where sweeps went on for long since they were last seen."""
    rows = connection.execute(
        text("SELECT id, kind, subject FROM alerts WHERE cleared_at IS NULL AND kind = 'breaker'")
    )
    paused = set(
        connection.execute(text("SELECT category FROM pauses WHERE until IS NULL AND kind = 'breaker'")).scalars()
    )
    swept = trail.newest(connection, Sought(kind="alert.cleared"), limit=1)
    return [
        f"alert {number} is of the breaker of {subject}, which is not paused by it"
        for number, _, subject in rows
        if subject not in paused and swept and swept[0].at - FORGOTTEN > _seen(connection, number)
    ]


def _seen(connection: Connection, number: int) -> datetime:
    found = alerts.alert(connection, number)
    assert found is not None
    return found.seen_at
