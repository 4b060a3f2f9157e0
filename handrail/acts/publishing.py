"""A workspace begins, and policies are put into force."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from handrail import cells
from handrail.acts import employing, moving
from handrail.acts.authority import authorize
from handrail.founding import BEGUN, Kind
from handrail.policy import Policy
from handrail.store import category_names, policies, staff, trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event


@dataclass(frozen=True, slots=True)
class Made:
    """From what a policy was made: `name` is the business, or the file without its folder."""

    origin: policies.Origin
    name: str


def found(
    store: Store,
    policy: Policy,
    *,
    founder: str,
    now: datetime,
    made: Made | None = None,
    workspace: Kind = Kind.LIVE,
) -> bool:
    """Begin a workspace: its first person, with every role, and its policy. False when it was begun before.

    Of which kind it is stands in the event that begins it, and cannot be changed afterwards.

    Raises:
        BadInput: the first person's name could hide another.
    """
    with store.write() as connection:
        trail.lock(connection)
        if policies.in_force(connection) is not None:
            return False
        employing.require_new_name(connection, founder)
        staff.save_person(connection, name=founder, roles=list(employing.EVERY_ROLE), trained_until=None, active=True)
        policies.insert_policy(connection, policy, actor=founder, now=now)
        data = {"policy": policy.version, "business": policy.business, "workspace": str(workspace)}
        _tell(connection, BEGUN, data, made, actor=founder, now=now)
    return True


def publish(store: Store, policy: Policy, *, actor: str, now: datetime, made: Made | None = None) -> bool:
    """Put a policy into force for the next batch; False when the same content is in force already.

    What was changed past Handrail is not in force: publishing the right policy replaces it, whatever it says by now.
    A category that it has no more goes, with all that is under way, where its `renamed` and `retired` say.

    Raises:
        Refused: see `moving.require_entries`.
    """
    with store.write() as connection:
        authorize(connection, "publish_policy", actor)
        category_names.lock(connection)  # two who publish take turns: the second is compared with the first
        before = policies.in_force(connection)
        if before is not None and before.altered is None and before.policy.version == policy.version:
            return False
        gone = [] if before is None else moving.leaving(connection, before.policy, policy)
        if gone:
            category_names.lock_work(connection, gone)
        trail.lock(connection)
        if before is not None:
            moving.require_entries(connection, gone, before.policy, policy)
        policies.insert_policy(connection, policy, actor=actor, now=now)
        data = {"policy": policy.version, "previous": before.policy.version if before else None}
        _tell(connection, "policy.published", data, made, actor=actor, now=now)
        if before is not None:
            moving.note_returned(connection, before.policy, policy, actor=actor, now=now)
            for name in gone:
                moving.move(connection, name, before.policy, policy, actor=actor, now=now)
    return True


def _tell(
    connection: Connection, kind: str, data: Mapping[str, str | None], made: Made | None, *, actor: str, now: datetime
) -> None:
    """A file's name is a person's words: it stands beside the trail, where it can be erased, and not in it."""
    source = {"source": made.origin} if made else {}
    seq = trail.append(connection, [Event(kind, data={**data, **source})], at=now, actor=actor)
    if made:
        trail.give_reason(connection, seq, cells.storable(made.name))
