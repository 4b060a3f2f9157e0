"""Quality: one's own figures beside the others', the audit sample, and everybody's figures for those who may."""

from datetime import datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from desk.pages import page
from desk.permit import TheDesk, permit
from desk.tabs import tabs
from handrail.acts.signing_in import Visitor
from handrail.store import reviewer_quality
from handrail.store.frames import records
from tasks.occasion import Occasion
from tasks.views import differences, reviewers

router = APIRouter()

SPANS = {7: "7 days", 28: "4 weeks", 84: "12 weeks"}
Days = Annotated[Literal["7", "28", "84"], Query(description="how far back one's decisions count")]


@router.get("/quality")
def show(request: Request, desk: TheDesk, days: Days = "7", visitor: Visitor = permit("decide")) -> HTMLResponse:
    """One's own figures and today's audits."""
    occasion = desk.occasion(visitor.name)
    mine, team = reviewers.own(occasion, occasion.now - timedelta(days=int(days)))
    with desk.store.read() as connection:
        sample = records(reviewer_quality.audit_sample(connection, since=_midnight(occasion), now=occasion.now))
    totals = {name: sum(row[name] for row in sample) for name in ("drawn", "done", "open", "overdue")}
    return page(
        request,
        "quality.html",
        tabs=tabs(visitor),
        mine=mine,
        team=team,
        sample=sample,
        totals=totals,
        days=int(days),
        spans=SPANS,
        bar=occasion.policy.labels.gold_right,
        seen=reviewers.own_signals(occasion),
        settled=differences.differences(occasion).sentences,
    )


@router.get("/reviewers")
def people(
    request: Request, desk: TheDesk, days: Days = "28", visitor: Visitor = permit("read_labels")
) -> HTMLResponse:
    """The same figures of everybody."""
    occasion = desk.occasion(visitor.name)
    found = reviewers.everybody(occasion, occasion.now - timedelta(days=int(days)))
    return page(
        request,
        "quality_people.html",
        tabs=tabs(visitor),
        people=found,
        days=int(days),
        spans=SPANS,
        seen=reviewers.signals(occasion),
    )


def _midnight(occasion: Occasion) -> datetime:
    """When today began where the business is."""
    zone = ZoneInfo(occasion.policy.sla.calendar.timezone)
    return datetime.combine(occasion.now.astimezone(zone).date(), time(), zone)
