"""Deliveries that were stopped, which a person releases or rejects, and the rows that lie in quarantine."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.intake import Intake
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.routes.operations import Reason, back
from handrail.acts import releasing
from handrail.acts.signing_in import Visitor
from handrail.store import batches, quarantine
from handrail.store.frames import records

router = APIRouter(prefix="/deliveries")

PLACE = "/deliveries"
ROWS = 100
SAID = {
    "released": "Delivery {count} is released. Its good rows are on their way; the bad ones stay in quarantine.",
    "released_but_newer": (
        "Delivery {count} is released. Its good rows are on their way; the bad ones stay in quarantine. Changes in it "
        "that are older than what has come since were left out."
    ),
    "rejected": "Delivery {count} is rejected. Its rows enter when they are delivered again.",
}
"""What has just been done, by the code that the address carries."""


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    done: Annotated[str | None, Query(max_length=20)] = None,
    count: Annotated[int, Query(ge=0)] = 0,
    _: Visitor = permit("settle_deliveries"),
) -> HTMLResponse:
    """Stopped deliveries with their reasons, then the newest rows in quarantine."""
    with desk.store.read() as connection:
        stopped = [(one, batches.counts(connection, one.id)) for one in batches.stopped(connection)]
        rows = records(quarantine.in_quarantine(connection, None, ROWS))
        reasons = {one.id: quarantine.reasons(connection, one.id) for one, _ in stopped}
    notice = SAID[done].format(count=count) if done in SAID else None
    return page(request, "deliveries.html", stopped=stopped, reasons=reasons, rows=rows, said=notice)


@router.post("/{number}/release")
def release(
    number: int, request: Request, desk: TheDesk, reason: Reason = "", visitor: Visitor = permit("settle_deliveries")
) -> RedirectResponse:
    """Let the good rows of a stopped delivery go on."""
    now = desk.clock()
    left_out = desk.act(lambda store: releasing.release(store, number, reason=reason, actor=visitor.name, now=now))
    worker: Intake = request.app.state.intake
    worker.wake()
    return back("released_but_newer" if left_out else "released", to=PLACE, count=number)


@router.post("/{number}/reject")
def reject(
    number: int, desk: TheDesk, reason: Reason = "", visitor: Visitor = permit("settle_deliveries")
) -> RedirectResponse:
    """End a stopped delivery."""
    now = desk.clock()
    desk.act(lambda store: releasing.reject(store, number, reason=reason, actor=visitor.name, now=now))
    return back("rejected", to=PLACE, count=number)
