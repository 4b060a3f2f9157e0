"""What was done and what stands: trail, status, escalations, disputes."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from desk.api.bearer import scoped
from desk.api.bodies import LARGEST_ID, PROBLEMS, Body, Letter, Moment, Number, Sentence, plain
from desk.api.calls import StrictRoute, TheCall
from desk.permit import TheDesk
from desk.wording import API, worded
from handrail.acts import attending, disputing, escalating
from handrail.acts.signing_in import Visitor
from handrail.store import cases, escalations, labels, models, outbox, situation, trail, worklist
from handrail.store import disputes as dispute_rows
from handrail.store import pauses as stored_pauses
from handrail.store import stages as stored_stages
from handrail.store.engine import Store
from handrail.store.frames import records
from handrail.store.visibility import Onlooker

router = APIRouter(route_class=StrictRoute, responses=PROBLEMS)
_TELLS_NOTHING = frozenset({"seq", "at", "kind", "actor", "case", "batch", "queue", "work", "input"})
Limit = Annotated[int, Query(ge=1, le=200, description="at most so many")]


class Happened(Body):
    """One event of the trail."""

    seq: int
    at: str
    kind: str
    actor: str
    case: int | None
    because: str | None = Field(description="the reason that a person gave; erasable, no part of the event")
    data: dict[str, Any] = Field(description="ids, codes and counts")


class Trail(Body):
    """Events, the newest first."""

    events: list[Happened]
    before: int | None = Field(description="give it back for the next page; null on the last one")


@router.get("/trail", tags=["oversight"], summary="Search the audit trail")
def search(
    desk: TheDesk,
    case: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    kind: Annotated[str | None, Query(pattern=r"^[a-z_]{1,20}(\.[a-z_]{1,19})?$", examples=["case.decided"])] = None,
    since: Annotated[Moment | None, Query(description="from this moment on")] = None,
    until: Annotated[Moment | None, Query(description="before this moment")] = None,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="from the page before")] = None,
    limit: Limit = 50,
    visitor: Visitor = scoped("read_trail"),
) -> Trail:
    """Newest first. Of cases that somebody is to decide blindly, what was said is left out."""
    onlooker = Onlooker(visitor.name, visitor.roles, desk.clock())
    with desk.store.read() as connection:
        sought = trail.Sought(case=case, kind=kind, since=since, until=until, before=before)
        found = trail.newest(connection, sought, onlooker=onlooker, limit=limit + 1)
        blind = labels.still_blind(connection, sorted({one.body["case"] for one in found if "case" in one.body}))
    page = found[:limit]
    events = [_told(one, withheld=one.body.get("case") in blind) for one in page]
    return Trail(events=events, before=page[-1].seq if len(found) > limit else None)


def _told(one: trail.Written, *, withheld: bool) -> Happened:
    own = {"seq", "at", "kind", "actor", "case"}
    kept = {name: value for name, value in one.body.items() if not withheld or name in _TELLS_NOTHING}
    data = {name: value for name, value in kept.items() if name not in own}
    body = one.body
    return Happened(
        seq=one.seq,
        at=body["at"],
        kind=body["kind"],
        actor=body["actor"],
        case=body.get("case"),
        because=None if withheld else one.because,
        data=data,
    )


class Waiting(Body):
    """Open work of one kind."""

    queue: str
    kind: str
    waiting: int
    overdue: int
    next_due: datetime | None


class Paused(Body):
    """Automation that is withheld."""

    category: str | None = Field(description="null: everything")
    kind: str = Field(description="breaker or operator")
    since: datetime
    by: str
    model_review: int | None


class Held(Body):
    """A watch that is silent for too long, so that nothing is approved automatically."""

    watch: str
    last_heard: datetime | None = Field(description="its last success; null: it has never run")
    since: datetime | None = Field(description="approval is held from then on; null: a clock was wrong")
    categories: list[str] | None = Field(description="whose approval is held; null: everything")
    sentence: str


class Altered(Body):
    """Something that was changed outside Handrail: it automates nothing until it is put right."""

    what: str = Field(description="policy, stage, pause or serving")
    category: str | None = Field(description="null: everything")
    sentence: str = Field(description="with what to do")


class Looking(Body):
    """One scheduled watch."""

    watch: str = Field(description="the flow's name")
    looked_at: datetime | None = Field(description="its last success; null: it has not looked yet")
    overdue_since: datetime | None
    failed_since: datetime | None = Field(description="since then no run has succeeded")
    error: str | None = Field(description="class of the newest failure")
    off: str | None = Field(description="why Prefect does not start it: paused, unscheduled or missing")


class Status(Body):
    """What an operator wants to know first."""

    business: str
    workspace: str = Field(description="live, or rehearsal: nothing in it is live work, and its clock may be set")
    policy: str
    at: datetime
    cases: dict[str, int] = Field(description="by state")
    waiting: list[Waiting]
    escalations: int
    outbox: dict[str, int] = Field(description="actions by state")
    stages: dict[str, str] = Field(description="by category")
    pauses: list[Paused]
    held_by: str | None = Field(description="the watch that is silent for longest and holds auto-approval")
    held: list[Held] = Field(description="every watch that is silent for too long")
    unwatched: list[str] = Field(description="categories whose breaker could not be read: auto-approval is held")
    altered: list[Altered] = Field(description="what governs automation and was changed outside Handrail")
    model: str | None = Field(description="version that serves")
    challenger: str | None
    watched: str = Field(description="never, nobody, in_part or whole: only whole lets silence mean that all is well")
    looked_at: datetime | None = Field(description="when somebody last looked for trouble")
    watches: list[Looking]


@router.get("/status", tags=["oversight"], summary="How things stand")
def status(desk: TheDesk, _: Visitor = scoped("read_operations")) -> Status:
    """Counts by state and queue, stages, pauses, the model that serves."""
    policy, now = desk.policy(), desk.clock()
    with desk.store.read() as connection:
        serving = models.serving(connection)
        found = situation.read(connection, policy, now)
        seen = attending.seen(connection, desk.store.clock())
        return Status(
            business=policy.business,
            workspace=desk.founding().kind,
            policy=policy.version,
            at=now,
            cases=cases.state_counts(connection),
            waiting=[
                Waiting.model_validate({name: plain(row[name]) for name in Waiting.model_fields})
                for row in records(worklist.waiting(connection, now))
            ],
            escalations=sum(number for number, _ in escalations.counts(connection, now).values()),
            outbox=outbox.counts(connection),
            stages={name: str(stage) for name, stage in stored_stages.stages(connection, policy).items()},
            pauses=[
                Paused(
                    category=plain(row["category"]),
                    kind=row["kind"],
                    since=row["since"],
                    by=row["actor"],
                    model_review=plain(row["model_review_id"]),
                )
                for row in records(stored_pauses.pauses(connection))
            ],
            held_by=found.silent[0].watch if found.silent else None,
            held=[
                Held(
                    watch=one.watch,
                    last_heard=one.last if one.has_run else None,
                    since=one.since,
                    categories=None if one.categories is None else list(one.categories),
                    sentence=worded(one.sentence, API),
                )
                for one in found.silent
            ],
            unwatched=sorted(found.unwatched),
            altered=[
                Altered(what=one.what, category=one.category, sentence=worded(one.sentence, API))
                for one in found.altered
            ],
            model=serving.model_version,
            challenger=serving.challenger,
            watched=str(seen.sight),
            looked_at=seen.looked_at,
            watches=[
                Looking(
                    watch=look.watch.name,
                    looked_at=look.looked_at,
                    overdue_since=look.overdue_since,
                    failed_since=look.failed_since,
                    error=look.error,
                    off=look.off and str(look.off),
                )
                for look in seen.looks
            ],
        )


class EscalationView(Body):
    """Something that the escalation manager owns."""

    case: int
    external_id: str
    cause: str = Field(description="policy, legal, sla_breach, dispute, retention or incident")
    first_decider: str | None
    opened_at: datetime
    due_at: datetime
    item: int | None = Field(description="the work behind it; claim it by its case")
    kind: str | None
    holder: str | None


class Escalations(Body):
    """Open escalations, the most urgent first."""

    escalations: list[EscalationView]


@router.get("/escalations", tags=["escalations"], summary="What the escalation manager owns")
def list_escalations(desk: TheDesk, limit: Limit = 100, _: Visitor = scoped("read_escalations")) -> Escalations:
    """Earliest due first. Claim the case to resolve it, and decide the work; a missed SLA is acknowledged."""
    with desk.store.read() as connection:
        waiting = escalations.waiting(connection, limit=limit)
    return Escalations(
        escalations=[
            EscalationView(
                case=one.case_id,
                external_id=one.external_id,
                cause=one.cause,
                first_decider=one.first_decider,
                opened_at=one.opened_at,
                due_at=one.due_at,
                item=one.item_id,
                kind=one.kind,
                holder=one.holder,
            )
            for one in waiting
        ]
    )


def _whole(value: Any) -> int | None:  # noqa: ANN401 - a value of a frame with gaps
    found = plain(value)
    return None if found is None else int(found)


class Because(Body):
    """Why."""

    reason: Sentence


class OfCase(Body):
    """Which case was meant."""

    case: int


class Acknowledgement(Because):
    """A missed SLA that was taken note of."""

    case: Number


@router.post("/escalations/acknowledge", tags=["escalations"], summary="Take note of a missed SLA")
def acknowledge(asked: Acknowledgement, call: TheCall, visitor: Visitor = scoped("resolve_escalation")) -> OfCase:
    """The escalation is resolved; the late work stays open and stays late."""

    def act(store: Store) -> OfCase:
        escalating.acknowledge(store, asked.case, reason=asked.reason, actor=visitor.name, now=call.desk.clock())
        return OfCase(case=asked.case)

    return call.act(visitor, OfCase, act)


class NewDispute(Body):
    """What a customer contests."""

    case: Number
    text: Letter = Field(description="what the customer says; redacted, erasable")


class Opened(Body):
    """A dispute that was taken down."""

    dispute: int


class DisputeView(Body):
    """A dispute, without its texts."""

    dispute: int
    case: int
    external_id: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    upheld: bool | None = Field(description="the first decision stands; null: not decided")


class Disputes(Body):
    """Disputes, the open ones first."""

    disputes: list[DisputeView]


@router.post("/disputes", status_code=201, tags=["escalations"], summary="A customer contests a decision")
def open_dispute(asked: NewDispute, call: TheCall, visitor: Visitor = scoped("open_dispute")) -> Opened:
    """Somebody else than who decided looks again, within the policy's time for escalations."""
    policy, now = call.desk.policy(), call.desk.clock()

    def act(store: Store) -> Opened:
        number = disputing.open_dispute(store, asked.case, asked.text, actor=visitor.name, policy=policy, now=now)
        return Opened(dispute=number)

    return call.act(visitor, Opened, act, status=201)


@router.get("/disputes", tags=["escalations"], summary="Disputes")
def list_disputes(
    desk: TheDesk,
    *,
    only_open: Annotated[bool, Query(description="leave the closed ones out")] = True,
    limit: Limit = 100,
    _: Visitor = scoped("open_dispute"),
) -> Disputes:
    """The open ones first, then the newest."""
    with desk.store.read() as connection:
        rows = records(dispute_rows.listed(connection, only_open=only_open, limit=limit))
    return Disputes(
        disputes=[
            DisputeView(
                dispute=row["id"],
                case=row["case_id"],
                external_id=row["external_id"],
                opened_at=row["opened_at"],
                due_at=row["due_at"],
                closed_at=plain(row["closed_at"]),
                upheld=plain(row["upheld"]),
            )
            for row in rows
        ]
    )
