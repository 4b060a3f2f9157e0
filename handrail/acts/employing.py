"""What a person may do and which categories they know; the workspace is never left without somebody in charge."""

from collections.abc import Sequence
from datetime import datetime

from handrail.acts.authority import authorize
from handrail.errors import BadInput, NotFound, Refused
from handrail.policy import Policy
from handrail.roles import EVERYBODY, Role
from handrail.store import accounts, rollout, staff, trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event


def change(
    store: Store,
    person: str,
    *,
    roles: Sequence[str],
    skills: Sequence[str] | None,
    policy: Policy,
    actor: str,
    now: datetime,
) -> None:
    """Give a person these roles and skills, None for every category; it counts from their next click.

    Who was deactivated may act again.

    Raises:
        NotPermitted: the actor manages no people.
        NotFound: nobody has this name.
        BadInput: no role or skill, or one that does not exist.
        Refused: nobody would be left who manages people.
    """
    known = sorted(str(role) for role in EVERYBODY)
    if not roles or set(roles) - set(known):
        raise BadInput(f"Choose one or more roles of: {', '.join(known)}.")
    if skills is not None and (not skills or set(skills) - set(policy.categories)):
        raise BadInput(f"Choose one or more categories, or all: {', '.join(policy.categories)}.")
    with store.write() as connection:
        authorize(connection, "manage_people", actor)
        if accounts.anybody(connection, person) is None:
            raise NotFound(f"{person} is not known here. Add them first.")
        if Role.PRODUCT_OWNER not in roles:
            require_another_owner(connection, person)
        chosen = None if skills is None else sorted(skills)
        rollout.save_person(connection, name=person, roles=list(roles), skills=chosen, active=True)
        data = {"person": person, "roles": list(roles), "skills": chosen}
        trail.append(connection, [Event("person.saved", data=data)], at=now, actor=actor)


def require_another_owner(connection: Connection, person: str) -> None:
    """Make sure that somebody else manages people too, before `person` no longer does.

    Raises:
        Refused: they are the only one.
    """
    for owner in accounts.owners(connection):  # two who take the role from each other take turns
        staff.lock(connection, owner)
    if accounts.owners(connection) == [person]:
        raise Refused(f"{person} is the only product owner. Give that role to somebody else first.")
