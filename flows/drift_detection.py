"""Drift detection: last days' inputs and predictions beside the reference profile."""

from datetime import timedelta

from prefect import flow

from flows.parameters import AsOf, Days, Home
from handrail.drift.verdict import DriftVerdict, verdict_of
from tasks import publish
from tasks.occasion import Occasion, begin
from tasks.watch.attendance import attended
from tasks.watch.drift import watch
from tasks.watch.drift_readings import done


@flow(name="drift-detection", persist_result=False)
@attended("drift_detection")
def drift_detection(days: Days = 7, as_of: AsOf = None, home: Home = None) -> DriftVerdict:
    """Compare the last days with the saved reference.

    A shift multiplies the audit rate for the policy's time, voids the certificates, and emits the event
    `handrail.drift.detected` that starts a retraining.
    """
    occasion = begin("drift_detection", home=home, as_of=as_of)
    verdict = watch(occasion, timedelta(days=days))
    publish.text("drift-verdict", headline(occasion, verdict), "What the drift watch found, and what was done about it")
    publish.table("drift-columns", column_rows(verdict), f"{verdict.note}; {verdict.cases} cases")
    publish.table("drift-terms", term_rows(verdict), "Terms that are new or more frequent, most lifted first")
    if verdict.drifted:
        publish.event(
            "handrail.drift.detected",
            f"handrail.business.{occasion.policy.business}",
            # The retraining that this starts acts at the same moment as this run.
            {"drift": str(verdict.drift_id), "business": occasion.policy.business, "as_of": as_of or ""},
        )
    return verdict


def headline(occasion: Occasion, verdict: DriftVerdict) -> str:
    """The verdict, the reference it rests on, and what was done."""
    on = f"reference profile {verdict.profile}" if verdict.profile else "no reference profile"
    unmeasured = "".join(f"\n- {name} was not measured: {why}" for name, why in verdict.unmeasured.items())
    unmeasured += "".join(f"\n- {name} could not be compared ({why})" for name, why in verdict.unread.items())
    said = f"**{verdict_of(verdict)}**: {verdict.note} ({verdict.cases} cases beside {on})."
    return f"{said}\n\n{done(occasion, verdict)}{unmeasured}"


def column_rows(verdict: DriftVerdict) -> list[dict[str, str | float | bool]]:
    """One row a watched column with its effect size and verdict."""
    if verdict.report is None:
        return []
    return [
        {
            "column": column.name,
            "psi": "not measured" if column.psi is None else round(column.psi, 4),
            "p": f"{column.p_adjusted:.2g}",
            "drifted": column.drifted,
            "direction": column.direction,
            "definition": column.definition,
        }
        for column in verdict.report.columns
    ]


def term_rows(verdict: DriftVerdict) -> list[dict[str, str | float]]:
    """One row a new term, with the ids of example cases."""
    return [
        {
            "term": term.term,
            "lift": round(term.lift, 1),
            "documents": term.documents,
            "cases": ", ".join(term.example_ids),
        }
        for term in verdict.new_terms[:30]
    ]
