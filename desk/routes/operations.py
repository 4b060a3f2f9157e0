"""Operations: what holds, each category's automation, and the acts that withhold it and give it back."""

from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.breaker import breaker_in_words, evidence_shown
from desk.context import Desk
from desk.operator_words import STAGES, said, servers, threshold_in_words, weekly
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.watched import in_words
from handrail import bulkhead
from handrail.acts import attending, pausing
from handrail.acts.second_person import PERMISSIONS
from handrail.acts.signing_in import Visitor
from handrail.permissions import PERMITTED
from handrail.policy import Stage
from handrail.store import outbox
from tasks.learning import proposals, readiness
from tasks.learning.certificate_accounts import certified, nearest
from tasks.occasion import Occasion
from tasks.views import operations

router = APIRouter(prefix="/operations")

Reason = Annotated[str, Form(max_length=2000)]
OneCategory = Annotated[str, Form(max_length=100)]
WHOLE = "the page"
NOT_SHOWN = "cannot be shown; the desk's log says where it failed"
ASKED = ("pause", "resume", "close_review", "set_stage", "set_champion", "roll_back", "settle_actions")


def permitted(visitor: Visitor) -> set[str]:
    """Which of the operator's acts the visitor may ask for."""
    return {act for act in ASKED if PERMITTED[act].intersection(visitor.roles)}


def back(done: str, *, to: str = "/operations", what: str | None = None, count: int | str = 0) -> RedirectResponse:
    """Return to a page that says what has been done."""
    query = {"done": done, "count": count, **({"what": what} if what else {})}
    return RedirectResponse(f"{to}?{urlencode(query)}", 303)


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    done: Annotated[str | None, Query(max_length=20)] = None,
    what: Annotated[str | None, Query(max_length=100)] = None,
    count: Annotated[int, Query(ge=0)] = 0,
    visitor: Visitor = permit("read_operations"),
) -> HTMLResponse:
    """What holds right now, then every category; where that cannot be shown, the buttons that pause at least."""
    occasion, notice = desk.occasion(visitor.name), said(desk.policy(), done, what, count)
    drawn = bulkhead.each(
        [WHOLE], lambda _: _whole(request, desk, occasion, permitted(visitor), notice), what="drawing Operations"
    )
    return drawn.results.get(WHOLE) or page(
        request,
        "operations_pause.html",
        fault=drawn.failed[WHOLE],
        categories=list(occasion.policy.categories),
        said=notice,
        may=permitted(visitor),
    )


def _whole(request: Request, desk: Desk, occasion: Occasion, may: set[str], notice: str | None) -> HTMLResponse:
    policy, standing = occasion.policy, operations.standing_now(occasion)
    views = {view.name: view for view in operations.categories(occasion)}
    zone = ZoneInfo(policy.sla.calendar.timezone)
    looked = bulkhead.each([WHOLE], lambda _: certified(occasion), what="reading certificates")
    statuses = looked.results.get(WHOLE)
    cards = bulkhead.each(
        views,
        lambda name: (
            breaker_in_words(views[name], policy),
            threshold_in_words(views[name], policy, nearest(statuses or (), name)),
            evidence_shown(views[name], zone),
        ),
        what="drawing a category",
    )
    checked = bulkhead.each([WHOLE], lambda _: readiness.readiness(occasion, statuses), what="checking who is ready")
    ready = {one.category: one for one in checked.results.get(WHOLE, ())}
    with desk.store.read() as connection:
        actions = outbox.counts(connection)
        seen = attending.seen(connection, occasion.store.clock())
    watched = in_words(seen, zone, is_calm=False)
    return page(
        request,
        "operations.html",
        watched=watched,
        standing=standing,
        said=notice,
        may=may,
        acts=PERMISSIONS,
        takes_two=policy.desk.second_person,
        servers=servers(desk.workspace),
        data_docs=desk.workspace.data_docs,
        actions=actions,
        everything=[pause for pause in standing.holds.pauses if pause.category is None],
        unwatched=[name for name, view in views.items() if view.unread],
        readiness={name: ready[name].sentence if name in ready else NOT_SHOWN for name in views},
        rows=[(view, *cards.results.get(name, (NOT_SHOWN, NOT_SHOWN, ""))) for name, view in views.items()],
    )


@router.post("/pause")
def pause(
    desk: TheDesk, reason: Reason = "", category: OneCategory = "", visitor: Visitor = permit("pause")
) -> RedirectResponse:
    """Withhold automation, of one category or, with none named, of everything."""
    occasion = desk.occasion(visitor.name)
    returned = desk.act(
        lambda store: pausing.pause(
            store, category or None, reason=reason, policy=occasion.policy, actor=visitor.name, now=occasion.now
        )
    )
    return back("paused", what=category, count=returned)


@router.post("/resume")
def resume(
    desk: TheDesk, reason: Reason = "", category: OneCategory = "", visitor: Visitor = permit("resume")
) -> RedirectResponse:
    """Give automation back, or propose it where that takes two."""
    occasion = desk.occasion(visitor.name)
    if proposals.is_asked(occasion, "resume"):
        return propose(desk, occasion, "resume", {"category": category or None}, reason)
    desk.act(
        lambda store: pausing.resume(
            store, category or None, reason=reason, policy=occasion.policy, actor=visitor.name, now=occasion.now
        )
    )
    return back("resumed", what=category)


@router.post("/reviews/{number}/close")
def close_review(
    number: int, desk: TheDesk, conclusion: Reason = "", visitor: Visitor = permit("close_review")
) -> RedirectResponse:
    """Close a model review; then its category may resume."""
    now = desk.clock()
    desk.act(lambda store: pausing.close_review(store, number, conclusion=conclusion, actor=visitor.name, now=now))
    return back("closed", count=number)


@router.get("/stage/{category}")
def ask_stage(
    category: str, request: Request, desk: TheDesk, to: Stage | None = None, visitor: Visitor = permit("set_stage")
) -> HTMLResponse:
    """Ask for another stage, and show what it would mean before it is confirmed."""
    occasion = desk.occasion(visitor.name)
    occasion.policy.category(category)
    (view,) = (view for view in operations.categories(occasion) if view.name == category)
    asked = None if to is view.stage else to
    foreseen = None if asked is None else operations.foresee(occasion, category, asked)
    return page(
        request,
        "operations_stage.html",
        view=view,
        to=to,
        foreseen=foreseen,
        checks=None if asked is None else readiness.step(occasion, category, asked),
        stages=STAGES,
        weekly=weekly,
        costs=occasion.policy.costs,
        breaker=breaker_in_words(view, occasion.policy),
        takes_two="set_stage" in occasion.policy.desk.second_person,
    )


@router.post("/stage/{category}")
def set_stage(
    category: str,
    desk: TheDesk,
    to: Annotated[Stage, Form()],
    reason: Reason = "",
    visitor: Visitor = permit("set_stage"),
) -> RedirectResponse:
    """Move a category to another stage, or propose it where that takes two."""
    occasion = desk.occasion(visitor.name)
    if proposals.is_asked(occasion, "set_stage"):
        return propose(desk, occasion, "set_stage", {"category": category, "stage": str(to)}, reason)
    policy, now = occasion.policy, occasion.now
    checks = readiness.step(occasion, category, to)
    before = desk.act(
        lambda store: pausing.set_stage(
            store, category, to, reason=reason, policy=policy, actor=visitor.name, now=now, checks=checks
        )
    )
    return back("unchanged" if before is to else "staged", what=category)


def propose(desk: Desk, occasion: Occasion, act: str, asked: dict[str, str | None], reason: str) -> RedirectResponse:
    """Propose an act for which the policy asks for a second person."""
    number = desk.act(lambda store: proposals.propose(replace(occasion, store=store), act, asked, reason))
    return back("proposed", count=number)
