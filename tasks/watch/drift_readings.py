"""What a look for drift saw, as readings for the faces: one a column, and one of all with what was done."""

from typing import Any

from handrail.acts import reading
from handrail.drift import ColumnDrift
from handrail.store import audits as stored_audits
from handrail.store import readings
from handrail.store.readings import ALL, Reading, Verdict
from handrail.window import Window
from tasks.occasion import Occasion
from tasks.watch.drift_verdict import DriftVerdict

WATCH = "drift"
SHOWN = 30
"""New terms that a reading names."""
_NAMED = 10
_FIGURES = ("psi", "js", "ks", "ks_p", "wasserstein", "wasserstein_std", "chi2_p", "p_adjusted", "before", "now")


def record(occasion: Occasion, found: DriftVerdict, window: Window) -> None:
    """Keep what was seen, and of what could not be compared why not."""
    columns = found.report.columns if found.report else ()
    seen = [
        Reading(WATCH, ALL, window.ends, verdict_of(found), {**summary(occasion, found), **_errors(occasion, window)}),
        *(Reading(WATCH, column.name, window.ends, _verdict(column), _figures(column)) for column in columns),
        *(
            Reading(WATCH, name, window.ends, Verdict.NOT_MEASURED, {"note": why})
            for name, why in found.unmeasured.items()
        ),
        *(readings.unreadable(WATCH, name, window.ends, fault) for name, fault in found.unread.items()),
    ]
    reading.record(occasion.store, seen, actor=occasion.actor, now=occasion.now)


def verdict_of(found: DriftVerdict) -> Verdict:
    """An alarm where something shifted; nothing is quiet that had no reference, too few cases or a part not read."""
    if found.drifted:
        return Verdict.ALARM
    if found.unread:
        return Verdict.UNREADABLE
    if found.report is not None:
        return Verdict.QUIET
    return Verdict.NOT_MEASURED if found.profile is None else Verdict.UNDERPOWERED


def summary(occasion: Occasion, found: DriftVerdict) -> dict[str, Any]:
    """The verdict in figures and names, and what was done about it."""
    rules = occasion.policy.drift
    until = found.audits_raised_until
    return {
        "note": found.note,
        "cases": found.cases,
        "needed": rules.min_cases,
        "drifted": list(found.columns),
        "profile": found.profile,
        "next_profile": found.next_profile,
        "terms": [
            {"term": one.term, "lift": round(one.lift, 2), "documents": one.documents, "cases": list(one.example_ids)}
            for one in found.new_terms[:SHOWN]
        ],
        "terms_found": len(found.new_terms),
        "terms_needed": rules.min_new_terms,
        "unknown_words": found.unknown_words,
        "psi_at_least": rules.psi_at_least,
        "false_discovery_rate": rules.false_discovery_rate,
        "drift": found.drift_id,
        "done": done(occasion, found),
        "certificates_voided": found.certificates_voided,
        "audit_factor": rules.audit_factor if until else None,
        "audits_raised_until": until.isoformat() if until else None,
    }


def done(occasion: Occasion, found: DriftVerdict) -> str:
    """What was done about it, as a sentence for people."""
    if found.audits_raised_until is None:
        kept = found.next_profile
        return "Nothing to do." if kept is None else f"This window became reference profile {kept}."
    following = f" Profile {found.next_profile} is the next reference." if found.next_profile else ""
    return (
        f"Drift {found.drift_id}: audits are multiplied by {occasion.policy.drift.audit_factor:g} until "
        f"{found.audits_raised_until:%Y-%m-%d %H:%M} UTC, {found.certificates_voided} certificates were voided, "
        f"retraining is called for.{following}"
    )


def _errors(occasion: Occasion, window: Window) -> dict[str, Any]:
    """The error that the confidences of audited auto-approvals expect, beside the one that their audits found."""
    with occasion.store.read() as connection:
        audits = stored_audits.audits(connection, window)
    drawn = audits[audits["random"]]
    if drawn.empty:
        return {"audited": 0, "audited_error": None, "estimated_error": None}
    expected = float(1 - drawn["confidence"].mean()) if drawn["confidence"].notna().any() else None
    return {"audited": len(drawn), "audited_error": float(drawn["rejected"].mean()), "estimated_error": expected}


def _verdict(column: ColumnDrift) -> Verdict:
    if column.note:
        return Verdict.ALARM if column.drifted else Verdict.NOT_MEASURED
    return Verdict.ALARM if column.drifted else Verdict.QUIET


def _figures(column: ColumnDrift) -> dict[str, Any]:
    """A column's figures; what does not apply is absent."""
    figures = {name: getattr(column, name) for name in _FIGURES if getattr(column, name) is not None}
    return {
        **figures,
        "kind": column.kind,
        "direction": column.direction,
        "definition": column.definition,
        "moved": [list(one) for one in column.moved],
        "missing": list(column.missing),
        "new_categories": list(column.new_categories[:_NAMED]),
        "new_categories_count": len(column.new_categories),
        "vanished_categories": list(column.vanished_categories[:_NAMED]),
        "note": column.note,
    }
