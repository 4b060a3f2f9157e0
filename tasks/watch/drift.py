"""Inputs and predictions of the last days beside the saved reference profile."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd

from handrail import bulkhead, drift, terms
from handrail.acts import drifting
from handrail.drift.verdict import DriftVerdict
from handrail.figures.terms import TermFigures
from handrail.store import drifts, models
from handrail.store.engine import Connection
from handrail.window import Window
from tasks.occasion import Occasion, log
from tasks.step import step
from tasks.watch import drift_readings

WINDOW = timedelta(days=7)
TERMS = "terms"
"""The subject of a comparison of words that failed."""
MOSTLY_SCORED = 0.5
"""Share of a window that the serving version must have scored before its predictions are watched."""
MODEL_COLUMNS = ("predicted", "confidence", "novelty", "novel")
"""Columns in the terms of one model version: another version's are not comparable."""
DOOR = "readable"
"""What a saved reference says of itself if it was built of cases that a profile may see, and of no others."""


def observed(occasion: Occasion, window: Window) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Columns that are watched, texts, and external ids of the cases received in a window."""
    with occasion.store.read() as connection:
        version = models.serving(connection).model_version
        rows = drifts.received(connection, occasion.policy, window, version=version)
    view = pd.DataFrame(
        {
            "amount": pd.to_numeric(rows["amount"]),
            "text_length": rows["text"].str.len().astype(float),
            "predicted": rows["label"].astype(object),
            "confidence": pd.to_numeric(rows["confidence"]),
            "novelty": pd.to_numeric(rows["novelty"]),
            "novel": rows["novel"].astype(object),
        }
    )
    for name in dict.fromkeys((*occasion.policy.model.fields, *occasion.policy.fairness.groups)):
        if name == "amount":
            continue
        view[name] = [values.get(name) for values in rows["fields"]]
    if view["predicted"].notna().mean() < MOSTLY_SCORED or view.empty:
        view = view.drop(columns=list(MODEL_COLUMNS))
    return view, rows["text"].tolist(), [str(case_id) for case_id in rows["case_id"]]


def save_reference(occasion: Occasion, window: Window, *, cause: str) -> int | None:
    """Save the profile of a window as the reference; None when the window holds too few cases."""
    view, texts, _ = observed(occasion, window)
    if len(view) < occasion.policy.drift.min_cases:
        log.info("no reference profile yet: %d cases, %d are needed", len(view), occasion.policy.drift.min_cases)
        return None
    profile = bulkhead.each(view.columns, lambda name: drift.build(view[[name]]).columns[0], what="profiling a column")
    reference = drift.ReferenceProfile(len(view), tuple(profile.results.values()))
    body = json.dumps({"columns": reference.to_json(), "terms": terms.build(texts).to_json(), DOOR: True})
    return drifting.save_profile(
        occasion.store, body, cause=cause, cases=len(view), window=window.ends, actor=occasion.actor, now=occasion.now
    )


def since_last_shift(connection: Connection, since: datetime) -> datetime:
    """`since`, or the beginning of the newest shift if that is later: what came before is not current production."""
    newest = drifts.drifts(connection, 1)
    return since if newest.empty else max(since, newest["window_from"].iloc[0].to_pydatetime())


@step
def watch(occasion: Occasion, length: timedelta = WINDOW) -> DriftVerdict:
    """Compare the days before now with the reference; a shift raises audits, voids certificates, becomes the reference.

    The shifted window is the next reference, so that one shift is reported once and the next one is seen against it.
    What was seen, or why nothing could be, is kept as readings.
    """
    window = Window(occasion.now - length, occasion.now)
    found = _look(occasion, window)
    drift_readings.record(occasion, found, window)
    return found


def _look(occasion: Occasion, window: Window) -> DriftVerdict:
    with occasion.store.read() as connection:
        profile = drifts.newest_profile(connection)
    if profile is not None and DOOR not in json.loads(profile.body):
        profile = _built_again(occasion, profile)
    if profile is None:
        first = save_reference(occasion, window, cause="first")
        return DriftVerdict(0, "no reference yet: this window becomes the first one", next_profile=first)
    view, texts, ids = observed(occasion, window)
    rules = occasion.policy.drift
    if len(view) < rules.min_cases:
        return DriftVerdict(len(view), f"too few cases: {len(view)} of {rules.min_cases}", profile=profile.id)
    saved = json.loads(profile.body)
    reference, unmeasured = _comparable(occasion, saved["columns"], profile.model_version, view)
    of = {column.name: column for column in reference.columns}
    measured = bulkhead.each(of, lambda name: drift.measure(of[name], view[name]), what="comparing a column")
    report = drift.judge(
        list(measured.results.values()),
        cases=len(view),
        unwatched=(),
        fdr=rules.false_discovery_rate,
        psi_at_least=rules.psi_at_least,
    )

    def compare_terms(_: str) -> tuple[tuple[terms.TermDrift, ...], float]:
        known = terms.TermProfile.from_json(saved["terms"])
        return tuple(terms.new_terms(known, texts, ids, fdr=rules.false_discovery_rate)), terms.oov_rate(known, texts)

    words = bulkhead.each([TERMS], compare_terms, what="comparing")
    new_terms, unknown_words = words.results.get(TERMS, ((), None))
    found = DriftVerdict(
        len(view),
        "no shift",
        report=report,
        profile=profile.id,
        unmeasured=unmeasured,
        new_terms=new_terms,
        unknown_words=unknown_words,
        unread=measured.failed | words.failed,
    )
    columns = tuple(column.name for column in report.columns if column.drifted)
    if not columns and len(found.new_terms) < rules.min_new_terms:
        return found
    return _answer(occasion, replace(found, columns=columns), window)


def _built_again(occasion: Occasion, profile: drifts.Reference) -> drifts.Reference | None:
    """A reference from before the door, of its own window without the cases that no profile may see.

    None where too few of them are left.
    """
    again = save_reference(
        occasion,
        Window(profile.window_from, profile.window_to),
        cause=f"profile {profile.id} without cases that may not be read",
    )
    if again is None:
        log.warning("reference %d holds cases that may not be read, and too few others are left", profile.id)
        return None
    with occasion.store.read() as connection:
        return drifts.newest_profile(connection)


def _comparable(
    occasion: Occasion, saved: str, model_version: str | None, view: pd.DataFrame
) -> tuple[drift.ReferenceProfile, dict[str, str]]:
    """The part of the reference that the window can be compared with, and why the rest can not."""
    with occasion.store.read() as connection:
        same_model = models.serving(connection).model_version == model_version
    reference = drift.ReferenceProfile.from_json(saved)
    missing = {}
    for name in [column.name for column in reference.columns]:
        if name in MODEL_COLUMNS and not same_model:
            missing[name] = "the reference was scored by another model version"
        elif name not in view.columns:
            scored = "the serving version scored too little of the window"
            missing[name] = scored if name in MODEL_COLUMNS else "the window has no such column"
    known = {column.name for column in reference.columns}
    missing |= {name: "the reference has no such column" for name in view.columns if name not in known}
    kept = tuple(column for column in reference.columns if column.name not in missing)
    return replace(reference, columns=kept), missing


def _answer(occasion: Occasion, found: DriftVerdict, window: Window) -> DriftVerdict:
    """Do about a shift what the policy says, and take its window for the next reference."""
    rules = occasion.policy.drift
    drift_id, voided = drifting.record_drift(
        occasion.store,
        profile_id=found.profile or 0,
        columns=list(found.columns),
        policy=occasion.policy,
        terms=[TermFigures.of(term).to_json() for term in found.new_terms[:100]],
        window=window.ends,
        actor=occasion.actor,
        now=occasion.now,
    )
    following = save_reference(occasion, window, cause=f"drift {drift_id} absorbed")
    log.warning(
        "drift %d: columns %s, %d new terms", drift_id, ", ".join(found.columns) or "none", len(found.new_terms)
    )
    return replace(
        found,
        note="shift found",
        drifted=True,
        drift_id=drift_id,
        certificates_voided=voided,
        next_profile=following,
        audits_raised_until=occasion.now + rules.audit_factor_for,
    )
