"""The figures of every face once more, in SQL that is written out here and shares no line with the product's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Row = tuple[Any, ...]
Ask = Callable[..., list[Row]]
"""Runs a query with named values, written `:name`, and returns its rows."""

STANDS = (
    "({0}.kind <> 'automatic' OR EXISTS (SELECT 1 FROM outbox x WHERE x.case_id = {0}.case_id"
    " AND x.decision_id = {0}.id AND x.state <> 'withdrawn'))"
)
"""Of a decision, that it was not taken back before its action was sent."""
SETTLING = "('automatic', 'review', 'second', 'escalation', 'dispute')"
ASSISTED = "('suggest', 'partial', 'auto')"
MICROSECOND = timedelta(microseconds=1)
ENOUGH = 30


def on_sqlite(file: str) -> Ask:
    """A way to ask a SQLite file."""
    import sqlite3

    connection = sqlite3.connect(file)

    def ask(query: str, **values: Any) -> list[Row]:
        plain = {
            name: f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value
            for name, value in values.items()
        }
        return connection.execute(query.replace("HOURS(", "24 * (").replace("JD(", "julianday("), plain).fetchall()

    return ask


def on_postgres(address: str) -> Ask:
    """A way to ask a PostgreSQL database; moments as hours since the epoch where SQLite counts Julian days."""
    import re

    import psycopg

    connection = psycopg.connect(address.replace("+psycopg", ""), autocommit=True)

    def ask(query: str, **values: Any) -> list[Row]:
        named = re.sub(r"(?<!:):([a-z_]+)", r"%(\1)s", query)
        timed = named.replace("HOURS(", "(1.0 / 3600) * (").replace("JD(", "extract(epoch FROM ")
        return [
            tuple(float(one) if type(one).__name__ == "Decimal" else one for one in row)
            for row in connection.execute(timed, values).fetchall()
        ]

    return ask


@dataclass(frozen=True)
class Prices:
    """What the policy says of time and money; minutes of a review without a measured time, price of an error."""

    manual: float
    quick: float
    minute: float
    error: float


def last(days: float, now: datetime) -> dict[str, datetime]:
    """The days up to and with `now`, as half-open bounds."""
    return {"since": now + MICROSECOND - timedelta(days=days), "until": now + MICROSECOND}


class Facts:
    """Asks a database directly."""

    def __init__(self, ask: Ask, now: datetime, prices: Prices) -> None:
        self.ask, self.now, self.prices = ask, now, prices

    def one(self, query: str, **values: Any) -> Any:
        """The only cell of an answer."""
        ((cell,),) = self.ask(query, **values)
        return cell

    def counts(self, query: str, **values: Any) -> dict[Any, int]:
        """A count for each key."""
        return {key: int(count) for key, count in self.ask(query, **values)}

    # What `handrail status` says.

    def states(self) -> dict[str, int]:
        return self.counts("SELECT state, count(*) FROM cases GROUP BY state")

    def actions(self) -> dict[str, int]:
        return self.counts("SELECT state, count(*) FROM outbox GROUP BY state")

    def waiting(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Open work and how much of it is overdue, by queue and kind."""
        rows = self.ask(
            "SELECT queue, kind, count(*), sum(CASE WHEN due_at < :now THEN 1 ELSE 0 END) FROM work_items"
            " WHERE state = 'open' GROUP BY queue, kind",
            now=self.now,
        )
        return {(queue, kind): (int(count), int(late)) for queue, kind, count, late in rows}

    def open_escalations(self) -> int:
        """Unresolved ones; a missed SLA of the manager's own work is that work, late, and no second escalation."""
        return int(
            self.one(
                "SELECT count(*) FROM escalations e WHERE resolved_at IS NULL AND (cause <> 'sla_breach' OR NOT"
                " EXISTS (SELECT 1 FROM work_items w WHERE w.case_id = e.case_id AND w.state = 'open'"
                " AND w.kind IN ('escalation', 'dispute')) OR EXISTS (SELECT 1 FROM work_items w WHERE"
                " w.case_id = e.case_id AND w.state = 'open' AND w.breached_at IS NOT NULL AND w.kind NOT IN"
                " ('escalation', 'dispute', 'recheck', 'doubt', 'adjudication', 'gold')))"
            )
        )

    def routed(self, days: float, category: str | None = None) -> tuple[int, int]:
        """Cases routed, and those of them in queue A."""
        where = "" if category is None else " AND category = :category"
        ((cases, automatic),) = self.ask(
            "SELECT count(*), coalesce(sum(CASE WHEN queue = 'A' THEN 1 ELSE 0 END), 0) FROM routes"
            f" WHERE assigned_at >= :since AND assigned_at < :until{where}",
            **last(days, self.now),
            **({} if category is None else {"category": category}),
        )
        return int(cases), int(automatic)

    def audited(self, days: float = 28, category: str | None = None) -> dict[str, float | int | None]:
        """Approvals of the window that a draw looked at, those audited and wrong by now, and the weighted rate."""
        where = "" if category is None else " AND r.category = :category"
        ((approvals, audited, wrong, weight, heavy),) = self.ask(
            "SELECT count(*), count(u.id), sum(CASE WHEN u.outcome <> 'approve' THEN 1 ELSE 0 END),"
            " sum(CASE WHEN u.id IS NOT NULL THEN 1.0 / a.inclusion_probability END),"
            " sum(CASE WHEN u.outcome <> 'approve' THEN 1.0 / a.inclusion_probability ELSE 0 END)"
            " FROM audit_draws a JOIN decisions d ON d.case_id = a.case_id AND d.kind = 'automatic'"
            " JOIN routes r ON r.case_id = a.case_id LEFT JOIN decisions u ON u.case_id = a.case_id"
            " AND u.kind = 'audit' AND u.decided_at < :until"
            f" WHERE d.decided_at >= :since AND d.decided_at < :until AND {STANDS.format('d')}{where}",
            **last(days, self.now),
            **({} if category is None else {"category": category}),
        )
        rate = heavy / weight if audited else None
        return {"approvals": int(approvals), "audited": int(audited), "wrong": int(wrong or 0), "rate": rate}

    def audits_decided(
        self, since: datetime, until: datetime, where: str = "", **values: Any
    ) -> tuple[int, int, float | None]:
        """Audits decided in [since, until), those that found an error, and the weighted rate."""
        ((audited, wrong, weight, heavy),) = self.ask(
            "SELECT count(*), coalesce(sum(CASE WHEN u.outcome <> 'approve' THEN 1 ELSE 0 END), 0),"
            " sum(1.0 / a.inclusion_probability),"
            " sum(CASE WHEN u.outcome <> 'approve' THEN 1.0 / a.inclusion_probability ELSE 0 END)"
            " FROM decisions u JOIN audit_draws a ON a.case_id = u.case_id JOIN cases c ON c.id = u.case_id"
            " JOIN routes r ON r.case_id = u.case_id WHERE u.kind = 'audit'"
            f" AND u.decided_at >= :since AND u.decided_at < :until{where}",
            since=since,
            until=until,
            **values,
        )
        return int(audited), int(wrong), heavy / weight if audited else None

    # The KPIs.

    def first_rollout(self) -> datetime | str | None:
        return self.one(
            f"SELECT min(assigned_at) FROM routes WHERE stage IN {ASSISTED} AND category IS NOT NULL"
            " AND assigned_at < :until",
            until=self.now + MICROSECOND,
        )

    def minutes(self, since: datetime, until: datetime) -> tuple[float, int, float]:
        """Minutes of people per case first settled in the window, those cases, and the share settled by the model."""
        usual = (
            "SELECT d.kind, r.queue, avg(d.seconds) / 60.0 AS minutes FROM decisions d"
            " JOIN routes r ON r.case_id = d.case_id WHERE d.decided_at >= :since AND d.decided_at < :until"
            " AND d.seconds >= 0 GROUP BY d.kind, r.queue HAVING count(*) >= :enough"
        )
        spent = self.one(
            "SELECT sum(coalesce(CASE WHEN d.seconds >= 0 THEN d.seconds / 60.0 END, u.minutes,"
            " CASE WHEN d.kind = 'review' AND r.queue = 'B' THEN :quick ELSE :manual END)) FROM decisions d"
            f" JOIN routes r ON r.case_id = d.case_id LEFT JOIN ({usual}) u ON u.kind = d.kind AND u.queue = r.queue"
            " WHERE d.kind NOT IN ('automatic', 'gold') AND d.decided_at >= :since AND d.decided_at < :until",
            since=since,
            until=until,
            enough=ENOUGH,
            quick=self.prices.quick,
            manual=self.prices.manual,
        )
        ((cases, automatic),) = self.ask(
            "SELECT count(*), sum(CASE WHEN kind = 'automatic' THEN 1 ELSE 0 END) FROM decisions d JOIN"
            f" (SELECT min(s.id) AS id FROM decisions s WHERE s.kind IN {SETTLING} AND {STANDS.format('s')}"
            " GROUP BY s.case_id) f ON f.id = d.id"
            " WHERE d.decided_at >= :since AND d.decided_at < :until",
            since=since,
            until=until,
        )
        return (float(spent or 0) / cases if cases else 0.0), int(cases), (automatic or 0) / cases if cases else 0.0

    def by_hand(self) -> tuple[float, int]:
        """Minutes a case took before any category left shadow, and the cases in which all of it was measured."""
        first = self.first_rollout()
        early = "" if first is None else " AND r.assigned_at < :first"
        ((minutes, cases),) = self.ask(
            "SELECT avg(minutes), count(*) FROM (SELECT sum(d.seconds) / 60.0 AS minutes FROM decisions d"
            f" JOIN routes r ON r.case_id = d.case_id WHERE d.kind IN {SETTLING} AND d.kind <> 'automatic'{early}"
            " AND d.decided_at < :until GROUP BY d.case_id HAVING count(*) = count(d.seconds)) AS measured",
            until=self.now + MICROSECOND,
            **({} if first is None else {"first": first}),
        )
        return (float(minutes), int(cases)) if cases >= ENOUGH else (self.prices.manual, 0)

    def slips(self) -> tuple[int, int]:
        """Rechecked cases of before the rollout, and those whose recheck named another category than the first look."""
        first = self.first_rollout()
        early = "" if first is None else " AND r.assigned_at < :first"
        ((cases, other),) = self.ask(
            "SELECT count(*), coalesce(sum(CASE WHEN coalesce(d.label, '') <> coalesce(l.label, '') THEN 1 ELSE 0 END),"
            " 0) FROM decisions d JOIN routes r ON r.case_id = d.case_id JOIN decisions l ON l.id = (SELECT min(o.id)"
            " FROM decisions o WHERE o.case_id = d.case_id AND o.kind IN ('review', 'audit'))"
            f" WHERE d.kind = 'recheck' AND d.decided_at < :until{early}",
            until=self.now + MICROSECOND,
            **({} if first is None else {"first": first}),
        )
        return int(cases), int(other)

    def random_audits(self, since: datetime, until: datetime, where: str = "", **values: Any) -> tuple[int, int]:
        """Simple-random audits decided in the window, and those that rejected."""
        ((audits, wrong),) = self.ask(
            "SELECT count(*), coalesce(sum(CASE WHEN d.outcome <> 'approve' THEN 1 ELSE 0 END), 0) FROM decisions d"
            " JOIN audit_draws a ON a.case_id = d.case_id JOIN cases c ON c.id = d.case_id"
            " JOIN routes r ON r.case_id = d.case_id WHERE d.kind = 'audit' AND a.random"
            f" AND d.decided_at >= :since AND d.decided_at < :until{where}",
            since=since,
            until=until,
            **values,
        )
        return int(audits), int(wrong)

    def resolution(self, since: datetime, until: datetime) -> tuple[float | None, int]:
        """Mean hours from receipt to the last settling decision of the window, of cases with nothing outstanding."""
        pending = " UNION ".join(
            f"SELECT case_id FROM {table} WHERE opened_at < :until AND ({closed} IS NULL OR {closed} >= :until){kinds}"
            for table, closed, kinds in (
                ("work_items", "closed_at", f" AND kind IN {SETTLING}"),
                ("escalations", "resolved_at", ""),
                ("disputes", "closed_at", ""),
            )
        )
        ((hours, cases),) = self.ask(
            "SELECT avg(CASE WHEN hours > 0 THEN hours ELSE 0 END), count(*) FROM (SELECT HOURS(JD(max(d.decided_at))"
            " - JD(min(c.received_at))) AS hours FROM decisions d JOIN cases c ON c.id = d.case_id"
            f" WHERE d.kind IN {SETTLING} AND d.decided_at >= :since AND d.decided_at < :until AND {STANDS.format('d')}"
            f" AND d.case_id NOT IN ({pending}) GROUP BY d.case_id) AS settled",
            since=since,
            until=until,
        )
        return (float(hours) if cases else None), int(cases)

    def kpis(self, since: datetime, until: datetime) -> dict[str, tuple[float | None, int]]:
        """Each KPI of [since, until) with the cases that it rests on."""
        window = {"since": since, "until": until}
        spent, settled, by_model = self.minutes(since, until)
        by_hand, _ = self.by_hand()
        audits, _, rate = self.audits_decided(since, until)
        rechecked, slipped = self.slips()
        ((routed, automatic),) = self.ask(
            "SELECT count(*), sum(CASE WHEN queue = 'A' THEN 1 ELSE 0 END) FROM routes"
            " WHERE assigned_at >= :since AND assigned_at < :until",
            **window,
        )
        escalated = self.one(
            "SELECT count(DISTINCT e.case_id) FROM escalations e JOIN routes r ON r.case_id = e.case_id"
            " WHERE e.opened_at >= :since AND e.opened_at < :until"
            " AND r.assigned_at >= :since AND r.assigned_at < :until",
            **window,
        )
        ((csat, rated),) = self.ask(
            "SELECT avg(value), count(*) FROM (SELECT avg(o.value) AS value FROM outcomes o JOIN routes r"
            " ON r.case_id = o.case_id WHERE o.kind = 'csat' AND o.imported_at < :until"
            " AND o.at >= :since AND o.at < :until GROUP BY o.case_id) AS rated",
            **window,
        )
        ((followed, complained),) = self.ask(
            "SELECT count(DISTINCT o.case_id), count(DISTINCT CASE WHEN o.kind IN ('complaint', 'reversal')"
            " THEN o.case_id END) FROM outcomes o JOIN routes r ON r.case_id = o.case_id"
            " WHERE o.imported_at < :until AND o.at >= :since AND o.at < :until",
            **window,
        )
        slip = slipped / rechecked if rechecked else None
        reduction = None if rate is None or not slip else 1 - rate / slip
        measured = bool(settled) and not (by_model and rate is None)
        people = slip if slip is not None and rechecked >= ENOUGH else 0.0
        cost = spent * self.prices.minute + ((rate or 0.0) * by_model + people * (1 - by_model)) * self.prices.error
        return {
            "time saved per case": (by_hand - spent if settled else None, settled),
            "error rate of auto-approvals": (rate, audits),
            "error-rate reduction": (reduction, audits if reduction is not None else 0),
            "mean time to resolution": self.resolution(since, until),
            "escalation rate": (escalated / routed if routed else None, int(routed)),
            "CSAT": (float(csat) if rated else None, int(rated)),
            "complaints and reversals": (complained / followed if followed else None, int(followed)),
            "cost per case": (cost if measured else None, settled if measured else 0),
            "automation share": ((automatic or 0) / routed if routed else None, int(routed)),
        }
