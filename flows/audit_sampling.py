"""Audit sampling: some auto-approvals are looked at again, blindly."""

from prefect import flow

from flows.parameters import AsOf, Home
from tasks import publish
from tasks.audit import draw, rules
from tasks.heartbeat import beat
from tasks.occasion import begin


@flow(name="audit-sampling", persist_result=False)
def audit_sampling(as_of: AsOf = None, home: Home = None) -> dict[str, int]:
    """Draw audits among the auto-approvals that no draw has looked at yet."""
    occasion = begin("audit_sampling", home=home, as_of=as_of)
    counts = draw(occasion)
    beat(occasion, "audit_sampling")
    rates = rules(occasion)
    publish.table(
        "audit-draw",
        [{**counts, "random_rate": rates.random_rate, "drift_factor": rates.factor}],
        "Auto-approvals looked at, and how many were drawn",
    )
    return counts
