"""Your tokens: what programs may ask for in your name."""

import json
import secrets
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.api.document import scopes
from desk.context import Desk
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.wording import at_desk
from handrail.acts import tokens
from handrail.acts.signing_in import Visitor
from handrail.acts.tokens import LONGEST_NAME, MOST_DAYS, USUAL_DAYS, Issued
from handrail.errors import BadInput, Conflict, HandrailError
from handrail.permissions import PERMITTED
from handrail.store.engine import Store
from handrail.store.frames import records

router = APIRouter(prefix="/tokens")
MEANINGS = {
    "adjudicate": "settle labels that differ",
    "decide": "take and decide reviews",
    "hand_out": "hand out work that others hold",
    "import_outcomes": "send what happened to cases afterwards",
    "intake": "send cases",
    "settle_deliveries": "release or reject stopped deliveries",
    "open_dispute": "take down a customer's dispute, and list disputes",
    "pause": "pause automation",
    "read_cases": "list work and look at cases",
    "read_escalations": "list escalations",
    "read_operations": "read the status and what waits for a second person",
    "read_trail": "search the audit trail",
    "resolve_dispute": "decide disputes",
    "resolve_escalation": "decide escalated cases, acknowledge missed due times",
    "resume": "resume automation",
    "set_stage": "move a category to another stage",
}
"""Each scope as a person says it."""


@router.get("")
def show(request: Request, desk: TheDesk, visitor: Visitor = permit("come_in")) -> HTMLResponse:
    """List one's tokens, and offer a new one."""
    return _page(request, desk, visitor)


@router.post("")
def create(
    request: Request,
    desk: TheDesk,
    name: Annotated[str, Form()] = "",
    days: Annotated[str, Form()] = str(USUAL_DAYS),
    scope: Annotated[list[str] | None, Form()] = None,
    once: Annotated[str, Form(max_length=64)] = "",
    visitor: Visitor = permit("come_in"),
) -> HTMLResponse:
    """Make a token and show it, this once; the same form sent again makes no second one."""
    wanted, now = scope or [], desk.clock()
    made: list[Issued] = []
    asked = sha256(json.dumps([name, days, sorted(wanted)]).encode()).hexdigest()
    try:
        lasts = _number(days)

        def make(store: Store) -> tuple[int, dict[str, int]]:
            made.append(tokens.create(store, name=name, scopes=wanted, days=lasts, actor=visitor.name, now=now))
            return 200, {"token": made[-1].number}

        key = f"form {once or secrets.token_hex(16)}"  # no program's key has a blank
        _, kept, again = desk.act(lambda store: tokens.once(store, make, person=visitor.name, key=key, request=asked))
        if again:
            raise Conflict(f"Token {kept['token']} was made already, and shown then. Revoke it if you have no copy.")
    except HandrailError as refusal:
        return _page(request, desk, visitor, sentence=at_desk(refusal), name=name, days=days, wanted=wanted)
    return _page(request, desk, visitor, issued=made[-1])


@router.post("/{number}/revoke")
def revoke(number: int, desk: TheDesk, visitor: Visitor = permit("come_in")) -> RedirectResponse:
    """End a token at once."""
    desk.act(lambda store: tokens.revoke(store, number, actor=visitor.name, now=desk.clock()))
    return RedirectResponse("/tokens", 303)


def _number(days: str) -> int:
    if not (days.isascii() and days.isdigit() and len(days) <= len(str(MOST_DAYS))):
        raise BadInput(f"A token lasts 1 to {MOST_DAYS} days. Write a whole number.")
    return int(days)


def _page(
    request: Request,
    desk: Desk,
    visitor: Visitor,
    *,
    issued: Issued | None = None,
    sentence: str | None = None,
    name: str = "",
    days: str = str(USUAL_DAYS),
    wanted: list[str] | None = None,
) -> HTMLResponse:
    rows = records(tokens.listed(desk.store, actor=visitor.name))
    offered = [(act, MEANINGS[act]) for act in scopes() if PERMITTED[act].intersection(visitor.roles)]
    return page(
        request,
        "tokens.html",
        status=400 if sentence else 200,
        tokens=rows,
        offered=offered,
        issued=issued,
        sentence=sentence,
        name=name,
        days=days,
        wanted=wanted or [],
        most_days=MOST_DAYS,
        longest=LONGEST_NAME,
        once=secrets.token_hex(16),
    )
