"""The permission check that stands at the head of every act."""

from handrail import permissions
from handrail.errors import BadInput, NotPermitted
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
        raise NotPermitted(f"{actor} is not known here. Add them with `handrail people add {actor} --role reviewer`.")
    permissions.check(act, actor, person.roles)


def required(reason: str) -> str:
    """The reason of an act, without the blanks around it.

    Raises:
        BadInput: there is none.
    """
    if not reason.strip():
        raise BadInput('This act needs a reason. Add `--reason "one sentence"`.')
    return reason.strip()
