"""Cases come in, one or many at once, and are looked at; outcomes follow."""

from datetime import datetime
from typing import Annotated, Any, Literal

import pandas as pd
from fastapi import APIRouter, Request
from pydantic import BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from desk.api.bearer import scoped
from desk.api.bodies import PROBLEMS, Body, InPath, Moment, Name, Number, Source
from desk.api.calls import StrictRoute, TheCall
from desk.intake import Intake
from desk.permit import TheDesk
from handrail import cells
from handrail.acts import importing
from handrail.acts.signing_in import Visitor
from handrail.errors import NotFound
from handrail.revisions import MADE_HERE, made_here
from handrail.store import cases, category_names, changes, disputes, inbox, labels, routes
from handrail.store.engine import Store
from handrail.store.visibility import Onlooker, kept, received_of, state_of
from tasks.routing.inbox import Posted, Row, parse, take_in

router = APIRouter(route_class=StrictRoute, responses=PROBLEMS)


def _storable(value: object) -> object:
    return cells.storable(value) if isinstance(value, str) else value


Cell = Annotated[StrictStr, BeforeValidator(_storable)]
Figure = Annotated[StrictInt, Field(ge=-(10**15), le=10**15)] | StrictFloat | Cell
"""A number, or a text that says one; one that cannot be read puts its row into quarantine."""


class Prediction(Body):
    """What your own model said of the case; only where the policy's `model.source` is *given*."""

    label: Cell = Field(examples=["refund_request"])
    confidence: Figure = Field(examples=[0.93])


class NewCase(Body):
    """One case, in the case fields' own names; what does not hold puts it into quarantine with the reason."""

    external_id: Cell | StrictInt = Field(
        description="your id; with the source it identifies the case", examples=["T-1"]
    )
    text: Cell | None = Field(None, description="what the customer wrote", examples=["Where is my parcel?"])
    received_at: Cell | None = Field(
        None, description="ISO 8601, UTC where it names no zone; absent: now", examples=["2026-03-02T08:30:00Z"]
    )
    amount: Figure | None = Field(
        None, description="in the business's currency, unless another one is named", examples=[19.9]
    )
    currency: Cell | None = Field(
        None, max_length=10, description="ISO code of the amount's; another one than the business's goes to a person"
    )
    customer_id: Cell | StrictInt | None = Field(None, description="erasable", examples=["C-77"])
    consent: StrictBool | Cell | None = Field(
        None, description="absent: the policy's rule; null or blank: not given", examples=[True]
    )
    fields: dict[str, Cell | StrictInt | StrictFloat | StrictBool] | None = Field(
        None, max_length=50, description="what the policy's rules and model may read", examples=[{"channel": "web"}]
    )
    prediction: Prediction | None = None


class PostedCase(Body):
    """A case and where it comes from."""

    source: Source = Field(description="the system that sends it")
    case: NewCase


class PostedCases(Body):
    """Cases and where they come from; the policy's `intake.batch_rows` bounds how many."""

    source: Source = Field(description="the system that sends them")
    cases: list[NewCase] = Field(min_length=1, max_length=100_000)


class TakenRow(Body):
    """What became of one row: *received* on its way, a *duplicate* of a known case, or put aside.

    A known case that came with other content is *changed*, once the batch has passed its gate; where it was decided,
    *reopened* as another case.
    """

    row: Number = Field(description="in the order of the call, from 1")
    result: Literal["received", "duplicate", "quarantined", "changed", "reopened"]
    case: int | None = None
    expectation: str | None = Field(None, description="code of the rule that a row in quarantine breaks")


class ToldRow(TakenRow):
    """The same with your id, and of a bad row the field and the sentence that says what to correct."""

    external_id: str | None = None
    field: str | None = None
    reason: str | None = None


class Taken(Body):
    """What became of a call's rows."""

    batch: int | None = Field(description="look at it under /batches; null when all was known before")
    received: int
    duplicates: int
    quarantined: int
    changed: int = 0
    reopened: int = 0
    rows: list[TakenRow]


class Told(Taken):
    """The same with the reasons."""

    rows: list[ToldRow]  # type: ignore[assignment]


@router.post("/cases", status_code=202, tags=["intake"], summary="Send one case")
def send(asked: PostedCase, request: Request, call: TheCall, visitor: Visitor = scoped("intake")) -> Told:
    """It is on its way when this answers; within seconds it waits in its queue. Look at it under /cases."""
    return _send(asked.source, [asked.case], request, call, visitor)


@router.post("/cases/batch", status_code=202, tags=["intake"], summary="Send many cases at once")
def send_many(asked: PostedCases, request: Request, call: TheCall, visitor: Visitor = scoped("intake")) -> Told:
    """Bad rows are put aside, each with its reason, and the good ones go on.

    Where at least `intake.stop_at_least` rows are bad and their share passes `intake.max_bad_share`, the batch stops
    until somebody releases or rejects it. Look at it under /batches.
    """
    return _send(asked.source, asked.cases, request, call, visitor)


def _send(source: str, rows: list[NewCase], request: Request, call: TheCall, visitor: Visitor) -> Told:
    desk = call.desk
    policy, now = desk.policy(), desk.clock()
    with desk.store.read() as connection:
        names = category_names.current_names(connection)
    cells = [row.model_dump(exclude_unset=True) for row in rows]
    posted = parse(cells, source, call.request, policy=policy, now=now, current_names=names)

    def act(store: Store) -> Taken:
        batch, found = take_in(store, posted, policy=policy, actor=visitor.name, now=now)
        results = [TakenRow(row=r.row, result=_result(r), case=r.case_id, expectation=r.expectation) for r in found]
        counts = pd.Series([row.result for row in results]).value_counts()
        return Taken(
            batch=batch,
            received=int(counts.get("received", 0)),
            duplicates=int(counts.get("duplicate", 0)),
            quarantined=int(counts.get("quarantined", 0)),
            changed=int(counts.get("changed", 0)),
            reopened=int(counts.get("reopened", 0)),
            rows=results,
        )

    taken = call.act(visitor, Taken, act, status=202)
    worker: Intake = request.app.state.intake
    worker.wake()
    return _told(taken, posted)


def _result(row: Row) -> Literal["received", "duplicate", "quarantined", "changed", "reopened"]:
    if row.expectation is not None:
        return "quarantined"
    return "received" if row.arrival is None else row.arrival.value


def _told(taken: Taken, posted: Posted) -> Told:
    """The reasons quote what was sent: they are read from the request anew, and never kept with the answer."""
    reasons, fields = posted.reasons, posted.fields
    rows = [
        ToldRow(
            **row.model_dump(),
            external_id=posted.ids[row.row - 1] or None,
            field="external_id" if row.expectation == MADE_HERE else fields.get(row.row),
            reason=made_here(posted.ids[row.row - 1]) if row.expectation == MADE_HERE else reasons.get(row.row),
        )
        for row in taken.rows
    ]
    return Told(**{**taken.model_dump(), "rows": rows})


class CaseView(Body):
    """A case as everybody may see it: redacted, and without what was said of it while somebody decides it blindly."""

    case: int
    source: str | None = Field(description="as external_id and batch null while you may have to decide the case")
    external_id: str | None
    batch: int | None
    state: str = Field(description="received, quarantined, accepted, scored, queued, decided or done")
    received_at: datetime
    text: str | None = Field(description="redacted; null before the redaction, without a text, and once purged")
    amount: float | None
    fields: dict[str, Any]
    flags: list[str]
    withheld: bool = Field(description="somebody is to decide it blindly: queue, category and decision are not told")
    queue: str | None
    category: str | None
    confidence: float | None
    due_at: datetime | None
    outcome: str | None
    label: str | None
    reason: str | None = Field(description="why it lies in quarantine")
    changes: int = Field(description="how often its content was changed while it waited")
    goes_on_from: int | None = Field(description="the decided case whose request changed")
    goes_on_as: int | None = Field(description="the case in which its changed request goes on")


@router.get("/cases/{case}", tags=["cases"], summary="Look at one case")
def show_case(case: InPath, desk: TheDesk, visitor: Visitor = scoped("read_cases")) -> CaseView:
    """Where it stands, its redacted text, and, where nobody has to decide it blindly, what was said of it."""
    onlooker = Onlooker(visitor.name, visitor.roles, desk.clock())
    with desk.store.read() as connection:
        found = inbox.case(connection, case)
        if found is None:
            raise NotFound(f"There is no case {case}. Use the number that the intake answered.")
        shown = cases.shown(connection, case)
        route = routes.route_of(connection, case)
        decision = disputes.decision_in_force(connection, case)
        silent = bool(kept(connection, [case], onlooker))
        blind = silent or bool(labels.still_blind(connection, [case]))
        state = state_of(connection, case, onlooker)
        received_at = received_of(connection, case, onlooker)
        aside = inbox.why_aside(connection, [case]).get(case)
        changed, (earlier, later) = len(changes.shown(connection, case)), changes.links(connection, case)
    if blind:
        route = decision = None
    # Where it came from would tell a gold case that was written by hand.
    return CaseView(
        case=case,
        source=None if silent else found.source,
        external_id=None if silent else found.external_id,
        batch=None if silent else found.batch_id,
        state=state,
        received_at=received_at,
        text=shown.redacted,
        amount=shown.amount,
        fields=shown.fields,
        flags=shown.flags,
        withheld=blind,
        due_at=None if silent else found.due_at,
        reason=aside,
        changes=changed,
        goes_on_from=earlier,
        goes_on_as=later,
        queue=route and route.queue,
        category=route and route.category,
        confidence=route and route.confidence,
        outcome=decision and decision.outcome,
        label=decision and decision.label,
    )


class NewOutcome(Body):
    """What happened to a case afterwards."""

    external_id: Name = Field(examples=["T-1"])
    kind: Literal["reversal", "complaint", "csat", "closed"]
    at: Moment
    value: float | None = Field(None, ge=1, le=5, description="of a CSAT: 1 to 5", examples=[4])


class NewOutcomes(Body):
    """Outcomes from your systems."""

    source: Source | None = Field(None, description="of the cases; absent: whichever delivered an id last")
    outcomes: list[NewOutcome] = Field(min_length=1, max_length=5_000)


class Joined(Body):
    """How many outcomes were new, known before, or of cases that are not here."""

    imported: int
    duplicates: int
    unknown: int


@router.post("/outcomes", tags=["intake"], summary="Send what happened to cases afterwards")
def send_outcomes(asked: NewOutcomes, call: TheCall, visitor: Visitor = scoped("import_outcomes")) -> Joined:
    """Reversals, complaints, CSAT and closings, joined to their cases; the same outcome counts once."""
    now = call.desk.clock()

    def act(store: Store) -> Joined:
        with store.read() as connection:
            ids = cases.ids_of(connection, asked.source, [one.external_id for one in asked.outcomes])
        rows = [
            (ids[one.external_id], one.kind, one.value if one.kind == "csat" else None, one.at)
            for one in asked.outcomes
            if one.external_id in ids
        ]
        frame = pd.DataFrame(rows, columns=["case_id", "kind", "value", "at"])
        counts = importing.import_outcomes(store, frame, actor=visitor.name, now=now)
        return Joined(**counts, unknown=len(asked.outcomes) - len(rows))

    return call.act(visitor, Joined, act)
