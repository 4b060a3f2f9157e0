"""Training: testing oneself, practising; and the curator's side: gold cases, and everybody's tests."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from desk.pages import page
from desk.permit import TheDesk, permit
from desk.tabs import tabs
from handrail.acts import labelling, training
from handrail.acts.signing_in import Visitor
from handrail.errors import BadInput, NotFound
from handrail.permissions import PERMITTED
from handrail.store import cases
from handrail.store import labels as label_rows
from handrail.store import staff as stored_staff
from handrail.store.frames import records
from tasks.learning.label import give_test, write_gold

router = APIRouter(prefix="/training")

Label = Annotated[str, Form()]
Reason = Annotated[str, Form()]


@router.get("")
def show(request: Request, desk: TheDesk, visitor: Visitor = permit("decide")) -> HTMLResponse:
    """Where the visitor stands, and what they can do about it."""
    policy = desk.policy()
    standing = training.training_progress(desk.store, visitor.name, policy=policy, now=desk.clock())
    practice = training.practice_case(desk.store, visitor.name, policy=policy, secret=desk.secret())
    return page(
        request,
        "training.html",
        tabs=tabs(visitor),
        standing=standing,
        rules=policy.labels,
        may_practise=practice is not None,
        enough=standing.unseen >= policy.labels.gold_cases,
    )


@router.post("/begin")
def begin(desk: TheDesk, visitor: Visitor = permit("decide")) -> RedirectResponse:
    """Hand oneself a test, and go to its first case."""
    occasion = desk.occasion(visitor.name)
    rng = occasion.rng(f"test {visitor.name}")
    desk.act(lambda store: training.begin(store, visitor.name, policy=occasion.policy, now=occasion.now, rng=rng))
    return RedirectResponse("/review?kinds=gold", 303)


@router.get("/tests/{test}")
def result(request: Request, test: int, desk: TheDesk, visitor: Visitor = permit("decide")) -> HTMLResponse:
    """How one's own finished test went, case by case."""
    found, answers = training.result(desk.store, visitor.name, test)
    return page(
        request, "training_result.html", tabs=tabs(visitor), test=found, answers=answers, rules=desk.policy().labels
    )


@router.get("/practice")
def practice(
    request: Request, desk: TheDesk, told: Annotated[bool, Query()] = False, visitor: Visitor = permit("decide")
) -> HTMLResponse:
    """A gold case to practise on, below what became of the last one."""
    policy = desk.policy()
    case = training.practice_case(desk.store, visitor.name, policy=policy, secret=desk.secret())
    last = (
        training.training_progress(desk.store, visitor.name, policy=policy, now=desk.clock()).practised[:1]
        if told
        else []
    )
    return page(
        request, "training_practice.html", tabs=tabs(visitor), case=case, last=last, categories=list(policy.categories)
    )


@router.post("/practice/{case}")
def practise(
    case: int,
    desk: TheDesk,
    label: Annotated[str, Form()] = "",
    none: Annotated[str, Form()] = "",
    visitor: Visitor = permit("decide"),
) -> RedirectResponse:
    """Answer a practice case."""
    if not label and not none:
        raise BadInput("Nothing was chosen. Go back and choose a category, or that none fits.")
    occasion, secret = desk.occasion(visitor.name), desk.secret()
    desk.act(
        lambda store: training.practise(
            store, visitor.name, case, None if none else label, policy=occasion.policy, secret=secret, now=occasion.now
        )
    )
    return RedirectResponse("/training/practice?told=1", 303)


@router.get("/gold")
def gold(request: Request, desk: TheDesk, visitor: Visitor = permit("attest_gold")) -> HTMLResponse:
    """The gold cases with their answers."""
    found = records(labelling.gold(desk.store, actor=visitor.name))
    in_use = sum(row["retired_at"] is None for row in found)
    return page(
        request,
        "training_gold.html",
        tabs=tabs(visitor),
        rows=found,
        in_use=in_use,
        needed=desk.policy().labels.gold_cases,
        categories=list(desk.policy().categories),
    )


@router.get("/gold/new")
def look(
    request: Request, desk: TheDesk, case: Annotated[int, Query(ge=1)], visitor: Visitor = permit("attest_gold")
) -> HTMLResponse:
    """A case beside the question what it is; what was said of it is not shown."""
    with desk.store.read() as connection:
        found, known = label_rows.attestable(connection, case), label_rows.gold_case(connection, case)
        if found is None or found.redacted is None:
            raise NotFound(f"Case {case} does not exist or has no text any more. Attest another one.")
        shown = cases.shown(connection, case)
    in_use = known is not None and known.retired_at is None
    waits = found.waits or found.state not in ("decided", "done")
    return page(
        request,
        "training_attest.html",
        tabs=tabs(visitor),
        case=case,
        shown=shown,
        waits=waits,
        in_use=in_use,
        categories=list(desk.policy().categories),
    )


@router.post("/gold")
def attest(
    desk: TheDesk, case: Annotated[int, Form()], label: Label, visitor: Visitor = permit("attest_gold")
) -> RedirectResponse:
    """Vouch for the category of a finished case."""
    occasion = desk.occasion(visitor.name)
    desk.act(
        lambda store: labelling.attest(store, case, label, policy=occasion.policy, actor=visitor.name, now=occasion.now)
    )
    return RedirectResponse("/training/gold", 303)


@router.post("/gold/written")
def write(
    desk: TheDesk, text: Annotated[str, Form()], label: Label, visitor: Visitor = permit("attest_gold")
) -> RedirectResponse:
    """Write a gold case by hand."""
    occasion = desk.occasion(visitor.name)
    desk.act(lambda store: write_gold(replace(occasion, store=store), [text], [label]))
    return RedirectResponse("/training/gold", 303)


@router.post("/gold/{case}/retire")
def retire(case: int, desk: TheDesk, reason: Reason, visitor: Visitor = permit("attest_gold")) -> RedirectResponse:
    """Use a gold case no longer."""
    occasion = desk.occasion(visitor.name)
    desk.act(
        lambda store: labelling.retire(
            store, case, reason=reason, policy=occasion.policy, actor=visitor.name, now=occasion.now
        )
    )
    return RedirectResponse("/training/gold", 303)


@router.get("/people")
def people(request: Request, desk: TheDesk, visitor: Visitor = permit("test_people")) -> HTMLResponse:
    """Everybody's training and tests."""
    tests = labelling.tests(desk.store, actor=visitor.name)
    with desk.store.read() as connection:
        staff = [
            {
                **person,
                "test": label_rows.open_test(connection, person["name"]),
                "last": next((one for one in tests if one.person == person["name"] and one.closed_at), None),
            }
            for person in records(stored_staff.people(connection))
            if person["active"] and PERMITTED["decide"].intersection(person["roles"])
        ]
    return page(
        request, "training_people.html", tabs=tabs(visitor), people=staff, tests=tests, rules=desk.policy().labels
    )


@router.post("/people/{name}/test")
def hand_out(name: str, desk: TheDesk, visitor: Visitor = permit("test_people")) -> RedirectResponse:
    """Hand somebody a test."""
    occasion = desk.occasion(visitor.name)
    desk.act(lambda store: give_test(replace(occasion, store=store), name))
    return RedirectResponse("/training/people", 303)


@router.post("/people/{name}/cancel")
def cancel(name: str, desk: TheDesk, reason: Reason, visitor: Visitor = permit("test_people")) -> RedirectResponse:
    """End somebody's unfinished test."""
    desk.act(lambda store: labelling.cancel_test(store, name, reason=reason, actor=visitor.name, now=desk.clock()))
    return RedirectResponse("/training/people", 303)
