"""Alerts: what stands, who takes care of it, what is over, and whether the channels reach anybody."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.pages import page
from desk.permit import TheDesk, permit
from desk.routes.operations import back
from desk.watched import in_words
from desk.wording import at_desk
from handrail.acts import alerting, attending
from handrail.acts.signing_in import Visitor
from handrail.errors import BadInput
from handrail.permissions import PERMITTED
from handrail.store import alerts
from tasks.watch import alert

router = APIRouter(prefix="/alerts")

PLACE = "/alerts"
PAST = 50
SAID = {
    "acknowledged": "You take care of alert {count}. It is not told again while it stands.",
    "reached": "The channel took the test message. What it had missed goes out now.",
    "failed": "The channel did not take the test message: {error}",
}
"""What has just been done, by the code that the address carries."""


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    done: Annotated[str | None, Query(max_length=20)] = None,
    count: Annotated[int, Query(ge=0)] = 0,
    visitor: Visitor = permit("read_watch"),
) -> HTMLResponse:
    """What stands and nobody takes care of, what somebody does, what is over, and the channels."""
    return _page(
        request, desk, visitor, SAID[done].format(count=count) if done in ("acknowledged", "reached") else None
    )


@router.post("/{number}/acknowledge")
def acknowledge(number: int, desk: TheDesk, visitor: Visitor = permit("acknowledge_alert")) -> RedirectResponse:
    """Take care of an alert."""
    now = desk.clock()
    desk.act(lambda store: alerting.acknowledge(store, number, actor=visitor.name, now=now))
    return back("acknowledged", to=PLACE, count=number)


@router.post("/channels/{name}/test", response_model=None)
def try_channel(
    name: str, request: Request, desk: TheDesk, visitor: Visitor = permit("acknowledge_alert")
) -> HTMLResponse | RedirectResponse:
    """Send a test message over a channel."""
    error = alert.try_channel(desk.occasion(visitor.name), name)
    if error is None:
        return back("reached", to=PLACE)
    return _page(request, desk, visitor, None, SAID["failed"].format(error=error))


def _page(
    request: Request, desk: TheDesk, visitor: Visitor, said: str | None, problem: str | None = None
) -> HTMLResponse:
    try:
        channels = alert.listed(desk.occasion(visitor.name))
    except BadInput as refusal:
        channels, problem = [], at_desk(refusal)
    policy, now = desk.policy(), desk.clock()
    with desk.store.read() as connection:
        seen = attending.seen(connection, now)
        standing = alerts.open_alerts(connection)
        past = alerts.past_alerts(connection, limit=PAST)
    rows = [row for row in standing if row.acknowledged_at is None]
    return page(
        request,
        "alerts.html",
        said=said,
        problem=problem,
        channels=channels,
        past=past,
        watched=in_words(seen, ZoneInfo(policy.sla.calendar.timezone), is_calm=not standing),
        new=sorted(rows, key=lambda row: row.severity != "critical"),
        taken=[row for row in standing if row.acknowledged_at is not None],
        may=bool(PERMITTED["acknowledge_alert"].intersection(visitor.roles)),
        seen_at="/reviewers" if PERMITTED["read_labels"].intersection(visitor.roles) else "/monitoring#reviewers",
    )
