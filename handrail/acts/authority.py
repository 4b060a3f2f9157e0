"""The permission check that stands at the head of every act."""

import shlex

from handrail import permissions
from handrail.errors import BadInput, NotPermitted
from handrail.staff import look_alike
from handrail.store import accounts, staff
from handrail.store.engine import Connection


def authorize(connection: Connection, act: str, actor: str) -> None:
    """Let `actor` do `act`; a name beginning with ``flow:`` is a flow.

    Raises:
        NotPermitted: the person is unknown or has no role that may.
    """
    if actor.startswith(permissions.SYSTEM):
        permissions.check(act, actor, {permissions.Role.FLOW})
        return
    person = staff.person(connection, actor)
    if person is None and accounts.is_anybody(connection, actor):
        raise NotPermitted(f"{actor} has been deactivated and may not act any more. Ask a product owner.")
    if person is None:
        raise NotPermitted(unknown(connection, actor))
    permissions.check(act, actor, person.roles)


def unknown(connection: Connection, name: str) -> str:
    """The sentence for a name that nobody active has: somebody with a name that looks alike is meant more often."""
    twin = look_alike(name, [other for other in accounts.names(connection) if other != name])
    if twin is not None:
        return f"{name!r} is not known here, but {twin!r} is. Use that name, letter by letter."
    command = f"handrail people add {shlex.quote(name)} --role reviewer"
    return f"{name} is not known here, or deactivated. Add them with `{command}`."


def required(reason: str) -> str:
    """The reason of an act, without the blanks around it.

    Raises:
        BadInput: there is none.
    """
    if not reason.strip():
        raise BadInput('This act needs a reason. Add `--reason "one sentence"`.')
    return reason.strip()
