"""KPIs and fairness of a window, from the store."""

from datetime import timedelta

import pandas as pd

from handrail import fairness, kpi
from handrail.store import evidence
from tasks.occasion import Occasion
from tasks.step import step


@step
def kpis(occasion: Occasion, window: timedelta) -> tuple[kpi.Kpi, ...]:
    """The KPIs of the last `window`; the baseline is the share of shadow suggestions that people did not share."""
    since, until = occasion.now - window, occasion.now + timedelta(microseconds=1)
    with occasion.store.read() as connection:
        return kpi.all_kpis(
            decisions=evidence.decided(connection, since=since, until=until),
            audits=evidence.audits(connection, since=since, until=until),
            outcomes=evidence.outcomes(connection, since=since, until=until),
            escalations=evidence.escalations_in(connection, since=since, until=until),
            routes=evidence.routed(connection, since=since, until=until),
            baseline=evidence.shadow_error(connection),
            costs=occasion.policy.costs,
        )


@step
def group_gaps(occasion: Occasion, window: timedelta) -> list[dict[str, object]]:
    """Approval of suggestions by group: gap to the rest, interval and verdict, for the policy's groups."""
    since, until = occasion.now - window, occasion.now + timedelta(microseconds=1)
    with occasion.store.read() as connection:
        decided = evidence.decided(connection, since=since, until=until)
    people = decided[(decided["kind"] != "automatic") & decided["proposed"].notna()]
    rows: list[dict[str, object]] = []
    for name in occasion.policy.fairness.groups:
        frame = pd.DataFrame(
            {
                name: [values.get(name) for values in people["fields"]],
                "approved": (people["outcome"] == "approve").to_numpy(dtype=bool),
            }
        )
        rows += [
            {
                "grouping": name, "group": gap.group, "cases": gap.n, "approved": round(gap.rate, 4),
                "gap": round(gap.gap, 4), "low": round(gap.low, 4), "high": round(gap.high, 4), "verdict": gap.verdict,
            }
            for gap in fairness.gaps(frame.dropna(), name, "approved", bound=occasion.policy.fairness.max_gap)
        ]  # fmt: skip
    return rows
