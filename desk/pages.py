"""Pages: one template environment, the words for times and shares, what every page shows."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from desk.permit import desk_of
from handrail.permissions import PERMITTED
from handrail.proportions import in_percent

HERE = Path(__file__).parent
MENU = (
    ("/review", "Review", "decide"),
    ("/escalations", "Escalations", "read_escalations"),
    ("/cases", "Cases", "read_cases"),
    ("/quality", "Quality", "decide"),
    ("/reviewers", "Reviewers", "read_labels"),
    ("/training/people", "Training", "test_people"),
    ("/operations", "Operations", "read_operations"),
    ("/deliveries", "Deliveries", "settle_deliveries"),
    ("/monitoring", "Monitoring", "read_watch"),
    ("/alerts", "Alerts", "read_watch"),
    ("/trail", "Trail", "read_trail"),
    ("/people", "People", "manage_people"),
)
"""Address, name and act of each main page."""

templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401 - what the template names
    """Render a page for whoever asks; `values` are the template's own."""
    return HTMLResponse(rendered(request, template, **values), status)


def rendered(request: Request, template: str, **values: Any) -> str:  # noqa: ANN401 - what the template names
    """The same as text: a page, or a part of one."""
    visitor = getattr(request.state, "visitor", None)
    desk = desk_of(request)
    policy = request.state.policy if hasattr(request.state, "policy") else desk.policy()
    shared = {
        "visitor": visitor,
        "menu": []
        if visitor is None
        else [(href, name) for href, name, act in MENU if PERMITTED[act].intersection(visitor.roles)],
        "here": request.url.path,
        "now": desk.clock(),
        "zone": ZoneInfo(policy.sla.calendar.timezone if policy else "UTC"),
        "business": policy.business if policy else "Handrail",
        "founding": desk.founding(ask=policy is not None).sentence,
    }
    return templates.get_template(template).render({**shared, **values})


def in_words(span: timedelta) -> str:
    """A span as a person says it: ``3 min``, ``2 h 5 min``, ``4 days``."""
    minutes = int(abs(span).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:  # noqa: PLR2004 - two days are said in hours
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} days"


def due_in_words(due_at: datetime, now: datetime) -> str:
    """``due in 2 h 5 min`` or ``3 h late``."""
    left = due_at - now
    return f"due in {in_words(left)}" if left >= timedelta() else f"{in_words(left)} late"


def ago(at: datetime, now: datetime) -> str:
    """``3 h ago``; a moment to come, by a clock that runs ahead, is *just now*."""
    return f"{in_words(now - at)} ago" if now - at >= timedelta(minutes=1) else "just now"


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """A moment in the business's time zone, to the minute; a dash for none."""
    return "–" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def day(at: datetime, zone: ZoneInfo) -> str:
    """The day of a moment in the business's time zone, as a date field writes it."""
    return f"{at.astimezone(zone):%Y-%m-%d}"


def percent(share: float | None) -> str:
    """``97.3 %``, or a dash."""
    return "–" if share is None or share != share else in_percent(share).replace("%", "\u202f%")  # noqa: PLR0124 - NaN


def words(code: str | None) -> str:
    """A code as words: ``delivery_status`` is *delivery status*."""
    return "none" if code is None else code.replace("_", " ")


def coded(sentence: str) -> Markup:
    """A sentence whose `commands` are shown as such."""
    return Markup(_COMMAND.sub(r"<code>\1</code>", str(escape(sentence))))  # noqa: S704 - escaped before


_COMMAND = re.compile(r"`([^`]+)`")
templates.filters |= {
    "ago": ago,
    "coded": coded,
    "day": day,
    "due": due_in_words,
    "moment": moment,
    "percent": percent,
    "span": in_words,
    "words": words,
}
