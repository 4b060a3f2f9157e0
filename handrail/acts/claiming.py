"""Work is reserved for one person for a while, so that no two decide the same case at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from handrail.acts.authority import authorize
from handrail.errors import Conflict, NotFound, NotPermitted, Refused
from handrail.gold import shown_kind
from handrail.policy import Policy
from handrail.staff import ACTS, Person, spared
from handrail.store import skips, staff, work
from handrail.store.engine import Connection, Store, real_time
from handrail.store.frames import records
from handrail.store.work import Taker
from handrail.work import PutAside, WorkItem

__all__ = [
    "ACTS",
    "KINDS",
    "Claim",
    "HandsFull",
    "claim",
    "claim_case",
    "held",
    "held_item",
    "lease",
    "put_aside",
    "renew",
]

KINDS = ("review", "audit", "second", "recheck", "doubt", "adjudication", "gold", "escalation", "dispute")


class HandsFull(Refused):
    """Somebody holds as much as the policy allows. Decide or release some of it."""


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
    besides_held: bool = False,
) -> list[Claim]:
    """Reserve the work that is due next, of equals the oldest case; empty when nothing waits or `actor` is on leave.

    What they hold already comes again, with its fence, so that a second tab takes nothing from the first; with
    `besides_held` it is left out. Never offered are cases they have decided before, another's test, what lies outside
    their skills, what is snoozed or skipped, and kinds of work that their roles or training do not allow.

    Raises:
        Refused: they hold as much as the policy allows.
    """
    with store.write() as connection:
        staff.lock(connection, actor)  # before anything is asked: who is deactivated meanwhile is given nothing
        authorize(connection, "adjudicate" if kinds is not None and set(kinds) == {"adjudication"} else "decide", actor)
        people = staff.around(connection, actor)
        if people[actor].is_away(now):
            return []
        taker = _taker(people, actor, kinds or KINDS, now)
        rows = work.claimable(connection, taker, now=now, limit=limit, besides_held=besides_held)
        return _take(connection, rows, actor, policy=policy)


def claim_case(
    store: Store, case_id: int, actor: str, *, policy: Policy, now: datetime, kinds: Collection[str] | None = None
) -> Claim:
    """Reserve the open work of one case, with a new fence, even if snoozed; of certain kinds where they are named.

    Raises:
        NotFound: the case has no open work.
        Conflict: somebody else holds it, it is another's test, outside their skills, or they decided the case before.
        NotPermitted: it is an escalation, dispute or adjudication, and `actor` may not settle it.
        Refused: `actor` is on leave, or holds as much as the policy allows.
    """
    with store.write() as connection:
        found = work.open_work(connection, case_id=case_id)
        found = found.assign(kind=[shown_kind(*names) for names in zip(found["kind"], found["queue"], strict=True)])
        found = found if kinds is None else found[found["kind"].isin(list(kinds))]
        if found.empty or (found["kind"] != "adjudication").any():
            authorize(connection, "decide", actor)
        if found.empty:
            raise NotFound(f"Case {case_id} has no open work. List what waits with `handrail queue list`.")
        row = records(found)[0]
        staff.lock(connection, actor)
        people = staff.around(connection, actor)
        taker = _taker(people, actor, found["kind"].unique().tolist(), now)
        if not taker.kinds:
            authorize(connection, ACTS.get(row["kind"], "decide"), actor)
        if actor in people and people[actor].is_away(now):
            raise Refused("You are on leave, and nothing is given to you. End your leave first.")
        allowed = work.claimable(connection, taker, now=now, limit=1, case_id=case_id)
        if not allowed:
            raise Conflict(
                f"Case {case_id} is held by {row['holder'] or 'nobody'}, was decided by you before, or waits for "
                "somebody else. Take another with `handrail queue next`, or wait until the lease ends."
            )
        return _take(connection, allowed, actor, policy=policy, anew=True)[0]


def held(store: Store, actor: str) -> list[Claim]:
    """The live claims of `actor`, in the order of claiming: earliest due first, then the oldest case."""
    with store.read() as connection:
        items = work.held(connection, actor)
        return [_claim(item, item.lease_until, item.fence) for item in items if item.lease_until is not None]


def put_aside(store: Store, actor: str, *, now: datetime, kinds: Collection[str] | None = None) -> PutAside:
    """Why nothing may be offered to `actor` although work waits that they could take."""
    with store.read() as connection:
        people = staff.around(connection, actor)
        found = skips.put_aside(connection, _taker(people, actor, kinds or KINDS, now), now)
    return replace(found, is_away=people[actor].is_away(now))


def renew(store: Store, actor: str, item_ids: Sequence[int], *, policy: Policy) -> list[Claim]:
    """Prolong claims while `actor` is at work, without a new fence; returns those that are still theirs.

    A claim whose time was over is theirs until somebody else takes it: nothing is lost by a late heartbeat.
    """
    with store.write() as connection:
        authorize(connection, "come_in", actor)
        until = _until(connection, policy)
        return [_claim(item, until, item.fence) for item in work.renew(connection, item_ids, actor, until)]


def lease(connection: Connection, items: Sequence[WorkItem], actor: str, *, policy: Policy) -> list[Claim]:
    """Reserve these work items for `actor` in the caller's transaction, each with a new fence."""
    until = _until(connection, policy)
    work.lease(connection, [item.id for item in items], actor, until)
    return [_claim(item, until, item.fence + 1) for item in items]


def _take(
    connection: Connection, items: Sequence[WorkItem], actor: str, *, policy: Policy, anew: bool = False
) -> list[Claim]:
    """Lease what is new to `actor`, as far as the policy lets one person hold it, and prolong what is not.

    `anew` takes also the latter with a new fence: who names a case goes on with it here, and nowhere else.
    """
    mine = {item.id for item in items if item.is_held(actor, real_time(connection))}
    if anew and mine:
        return lease(connection, items, actor, policy=policy)
    fresh = [item for item in items if item.id not in mine]
    room = max(0, policy.desk.most_held - work.count_held(connection, actor)) if fresh else 0
    if fresh and not room and not mine:
        raise HandsFull(f"You hold {policy.desk.most_held} cases, as many as one may. Decide or release some of them.")
    until = _until(connection, policy)
    if mine:
        work.renew(connection, sorted(mine), actor, until)
    taken = {claim.item_id: claim for claim in lease(connection, fresh[:room], actor, policy=policy)}
    taken |= {item.id: _claim(item, until, item.fence) for item in items if item.id in mine}
    return [taken[item.id] for item in items if item.id in taken]


def _until(connection: Connection, policy: Policy) -> datetime:
    """When a lease ends that begins now: by the real clock, whatever moment its work acts at."""
    return real_time(connection) + policy.leases.duration


def _claim(item: WorkItem, until: datetime, fence: int) -> Claim:
    return Claim(
        item.id,
        item.case_id,
        shown_kind(item.kind, item.queue),
        item.queue,
        item.suggestion_hidden,
        fence,
        item.due_at,
        until,
    )


def _taker(people: Mapping[str, Person], actor: str, kinds: Collection[str], now: datetime) -> Taker:
    """`actor` as somebody who may take some of these kinds of work."""
    person = people.get(actor)
    if person is None:
        raise NotPermitted(f"{actor} is not known here. Ask a product owner to add them.")
    wanted = (*kinds, "doubt") if "recheck" in kinds and "doubt" not in kinds else kinds  # both look alike
    allowed = [kind for kind in wanted if person.may_take(kind, now)]
    # What is assigned to somebody who left or is on leave must not wait for them.
    absent = [other.name for other in people.values() if other.is_away(now)]
    return Taker(actor, allowed, person.skills, spared(person, list(people.values()), now), absent)


def held_item(store: Store, case_id: int, actor: str) -> int:
    """The open work item of a case that `actor` holds.

    Raises:
        Conflict: they hold none.
    """
    with store.read() as connection:
        found = work.open_work(connection, case_id=case_id)
    mine = found[found["holder"] == actor]
    if mine.empty:
        raise Conflict(f"You hold no work on case {case_id}. Claim it with `handrail queue next`.")
    return int(mine["id"].iloc[0])
