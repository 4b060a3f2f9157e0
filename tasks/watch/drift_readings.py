"""What a look for drift saw, as readings for the faces: one a column, and one of all with what was done."""

import numpy as np

from handrail import estimates
from handrail.acts import reading
from handrail.drift.verdict import DriftVerdict, verdict_of, verdict_of_column
from handrail.figures.drift import ColumnFigures, DriftFigures, ErrorFigures
from handrail.figures.terms import TermFigures
from handrail.reading import ALL, Reading, Verdict, unreadable
from handrail.store import audits as stored_audits
from handrail.window import Window
from tasks.occasion import Occasion

WATCH = "drift"
SHOWN = 30
"""New terms that a reading names."""


def record(occasion: Occasion, found: DriftVerdict, window: Window) -> None:
    """Keep what was seen, and of what could not be compared why not."""
    columns = found.report.columns if found.report else ()
    everything = summary(occasion, found).to_json() | _errors(occasion, window).to_json()
    seen = [
        Reading(WATCH, ALL, window.ends, verdict_of(found), everything),
        *(
            Reading(WATCH, one.name, window.ends, verdict_of_column(one), ColumnFigures.of(one).to_json())
            for one in columns
        ),
        *(
            Reading(WATCH, name, window.ends, Verdict.NOT_MEASURED, ColumnFigures(note=why).to_json())
            for name, why in found.unmeasured.items()
        ),
        *(unreadable(WATCH, name, window.ends, fault) for name, fault in found.unread.items()),
    ]
    reading.record(occasion.store, seen, actor=occasion.actor, now=occasion.now)


def summary(occasion: Occasion, found: DriftVerdict) -> DriftFigures:
    """The verdict in figures and names, and what was done about it."""
    rules = occasion.policy.drift
    until = found.audits_raised_until
    return DriftFigures(
        note=found.note,
        cases=found.cases,
        needed=rules.min_cases,
        drifted=found.columns,
        profile=found.profile,
        next_profile=found.next_profile,
        terms=tuple(TermFigures.of(one) for one in found.new_terms[:SHOWN]),
        terms_found=len(found.new_terms),
        terms_needed=rules.min_new_terms,
        unknown_words=found.unknown_words,
        psi_at_least=rules.psi_at_least,
        false_discovery_rate=rules.false_discovery_rate,
        drift=found.drift_id,
        done=done(occasion, found),
        certificates_voided=found.certificates_voided,
        audit_factor=rules.audit_factor if until else None,
        audits_raised_until=until.isoformat() if until else None,
    )


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


def _errors(occasion: Occasion, window: Window) -> ErrorFigures:
    """The error that the confidences of audited auto-approvals expect, beside the one that their audits found."""
    with occasion.store.read() as connection:
        audits = stored_audits.audits(connection, window)
    found = estimates.of_audits(audits)
    if not found.n:
        return ErrorFigures()
    scored = audits[audits["confidence"].notna() & audits["rejected"].notna()]
    weights = 1 / scored["inclusion_probability"].astype(float)
    expected = float(np.average(1 - scored["confidence"].astype(float), weights=weights)) if len(scored) else None
    return ErrorFigures(audited=found.n, audited_error=found.rate, estimated_error=expected)
