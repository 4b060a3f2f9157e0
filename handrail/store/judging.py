"""The settled blind labels that may judge a model, with what tells the chance that each had when it was asked for."""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, and_, exists, func, or_, select, true

from handrail.policy import Policy
from handrail.store import readable
from handrail.store.bulk import among
from handrail.store.cases import chunks
from handrail.store.evidence import settled
from handrail.store.labels import gold_ids
from handrail.store.schema import AuditDraw, Case, Decision, Label, Route


def withheld(connection: Connection, policy: Policy, *, since: datetime, until: datetime | None = None) -> pd.DataFrame:
    """Cases that trained people ruled on blindly for the first time since then, and what was settled of each.

    None from after `until`: what comes while they are used is for the next time. A case that was labelled blindly
    before is not fresh, whoever labels it again; one whose first look was not blind stands for nobody knows what.
    Columns: case_id, label (None: no category was right), labelled_at, pending (two people differ, and nobody has
    settled it), text (redacted), amount, fields, queue, stage, blind_chance, inclusion_probability (audits only).
    """
    rulings = settled(connection, since=since)
    rulings = rulings[rulings["labelled_at"] > pd.Timestamp(since)]
    if until is not None:
        rulings = rulings[rulings["labelled_at"] <= pd.Timestamp(until)]
    seen = [
        readable.read(connection, _first_blind(since).where(among(connection, Case.id, part)), policy)
        for part in chunks(rulings["case_id"].tolist()) or [[]]
    ]
    found = pd.concat(seen, ignore_index=True) if len(seen) > 1 else seen[0]
    return found.merge(rulings, on="case_id", validate="one_to_one").sort_values(
        ["labelled_at", "case_id"], ignore_index=True
    )


def decided_in_sight(connection: Connection, policy: Policy, *, since: datetime, until: datetime) -> pd.DataFrame:
    """Cases of which no share is blind, that trained people ruled on in that time, the suggestion in sight.

    People see every case like them, so that each stands for itself. Columns as in `withheld`; none is pending.
    """
    newest = (
        select(func.max(Decision.id))
        .where(Decision.trained.is_(true()), Decision.withdrawal_id.is_(None))
        .where(Decision.kind.in_(("review", "second", "adjudication")))
        .group_by(Decision.case_id)
    )
    query = (
        readable.view(Decision.label, Decision.decided_at.label("labelled_at"), *_ROUTED)
        .join(Decision, Decision.case_id == Case.id)
        .join(Route, Route.case_id == Case.id)
        .join(AuditDraw, and_(AuditDraw.case_id == Case.id, AuditDraw.drawn), isouter=True)
        .where(Decision.id.in_(newest), Decision.decided_at > since, Decision.decided_at <= until)
        .where(Route.queue == "C", Route.blind_chance == 0.0, Case.id.not_in(gold_ids()))
        .order_by(Case.id)
    )
    return readable.read(connection, query, policy).assign(pending=False)


_ROUTED = (Route.queue, Route.stage, Route.blind_chance, AuditDraw.inclusion_probability)


def _first_blind(since: datetime) -> Select[Any]:
    """The cases whose first look was to be blind, and that nobody had ruled on blindly by then."""
    labelled = exists().where(Label.case_id == Case.id, Label.blind, Label.labelled_at <= since)
    denied = exists().where(
        Decision.case_id == Case.id, Decision.blind, Decision.kind != "gold", Decision.decided_at <= since
    )
    return (
        readable.view(*_ROUTED)
        .join(Route, Route.case_id == Case.id)
        .join(AuditDraw, and_(AuditDraw.case_id == Case.id, AuditDraw.drawn), isouter=True)
        .where(or_(Route.suggestion_hidden, AuditDraw.drawn), ~labelled, ~denied, Case.id.not_in(gold_ids()))
    )
