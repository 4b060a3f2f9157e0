"""Claimed work is given back, passed on, put off or handed to a colleague."""

from fastapi import APIRouter
from pydantic import Field

from desk.api.bearer import require_scope, scoped
from desk.api.bodies import PROBLEMS, Body, Done, InPath, Moment, Name, Number, Sentence
from desk.api.calls import StrictRoute, TheCall
from handrail.acts import handing
from handrail.acts.signing_in import Visitor
from handrail.store import work
from handrail.store.engine import Store

router = APIRouter(prefix="/queue", tags=["work"], route_class=StrictRoute, responses=PROBLEMS)


class Items(Body):
    """Work that you hold."""

    items: list[Number] = Field(min_length=1, max_length=200)


class Released(Body):
    """What was still yours, and is not any more."""

    items: list[int]


class PutOff(Body):
    """Until when to put work off."""

    until: Moment


class HandedOver(Body):
    """To whom, and why."""

    to: Name = Field(examples=["ruth"])
    reason: Sentence


@router.post("/release", summary="Give claimed work back")
def release(asked: Items, call: TheCall, visitor: Visitor = scoped("decide")) -> Released:
    """For whoever comes next."""
    now = call.desk.clock()

    def act(store: Store) -> Released:
        return Released(items=handing.release(store, asked.items, visitor.name, now=now))

    return call.act(visitor, Released, act)


class Recalled(Body):
    """How much work is offered to you again."""

    recalled: int


@router.post("/recall", summary="Be offered again what you skipped")
def recall(call: TheCall, visitor: Visitor = scoped("decide")) -> Recalled:
    """At once, and not only when the policy's time for skipped work is over."""
    now = call.desk.clock()

    def act(store: Store) -> Recalled:
        return Recalled(recalled=handing.recall(store, visitor.name, now=now))

    return call.act(visitor, Recalled, act)


@router.post("/{item}/skip", summary="Pass claimed work on")
def skip(item: InPath, call: TheCall, visitor: Visitor = scoped("decide")) -> Done:
    """For the policy's time others are offered it, and not you."""
    policy, now = call.desk.policy(), call.desk.clock()

    def act(store: Store) -> Done:
        handing.skip(store, item, visitor.name, policy=policy, now=now)
        return Done()

    return call.act(visitor, Done, act)


@router.post("/{item}/snooze", summary="Put claimed work off")
def snooze(item: InPath, asked: PutOff, call: TheCall, visitor: Visitor = scoped("decide")) -> Done:
    """Until a moment within the policy's bound; its due time stays."""
    policy, now = call.desk.policy(), call.desk.clock()

    def act(store: Store) -> Done:
        handing.snooze(store, item, asked.until, visitor.name, policy=policy, now=now)
        return Done()

    return call.act(visitor, Done, act)


@router.post("/{item}/hand-over", summary="Hand work to a colleague")
def hand_over(item: InPath, asked: HandedOver, call: TheCall, visitor: Visitor = scoped("decide")) -> Done:
    """Only they may claim it from now on. You hold it, or your token has the scope hand_out as well."""
    now = call.desk.clock()

    def act(store: Store) -> Done:
        with store.read() as connection:
            held = {one.id for one in work.held(connection, visitor.name)}
        if item not in held:
            require_scope(visitor, "hand_out")
        handing.hand_over(store, item, asked.to, reason=asked.reason, actor=visitor.name, now=now)
        return Done()

    return call.act(visitor, Done, act)
