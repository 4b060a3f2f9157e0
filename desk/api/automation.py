"""Automation is withheld and given back; where the policy asks for a second person, an act is proposed first."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from desk.api.bearer import require_scope, scoped
from desk.api.bodies import PROBLEMS, Body, InPath, Name, Sentence
from desk.api.calls import StrictRoute, TheCall
from desk.permit import TheDesk
from handrail.acts import pausing, proposing, second_person
from handrail.acts.signing_in import Visitor
from handrail.errors import Refused
from handrail.policy import Stage
from handrail.store import proposals as rows_of
from handrail.store.engine import Store
from tasks.learning import proposals, readiness

router = APIRouter(tags=["automation"], route_class=StrictRoute, responses=PROBLEMS)
Category = Annotated[Name, Field(examples=["refund_request"])]


class Withheld(Body):
    """What to pause or resume, and why."""

    category: Category | None = Field(description="null: everything")
    reason: Sentence


class Paused(Body):
    """Automation is withheld from the next case on."""

    category: str | None
    returned: int = Field(description="automatic actions that had not been sent and went back to people")


class Changed(Body):
    """It was done, or waits for a second person."""

    done: bool
    proposal: int | None = Field(None, description="the proposal that somebody else confirms")
    checks: str | None = Field(None, description="of a change of stage: what the readiness checks say of the step")


class CategoryStage(Body):
    """Where a category stands on the way from manual to auto, and whether it is ready for its next stage."""

    category: str
    stage: Stage
    next_stage: Stage | None = Field(description="null: no check takes it further")
    ready: bool
    sentence: str = Field(description="ready for …, or not ready for …, because …")
    reasons: list[str] = Field(description="what is missing; where it is ready, what that rests on")
    missing: list[str] = Field(description="codes of the requirements that are not met")


class CategoryStages(Body):
    """Every category of the policy, in its order."""

    categories: list[CategoryStage]


class NewStage(Body):
    """Where a category goes on the way from manual to auto."""

    category: Category
    stage: Stage
    reason: Sentence


@router.post("/automation/pause", summary="Withhold automation")
def pause(asked: Withheld, call: TheCall, visitor: Visitor = scoped("pause")) -> Paused:
    """From the next case on, for a category or for everything; what people approved goes on."""
    policy, now = call.desk.policy(), call.desk.clock()

    def act(store: Store) -> Paused:
        returned = pausing.pause(store, asked.category, reason=asked.reason, policy=policy, actor=visitor.name, now=now)
        return Paused(category=asked.category, returned=returned)

    return call.act(visitor, Paused, act)


@router.post("/automation/resume", summary="Give automation back")
def resume(asked: Withheld, call: TheCall, visitor: Visitor = scoped("resume")) -> Changed:
    """After the breaker only once its model review is closed; proposed where the policy asks for a second person."""
    return _change(call, visitor, "resume", asked)


@router.get("/automation/stages", summary="Stages, and who is ready for the next one")
def list_stages(desk: TheDesk, visitor: Visitor = scoped("read_operations")) -> CategoryStages:
    """Reads weeks of labels and audits: ask it daily, not by the second."""
    rows = readiness.readiness(desk.occasion(visitor.name))
    return CategoryStages(
        categories=[
            CategoryStage(
                category=one.category,
                stage=one.stage,
                next_stage=one.next_stage,
                ready=one.ready,
                sentence=one.sentence,
                reasons=list(one.reasons),
                missing=list(one.missing),
            )
            for one in rows
        ]
    )


@router.post("/automation/stage", summary="Move a category to another stage")
def set_stage(asked: NewStage, call: TheCall, visitor: Visitor = scoped("set_stage")) -> Changed:
    """Done as ordered, with what the checks say beside it; proposed where the policy asks for a second person."""
    return _change(call, visitor, "set_stage", asked)


def _change(call: TheCall, visitor: Visitor, act: str, asked: Withheld | NewStage) -> Changed:
    occasion = call.desk.occasion(visitor.name)
    reason, policy, actor, now = asked.reason, occasion.policy, visitor.name, occasion.now
    # Read before the act: it takes longer than the writer may be held.
    checks = readiness.step(occasion, asked.category, asked.stage) if isinstance(asked, NewStage) else None
    words = checks.sentence if checks is not None and checks.requirements else None

    def change(store: Store) -> Changed:
        if proposals.is_asked(occasion, act):
            arguments = asked.model_dump(exclude={"reason"})
            number = proposing.propose(store, act, arguments, reason=reason, policy=policy, actor=actor, now=now)
            return Changed(done=False, proposal=number, checks=words)
        if isinstance(asked, NewStage):
            to = asked.stage
            pausing.set_stage(
                store, asked.category, to, reason=reason, policy=policy, actor=actor, now=now, checks=checks
            )
        else:
            pausing.resume(store, asked.category, reason=reason, policy=policy, actor=actor, now=now)
        return Changed(done=True, checks=words)

    return call.act(visitor, Changed, change)


class ProposalView(Body):
    """An act that waits for a second person."""

    proposal: int
    act: str
    arguments: dict[str, Any]
    reason: str
    proposer: str
    proposed_at: datetime
    expires_at: datetime


class Proposals(Body):
    """Acts that wait for a second person, oldest first."""

    proposals: list[ProposalView]


@router.get("/proposals", summary="What waits for a second person")
def list_proposals(desk: TheDesk, _: Visitor = scoped("read_operations")) -> Proposals:
    """Whoever is permitted the act and did not propose it may confirm it."""
    with desk.store.read() as connection:
        waiting = rows_of.waiting(connection, desk.clock())
    return Proposals(
        proposals=[
            ProposalView(
                proposal=one.id,
                act=one.act,
                arguments=one.arguments,
                reason=one.reason,
                proposer=one.proposer,
                proposed_at=one.proposed_at,
                expires_at=one.expires_at,
            )
            for one in waiting
        ]
    )


class Settlement(Body):
    """What becomes of a proposal."""

    outcome: Literal["confirmed", "refused", "withdrawn"] = Field(
        description="confirmed and refused by somebody else than its proposer, withdrawn by the proposer"
    )
    reason: Sentence | None = Field(None, description="of a refusal")


@router.post("/proposals/{proposal}", summary="Settle a proposal")
def settle(proposal: InPath, asked: Settlement, call: TheCall, visitor: Visitor = scoped("resume")) -> Changed:
    """Confirmed, the act is done at once. Proposals about model versions are confirmed at the desk."""
    occasion = call.desk.occasion(visitor.name)

    def act(store: Store) -> Changed:
        here = replace(occasion, store=store)
        named = proposals.act_of(here, proposal)
        require_scope(visitor, second_person.PERMISSIONS[named])
        if asked.outcome == "refused":
            proposing.refuse(store, proposal, reason=asked.reason or "", actor=visitor.name, now=occasion.now)
        elif asked.outcome == "withdrawn":
            proposing.withdraw(store, proposal, actor=visitor.name, now=occasion.now)
        elif named in proposals.OF_MODELS:
            raise Refused("A model version is judged before it serves, which takes a while. Confirm it at the desk.")
        else:
            proposals.confirm(here, proposal)
        return Changed(done=asked.outcome == "confirmed", proposal=proposal)

    return call.act(visitor, Changed, act)
