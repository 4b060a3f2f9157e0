"""Champion and challenger: what the gates said, promote, roll back."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.operator_words import SINCE, gates_in_words, said, servers
from desk.pages import page
from desk.permit import TheDesk, permit
from desk.routes.operations import Reason, back, permitted, propose
from handrail.acts.proposing import REHEARSAL
from handrail.acts.signing_in import Visitor
from handrail.store import models, trail
from tasks.learning import proposals
from tasks.views import operations

router = APIRouter(prefix="/operations/models")

PLACE = "/operations/models"


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    done: Annotated[str | None, Query(max_length=20)] = None,
    count: Annotated[int, Query(ge=0)] = 0,
    visitor: Visitor = permit("read_operations"),
) -> HTMLResponse:
    """Every version, newest first, the champion and the challenger before them."""
    occasion = desk.occasion(visitor.name)
    versions = operations.versions(occasion)
    with desk.store.read() as connection:
        serving = models.serving(connection)
        promoted = {
            str(event["version"]): event for event in trail.search(connection, kind="model.promoted", limit=1000)
        }
    by_name = {row["version"]: row for row in versions}
    return page(
        request,
        "operations_models.html",
        versions=versions,
        serving=serving,
        promoted=promoted,
        since=SINCE,
        champion=by_name.get(serving.model_version),
        challenger=by_name.get(serving.challenger),
        gates={row["version"]: gates_in_words(row["judgement"], occasion.policy) for row in versions},
        may=permitted(visitor),
        takes_two=occasion.policy.desk.second_person,
        model_name=occasion.model_name,
        servers=servers(desk.workspace),
        said=said(occasion.policy, done, None, count),
    )


@router.post("/promote")
def promote(
    desk: TheDesk,
    version: Annotated[str, Form(max_length=32)],
    reason: Reason = "",
    visitor: Visitor = permit("set_champion"),
) -> RedirectResponse:
    """Let a version serve on the evidence that there is, or propose it where that takes two."""
    occasion = desk.occasion(visitor.name)
    if proposals.is_asked(occasion, "promote"):
        return propose(desk, occasion, "promote", {"version": version}, reason)
    from tasks.learning import deploy  # noqa: PLC0415 - scikit-learn is loaded only where a model is

    # Beside the writer: a judgement takes seconds, and only the act at its end holds the database.
    serves = deploy.promote(occasion, version, reason).serves
    return back("promoted", to=PLACE, count=serves)


@router.post("/roll-back")
def roll_back(
    desk: TheDesk,
    version: Annotated[str, Form(max_length=32)],
    reason: Reason = "",
    rehearsal: Annotated[bool, Form()] = False,
    visitor: Visitor = permit("roll_back"),
) -> RedirectResponse:
    """Leave `version` for the one before, or propose it where that takes two; sent twice, it is left once."""
    occasion = desk.occasion(visitor.name)
    if proposals.is_asked(occasion, "roll_back"):
        return propose(desk, occasion, "roll_back", dict(REHEARSAL) if rehearsal else {}, reason)
    from tasks.learning.roll_back import roll_back as return_to_earlier  # noqa: PLC0415 - as above

    serves = return_to_earlier(occasion, reason, of=version, rehearsal=rehearsal)
    return back("rehearsed" if rehearsal else "rolled_back", to=PLACE, count=serves)
