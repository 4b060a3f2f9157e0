"""Some acts take two people, where the policy says so: who proposes does not confirm.

A flow asks nobody. It may roll back, which withdraws, and promote what its gates have passed, which is nobody's word;
to resume and to widen is no flow's to do in the first place.
"""

from collections.abc import Collection
from datetime import datetime

from handrail.errors import Conflict, NotFound, Refused
from handrail.permissions import SYSTEM
from handrail.store import policies, proposals, trail
from handrail.store.engine import Connection
from handrail.store.proposals import Arguments, Proposal
from handrail.store.trail import Event

PERMISSIONS = {"resume": "resume", "promote": "set_champion", "roll_back": "roll_back", "set_stage": "set_stage"}
"""What the policy calls an act, and the act of the table of roles that both people must be permitted."""
OVERTAKEN = "overtaken"
"""The outcome of a proposal that would do something else than was foreseen: another act was first."""
_WITHDRAWING = frozenset({"roll_back"})
"""Acts that only withdraw trust: they wait for no policy to be put right."""
_COMMANDS = {
    "resume": "handrail resume",
    "promote": "handrail model promote",
    "roll_back": "handrail model rollback",
    "set_stage": "handrail stage",
}


def is_asked(connection: Connection, act: str) -> bool:
    """Does the policy in force ask for a second person?"""
    found = policies.in_force(connection)
    return found is not None and act in found.policy.desk.second_person


def require_policy(connection: Connection, act: str) -> None:
    """Make sure that the policy is what was published, for an act that gives trust: it says whom that takes.

    Raises:
        Refused: it was changed outside Handrail.
    """
    in_force = policies.in_force(connection)
    if act not in _WITHDRAWING and in_force is not None and in_force.altered is not None:
        raise Refused(in_force.altered.sentence)


def agree(
    connection: Connection, act: str, foreseen: Arguments, proposal: int | None, *, actor: str, now: datetime
) -> None:
    """Let an act happen in the caller's transaction: nobody has to agree, or `actor` does by confirming `proposal`.

    `foreseen` is what the act would do now; it must be what was proposed. The proposal is settled with it.

    Raises:
        Refused: see `require_policy` and `admit`.
        NotFound: see `admit`.
        Conflict: see `waiting`; or the state has changed since the proposal.
    """
    require_policy(connection, act)
    row = admit(connection, act, proposal, actor=actor, now=now)
    if row is None:
        return
    if row.act != act or row.arguments != foreseen:
        raise Conflict(
            f"What proposal {row.id} was made for has changed meanwhile. Look at `handrail status`, and propose "
            "anew what is right now."
        )
    proposals.settle(connection, row.id, "confirmed", actor=actor, now=now)
    confirmed = Event("proposal.confirmed", data={"proposal": row.id, "proposer": row.proposer})
    trail.append(connection, [confirmed], at=now, actor=actor)


def admit(connection: Connection, act: str, proposal: int | None, *, actor: str, now: datetime) -> Proposal | None:
    """The proposal that `actor` may confirm; None where nobody has to agree.

    Raises:
        Refused: a second person has to agree, or `actor` is no second person.
        NotFound, Conflict: see `waiting`.
    """
    if proposal is None:
        if not actor.startswith(SYSTEM) and is_asked(connection, act):
            raise Refused(
                f"The policy asks for a second person here. Propose it with `{_COMMANDS[act]}` or at the desk, and "
                "let somebody else confirm it with `handrail proposals confirm`."
            )
        return None
    row = waiting(connection, proposal, now)
    if row.proposer == actor:
        raise Refused(
            f"Proposal {proposal} is your own: it takes a second person. Ask somebody with the same permission to "
            f"run `handrail proposals confirm {proposal}`."
        )
    return row


def waiting(connection: Connection, number: int, now: datetime) -> Proposal:
    """A proposal that can still be settled.

    Raises:
        NotFound: there is none with this number.
        Conflict: it is settled, or has run out.
    """
    row = proposals.proposal(connection, number)
    if row is None:
        raise NotFound(f"There is no proposal {number}. See `handrail proposals list`.")
    if row.outcome == OVERTAKEN:
        raise Conflict(
            f"What proposal {number} was made for has changed meanwhile. Look at `handrail status`, and propose anew "
            "what is right now."
        )
    if row.outcome is not None:
        raise Conflict(f"Proposal {number} is {row.outcome} already. See `handrail proposals list`.")
    if row.expires_at <= now:
        raise Conflict(f"The time to confirm proposal {number} is over. Propose it again.")
    return row


def overtake(
    connection: Connection, acts: Collection[str], category: str | None = None, *, actor: str, now: datetime
) -> None:
    """End what waits of these acts for a category (None: everything, and versions): it would do something else.

    For the caller who has just changed what was foreseen: nobody could confirm it any more.
    """
    for one in proposals.waiting(connection, now):
        if one.act in acts and one.arguments.get("category") == category:
            proposals.settle(connection, one.id, OVERTAKEN, actor=actor, now=now)
            trail.append(connection, [Event("proposal.overtaken", data={"proposal": one.id})], at=now, actor=actor)
