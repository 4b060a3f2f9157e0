"""Certificates, the looks at labels that were spent on them, and the blind labels with their draws."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Text, and_, func, insert, literal, or_, select, true, update
from sqlalchemy.orm import InstrumentedAttribute

from handrail.alpha_spending import Terms
from handrail.certificate import CONTRADICTED
from handrail.policy import CertificateRules
from handrail.store.frames import frame
from handrail.store.schema import (
    AuditDraw,
    Case,
    Certificate,
    CertificateAttempt,
    Decision,
    Label,
    Prediction,
    Route,
)


def insert_certificate(connection: Connection, **values: Any) -> int:  # noqa: ANN401 - columns of `certificates`
    """Write a certificate and return its id."""
    return int(connection.execute(insert(Certificate).values(**values).returning(Certificate.id)).scalar_one())


def insert_attempt(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `certificate_attempts`
    """Write a look at the labels."""
    connection.execute(insert(CertificateAttempt).values(**values))


def certificates(
    connection: Connection, model_version: str | None, now: datetime, *, rules: CertificateRules | None = None
) -> pd.DataFrame:
    """Valid certificates of a version: neither voided nor expired; at the moment of its end one is expired.

    With `rules` only those that promise no less than the policy asks by now.
    """
    query = select(Certificate.__table__).where(*_valid(model_version, now, rules))
    return frame(connection, query.order_by(Certificate.id))


def contradicted(connection: Connection, model_version: str | None) -> frozenset[str | None]:
    """Categories (None: overall) whose newest certificate of a version was contradicted by its audits."""
    newest = (
        select(func.max(Certificate.id))
        .where(Certificate.model_version == model_version)
        .group_by(Certificate.category)
    )
    query = select(Certificate.category).where(Certificate.id.in_(newest), Certificate.void_reason == CONTRADICTED)
    return frozenset(connection.execute(query).scalars())


def thresholds(
    connection: Connection, model_version: str | None, now: datetime, *, rules: CertificateRules
) -> dict[str | None, float]:
    """The certified threshold of each category, None for the overall one, by the same certificates."""
    query = select(Certificate.category, Certificate.threshold).where(*_valid(model_version, now, rules))
    return {category: threshold for category, threshold in connection.execute(query.order_by(Certificate.id))}


def _valid(model_version: str | None, now: datetime, rules: CertificateRules | None) -> list[ColumnElement[bool]]:
    asked = [] if rules is None else [Certificate.max_error <= rules.max_error, Certificate.delta <= rules.delta]
    standing = [Certificate.voided_at.is_(None), Certificate.expires_at > now]
    return [Certificate.model_version == model_version, *standing, *asked]


def void_certificates(connection: Connection, reason: str, now: datetime, *, but_of: str | None = None) -> int:
    """Void all valid certificates, but for those of one version; returns how many."""
    valid = update(Certificate).where(Certificate.voided_at.is_(None), Certificate.expires_at > now)
    if but_of is not None:
        valid = valid.where(Certificate.model_version != but_of)
    return connection.execute(valid.values(voided_at=now, void_reason=reason)).rowcount


def void_of(connection: Connection, categories: Sequence[str | None], reason: str, now: datetime) -> int:
    """Void the certificates of these categories (None: the overall ones); returns how many."""
    named = Certificate.category.in_([name for name in categories if name is not None])
    theirs = or_(named, Certificate.category.is_(None)) if None in categories else named
    return connection.execute(
        update(Certificate).where(theirs, Certificate.voided_at.is_(None)).values(voided_at=now, void_reason=reason)
    ).rowcount


def void_one(connection: Connection, certificate: int, reason: str, now: datetime) -> bool:
    """Void one valid certificate; False where it is not valid any more."""
    valid = update(Certificate).where(
        Certificate.id == certificate, Certificate.voided_at.is_(None), Certificate.expires_at > now
    )
    return connection.execute(valid.values(voided_at=now, void_reason=reason)).rowcount == 1


def loosest(connection: Connection, terms: Terms, now: datetime) -> float | None:
    """The least threshold that a valid certificate of this version and category has, promising no less; or None."""
    query = select(func.min(Certificate.threshold)).where(
        Certificate.model_version == terms.model_version,
        _same(Certificate.category, terms.category),
        Certificate.voided_at.is_(None),
        Certificate.expires_at > now,
        Certificate.max_error <= terms.max_error,
        Certificate.delta <= terms.delta,
    )
    return connection.execute(query).scalar_one()


def supersede(connection: Connection, terms: Terms, by: int, now: datetime) -> int:
    """Void what the certificate with the id `by` replaces: others of its version and category; returns how many."""
    others = update(Certificate).where(
        Certificate.model_version == terms.model_version,
        _same(Certificate.category, terms.category),
        Certificate.voided_at.is_(None),
        Certificate.expires_at > now,
        Certificate.id != by,
    )
    return connection.execute(others.values(voided_at=now, void_reason="renewed")).rowcount


def newest_certificates(connection: Connection) -> pd.DataFrame:
    """The newest certificate of each version and category, valid or not."""
    newest = select(func.max(Certificate.id)).group_by(Certificate.model_version, Certificate.category)
    query = select(Certificate.__table__).where(Certificate.id.in_(newest))
    return frame(connection, query.order_by(Certificate.id))


def attempts(connection: Connection, model_version: str) -> pd.DataFrame:
    """Looks at a version's labels, oldest first."""
    query = select(CertificateAttempt.__table__).where(CertificateAttempt.model_version == model_version)
    return frame(connection, query.order_by(CertificateAttempt.id))


def count_attempts(connection: Connection, model_version: str, category: str | None) -> int:
    """How many looks a version and category have had."""
    query = select(func.count()).where(
        CertificateAttempt.model_version == model_version, _same(CertificateAttempt.category, category)
    )
    return int(connection.execute(query).scalar_one())


def population(connection: Connection, version: str, *, since: datetime) -> pd.DataFrame:
    """Cases routed since then as `version` sees them, whoever routed them.

    Columns: case_id, received_at, amount, predicted, confidence, novel, queue, stage, reasons, hidden, blind_chance,
    assigned_at, audited (drawn for an audit), inclusion (the chance of that; None until a draw has looked at it).
    """
    query = (
        select(
            Case.id.label("case_id"),
            Case.received_at,
            Case.amount,
            Prediction.label.label("predicted"),
            Prediction.confidence,
            Prediction.novel,
            Route.queue,
            Route.stage,
            Route.reasons,
            Route.suggestion_hidden.label("hidden"),
            Route.blind_chance,
            Route.assigned_at,
            AuditDraw.drawn.label("audited"),
            AuditDraw.inclusion_probability.label("inclusion"),
        )
        .join(Route, Route.case_id == Case.id)
        .join(Prediction, and_(Prediction.case_id == Case.id, Prediction.model_version == version))
        .join(AuditDraw, AuditDraw.case_id == Case.id, isouter=True)
        .where(Route.assigned_at >= since, ~Case.history)
        .order_by(Case.id)
    )
    cases = frame(connection, query)
    # A null is none of them.
    return cases.assign(**{name: cases[name].eq(True) for name in ("novel", "hidden", "audited")})  # noqa: FBT003


def blind_rulings(connection: Connection, *, since: datetime) -> pd.DataFrame:
    """The newest blind ruling that counts on each case: case_id, label, labelled_at.

    A denial by somebody who was trained then has no label: no category was right, and an approval would have been
    wrong. Who is trained later proves nothing of before. An answer to a test is no ruling.
    """
    labels = select(Label.case_id, Label.label, Label.labelled_at).where(
        Label.blind, Label.status.in_(("accepted", "adjudicated")), Label.labelled_at >= since
    )
    denials = (
        select(Decision.case_id, literal(None, Text).label("label"), Decision.decided_at.label("labelled_at"))
        .where(Decision.trained.is_(true()), Decision.blind, Decision.outcome == "deny")
        .where(Decision.kind != "gold", Decision.decided_at >= since)
    )
    given = frame(connection, labels.order_by(Label.id))
    denied = frame(connection, denials.order_by(Decision.id))
    # A denial that names a category has a label of the same moment: the denial stands behind it and counts.
    rulings = pd.concat([given, denied])
    newest = rulings.sort_values("labelled_at", kind="stable").drop_duplicates("case_id", keep="last")
    return newest.reset_index(drop=True)


def _same(column: InstrumentedAttribute[str | None], category: str | None) -> ColumnElement[bool]:
    return column.is_(None) if category is None else column == category
