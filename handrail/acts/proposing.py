"""Acts are proposed, refused and withdrawn; whoever confirms one performs it (`tasks.learning.proposals.confirm`)."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from handrail.acts import models, pausing
from handrail.acts.authority import authorize, required
from handrail.acts.second_person import PERMISSIONS, is_asked, require_policy, waiting
from handrail.errors import BadInput, Refused
from handrail.policy import Policy, Stage
from handrail.store import proposals, trail
from handrail.store.engine import Connection, Store
from handrail.store.proposals import Arguments
from handrail.store.trail import Event

_ASKED = {"resume": {"category"}, "promote": {"version"}, "roll_back": set(), "set_stage": {"category", "stage"}}
REHEARSAL: Mapping[str, str | None] = MappingProxyType({"rehearsal": "yes"})
"""What is asked of a rollback that is only rehearsed."""


def propose(
    store: Store, act: str, asked: Mapping[str, str | None], *, reason: str, policy: Policy, actor: str, now: datetime
) -> int:
    """Propose an act for which the policy asks for a second person; returns the proposal's number.

    `asked` names the category (resume, set_stage; None: everything), the stage (set_stage) or the version (promote).
    What would be refused now is refused at once.

    Raises:
        Refused: nobody else has to agree, the act is not possible, or the same is proposed already; or see
            `second_person.require_policy`.
    """
    reason = required(reason)
    rehearsed = act == "roll_back" and dict(asked) == REHEARSAL
    if act not in _ASKED or (set(asked) != _ASKED[act] and not rehearsed):
        raise BadInput(
            f"{act} with {', '.join(asked) or 'nothing'} cannot be proposed. Use one of: {', '.join(_ASKED)}."
        )
    with store.write() as connection:
        authorize(connection, PERMISSIONS[act], actor)
        trail.lock(connection)
        require_policy(connection, act)
        if not is_asked(connection, act):
            raise Refused(f"The policy asks nobody else to {act.replace('_', ' ')}. Do it at once.")
        arguments = _foreseen(connection, act, asked, policy, now)
        for other in proposals.waiting(connection, now):
            if (other.act, other.arguments) == (act, arguments):
                raise Refused(
                    f"{other.proposer} has proposed the same: proposal {other.id}. Somebody else than they "
                    f"confirms it with `handrail proposals confirm {other.id}`."
                )
        number = proposals.insert_proposal(
            connection,
            act=act,
            arguments=arguments,
            reason=reason,
            proposer=actor,
            proposed_at=now,
            expires_at=now + policy.desk.proposal_for,
        )
        made = Event("proposal.made", data={"proposal": number, "act": act, **arguments})
        trail.give_reason(connection, trail.append(connection, [made], at=now, actor=actor), reason)
    return number


def _foreseen(
    connection: Connection, act: str, asked: Mapping[str, str | None], policy: Policy, now: datetime
) -> Arguments:
    """What the act would do now."""
    if act == "resume":
        return pausing.to_resume(connection, asked["category"], policy, now)
    if act == "set_stage":
        return pausing.to_stage(connection, str(asked["category"]), Stage(str(asked["stage"])), policy)
    if act == "promote":
        return models.to_promote(connection, str(asked["version"]))
    return models.to_roll_back(connection, rehearsal=bool(asked))


def refuse(store: Store, number: int, *, reason: str, actor: str, now: datetime) -> None:
    """Refuse somebody else's proposal.

    Raises:
        NotFound, Conflict: see `second_person.waiting`.
        Refused: it is one's own.
    """
    reason = required(reason)
    with store.write() as connection:
        trail.lock(connection)
        row = waiting(connection, number, now)
        authorize(connection, PERMISSIONS[row.act], actor)
        if row.proposer == actor:
            raise Refused(f"Proposal {number} is your own. Withdraw it with `handrail proposals withdraw {number}`.")
        _settle(connection, number, "refused", reason, actor, now)


def withdraw(store: Store, number: int, *, actor: str, now: datetime) -> None:
    """Take one's own proposal back.

    Raises:
        NotFound, Conflict: see `second_person.waiting`.
        Refused: it is somebody else's.
    """
    with store.write() as connection:
        trail.lock(connection)
        row = waiting(connection, number, now)
        authorize(connection, PERMISSIONS[row.act], actor)
        if row.proposer != actor:
            raise Refused(
                f"Proposal {number} is {row.proposer}'s. Refuse it with `handrail proposals refuse {number} "
                '--reason "…"`.'
            )
        _settle(connection, number, "withdrawn", None, actor, now)


def _settle(connection: Connection, number: int, outcome: str, reason: str | None, actor: str, now: datetime) -> None:
    proposals.settle(connection, number, outcome, actor=actor, now=now)
    last = trail.append(connection, [Event(f"proposal.{outcome}", data={"proposal": number})], at=now, actor=actor)
    if reason is not None:
        trail.give_reason(connection, last, reason)
