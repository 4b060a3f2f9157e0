"""Monitoring: what the watches saw, each with its verdict, plots and figures."""

from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from desk.monitoring.section import SAID
from desk.monitoring.watches import WATCH_OF, sections
from desk.pages import moment, page
from desk.permit import TheDesk, permit
from handrail.acts import attending
from handrail.acts.signing_in import Visitor
from handrail.permissions import PERMITTED
from handrail.watches import stale

router = APIRouter()

FEW = 12
"""Rows of a table that stands open from the start."""
SPANS = {28: "4 weeks", 84: "12 weeks", 364: "a year"}
Days = Annotated[Literal["28", "84", "364"], Query(description="how far back the plots go")]


@router.get("/monitoring")
def show(request: Request, desk: TheDesk, days: Days = "84", visitor: Visitor = permit("read_watch")) -> HTMLResponse:
    """Every watch; who may not read labels sees no reviewer's name."""
    policy, now = desk.policy(), desk.clock()
    zone = ZoneInfo(policy.sla.calendar.timezone)
    names = bool(PERMITTED["read_labels"].intersection(visitor.roles))
    found = sections(desk.store, policy, zone, now - timedelta(days=int(days)), names=names)
    with desk.store.read() as connection:
        runs = {one.watch.name: one for one in attending.looks(connection, now)}
    old = {one.key: stale(runs[WATCH_OF[one.key]], one.read_at, now, lambda at: moment(at, zone)) for one in found}
    looked = {one.key: runs[WATCH_OF[one.key]].looked_at or one.read_at for one in found}
    return page(
        request,
        "monitoring.html",
        sections=found,
        stale=old,
        looked=looked,
        span=int(days),
        spans=SPANS,
        few=FEW,
        said=SAID,
    )
