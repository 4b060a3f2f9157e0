"""Everything that is stored of one case, as far as it may be told to whoever asks."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from handrail.case import State
from handrail.errors import NotFound
from handrail.store.bulk import among
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
    Route,
    WorkItem,
)
from handrail.store.visibility import Onlooker, kept, state_of

LARGEST_ID = 2**63 - 1
MOST_OF_CUSTOMER = 1000
"""Cases of one customer that are looked at."""
UNROUTED = frozenset({State.RECEIVED, State.ACCEPTED, State.SCORED})

Row = dict[str, Any]


@dataclass(frozen=True)
class Dossier:
    """One case. `case` tells what came in; the rest is empty where it is kept from whoever asks (`kept`)."""

    case: Row
    kept: bool
    route: Row | None
    predictions: list[Row]
    work: list[Row]
    decisions: list[Row]
    actions: list[Row]
    audit: Row | None
    labels: list[Row]
    gold: Row | None
    escalations: list[Row]
    disputes: list[Row]
    outcomes: list[Row]

    @property
    def id(self) -> int:
        """Number of the case."""
        return int(self.case["id"])

    @property
    def prediction(self) -> Row | None:
        """What the version that routed the case said of it; None where none did: history, no text, no model."""
        version = None if self.route is None else self.route["model_version"]
        return next((one for one in self.predictions if one["model_version"] == version), None)

    @property
    def purged(self) -> bool:
        """Whether text and customer id have been deleted."""
        return self.case["salt"] is None


def opened(connection: Connection, case_id: int, onlooker: Onlooker) -> Dossier:
    """The dossier of a case as `onlooker` may read it.

    Before a case has a queue nobody knows whether it will be decided blindly, so nothing is told to those who may
    decide. Labels are for those who may read labels; answers to tests of people stand in no dossier.

    Raises:
        NotFound: there is no such case.
    """
    case = {**_case(connection, case_id), "state": state_of(connection, case_id, onlooker)}
    early = case["state"] in UNROUTED and not case["history"] and onlooker.may("decide")
    if early or kept(connection, [case_id], onlooker):
        return Dossier(case, True, None, [], [], [], [], None, [], None, [], [], [])  # noqa: FBT003 - kept
    may_read_labels = onlooker.may("read_labels")
    return Dossier(
        case=case,
        kept=False,
        route=_first(connection, select(Route.__table__).where(Route.case_id == case_id)),
        predictions=_all(connection, _predictions(case_id)),
        work=_all(connection, _work(case_id)),
        decisions=_all(connection, _decisions(case_id)),
        actions=_all(connection, select(Outbox.__table__).where(Outbox.case_id == case_id).order_by(Outbox.id)),
        audit=_first(connection, select(AuditDraw.__table__).where(AuditDraw.case_id == case_id)),
        labels=_all(connection, _of(Label, case_id)) if may_read_labels else [],
        gold=_first(connection, _of(GoldCase, case_id)) if may_read_labels else None,
        escalations=_all(connection, _of(Escalation, case_id)),
        disputes=_all(connection, _of(Dispute, case_id)),
        outcomes=_all(
            connection,
            select(CaseOutcome.__table__)
            .where(CaseOutcome.case_id == case_id)
            .order_by(CaseOutcome.at, CaseOutcome.id),
        ),
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


def raw(connection: Connection, case_id: int) -> Row | None:
    """What a customer wrote and who they are: text, findings, customer_id.

    None where it has been deleted.

    Raises:
        NotFound: there is no such case.
    """
    case = _case(connection, case_id)
    query = select(CaseInput.text, CaseInput.findings, CaseInput.customer_id).where(CaseInput.case_id == case["id"])
    return _first(connection, query)


def _case(connection: Connection, case_id: int) -> Row:
    query = (
        select(
            Case.__table__,
            CaseInput.salt,
            CaseInput.redacted,
            CaseInput.findings,
            GivenPrediction.label.label("given_label"),
            GivenPrediction.confidence.label("given_confidence"),
        )
        .join(CaseInput, CaseInput.case_id == Case.id, isouter=True)
        .join(GivenPrediction, GivenPrediction.case_id == Case.id, isouter=True)
        .where(Case.id == case_id)
    )
    found = _first(connection, query) if 0 < case_id <= LARGEST_ID else None
    if found is None:
        raise NotFound("There is no case with this number. Look for it on the page Cases.")
    aside = select(Quarantine.reason).where(Quarantine.case_id == case_id, Quarantine.released_at.is_(None))
    return {**found, "quarantined_because": connection.execute(aside).scalar()}


def _predictions(case_id: int) -> Select[Any]:
    return select(Prediction.__table__).where(Prediction.case_id == case_id).order_by(Prediction.id)


def _work(case_id: int) -> Select[Any]:
    """Work on the case, tests of people left out."""
    return select(WorkItem.__table__).where(WorkItem.case_id == case_id, WorkItem.kind != "gold").order_by(WorkItem.id)


def _decisions(case_id: int) -> Select[Any]:
    return (
        select(Decision.__table__, Note.text.label("note"))
        .join(Note, Note.decision_id == Decision.id, isouter=True)
        .where(Decision.case_id == case_id, Decision.kind != "gold")
        .order_by(Decision.id)
    )


def _of(table: Any, case_id: int) -> Select[Any]:  # noqa: ANN401 - a table with a case_id
    return select(table.__table__).where(table.case_id == case_id).order_by(*table.__table__.primary_key.columns)


def _all(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _first(connection: Connection, query: Select[Any]) -> Row | None:
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)
