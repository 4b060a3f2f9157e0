"""Known cases that came again with other content: what waits, what stood before, and what was reopened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, null, select, update

from handrail.case import State
from handrail.revisions import Content, kept_marks
from handrail.store.bulk import among
from handrail.store.cases import chunks
from handrail.store.schema import Batch, Case, CaseChange, CaseInput, Decision, Escalation, Outbox, Reopening, WorkItem

WAITING, APPLIED, LABELLED, REOPENED, DROPPED = "waiting", "applied", "labelled", "reopened", "dropped"
_CLEARED = {"salt": None, "text": None, "redacted": None, "customer_id": None, "label": None}


@dataclass(frozen=True, slots=True)
class NewChange:
    """A known case that came again: its content, and the outcome that came with it (None: none)."""

    case_id: int
    row_digest: str
    received_at: datetime
    text: str
    salt: bytes
    customer_id: str | None
    amount: float | None
    consent: bool
    fields: dict[str, str]
    marks: list[Any]
    label: str | None
    given_label: str | None
    given_confidence: float | None


@dataclass(frozen=True, slots=True)
class WaitingChange(NewChange):
    """A change before it is applied, and where its case stands."""

    id: int
    state: State
    history: bool
    source: str
    external_id: str


@dataclass(frozen=True, slots=True)
class CaseContent:
    """What a case says at this moment, with its erasable part; `is_touched`: ruled on, sent or escalated before."""

    row_digest: str
    received_at: datetime
    amount: float | None
    consent: bool
    fields: dict[str, str]
    flags: list[str]
    salt: bytes | None
    text: str | None
    redacted: str | None
    customer_id: str | None
    is_touched: bool


def insert_changes(connection: Connection, batch_id: int, new: Sequence[NewChange], now: datetime) -> None:
    """Keep changes until the gate of their batch has spoken."""
    rows = [
        {name: getattr(one, name) for name in NewChange.__dataclass_fields__}
        | {"batch_id": batch_id, "state": WAITING, "at": now}
        for one in new
    ]
    if rows:
        connection.execute(insert(CaseChange), rows)


def of_batch(connection: Connection, batch_id: int | None, case_ids: Sequence[int]) -> set[int]:
    """Which of these cases this batch has changed already, or is about to."""
    if batch_id is None:
        return set()
    found: set[int] = set()
    for part in chunks(case_ids):
        query = select(CaseChange.case_id).where(
            CaseChange.batch_id == batch_id, among(connection, CaseChange.case_id, part)
        )
        found.update(connection.execute(query).scalars())
    return found


def waiting(connection: Connection, batch_id: int, limit: int) -> list[WaitingChange]:
    """Changes of a batch that have not been applied, the oldest first."""
    own = [getattr(CaseChange, name) for name in NewChange.__dataclass_fields__]
    query = (
        select(*own, CaseChange.id, Case.state, Case.history, Case.source, Case.external_id)
        .join(Case, Case.id == CaseChange.case_id)
        .where(CaseChange.batch_id == batch_id, CaseChange.state == WAITING)
        .order_by(CaseChange.id)
        .limit(limit)
    )
    rows = connection.execute(query).mappings()
    return [WaitingChange(**{**row, "state": State(row["state"])}) for row in rows]


def standing(connection: Connection, case_ids: Sequence[int]) -> dict[int, CaseContent]:
    """What these cases say now."""
    found: dict[int, CaseContent] = {}
    decided = select(Decision.id).where(Decision.case_id == Case.id).exists()
    sent = select(Outbox.id).where(Outbox.case_id == Case.id).exists()
    escalated = select(Escalation.id).where(Escalation.case_id == Case.id, Escalation.resolved_at.is_(None)).exists()
    for part in chunks(case_ids):
        query = (
            select(
                Case.id,
                Case.row_digest,
                Case.received_at,
                Case.amount,
                Case.consent,
                Case.fields,
                Case.flags,
                CaseInput.salt,
                CaseInput.text,
                CaseInput.redacted,
                CaseInput.customer_id,
                decided | sent | escalated,
            )
            .join(CaseInput, CaseInput.case_id == Case.id, isouter=True)
            .where(among(connection, Case.id, part))
        )
        found.update({number: CaseContent(*rest) for number, *rest in map(tuple, connection.execute(query))})
    return found


def versions(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[Content]]:
    """What these cases say, and said before: the current content first, then earlier ones, reopened cases' too."""
    chain = _chains(connection, case_ids)
    members = sorted({one for ids in chain.values() for one in ids})
    now = standing(connection, members)
    earlier: dict[int, list[Content]] = {}
    for part in chunks(members):
        query = select(
            CaseChange.case_id,
            CaseChange.text,
            CaseChange.amount,
            CaseChange.fields,
            CaseChange.consent,
            CaseChange.customer_id,
        ).where(CaseChange.state == APPLIED, CaseChange.text.is_not(None), among(connection, CaseChange.case_id, part))
        for case_id, *content in map(tuple, connection.execute(query)):
            earlier.setdefault(case_id, []).append(Content(*content))
    contents = {
        case_id: Content(one.text, one.amount, one.fields, one.consent, one.customer_id) for case_id, one in now.items()
    }
    return {
        case_id: [contents[case_id]]
        + [contents[other] for other in ids if other != case_id]
        + [content for other in ids for content in earlier.get(other, ())]
        for case_id, ids in chain.items()
    }


def _chains(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[int]]:
    """Each case with those that it was reopened from."""
    found = {case_id: [case_id] for case_id in case_ids}
    for part in chunks(case_ids):
        mine = (
            select(Reopening.case_id, Reopening.first_id).where(among(connection, Reopening.case_id, part)).subquery()
        )
        query = select(mine.c.case_id, Reopening.case_id, mine.c.first_id).join(
            Reopening, Reopening.first_id == mine.c.first_id
        )
        for case_id, other, first in connection.execute(query):
            found[case_id] = list(dict.fromkeys([*found[case_id], other, first]))
    return found


def insert_reopenings(connection: Connection, links: Sequence[tuple[int, int, int]]) -> None:
    """Link each case that goes on with the decided one before it, and with the first."""
    names = ("case_id", "earlier_id", "first_id")
    if links:
        connection.execute(insert(Reopening), [dict(zip(names, link, strict=True)) for link in links])


def first_of(connection: Connection, case_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The first case of each case's chain, and how many reopened ones follow it."""
    found = {case_id: (case_id, 0) for case_id in case_ids}
    for part in chunks(case_ids):
        query = select(Reopening.case_id, Reopening.first_id).where(among(connection, Reopening.case_id, part))
        found.update({case_id: (first, 0) for case_id, first in connection.execute(query)})
    firsts = sorted({first for first, _ in found.values()})
    counted: dict[int, int] = {}
    for part in chunks(firsts):
        query = select(Reopening.first_id, func.count()).where(among(connection, Reopening.first_id, part))
        counted.update({first: count for first, count in connection.execute(query.group_by(Reopening.first_id))})
    return {case_id: (first, counted.get(first, 0)) for case_id, (first, _) in found.items()}


def reopened(connection: Connection, case_ids: Sequence[int]) -> set[int]:
    """Which of these cases go on from a decided one."""
    found: set[int] = set()
    for part in chunks(case_ids):
        query = select(Reopening.case_id).where(among(connection, Reopening.case_id, part))
        found.update(connection.execute(query).scalars())
    return found


def made_names(connection: Connection, source: str, external_ids: Sequence[str]) -> set[str]:
    """Which of these external ids are no source's: Handrail made them for cases that it opened again."""
    found: set[str] = set()
    for part in chunks(external_ids):
        query = select(Case.external_id).join(Reopening, Reopening.case_id == Case.id)
        query = query.where(Case.source == source, among(connection, Case.external_id, part))
        found.update(connection.execute(query).scalars())
    return found


def keep_earlier(connection: Connection, change_id: int, before: CaseContent, now: datetime) -> None:
    """Let an applied change hold what stood before it."""
    connection.execute(
        update(CaseChange)
        .where(CaseChange.id == change_id)
        .values(
            state=APPLIED,
            settled_at=now,
            label=None,
            given_label=None,
            given_confidence=None,
            row_digest=before.row_digest,
            received_at=before.received_at,
            amount=before.amount,
            consent=before.consent,
            fields=before.fields,
            marks=before.flags,
            salt=before.salt,
            text=before.text,
            redacted=before.redacted,
            customer_id=before.customer_id,
        )
    )


def settle(connection: Connection, change_ids: Sequence[int], state: str, now: datetime) -> None:
    """Settle changes whose content is kept elsewhere, or nowhere."""
    for part in chunks(change_ids):
        connection.execute(
            update(CaseChange).where(CaseChange.id.in_(part)).values(state=state, settled_at=now, **_CLEARED)
        )


def drop(connection: Connection, batch_id: int, now: datetime) -> int:
    """Let go of what a rejected batch would have changed; returns how many."""
    waits = update(CaseChange).where(CaseChange.batch_id == batch_id, CaseChange.state == WAITING)
    return connection.execute(waits.values(state=DROPPED, settled_at=now, **_CLEARED)).rowcount


def replace_content(connection: Connection, change: WaitingChange, before: CaseContent) -> None:
    """Let the case say what the change brought; what was found in the earlier text is forgotten."""
    connection.execute(
        update(Case)
        .where(Case.id == change.case_id)
        .values(
            row_digest=change.row_digest,
            has_text=bool((change.text or "").strip()),
            consent=before.consent and change.consent,
            amount=change.amount,
            fields={**before.fields, **change.fields},
            flags=kept_marks(change.marks, before.flags),
        )
    )
    connection.execute(delete(CaseInput).where(CaseInput.case_id == change.case_id))  # a purge may have done so before
    connection.execute(
        insert(CaseInput).values(
            case_id=change.case_id,
            salt=change.salt,
            text=change.text,
            customer_id=change.customer_id,
            redacted=None,
            findings=null(),
        )
    )


def salts(connection: Connection, ids: Sequence[int]) -> dict[int, bytes]:
    """The salts of these cases' texts: another text has another one."""
    found: dict[int, bytes] = {}
    for part in chunks(ids):
        query = select(CaseInput.case_id, CaseInput.salt).where(among(connection, CaseInput.case_id, part))
        found.update({case_id: salt for case_id, salt in connection.execute(query)})
    return found


def changed_count(connection: Connection, batch_id: int) -> int:
    """Known cases that this batch changed, or is about to change."""
    query = select(func.count()).where(
        CaseChange.batch_id == batch_id, CaseChange.state.in_((WAITING, APPLIED, LABELLED))
    )
    return int(connection.execute(query).scalar_one())


def reopened_count(connection: Connection, batch_id: int) -> int:
    """Cases of this batch that go on from a decided one."""
    query = select(func.count()).select_from(Reopening).join(Case, Case.id == Reopening.case_id)
    return int(connection.execute(query.where(Case.batch_id == batch_id)).scalar_one())


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change as people see it: when it was applied, and what stood before, redacted; None: unread, or erased."""

    at: datetime
    earlier: str | None
    amount: float | None


def shown(connection: Connection, case_id: int) -> list[ShownChange]:
    """The changes of a case, the newest first."""
    query = select(CaseChange.settled_at, CaseChange.redacted, CaseChange.amount).where(
        CaseChange.case_id == case_id, CaseChange.state == APPLIED
    )
    return [ShownChange(*row) for row in connection.execute(query.order_by(CaseChange.id.desc()))]


def changed_since(connection: Connection, opened: Mapping[int, datetime]) -> set[int]:
    """Which of these cases (case → moment) were changed at that moment or later."""
    found: set[int] = set()
    for part in chunks(sorted(opened)):
        query = select(CaseChange.case_id, CaseChange.settled_at).where(
            CaseChange.state == APPLIED, among(connection, CaseChange.case_id, part)
        )
        found.update(case_id for case_id, at in connection.execute(query) if at is not None and at >= opened[case_id])
    return found


def links(connection: Connection, case_id: int) -> tuple[int | None, int | None]:
    """The decided case that this one goes on from, and the case in which this one goes on."""
    before = select(Reopening.earlier_id).where(Reopening.case_id == case_id)
    after = select(func.max(Reopening.case_id)).where(Reopening.earlier_id == case_id)
    return connection.execute(before).scalar(), connection.execute(after).scalar()


def open_kinds(connection: Connection, case_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    """Open work of these cases, locked against those who decide it: case → work item → its kind."""
    found: dict[int, dict[int, str]] = {}
    for part in chunks(case_ids):
        query = (
            select(WorkItem.case_id, WorkItem.id, WorkItem.kind)
            .where(among(connection, WorkItem.case_id, part), WorkItem.state == "open")
            .order_by(WorkItem.id)
            .with_for_update()
        )
        for case_id, item, kind in connection.execute(query):
            found.setdefault(case_id, {})[item] = kind
    return found


def others(
    connection: Connection, source: str, external_ids: Sequence[str]
) -> dict[str, list[tuple[int, str, Content]]]:
    """Cases that other sources brought with these ids: external id → (case, its source, what it says)."""
    sources = connection.execute(select(Batch.source).where(Batch.source != source).distinct()).scalars().all()
    found: dict[str, list[tuple[int, str, Content]]] = {}
    for other in sources:
        for part in chunks(external_ids):
            query = (
                select(
                    Case.external_id,
                    Case.id,
                    CaseInput.text,
                    Case.amount,
                    Case.fields,
                    Case.consent,
                    CaseInput.customer_id,
                )
                .join(CaseInput, CaseInput.case_id == Case.id, isouter=True)
                .where(Case.source == other, among(connection, Case.external_id, part))
                .where(Case.id.not_in(select(Reopening.case_id)))
            )
            for name, case_id, *content in map(tuple, connection.execute(query)):
                found.setdefault(name, []).append((case_id, other, Content(*content)))
    return found
