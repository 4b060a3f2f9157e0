"""Work is reserved for one person for a while, so that no two decide the same case at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from handrail import labels, roles
from handrail.acts.authority import authorize
from handrail.errors import Conflict, NotFound
from handrail.policy import Policy
from handrail.store import queue, rollout
from handrail.store.engine import Connection, Store
from handrail.store.frames import records

KINDS = ("review", "audit", "second", "recheck", "adjudication", "gold", "escalation")
ACTS = {"escalation": "resolve_escalation", "adjudication": "adjudicate"}
"""What else than deciding some kinds of work are."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Work reserved for one reviewer until `lease_until`; `fence` must come back with the decision."""

    item_id: int
    case_id: int
    kind: str
    queue: str
    suggestion_hidden: bool
    fence: int
    due_at: datetime
    lease_until: datetime


def claim(
    store: Store,
    actor: str,
    *,
    policy: Policy,
    now: datetime,
    limit: int = 1,
    kinds: Collection[str] | None = None,
) -> list[Claim]:
    """Reserve the work that is due next; empty when nothing waits.

    Work on a case that `actor` has decided before is never offered to them, nor is the test of another. Escalations
    and adjudications are offered only to those who may settle them, second reviews only to the trained.
    """
    with store.write() as connection:
        authorize(connection, "adjudicate" if kinds is not None and set(kinds) == {"adjudication"} else "decide", actor)
        allowed = _offered(connection, actor, kinds or KINDS, now)
        rows = queue.claimable(connection, actor, now=now, kinds=allowed, limit=limit)
        until = now + policy.leases.duration
        queue.lease(connection, [row["id"] for row in rows], actor, until)
        return [
            Claim(
                row["id"], row["case_id"], row["kind"], row["queue"], row["suggestion_hidden"], row["fence"] + 1,
                row["due_at"], until,
            )
            for row in rows
        ]  # fmt: skip


def _offered(connection: Connection, actor: str, kinds: Collection[str], now: datetime) -> list[str]:
    """Which of these kinds of work `actor` may take."""
    person = rollout.person(connection, actor) or {"roles": [], "trained_until": None}
    trained = labels.status(person["trained_until"], now) is labels.Status.ACCEPTED
    return [
        kind
        for kind in kinds
        if roles.PERMITTED[ACTS.get(kind, "decide")].intersection(person["roles"]) and (kind != "recheck" or trained)
    ]


def claim_case(store: Store, case_id: int, actor: str, *, policy: Policy, now: datetime) -> Claim:
    """Reserve the open work of one case.

    Raises:
        NotFound: the case has no open work.
        Conflict: somebody else holds it, it is another's test, or `actor` has decided the case before.
        NotPermitted: it is an escalation or adjudication, and `actor` may not settle it.
    """
    with store.write() as connection:
        found = queue.open_work(connection, case_id=case_id)
        if found.empty or (found["kind"] != "adjudication").any():
            authorize(connection, "decide", actor)
        if found.empty:
            raise NotFound(f"Case {case_id} has no open work. List what waits with `handrail queue list`.")
        row = records(found)[0]
        offered = _offered(connection, actor, found["kind"].unique().tolist(), now)
        if not offered:
            authorize(connection, ACTS.get(row["kind"], "decide"), actor)
        allowed = queue.claimable(connection, actor, now=now, kinds=offered, limit=1, case_id=case_id)
        if not allowed:
            raise Conflict(
                f"Case {case_id} is held by {row['holder'] or 'nobody'}, was decided by you before, or waits for "
                "somebody else. Take another with `handrail queue next`, or wait until the lease ends."
            )
        item = allowed[0]
        until = now + policy.leases.duration
        queue.lease(connection, [item["id"]], actor, until)
        return Claim(
            item["id"], case_id, item["kind"], item["queue"], item["suggestion_hidden"], item["fence"] + 1,
            item["due_at"], until,
        )  # fmt: skip


def held_item(store: Store, case_id: int, actor: str) -> int:
    """The open work item of a case that `actor` holds.

    Raises:
        Conflict: they hold none.
    """
    with store.read() as connection:
        found = queue.open_work(connection, case_id=case_id)
    mine = found[found["holder"] == actor]
    if mine.empty:
        raise Conflict(f"You hold no work on case {case_id}. Claim it with `handrail queue next`.")
    return int(mine["id"].iloc[0])
