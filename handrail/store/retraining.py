"""What a retraining asks the store: labels since the last one, and what the trail tells of earlier attempts."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, case, exists, func, select

from handrail.store import trail
from handrail.store.frames import frame
from handrail.store.labels import TRAINING
from handrail.store.schema import Case, GoldCase, Label

FAILED = "retraining.failed"
TOLD = "retraining.called_for"
REMEMBERED = 50
"""Newest tellings that are looked at: far more than there are causes."""


def labels_since(connection: Connection, since: datetime | None) -> pd.DataFrame:
    """The newest label of each case that can train, given after `since`; None: all.

    Columns: case_id, label, blind (any label of the case is), labelled_at. Unlike what a training reads, a text may
    still wait for its redaction.
    """
    newest = (
        select(func.max(Label.id).label("id"), func.max(case((Label.blind, 1), else_=0)).label("blind"))
        .where(Label.status.in_(TRAINING))
        .group_by(Label.case_id)
        .subquery()
    )
    query = (
        select(Label.case_id, Label.label, (newest.c.blind == 1).label("blind"), Label.labelled_at)
        .join(newest, newest.c.id == Label.id)
        .join(Case, Case.id == Label.case_id)
        .where(Case.has_text, Case.consent, ~exists().where(GoldCase.case_id == Label.case_id))
        .order_by(Label.id)
    )
    return frame(connection, query if since is None else query.where(Label.labelled_at > since))


def last_failure(connection: Connection) -> datetime | None:
    """When the newest attempt failed, or None."""
    found = trail.search(connection, kind=FAILED, limit=1)
    return datetime.fromisoformat(found[0]["at"]) if found else None


def last_told(connection: Connection, cause: str) -> datetime | None:
    """When this cause last called for a retraining, or None."""
    told = [event["at"] for event in trail.search(connection, kind=TOLD, limit=REMEMBERED) if event["cause"] == cause]
    return datetime.fromisoformat(told[-1]) if told else None
