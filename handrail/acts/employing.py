"""What a person may do and which categories they know; the workspace is never left without somebody in charge."""

from collections.abc import Sequence
from datetime import datetime

from handrail import staff as rules
from handrail.acts.authority import authorize, unknown
from handrail.errors import BadInput, NotFound, Refused
from handrail.permissions import EVERYBODY, Role
from handrail.policy import Policy
from handrail.store import accounts, staff, trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event

EVERY_ROLE = tuple(role for role in Role if role is not Role.FLOW)


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
        if not accounts.is_anybody(connection, person):
            raise NotFound(unknown(connection, person))
        if Role.PRODUCT_OWNER not in roles:
            require_another_owner(connection, person)
        chosen = None if skills is None else sorted(skills)
        staff.save_person(connection, name=person, roles=list(roles), skills=chosen, active=True)
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


def require_new_name(connection: Connection, name: str) -> None:
    """Let a new person be called `name`: two who are added at once under names that look alike take turns.

    Raises:
        BadInput, Conflict: as `staff.require_new_name`.
    """
    trail.lock(connection)
    rules.require_new_name(name, accounts.names(connection))


def add_person(
    store: Store,
    name: str,
    *,
    roles: Sequence[str],
    trained_until: datetime | None,
    actor: str,
    now: datetime,
) -> None:
    """Add a person, or change their roles and training.

    Raises:
        BadInput: no role, or one that does not exist; a new name that could hide another, or pass for a flow's.
        Conflict: a new name that could be taken for that of somebody here.
    """
    known = [str(role) for role in EVERY_ROLE]
    unknown = [role for role in roles if role not in known]
    if unknown or not roles:
        raise BadInput(f"{', '.join(unknown) or 'No role'} is not a role. Use one or more of: {', '.join(known)}.")
    with store.write() as connection:
        authorize(connection, "manage_people", actor)
        if Role.PRODUCT_OWNER not in roles:
            require_another_owner(connection, name)
        if not accounts.is_anybody(connection, name):
            require_new_name(connection, name)
        staff.save_person(connection, name=name, roles=list(roles), trained_until=trained_until, active=True)
        saved = Event("person.saved", data={"person": name, "roles": list(roles)})
        trail.append(connection, [saved], at=now, actor=actor)
