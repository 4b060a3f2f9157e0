"""Approving quick reviews of one category together, after a look at each."""

from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import StringConstraints

from desk import afterwards, cards
from desk.pages import page
from desk.permit import TheDesk, permit
from handrail.acts import bulk
from handrail.acts.signing_in import Visitor
from handrail.bulk_approval import Fate
from handrail.store import reviews

router = APIRouter(prefix="/bulk")

Numbers = Annotated[list[int], Query(max_length=200)]
LeftAlone = Annotated[
    list[Annotated[str, StringConstraints(pattern=rf"^[0-9]{{1,18}}-({'|'.join(Fate)})$")]], Query(max_length=200)
]
"""Cases that were not approved, each with why."""


@router.get("")
def preview(
    request: Request,
    desk: TheDesk,
    category: Annotated[str | None, Query(max_length=200)] = None,
    after: Numbers = [],  # noqa: B006 - read only
    left: LeftAlone = [],  # noqa: B006 - read only
    visitor: Visitor = permit("decide"),
) -> HTMLResponse:
    """What waits for a click, by category; of one category each case, to be unticked."""
    policy, now, name = desk.policy(), desk.clock(), visitor.name
    with desk.store.read() as connection:
        counts = reviews.approvable_counts(connection, name, now)
        rows = (
            []
            if category is None
            else reviews.approvable(connection, name, now, category=category, limit=policy.desk.bulk_limit)
        )
    known = policy.categories.get(category) if category else None
    return page(
        request,
        "bulk.html",
        counts=counts,
        category=category,
        rows=rows,
        money=partial(cards.money, policy),
        rules=known,
        limit=policy.desk.bulk_limit,
        after=afterwards.bar(desk, name, after),
        left=_by_fate(left),
    )


@router.post("")
def approve(
    desk: TheDesk,
    category: Annotated[str, Form(max_length=200)],
    case: Annotated[list[int], Form(max_length=200)] = [],  # noqa: B006 - read only
    visitor: Visitor = permit("decide"),
) -> RedirectResponse:
    """Approve what is ticked and still waits; of each of the others it is said why it was left alone."""
    policy, now = desk.policy(), desk.clock()
    done = desk.act(
        lambda store: bulk.approve(
            store,
            case,
            visitor.name,
            category=category,
            policy=policy,
            now=now,
            secret=desk.secret(),
            hold=policy.desk.undo_within,
        )
    )
    after = [("after", str(one)) for one in done.decisions]
    left = [("left", f"{one}-{fate}") for one, fate in done.left.items()]
    return RedirectResponse("/bulk?" + urlencode([("category", category), *after, *left]), 303)


def _by_fate(left: list[str]) -> list[tuple[str, list[str]]]:
    """Why cases were left alone, and their numbers."""
    cases: dict[Fate, list[str]] = {}
    for one in left:
        number, _, code = one.partition("-")
        cases.setdefault(Fate(code), []).append(number)
    return [(fate.sentence, numbers) for fate, numbers in cases.items()]
