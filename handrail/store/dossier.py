"""Everything that is stored of one case, as far as it may be told to whoever asks."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, select
from sqlalchemy.orm import InstrumentedAttribute

from handrail.case import State
from handrail.errors import NotFound
from handrail.store.bulk import among
from handrail.store.frames import RowType
from handrail.store.routes import CurrentRoute, route_of
from handrail.store.schema import (
    AuditDraw,
    Case,
    CaseInput,
    CaseOutcome,
    Decision,
    Dispute,
    Escalation,
    GivenPrediction,
    GoldCase,
    Label,
    Note,
    Outbox,
    Prediction,
    Quarantine,
    WorkItem,
)
from handrail.store.schema.base import Base
from handrail.store.visibility import Onlooker, kept, received_of, state_of

LARGEST_ID = 2**63 - 1
MOST_OF_CUSTOMER = 1000
"""Cases of one customer that are looked at."""
UNROUTED = frozenset({State.RECEIVED, State.ACCEPTED, State.SCORED})


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What came in; `salt` is None when text and customer id have been deleted.

    `given_label` is what the model of its source said, `quarantined_because` why it lies aside.
    """

    id: int
    source: str
    external_id: str
    state: str
    received_at: datetime
    ingested_at: datetime
    history: bool
    has_text: bool
    consent: bool
    amount: float | None
    fields: dict[str, str]
    flags: list[str]
    salt: bytes | None
    redacted: str | None
    findings: list[list[Any]] | None
    given_label: str | None
    given_confidence: float | None
    quarantined_because: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a model version said of the case."""

    id: int
    model_version: str
    role: str
    label: str
    confidence: float
    novel: bool
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class Work:
    """Work on the case, open or closed."""

    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision on the case, with its erasable note."""

    kind: str
    outcome: str
    label: str | None
    reason_code: str | None
    actor: str
    blind: bool
    decided_at: datetime
    note: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """An action of the case: how far it is, and its last failure."""

    action: str
    state: str
    attempts: int
    created_at: datetime
    done_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class AuditChance:
    """Whether the case was drawn for an audit, and with which chance."""

    drawn: bool
    stratum: str | None
    inclusion_probability: float
    drawn_at: datetime


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label of the case, with its standing."""

    label: str
    status: str
    provenance: str
    reviewer: str | None
    blind: bool
    labelled_at: datetime


@dataclass(frozen=True, slots=True)
class Escalated:
    """An escalation of the case."""

    cause: str
    opened_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class Disputed:
    """A dispute on the case; text and answer are erasable."""

    opened_by: str
    opened_at: datetime
    closed_at: datetime | None
    upheld: bool | None
    text: str | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class KnownOutcome:
    """What the business's systems told of the case later."""

    kind: str
    value: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RawText:
    """What a customer wrote and who they are."""

    text: str
    findings: list[list[Any]] | None
    customer_id: str | None


_Part = TypeVar("_Part", bound=RowType)


@dataclass(frozen=True)
class Dossier:
    """One case. `case` tells what came in; the rest is empty where it is kept from whoever asks (`kept`)."""

    case: CaseFile
    kept: bool
    route: CurrentRoute | None = None
    predictions: Sequence[Said] = ()
    work: Sequence[Work] = ()
    decisions: Sequence[Decided] = ()
    actions: Sequence[Sent] = ()
    audit: AuditChance | None = None
    labels: Sequence[Labelled] = ()
    is_gold: bool = False
    escalations: Sequence[Escalated] = ()
    disputes: Sequence[Disputed] = ()
    outcomes: Sequence[KnownOutcome] = ()

    @property
    def id(self) -> int:
        """Number of the case."""
        return self.case.id

    @property
    def prediction(self) -> Said | None:
        """What the version that routed the case said of it; None where none did: history, no text, no model."""
        version = None if self.route is None else self.route.model_version
        return next((one for one in self.predictions if one.model_version == version), None)

    @property
    def purged(self) -> bool:
        """Whether text and customer id have been deleted."""
        return self.case.salt is None


def opened(connection: Connection, case_id: int, onlooker: Onlooker) -> Dossier:
    """The dossier of a case as `onlooker` may read it.

    Before a case has a queue nobody knows whether it will be decided blindly, so nothing is told to those who may
    decide. Labels are for those who may read labels; answers to tests of people stand in no dossier.

    Raises:
        NotFound: there is no such case.
    """
    case = _case(connection, case_id)
    received_at = received_of(connection, case_id, onlooker)
    case = replace(case, state=state_of(connection, case_id, onlooker), received_at=received_at)
    early = case.state in UNROUTED and not case.history and onlooker.may("decide")
    if early or kept(connection, [case_id], onlooker):
        return Dossier(case, kept=True)
    gold = select(GoldCase.case_id).where(GoldCase.case_id == case_id)
    may_read_labels = onlooker.may("read_labels")
    return Dossier(
        case=case,
        kept=False,
        route=route_of(connection, case_id),
        predictions=_all(connection, Said, Prediction, Prediction.case_id == case_id),
        work=_all(connection, Work, WorkItem, and_(WorkItem.case_id == case_id, WorkItem.kind != "gold")),
        decisions=_decisions(connection, case_id),
        actions=_all(connection, Sent, Outbox, Outbox.case_id == case_id),
        audit=next(iter(_all(connection, AuditChance, AuditDraw, AuditDraw.case_id == case_id)), None),
        labels=_all(connection, Labelled, Label, Label.case_id == case_id) if may_read_labels else (),
        is_gold=may_read_labels and bool(connection.execute(select(gold.exists())).scalar()),
        escalations=_all(connection, Escalated, Escalation, Escalation.case_id == case_id),
        disputes=_all(connection, Disputed, Dispute, Dispute.case_id == case_id),
        outcomes=_all(connection, KnownOutcome, CaseOutcome, CaseOutcome.case_id == case_id, CaseOutcome.at),
    )


def others_of_customer(connection: Connection, case_id: int, *, limit: int) -> tuple[list[int], int]:
    """The newest other cases of the same customer, and how many there are; none without a customer id."""
    customer = connection.execute(select(CaseInput.customer_id).where(CaseInput.case_id == case_id)).scalar()
    if customer is None:
        return [], 0
    of_customer = select(CaseInput.case_id).where(CaseInput.customer_id == customer).limit(MOST_OF_CUSTOMER)
    ids = connection.execute(of_customer.order_by(CaseInput.case_id.desc())).scalars().all()
    # The source is compared here: asked for it as well, SQLite would walk all cases of the source.
    query = select(Case.id, Case.source, Case.received_at).where(among(connection, Case.id, [case_id, *ids]))
    known = {row.id: row for row in connection.execute(query)}
    source = known.pop(case_id).source
    same = [row for row in known.values() if row.source == source]
    newest = sorted(same, key=lambda row: (row.received_at, row.id), reverse=True)
    return [row.id for row in newest[:limit]], len(newest)


def raw(connection: Connection, case_id: int) -> RawText | None:
    """What a customer wrote and who they are; None where it has been deleted.

    Raises:
        NotFound: there is no such case.
    """
    case = _case(connection, case_id)
    query = select(CaseInput.text, CaseInput.findings, CaseInput.customer_id).where(CaseInput.case_id == case.id)
    row = connection.execute(query).first()
    return RawText(*row) if row else None


def _case(connection: Connection, case_id: int) -> CaseFile:
    aside = select(Quarantine.reason).where(Quarantine.case_id == case_id, Quarantine.released_at.is_(None)).limit(1)
    query = (
        select(
            Case.id,
            Case.source,
            Case.external_id,
            Case.state,
            Case.received_at,
            Case.ingested_at,
            Case.history,
            Case.has_text,
            Case.consent,
            Case.amount,
            Case.fields,
            Case.flags,
            CaseInput.salt,
            CaseInput.redacted,
            CaseInput.findings,
            GivenPrediction.label,
            GivenPrediction.confidence,
            aside.scalar_subquery(),
        )
        .join(CaseInput, CaseInput.case_id == Case.id, isouter=True)
        .join(GivenPrediction, GivenPrediction.case_id == Case.id, isouter=True)
        .where(Case.id == case_id)
    )
    row = connection.execute(query).first() if 0 < case_id <= LARGEST_ID else None
    if row is None:
        raise NotFound("There is no case with this number. Look for it on the page Cases.")
    return CaseFile(*row)


def _decisions(connection: Connection, case_id: int) -> list[Decided]:
    parts = [getattr(Decision, part.name) for part in fields(Decided) if part.name != "note"]
    query = (
        select(*parts, Note.text)
        .join(Note, Note.decision_id == Decision.id, isouter=True)
        .where(Decision.case_id == case_id, Decision.kind != "gold")
        .order_by(Decision.id)
    )
    return [Decided(*row) for row in connection.execute(query)]


def _all(
    connection: Connection,
    kind: type[_Part],
    table: type[Base],
    which: ColumnElement[bool],
    *first: InstrumentedAttribute[Any],
) -> list[_Part]:
    """What a table holds of the case as values of `kind`, whose fields are columns; by `first`, then by its key."""
    columns = [getattr(table, part.name) for part in fields(kind)]
    query = select(*columns).where(which).order_by(*first, *table.__table__.primary_key)
    return [kind(*row) for row in connection.execute(query)]
