"""The six KPIs of the business case, from decision times, audits and imported outcomes."""

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from handrail.policy import CostRules

NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure with its unit and the number of cases it rests on; `value` is None where nothing was measured."""

    name: str
    value: float | None
    unit: str
    cases: int
    formula: str

    def shown(self) -> str:
        """The figure as people read it, *not measured* where there is no data."""
        if self.value is None:
            return NOT_MEASURED
        return f"{self.value:.1%}" if self.unit == "share" else f"{self.value:,.2f} {self.unit}"


def _figure(name: str, value: float | None, unit: str, cases: int, formula: str) -> Kpi:
    return Kpi(name, None if value is None or cases == 0 else float(value), unit, int(cases), formula)


def time_saved(decisions: pd.DataFrame, costs: CostRules) -> Kpi:
    """Minutes saved per decided case: the manual time minus what people spent, reviews and audits included.

    `decisions` has case_id, kind, seconds. Automatic decisions cost no minute; a review without a measured time
    counts with the policy's minutes for its queue.
    """
    first = decisions[~decisions["kind"].isin(("audit", "recheck", "adjudication"))]
    minutes = pd.to_numeric(decisions["seconds"]).div(60)
    assumed = decisions["queue"].map({"A": 0.0, "B": costs.minutes_quick}).fillna(costs.minutes_manual)
    spent = minutes.where(minutes.notna(), assumed.where(decisions["kind"] != "automatic", 0.0)).sum()
    cases = first["case_id"].nunique()
    saved = costs.minutes_manual - spent / cases if cases else None
    return _figure("time saved per case", saved, "minutes", cases, "manual minutes − minutes people spent ÷ cases")


def error_rate(audits: pd.DataFrame) -> Kpi:
    """Share of audited auto-approvals that were rejected, over the simple-random stratum; has `random`, `rejected`."""
    drawn = audits[audits["random"]]
    rate = drawn["rejected"].mean() if len(drawn) else None
    return _figure("error rate of auto-approvals", rate, "share", len(drawn), "rejected ÷ audited, simple-random draw")


def error_reduction(audits: pd.DataFrame, baseline: float | None) -> Kpi:
    """Audited error rate against the baseline's; `baseline` is the share of rejected suggestions in shadow."""
    rate = error_rate(audits)
    value = 1 - rate.value / baseline if rate.value is not None and baseline else None
    return _figure("error-rate reduction", value, "share", rate.cases, "1 − audited error rate ÷ error rate in shadow")


def time_to_resolution(decisions: pd.DataFrame) -> Kpi:
    """Mean hours from receipt to the decision that settled the case; has kind, received_at, decided_at."""
    settled = decisions[decisions["kind"].isin(("automatic", "review", "second", "escalation"))]
    last = settled.groupby("case_id").agg(received_at=("received_at", "first"), decided_at=("decided_at", "max"))
    hours = (pd.to_datetime(last["decided_at"]) - pd.to_datetime(last["received_at"])) / timedelta(hours=1)
    return _figure(
        "mean time to resolution",
        hours.mean() if len(hours) else None,
        "hours",
        len(hours),
        "decided − received",
    )


def escalation_rate(routed: int, escalations: pd.DataFrame) -> Kpi:
    """Share of cases that were escalated for whatever cause; has case_id."""
    cases = escalations["case_id"].nunique()
    return _figure("escalation rate", cases / routed if routed else None, "share", routed, "escalated ÷ routed cases")


def satisfaction(outcomes: pd.DataFrame) -> Kpi:
    """Mean CSAT, 1 to 5, of imported outcomes; has kind, value."""
    scores = pd.to_numeric(outcomes.loc[outcomes["kind"] == "csat", "value"]).dropna()
    return _figure("CSAT", scores.mean() if len(scores) else None, "of 5", len(scores), "mean of imported CSAT")


def complaint_rate(outcomes: pd.DataFrame) -> Kpi:
    """Share of cases with any outcome that ended in a complaint or a reversal; has case_id, kind."""
    known = outcomes["case_id"].nunique()
    bad = outcomes.loc[outcomes["kind"].isin(("complaint", "reversal")), "case_id"].nunique()
    return _figure(
        "complaints and reversals", bad / known if known else None, "share", known, "complained ÷ followed up"
    )


def cost_per_case(decisions: pd.DataFrame, audits: pd.DataFrame, costs: CostRules) -> Kpi:
    """People's minutes and expected errors of auto-approvals, in currency per case."""
    saved = time_saved(decisions, costs)
    if saved.value is None:
        return _figure("cost per case", None, costs.currency, 0, "minutes × rate + errors × cost")
    automatic = int((decisions["kind"] == "automatic").sum())
    rate = error_rate(audits).value if automatic else 0.0
    if rate is None:  # approvals whose errors nobody has looked for are not free
        return _figure("cost per case", None, costs.currency, 0, "minutes × rate + errors × cost")
    value = (costs.minutes_manual - saved.value) * costs.minute + rate * costs.error * automatic / saved.cases
    return _figure("cost per case", value, costs.currency, saved.cases, "minutes × rate + estimated errors × cost")


def automation_share(routes: pd.DataFrame) -> Kpi:
    """Share of routed cases in queue A; has `queue`."""
    share = (routes["queue"] == "A").mean() if len(routes) else None
    return _figure("automation share", share, "share", len(routes), "queue A ÷ routed cases")


def all_kpis(
    *,
    decisions: pd.DataFrame,
    audits: pd.DataFrame,
    outcomes: pd.DataFrame,
    escalations: pd.DataFrame,
    routes: pd.DataFrame,
    baseline: float | None,
    costs: CostRules,
) -> tuple[Kpi, ...]:
    """The six KPIs (CSAT and complaints apart) and the automation share, of one window of frames."""
    return (
        time_saved(decisions, costs),
        error_rate(audits),
        error_reduction(audits, baseline),
        time_to_resolution(decisions),
        escalation_rate(len(routes), escalations),
        satisfaction(outcomes),
        complaint_rate(outcomes),
        cost_per_case(decisions, audits, costs),
        automation_share(routes),
    )
