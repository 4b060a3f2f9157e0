"""What follows a decision: for a while it can be taken back, and then a blind choice learns what the model had said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from desk import cards
from desk.context import Desk
from handrail.acts import training
from handrail.acts.training import Feedback
from handrail.case import Outcome
from handrail.decision import Decision
from handrail.errors import Conflict
from handrail.policy import Policy
from handrail.ruling import Ruling
from handrail.store import reviews
from handrail.store.reviews import OwnDecision

DONE = {"approve": "Approved", "override": "Changed", "deny": "Denied"}


@dataclass(frozen=True, slots=True)
class Bar:
    """What is told beside the next case; `seconds` are left to undo `decisions`, at 0 nothing is."""

    sentence: str
    decisions: tuple[int, ...]
    seconds: int
    said: tuple[str, ...]


def bar(desk: Desk, actor: str, ids: Sequence[int]) -> Bar | None:
    """What to tell of these decisions, as far as they are of `actor`; None of none.

    What the model had said of a blind case is told when the choice stands: told earlier it could still be followed.
    """
    with desk.store.read() as connection:
        found = reviews.decisions_of(connection, ids, actor) if ids else []
    if not found:
        return None
    policy, now = desk.policy(), desk.clock()
    seconds = min(_left(one.decided_at, policy, now) for one in found)
    said = [] if seconds else [_said(one, policy) for one in found if one.blind and one.kind != "gold"]
    said += [] if seconds else _attested(desk, actor, [one.id for one in found if one.kind == "gold"])
    return Bar(_sentence(found), tuple(one.id for one in found), seconds, tuple(said))


def seconds_left(desk: Desk, ids: Sequence[int], actor: str) -> int:
    """How long these decisions can still be undone, in whole seconds."""
    with desk.store.read() as connection:
        found = reviews.decisions_of(connection, ids, actor)
    policy, now = desk.policy(), desk.clock()
    return min((_left(one.decided_at, policy, now) for one in found), default=0)


def recorded(desk: Desk, ruling: Ruling, actor: str, refusal: Conflict) -> int:
    """The decision that says the same as the refused `ruling` and was recorded before: a second click changes nothing.

    Raises:
        Conflict: the case is decided otherwise or by somebody else; `refusal` itself where it is not decided.
    """
    with desk.store.read() as connection:
        found = reviews.decision_on(connection, ruling.item_id)
    if found is None:
        raise refusal
    case = found.case_id
    if found.actor != actor:
        raise Conflict(f"Case {case} was decided by somebody else meanwhile. Your choice was not recorded. Go on.")
    if not _is_same(ruling, found):
        done = DONE[str(found.outcome)].lower()
        raise Conflict(f"You have {done} case {case} already; that stands. Undo it first, or go on with the next case.")
    return found.id


def _is_same(ruling: Ruling, found: Decision) -> bool:
    if ruling.outcome is Outcome.OVERRIDE:  # who chooses what the model says has approved it
        return found.label == ruling.label
    return found.outcome == ruling.outcome and found.reason_code == ruling.reason_code


def _left(decided_at: datetime, policy: Policy, now: datetime) -> int:
    left = (decided_at + policy.desk.undo_within - now).total_seconds()
    return max(0, int(left) + (left > int(left)))


def _sentence(found: Sequence[OwnDecision]) -> str:
    if len(found) > 1:
        return f"Approved {len(found)} cases"
    (one,) = found
    # An approval of what nobody showed would tell that the choice was the model's.
    done = "Decided" if one.blind else DONE[str(one.outcome)]
    return f"{done} case {one.case_id}"


def _attested(desk: Desk, actor: str, ids: Sequence[int]) -> list[str]:
    """What became of gold cases that were slipped in; a test is told of when it is finished."""
    policy, now = desk.policy(), desk.clock()
    told = [training.feedback(desk.store, one, actor=actor, policy=policy, now=now) for one in ids]
    return [_of_gold(one) for one in told if one is not None]


def _of_gold(one: Feedback) -> str:
    known = f"Case {one.case_id} was one with a known answer, {one.attested.replace('_', ' ')}"
    if one.right:
        return f"{known}. You were right."
    return f"{known}, and its suggestion was wrong on purpose." if one.seeded else f"{known}. Yours was another one."


def _said(one: OwnDecision, policy: Policy) -> str:
    case = one.case_id
    if one.said is None:
        return f"Case {case}: the model had said nothing."
    said = one.said.replace("_", " ")
    if one.label == one.said:
        return f"Case {case}: the model had said {said} too."
    chosen = one.label.replace("_", " ") if one.label else "none of the categories"
    return f"Case {case}: you said {chosen}, the model had said {said} ({cards.sureness(policy, one.sure)})."
