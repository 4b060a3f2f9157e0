"""What the store knows of troubles, each as one short question; most are asked every minute."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import Connection, and_, func, or_, select

from handrail.alerts import Conduct
from handrail.figures.reviewers import ReviewerFigures
from handrail.reading import Verdict
from handrail.reviewers import EVERYBODY
from handrail.store import escalations, readings, trail
from handrail.store.schema import Drift, Outbox, WorkItem
from handrail.store.trail import Sought, Written
from handrail.store.work import ASIDE


def alarms(
    connection: Connection, watch: str, *, last_look_only: bool, after: Mapping[str, datetime] = MappingProxyType({})
) -> list[str]:
    """Subjects whose newest reading is an alarm.

    `last_look_only`: who is not in the watch's last look is not an alarm any more. For watches that write a subject
    only when something has changed, every newest reading counts. A reading of a subject in `after` counts only when it
    is newer: what was seen before a category was resumed has been dealt with.
    """
    found = _standing(connection, watch, Verdict.ALARM, last_look_only=last_look_only)
    return [subject for subject, at in found if subject not in after or at > after[subject]]


def unread(connection: Connection, watch: str, *, last_look_only: bool) -> list[str]:
    """Subjects whose newest reading says that the look failed; `last_look_only` as for `alarms`."""
    return [subject for subject, _ in _standing(connection, watch, Verdict.UNREADABLE, last_look_only=last_look_only)]


def _standing(
    connection: Connection, watch: str, verdict: Verdict, *, last_look_only: bool
) -> list[tuple[str, datetime]]:
    rows = readings.newest_verdicts(connection, watch)
    looked = max((at for _, at, _ in rows), default=None) if last_look_only else None
    return [(subject, at) for subject, at, said in rows if said == verdict and looked in (None, at)]


def conduct(connection: Connection) -> Conduct:
    """Who is named by the last look at people's work, counted, and by what: what the desk shows of the same people."""
    people, seen, shared, counted = 0, Counter[str](), [], []
    for one in readings.kept(readings.last_look(connection, "reviewers")):
        signals = [signal for signal in one.figures(ReviewerFigures).signals if signal.verdict is Verdict.ALARM]
        if one.subject == EVERYBODY:
            shared += [signal.name for signal in signals]
        elif signals and one.verdict is Verdict.ALARM:
            people += 1
            seen.update([signal.name for signal in signals])
            counted += [words for signal in signals if (words := signal.in_words) is not None]
    return Conduct(people, dict(seen), tuple(shared), tuple(counted))


def drift(connection: Connection, now: datetime) -> int | None:
    """The newest drift that still raises the audit rate, or None."""
    query = select(func.max(Drift.id)).where(Drift.found_at <= now, Drift.raises_audits_until > now)
    return connection.execute(query).scalar()


def late_work(connection: Connection, now: datetime) -> dict[str, int]:
    """Open work past its due time by queue; tests of people and the manager's own work are counted elsewhere."""
    elsewhere = (*ASIDE, *escalations.MANAGERS_WORK)
    query = (
        select(WorkItem.queue, func.count())
        .where(WorkItem.state == "open", WorkItem.due_at < now, WorkItem.kind.not_in(elsewhere))
        .group_by(WorkItem.queue)
        .order_by(WorkItem.queue)
    )
    return {queue: count for queue, count in connection.execute(query)}


def outbox(connection: Connection, now: datetime, *, patience: timedelta, tries: int) -> dict[str, int]:
    """Actions that failed for good (dead), that nobody knows of (unknown), and that should have gone out (waiting).

    Waiting are those due for longer than `patience`, and those tried in vain `tries` times.
    """
    stuck = select(Outbox.state, func.count()).where(Outbox.state.in_(("dead", "unknown"))).group_by(Outbox.state)
    counts = {state: count for state, count in connection.execute(stuck)}
    overdue = and_(Outbox.state.in_(("new", "retry")), Outbox.next_at <= now - patience)
    in_vain = and_(Outbox.state == "retry", Outbox.attempts >= tries)
    waiting = connection.execute(select(func.count()).select_from(Outbox).where(or_(overdue, in_vain))).scalar_one()
    return {**counts, "waiting": int(waiting)}


def stopped_gates(connection: Connection) -> dict[str, str]:
    """Gates of training whose last word is no: name of the gate → suite; a later success ends each."""
    found = {}
    registered, judged = _seq(connection, "model.registered"), _last(connection, "model.judged")
    failed = _last(connection, "gate.failed")
    if failed is not None:
        suite = str(failed.body["suite"])
        after = registered if suite == "training_set" or judged is None else max(registered, judged.seq)
        if failed.seq > after:
            found["training" if suite == "training_set" else "deployment"] = suite
    settled = max(registered, _seq(connection, "model.promoted"))
    if judged is not None and not judged.body["passed"] and judged.seq > settled:
        found["promotion"] = "promotion"
    return found


def alias_moved(connection: Connection, *, since: datetime) -> bool:
    """Was the champion's alias moved by hand since then?"""
    return bool(trail.newest(connection, Sought(kind="model.alias_moved", since=since), limit=1))


def _last(connection: Connection, kind: str) -> Written | None:
    return next(iter(trail.newest(connection, Sought(kind=kind), limit=1)), None)


def _seq(connection: Connection, kind: str) -> int:
    last = _last(connection, kind)
    return 0 if last is None else last.seq
