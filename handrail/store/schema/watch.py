"""What the watches saw and whom they told: readings, the breaker's state, alerts and their delivery."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from handrail.store.schema.base import Base, Id

_OPEN = text("cleared_at IS NULL")


class Reading(Base):
    """One look of one watch at one subject; the faces show these instead of measuring again."""

    __tablename__ = "readings"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    watch: Mapped[str] = mapped_column(
        String(16), comment="audits, breaker, blind_share, drift, fairness, agreement, reviewers or kpi"
    )
    subject: Mapped[str] = mapped_column(comment="category, grouping or reviewer that was looked at; 'all'")
    at: Mapped[datetime] = mapped_column(comment="when it was read")
    window_from: Mapped[datetime] = mapped_column(comment="oldest moment looked at")
    window_to: Mapped[datetime] = mapped_column(comment="newest moment looked at")
    verdict: Mapped[str] = mapped_column(
        String(12), comment="quiet, alarm, underpowered (too little to say quiet) or not_measured"
    )
    body: Mapped[dict[str, Any]] = mapped_column(comment="figures, names and case ids; no case text")
    __table_args__ = (Index(None, "watch", "subject", "id"), Index(None, "at"))


class WatchRuns(Base):
    """How the runs of each scheduled flow went; the dead-man's switch has its own heartbeat in `watches`."""

    __tablename__ = "watch_runs"
    name: Mapped[str] = mapped_column(String(24), primary_key=True, comment="the flow's, such as sla_watch")
    attempted_at: Mapped[datetime | None] = mapped_column(comment="the newest run began")
    begun_at: Mapped[datetime | None] = mapped_column(comment="a run under way began; null: none is")
    succeeded_at: Mapped[datetime | None] = mapped_column(comment="the last run that succeeded began")
    steady_since: Mapped[datetime | None] = mapped_column(comment="no success was overdue since then")
    failed_since: Mapped[datetime | None] = mapped_column(
        comment="the first run that failed since then began; null: the last one succeeded"
    )
    error: Mapped[str | None] = mapped_column(String(60), comment="the newest failure's class as a code; no message")
    off: Mapped[str | None] = mapped_column(
        String(12), comment="why Prefect does not start it: paused, unscheduled or missing; null: it does, or not known"
    )
    off_since: Mapped[datetime | None] = mapped_column(comment="a Prefect server said so first")
    asked_at: Mapped[datetime | None] = mapped_column(comment="a Prefect server was last asked")


class BreakerState(Base):
    """How far the sequential breaker of a category has come; carried on at the next look, begun afresh by a resume."""

    __tablename__ = "breaker_states"
    category: Mapped[str] = mapped_column(primary_key=True, comment="category")
    rules: Mapped[str] = mapped_column(comment="what the state was computed with; other rules begin afresh")
    since: Mapped[datetime] = mapped_column(comment="first hour looked at")
    looked_until: Mapped[datetime] = mapped_column(comment="end of the newest hour looked at")
    log_evidence: Mapped[list[Any]] = mapped_column(comment="natural logarithm, one of each alternative rate")
    reviewed: Mapped[int] = mapped_column(comment="audits counted so far")
    rejected: Mapped[int] = mapped_column(comment="rejections among them")
    alarm_at: Mapped[datetime | None] = mapped_column(comment="end of the hour in which the evidence sufficed")


class Alert(Base):
    """A trouble that stands or stood; at most one open of a kind and subject, however often it is found."""

    __tablename__ = "alerts"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(24), comment="what is wrong, such as breaker, drift or watch_silent")
    subject: Mapped[str] = mapped_column(comment="category, watch, action or channel that it is about; 'all'")
    severity: Mapped[str] = mapped_column(String(8), comment="info, warning or critical")
    sentence: Mapped[str] = mapped_column(comment="what is wrong and what to do; ids and counts, no case text")
    raised_at: Mapped[datetime] = mapped_column(comment="first found")
    seen_at: Mapped[datetime] = mapped_column(comment="last found")
    cleared_at: Mapped[datetime | None] = mapped_column(comment="not found any more")
    acknowledged_at: Mapped[datetime | None] = mapped_column(comment="somebody takes care; it is not told again")
    acknowledged_by: Mapped[str | None] = mapped_column(comment="who")
    __table_args__ = (
        Index("uq_alerts_open", "kind", "subject", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index(None, "cleared_at"),
    )


class AlertDelivery(Base):
    """One telling of an alert over one channel."""

    __tablename__ = "alert_deliveries"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"), comment="the alert")
    channel: Mapped[str] = mapped_column(comment="name of the channel; its address is a secret and not kept here")
    number: Mapped[int] = mapped_column(comment="1: first told, 2 and on: told again; 0: told that it is over")
    state: Mapped[str] = mapped_column(String(8), comment="new, leased, retry, sent, dead or dropped")
    attempts: Mapped[int] = mapped_column(comment="tries so far")
    next_at: Mapped[datetime] = mapped_column(comment="not before; of a leased one: free again from then on")
    sent_at: Mapped[datetime | None] = mapped_column(comment="accepted by the channel")
    error: Mapped[str | None] = mapped_column(comment="what the channel said last, without its address")
    __table_args__ = (UniqueConstraint("alert_id", "channel", "number"), Index(None, "state", "next_at"))
