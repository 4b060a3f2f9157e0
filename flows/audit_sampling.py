"""Audit sampling: some auto-approvals are looked at again, blindly; and what such looks have found so far."""

from prefect import flow

from flows.parameters import AsOf, Home
from tasks import publish
from tasks.occasion import begin
from tasks.watch.attendance import attended
from tasks.watch.audit import draw, rules
from tasks.watch.audit_reading import read_audits, row_of
from tasks.watch.heartbeat import beat


@flow(name="audit-sampling", persist_result=False)
@attended("audit_sampling")
def audit_sampling(as_of: AsOf = None, home: Home = None) -> dict[str, int]:
    """Draw audits among the auto-approvals that no draw has looked at yet, and read what audits have found."""
    occasion = begin("audit_sampling", home=home, as_of=as_of)
    found = draw(occasion)
    counts, plan = {"looked_at": found.looked_at, "drawn": found.drawn}, found.plan
    beat(occasion, "audit_sampling")
    seen = read_audits(occasion, plan)
    rates = rules(occasion)
    publish.table(
        "audit-draw",
        [
            {
                **counts,
                "random_rate": plan.rates["random"] if plan else rates.random_rate,
                "drift_factor": rates.factor,
                "watched": ", ".join(sorted(rates.watched)),
                "at_least_a_day": occasion.policy.sampling.at_least_a_day,
                "minutes_expected": round(plan.minutes_expected, 1) if plan else 0.0,
                "minutes_budget": plan.minutes_budget if plan else None,
                "cut": plan.cut if plan else "Nothing was cut.",
            }
        ],
        "Auto-approvals looked at, how many were drawn, and what the budget of minutes took",
    )
    publish.table("audit-estimates", [row_of(one) for one in seen], "Errors among auto-approvals, as audits show them")
    return counts
