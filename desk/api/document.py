"""The API's address space and the document that describes it."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from desk.api import automation, batches, bulk, cases, handing, oversight, work
from desk.api.bearer import Scoped

VERSION = "1"
ROUTERS = (
    bulk.router,
    handing.router,
    work.router,
    cases.router,
    batches.router,
    oversight.router,
    automation.router,
)
_ABOUT = """Programs use the same acts as people, in a person's name. Every call carries a token
(`Authorization: Bearer handrail_…`) whose scopes name what it may ask for. Give each POST an `Idempotency-Key`:
repeated with the same body it is answered as before and does nothing again. Refusals are
`{"status", "problem"}` with a sentence that says what to do. Bodies are JSON in UTF-8 of at most 1,000,000 bytes;
unknown fields are refused; times carry their zone."""
_TAGS = [
    {"name": "work", "description": "Claim, look, decide: what reviewers do."},
    {"name": "intake", "description": "Cases and their outcomes come in."},
    {"name": "cases", "description": "Look at cases."},
    {"name": "escalations", "description": "What the escalation manager owns, and disputes."},
    {"name": "automation", "description": "Pause, resume, stage; a second person where the policy asks for one."},
    {"name": "oversight", "description": "The audit trail and how things stand."},
]

IN_PASSING = ("adjudicate", "hand_out", "resolve_dispute")
"""Scopes that no call asks for by itself: a claim, a decision, a hand-over do, by what it is about."""

router = APIRouter(prefix="/api/v1")
for part in ROUTERS:
    router.include_router(part)

public = APIRouter(prefix="/api")


@public.get("/openapi.json", include_in_schema=False)
def show() -> JSONResponse:
    """The OpenAPI document; it needs no token, and names nothing of this business."""
    return JSONResponse(document())


@cache
def document() -> dict[str, Any]:
    """All calls with their bodies and answers."""
    return get_openapi(
        title="Handrail", version=VERSION, description=" ".join(_ABOUT.split()), routes=router.routes, tags=_TAGS
    )


@cache
def scopes() -> tuple[str, ...]:
    """The acts that some call asks for."""
    acts = {
        one.call.act
        for part in ROUTERS
        for route in part.routes
        for one in route.dependant.dependencies  # type: ignore[attr-defined]
        if isinstance(one.call, Scoped)
    }
    return tuple(sorted({*acts, *IN_PASSING}))
