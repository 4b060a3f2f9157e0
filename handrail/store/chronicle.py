"""What happened over a whole rehearsal: certificates, pauses, versions, and every watch's verdicts."""

import pandas as pd
from sqlalchemy import Connection, func, select

from handrail.store.frames import frame
from handrail.store.schema import Certificate, ModelVersion, Pause, Reading


def certificates(connection: Connection) -> pd.DataFrame:
    """Every certificate, oldest first: model_version, category (None: overall), labels, errors, from, to, why."""
    query = select(
        Certificate.model_version,
        Certificate.category,
        Certificate.labels,
        Certificate.errors,
        Certificate.issued_at,
        Certificate.voided_at,
        Certificate.void_reason,
    ).order_by(Certificate.issued_at, Certificate.id)
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


def verdicts(connection: Connection) -> dict[tuple[str, str], int]:
    """How often each watch came to each verdict."""
    query = select(Reading.watch, Reading.verdict, func.count()).group_by(Reading.watch, Reading.verdict)
    return {(watch, verdict): int(count) for watch, verdict, count in connection.execute(query)}
