"""How far a batch is, and the word that lets a stopped one go on or ends it."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import Field

from desk.api.bearer import scoped
from desk.api.bodies import PROBLEMS, Body, InPath, Sentence, plain
from desk.api.calls import StrictRoute, TheCall
from desk.intake import Intake
from desk.permit import TheDesk
from handrail.acts import releasing
from handrail.acts.signing_in import Visitor
from handrail.errors import NotFound
from handrail.store import batches, cases, quarantine
from handrail.store.engine import Store
from handrail.store.frames import records

router = APIRouter(route_class=StrictRoute, responses=PROBLEMS)


class BatchView(Body):
    """How far a batch is."""

    batch: int
    source: str
    state: str = Field(
        description="open, gated, done; stopped: too many of its rows were bad, and it waits for somebody to release "
        "or reject it; released, rejected; replaced: later ones have brought every row of it anew"
    )
    started_at: datetime
    finished_at: datetime | None
    cases: dict[str, int] = Field(description="by state")
    received: int = Field(description="cases, and rows that became none")
    accepted: int = Field(description="cases past the gate")
    waiting: int = Field(description="cases before the gate")
    quarantined: int = Field(description="rows that lie aside")
    changed: int = Field(description="known cases that came with other content")
    reopened: int = Field(description="of the cases: those that go on from a decided one")
    aside: list["Aside"] = Field(description="at most 100 rows in quarantine, without their content")


class Aside(Body):
    """A row in quarantine."""

    row: int
    external_id: str | None
    case: int | None
    expectation: str
    reason: str


@router.get("/batches/{batch}", tags=["intake"], summary="How far a batch is")
def show_batch(batch: InPath, desk: TheDesk, _: Visitor = scoped("intake")) -> BatchView:
    """States of its cases, and what lies in quarantine with the reason."""
    with desk.store.read() as connection:
        found = cases.find_batch(connection, batch)
        if found is None:
            raise NotFound(f"There is no batch {batch}. Use the number that the intake answered.")
        states = cases.state_counts(connection, batch)
        counts = batches.counts(connection, batch)
        aside = records(quarantine.in_quarantine(connection, batch, 100))
    return BatchView(
        batch=batch,
        source=found.source,
        state=found.state,
        started_at=found.started_at,
        finished_at=found.finished_at,
        cases=states,
        received=counts.received,
        accepted=counts.accepted,
        waiting=counts.waiting,
        quarantined=counts.quarantined,
        changed=counts.changed,
        reopened=counts.reopened,
        aside=[
            Aside(
                row=row["row_number"],
                external_id=plain(row["external_id"]),
                case=plain(row["case_id"]),
                expectation=row["expectation"],
                reason=row["reason"],
            )
            for row in aside
        ],
    )


class Word(Body):
    """What a person says to a stopped batch."""

    reason: Sentence


class SettledBatch(Body):
    """A batch that is not stopped any more; `superseded` of its changes were left out: newer content has come since."""

    batch: int
    state: str
    superseded: int = 0


@router.post("/batches/{batch}/release", tags=["intake"], summary="Let a stopped batch go on")
def release(
    batch: InPath, asked: Word, request: Request, call: TheCall, visitor: Visitor = scoped("settle_deliveries")
) -> SettledBatch:
    """Its good rows travel on; its bad ones stay in quarantine."""
    now = call.desk.clock()

    def act(store: Store) -> SettledBatch:
        left_out = releasing.release(store, batch, reason=asked.reason, actor=visitor.name, now=now)
        return SettledBatch(batch=batch, state=batches.RELEASED, superseded=left_out)

    settled = call.act(visitor, SettledBatch, act)
    worker: Intake = request.app.state.intake
    worker.wake()
    return settled


@router.post("/batches/{batch}/reject", tags=["intake"], summary="End a stopped batch")
def reject(batch: InPath, asked: Word, call: TheCall, visitor: Visitor = scoped("settle_deliveries")) -> SettledBatch:
    """Nothing of it goes on. Its rows lie in quarantine, and enter when they are sent again."""
    now = call.desk.clock()

    def act(store: Store) -> SettledBatch:
        releasing.reject(store, batch, reason=asked.reason, actor=visitor.name, now=now)
        return SettledBatch(batch=batch, state=batches.REJECTED)

    return call.act(visitor, SettledBatch, act)
