"""SLA watch: missed due times go to the escalation manager."""

from prefect import flow

from flows.parameters import AsOf, Home
from tasks import publish
from tasks.occasion import begin
from tasks.routing.escalate import escalate_breaches
from tasks.watch.attendance import attended
from tasks.watch.heartbeat import beat


@flow(name="sla-watch", persist_result=False)
@attended("sla_watch")
def sla_watch(as_of: AsOf = None, home: Home = None) -> dict[str, int]:
    """Escalate every open work item whose due time has passed, once."""
    occasion = begin("sla_watch", home=home, as_of=as_of)
    breached = escalate_breaches(occasion)
    beat(occasion, "sla_watch")
    publish.table("sla-breaches", breached, f"{len(breached)} SLAs newly missed, now with the escalation manager")
    return {"breached": len(breached)}
