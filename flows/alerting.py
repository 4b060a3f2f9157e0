"""Alerting: what is wrong is told outside the desk, once."""

from dataclasses import dataclass

from prefect import flow

from flows.parameters import AsOf, Home
from handrail.acts import attending
from handrail.store import alerts
from tasks import publish
from tasks.occasion import begin
from tasks.watch.alert import sweep, tell
from tasks.watch.attendance import attended

SHOWN = ("id", "severity", "kind", "subject", "raised_at", "acknowledged_by", "sentence")


@dataclass(frozen=True, slots=True)
class Alerted:
    """Numbers of the alerts raised and cleared, how many stand, and how many messages were sent."""

    raised: tuple[int, ...]
    cleared: tuple[int, ...]
    standing: int
    sent: int


@flow(name="alerting", persist_result=False)
@attended("alerting")
def alerting(as_of: AsOf = None, home: Home = None) -> Alerted:
    """Find what is wrong now, raise and clear alerts, and tell them over the configured channels.

    The desk does the same every few seconds while it runs; whoever comes second finds nothing left to do.
    """
    occasion = begin("alerting", home=home, as_of=as_of)
    swept = sweep(occasion)
    told = tell(occasion)
    with occasion.store.read() as connection:
        standing = alerts.open_alerts(connection)
        seen = attending.seen(connection, occasion.store.clock())
    rows = [{name: str(getattr(row, name) or "") for name in SHOWN} for row in standing]
    said = seen.sentence(lambda at: f"{at:%Y-%m-%d %H:%M} UTC")
    publish.table("alerts", rows, f"{len(rows)} alerts stand; {told} messages were sent in this run. {said}")
    return Alerted(swept.raised, swept.cleared, standing=len(rows), sent=told)
