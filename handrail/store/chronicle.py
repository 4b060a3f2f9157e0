"""What happened over a whole rehearsal: certificates, pauses, versions, and what every watch came to."""

import pandas as pd
from sqlalchemy import Connection, func, select

from handrail.store.frames import frame
from handrail.store.schema import Certificate, CertificateAttempt, ModelVersion, Pause, Reading


def certificates(connection: Connection) -> pd.DataFrame:
    """Every certificate, oldest first, ended or not; category None: overall.

    Columns: id, model_version, category, threshold, max_error, labels, errors, issued_at, expires_at, voided_at,
    void_reason.
    """
    query = select(
        Certificate.id,
        Certificate.model_version,
        Certificate.category,
        Certificate.threshold,
        Certificate.max_error,
        Certificate.labels,
        Certificate.errors,
        Certificate.issued_at,
        Certificate.expires_at,
        Certificate.voided_at,
        Certificate.void_reason,
    ).order_by(Certificate.issued_at, Certificate.id)
    return frame(connection, query)


def failed_renewals(connection: Connection) -> pd.DataFrame:
    """Looks that were to renew a certificate and could not: renews (its id), at, needed (further labels, at least)."""
    query = (
        select(CertificateAttempt.renews, CertificateAttempt.at, CertificateAttempt.needed)
        .where(CertificateAttempt.renews.is_not(None), CertificateAttempt.certificate_id.is_(None))
        .order_by(CertificateAttempt.id)
    )
    return frame(connection, query)


def pauses(connection: Connection) -> pd.DataFrame:
    """Every pause, ended or not: category (None: everything), kind, reason, since."""
    query = select(Pause.category, Pause.kind, Pause.reason, Pause.since).order_by(Pause.since, Pause.id)
    return frame(connection, query)


def versions(connection: Connection) -> pd.DataFrame:
    """Every model version, oldest first: version, status, cause, labels, registered_at, judgement."""
    query = select(
        ModelVersion.version,
        ModelVersion.status,
        ModelVersion.cause,
        ModelVersion.labels,
        ModelVersion.registered_at,
        ModelVersion.judgement,
    ).order_by(ModelVersion.registered_at, ModelVersion.version)
    return frame(connection, query)


def alarms(connection: Connection) -> pd.DataFrame:
    """Every alarm of every watch: watch, subject, at."""
    query = select(Reading.watch, Reading.subject, Reading.at).where(Reading.verdict == "alarm").order_by(Reading.id)
    return frame(connection, query)


def verdicts(connection: Connection) -> pd.DataFrame:
    """How often each watch came to each verdict about each of its subjects: watch, subject, verdict, looks, first."""
    query = (
        select(
            Reading.watch,
            Reading.subject,
            Reading.verdict,
            func.count().label("looks"),
            func.min(Reading.at).label("first"),
        )
        .group_by(Reading.watch, Reading.subject, Reading.verdict)
        .order_by(Reading.watch, Reading.subject, Reading.verdict)
    )
    return frame(connection, query)
