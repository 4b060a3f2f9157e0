"""The escalation manager's list: one row for whatever waits for them, the most urgent first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from handrail.acts.incidents import Incident, open_incidents
from handrail.acts.signing_in import Visitor
from handrail.permissions import SYSTEM, Role
from handrail.policy import Policy
from handrail.sla import due
from handrail.store import decisions, escalations, staff
from handrail.store.engine import Connection
from handrail.store.escalations import Waiting
from handrail.store.frames import records

Group = Literal["rejections", "breaches", "disputes", "retention", "incidents"]
CAUSES: Mapping[Group, tuple[str, ...]] = {
    "rejections": escalations.REJECTIONS,
    "breaches": ("sla_breach",),
    "disputes": ("dispute",),
    "retention": ("retention",),
    "incidents": (),
}
NAMES: Mapping[Group, str] = {
    "rejections": "Policy and legal",
    "breaches": "Missed times",
    "disputes": "Disputes",
    "retention": "Texts about to be deleted",
    "incidents": "Incidents",
}
_WHAT = {
    "policy": "Turned down because of our policy",
    "legal": "Turned down because it has legal weight",
    "sla_breach": "Not decided in time",
    "dispute": "A customer disputes the decision",
    "retention": "Its text is past its time, and work on it is still open",
}
_WRONG = {
    "model_unavailable": "The model in use, version {}, cannot be read: every case goes to people",
    "model_deleted": "The model in use, version {}, is gone from the registry; a copy is still at work",
    "model_review": "Too many errors: automation of {} is paused until its review is closed",
    "dead_action": "“{}” could not be delivered",
    "unknown_action": "Nobody knows whether “{}” was carried out",
}
_SHORT = {
    "policy": "policy",
    "legal": "legal",
    "sla_breach": "missed time",
    "dispute": "dispute",
    "retention": "retention",
}
MOST = 200
"""Rows of a page."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is, since when, until when, whom it is with, and where it is opened."""

    group: Group
    tag: str
    what: str
    case_id: int | None
    since: datetime
    due_at: datetime
    is_late: bool
    first: str | None
    with_whom: str | None
    href: str
    button: str
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows of a page, and the counts of everything."""

    rows: list[Row]
    counts: dict[Group, int]
    soon: int
    late: int


def listed(connection: Connection, visitor: Visitor, policy: Policy, now: datetime, group: Group | None) -> Listed:
    """What waits for the escalation manager, of one group or of all."""
    counted = escalations.counts(connection, now)
    wrong = [_incident(one, policy, now) for one in open_incidents(connection)]
    counts: dict[Group, int] = {
        name: sum(counted.get(cause, (0, 0))[0] for cause in causes) for name, causes in CAUSES.items()
    }
    counts["incidents"] = len(wrong)
    rows: list[Row] = []
    if group != "incidents":
        causes = None if group is None else CAUSES[group]
        waiting = escalations.waiting(connection, causes=causes, limit=MOST)
        roles = {row["name"]: row["roles"] for row in records(staff.people(connection))}
        own = decisions.decided_by(connection, visitor.name, [one.case_id for one in waiting])
        rows = [_escalation(one, visitor, roles, now, is_own=one.case_id in own) for one in waiting]
    if group in (None, "incidents"):
        rows += wrong
    late = sum(number for _, number in counted.values()) + sum(row.is_late for row in wrong)
    soon = escalations.due_soon(connection, now, policy.escalation.due_within)
    return Listed(sorted(rows, key=lambda row: row.due_at)[:MOST], counts, soon, late)


def decider(name: str | None, visitor: Visitor, roles: Mapping[str, list[str]]) -> str | None:
    """Who decided first, by role: whoever looks again weighs the case and not the colleague."""
    if name is None:
        return None
    if name == visitor.name:
        return "you"
    if name.startswith(SYSTEM):
        return "the computer"
    theirs = roles.get(name, [])
    if Role.REVIEWER in theirs or not theirs:
        return "a reviewer"
    return f"the {theirs[0].replace('_', ' ')}"


def _escalation(one: Waiting, visitor: Visitor, roles: Mapping[str, list[str]], now: datetime, *, is_own: bool) -> Row:
    cause = one.cause
    group = next(name for name, causes in CAUSES.items() if cause in causes)
    if cause == "retention":
        href = f"/cases/{one.case_id}"
    elif cause == "sla_breach" or one.item_id is None:
        href = f"/escalations/late/{one.case_id}"
    else:
        href = f"/disputes/{one.dispute}" if cause == "dispute" else f"/escalations/{one.item_id}"
    is_held = one.lease_until is not None and one.lease_until > now
    return Row(
        group,
        _SHORT[cause],
        _WHAT[cause],
        one.case_id,
        one.opened_at,
        one.due_at,
        one.due_at < now,
        decider(one.first_decider, visitor, roles),
        one.holder if is_held else one.assigned_to,
        href,
        "Open",
        is_own and cause not in {"sla_breach", "retention"},
    )


def _incident(incident: Incident, policy: Policy, now: datetime) -> Row:
    due_at = due(incident.since, policy.escalation.due_within, policy.sla.calendar)
    return Row(
        "incidents",
        "incident",
        _WRONG[incident.kind].format(incident.subject.replace("_", " ")),
        incident.case_id,
        incident.since,
        due_at,
        due_at < now,
        None,
        None,
        "/operations",
        "Open operations",
    )
