"""Quick reviews of one category are approved together."""

from fastapi import APIRouter
from pydantic import Field

from desk.api.bearer import scoped
from desk.api.bodies import PROBLEMS, Body, Name, Number
from desk.api.calls import StrictRoute, TheCall
from handrail.acts import bulk
from handrail.acts.signing_in import Visitor
from handrail.bulk_approval import Fate
from handrail.store.engine import Store

router = APIRouter(prefix="/queue", tags=["work"], route_class=StrictRoute, responses=PROBLEMS)


class Together(Body):
    """Cases that were read and are agreed with; the policy's `desk.bulk_limit` bounds how many."""

    category: Name = Field(description="what all of them are suggested for", examples=["refund_request"])
    cases: list[Number] = Field(min_length=1, max_length=200)


class LeftAlone(Body):
    """A case that was not approved, and why."""

    case: int
    fate: Fate
    why: str = Field(description="the same as a sentence")


class ApprovedTogether(Body):
    """What became of each case of the call."""

    approved: list[int] = Field(description="the cases, in the order of `decisions`")
    decisions: list[int] = Field(description="name them for an undo")
    left: list[LeftAlone]


@router.post("/approve", summary="Approve several reviews together")
def approve(asked: Together, call: TheCall, visitor: Visitor = scoped("decide")) -> ApprovedTogether:
    """What waits in queue B with this suggestion is approved; every other case is left alone, with the reason."""
    occasion = call.desk.occasion(visitor.name)

    def act(store: Store) -> ApprovedTogether:
        done = bulk.approve(
            store,
            asked.cases,
            visitor.name,
            category=asked.category,
            policy=occasion.policy,
            now=occasion.now,
            secret=call.desk.secret(),
            hold=occasion.policy.desk.undo_within,
        )
        left = [LeftAlone(case=case, fate=fate, why=fate.sentence) for case, fate in done.left.items()]
        return ApprovedTogether(approved=done.cases, decisions=done.decisions, left=left)

    return call.act(visitor, ApprovedTogether, act)
