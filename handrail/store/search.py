"""Finding cases: every filter of the desk as one condition, newest first, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, cast, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from handrail.store.bulk import among
from handrail.store.decisions import holds
from handrail.store.schema import Batch, Case, CaseInput, CaseOutcome, Decision, Route
from handrail.store.visibility import Onlooker, kept, kept_from, received_for, stands, state_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What the cases must have in common; None and an empty tuple ask nothing."""

    words: tuple[str, ...] = ()
    case: str | None = None
    category: str | None = None
    queue: str | None = None
    state: str | None = None
    outcome: str | None = None
    by: Literal["machine", "people"] | None = None
    decided_by: str | None = None
    flag: str | None = None
    after: str | None = None
    received_from: datetime | None = None
    received_until: datetime | None = None
    amount_from: float | None = None
    amount_to: float | None = None

    def asks_what_was_said(self) -> bool:
        """Whether an answer would tell something of the model's or a person's opinion on a case."""
        return any((self.category, self.queue, self.outcome, self.by, self.after))

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) not in (None, ()) for field in fields(self))


class Place(NamedTuple):
    """A case in the order of a search; the next page begins after it."""

    received_at: datetime
    case_id: int


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A case as a list shows it; where it is `kept` from who asks, what was said of it is None."""

    id: int
    external_id: str | None
    source: str | None
    received_at: datetime
    state: str
    amount: float | None
    flags: list[str]
    redacted: str | None
    queue: str | None
    category: str | None
    confidence: float | None
    outcome: str | None
    label: str | None
    actor: str | None
    kept: bool = False


def find(
    connection: Connection, criteria: Criteria, onlooker: Onlooker, *, after: Place | None = None, limit: int
) -> tuple[list[ListedCase], Place | None]:
    """One page of the cases that fit, newest first, and where the next page begins; None on the last one.

    Asked for what was said (category, queue, outcome), it leaves out cases of which `onlooker` must not learn it;
    in the rows of others that are kept from them these values are None and `kept` is true.
    """
    query = _fitting(connection, criteria, onlooker, Case.id, Case.received_at)
    if after is not None:
        later = and_(Case.received_at == after.received_at, Case.id < after.case_id)
        query = query.where(Case.received_at <= after.received_at, or_(Case.received_at < after.received_at, later))
    query = query.order_by(Case.received_at.desc(), Case.id.desc()).limit(limit + 1)
    places = [Place(at, case_id) for case_id, at in connection.execute(query)]
    page = places[:limit]
    rows = rows_of(connection, [place.case_id for place in page], onlooker)
    return rows, page[-1] if len(places) > limit else None


def count(connection: Connection, criteria: Criteria, onlooker: Onlooker, *, at_most: int) -> int:
    """How many cases fit; counting ends at `at_most`."""
    fitting = _fitting(connection, criteria, onlooker, Case.id).limit(at_most).subquery()
    return int(connection.execute(select(func.count()).select_from(fitting)).scalar_one())


def _fitting(
    connection: Connection, criteria: Criteria, onlooker: Onlooker, *columns: InstrumentedAttribute[Any]
) -> Select[tuple[Any, ...]]:
    query = select(*columns)
    if criteria.words:
        query = query.join(CaseInput, CaseInput.case_id == Case.id)
        query = query.where(*(contains(connection, word) for word in criteria.words))
    if criteria.asks_what_was_said():
        query = query.where(~kept_from(onlooker, Case.id))
    return query.where(*_of_case(criteria, onlooker), *_of_others(criteria))


def _of_case(criteria: Criteria, onlooker: Onlooker) -> list[ColumnElement[bool]]:
    """Conditions on the case's own columns."""
    conditions: list[ColumnElement[bool]] = []
    if criteria.case is not None:
        conditions.append(_named(criteria.case))
    if criteria.state is not None:
        conditions.append(stands(onlooker, criteria.state))
    if criteria.flag is not None:
        conditions.append(cast(Case.flags, Text).like(f'%"{criteria.flag}"%'))
    if criteria.received_from is not None:
        conditions.append(Case.received_at >= criteria.received_from)
    if criteria.received_until is not None:
        conditions.append(Case.received_at < criteria.received_until)
    if criteria.amount_from is not None:
        conditions.append(Case.amount >= criteria.amount_from)
    if criteria.amount_to is not None:
        conditions.append(Case.amount <= criteria.amount_to)
    return conditions


def _named(name: str) -> ColumnElement[bool]:
    """The case with this id of ours or of its source; by way of the sources, for the index begins with them."""
    theirs = and_(Case.source.in_(select(Batch.source).distinct()), Case.external_id == name)
    return or_(Case.id == int(name), theirs) if name.isascii() and name.isdigit() and len(name) <= 18 else theirs  # noqa: PLR2004 - fits 64 bits


def _of_others(criteria: Criteria) -> list[ColumnElement[bool]]:
    """Conditions on what happened to the case.

    EXISTS, and not a join: SQLite then walks the cases from the newest on and stops at a full page, instead of
    sorting all cases of a category.
    """
    conditions: list[ColumnElement[bool]] = []
    routed = [
        column == value
        for column, value in ((Route.category, criteria.category), (Route.queue, criteria.queue))
        if value is not None
    ]
    if routed:
        conditions.append(exists().where(Route.case_id == Case.id, *routed))
    if criteria.outcome is not None or criteria.by is not None:
        decided = [Decision.outcome == criteria.outcome] if criteria.outcome is not None else []
        if criteria.by is not None:
            decided.append((Decision.kind == "automatic") == (criteria.by == "machine"))
        conditions.append(exists().where(Decision.case_id == Case.id, Decision.kind != "gold", holds(), *decided))
    if criteria.decided_by is not None:
        theirs = select(Decision.case_id).where(Decision.actor == criteria.decided_by, Decision.kind != "gold")
        conditions.append(Case.id.in_(theirs))
    if criteria.after is not None:
        conditions.append(exists().where(CaseOutcome.case_id == Case.id, CaseOutcome.kind == criteria.after))
    return conditions


def contains(connection: Connection, word: str) -> ColumnElement[bool]:
    """The condition that the redacted text holds `word`, upper and lower case alike, in every alphabet.

    The databases' own LIKE folds ASCII only (SQLite), or what the server's locale knows (PostgreSQL).
    """
    if word.isascii():
        escaped = word.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        if connection.dialect.name == "sqlite":
            return CaseInput.redacted.like(f"%{escaped}%", escape="\\")
        return CaseInput.redacted.ilike(f"%{escaped}%", escape="\\")
    if connection.dialect.name == "sqlite":
        # GLOB is slow: LIKE, with any letter in place of those it cannot fold, rules out most texts first.
        anything = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in word)
        return and_(
            CaseInput.redacted.like(f"%{anything}%"), CaseInput.redacted.op("GLOB")(f"*{''.join(map(_glob, word))}*")
        )
    return CaseInput.redacted.op("~")("".join(map(_regex, word)))


def _glob(letter: str) -> str:
    forms = _either_case(letter)
    return f"[{forms}]" if len(forms) > 1 or letter in "*?[" else letter


def _regex(letter: str) -> str:
    if letter.isalnum():
        return f"[{_either_case(letter)}]"
    return f"\\{letter}" if letter.isascii() else letter


def _either_case(letter: str) -> str:
    """A letter in upper and lower case, where each is one letter (not *ß*, whose capital is two)."""
    return "".join(dict.fromkeys(form for form in (letter, letter.lower(), letter.upper()) if len(form) == 1))


def rows_of(connection: Connection, ids: Sequence[int], onlooker: Onlooker) -> list[ListedCase]:
    """What the list shows of these cases, in their order."""
    query = (
        select(
            Case.id,
            Case.external_id,
            Case.source,
            received_for(onlooker).label("received_at"),
            state_for(onlooker).label("state"),
            Case.amount,
            Case.flags,
            CaseInput.redacted,
            Route.queue,
            Route.category,
            Route.confidence,
        )
        .join(CaseInput, CaseInput.case_id == Case.id, isouter=True)
        .join(Route, Route.case_id == Case.id, isouter=True)
        .where(among(connection, Case.id, ids))
    )
    found = {row.id: row for row in connection.execute(query)}
    decided = _last_decisions(connection, ids)
    silent = kept(connection, ids, onlooker)
    shown = [ListedCase(*found[one], *decided.get(one, (None, None, None))) for one in ids]
    return [_withheld(one) if one.id in silent else one for one in shown]


def _withheld(one: ListedCase) -> ListedCase:
    """The case without what was said of it, nor the source: a gold case that was written by hand has one of its own."""
    return replace(
        one,
        source=None,
        external_id=None,
        queue=None,
        category=None,
        confidence=None,
        outcome=None,
        label=None,
        actor=None,
        kept=True,
    )


def _last_decisions(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, str | None, str]]:
    """Outcome, label and actor of what was decided last and stands."""
    query = (
        select(Decision.case_id, Decision.outcome, Decision.label, Decision.actor)
        .where(
            among(connection, Decision.case_id, ids),
            Decision.kind.not_in(("gold", "audit", "recheck", "doubt")),
            holds(),
        )
        .order_by(Decision.id)
    )
    return {case_id: (outcome, label, actor) for case_id, outcome, label, actor in connection.execute(query)}
