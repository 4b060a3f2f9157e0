"""Inputs and predictions of the last days beside the saved reference profile."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from handrail import drift, terms
from handrail.acts import watching
from handrail.store import evidence, models
from handrail.store.engine import Connection
from tasks.occasion import Occasion, log
from tasks.step import step

WINDOW = timedelta(days=7)
MOSTLY_SCORED = 0.5
"""Share of a window that the serving version must have scored before its predictions are watched."""
MODEL_COLUMNS = ("predicted", "confidence", "novelty")
"""Columns in the terms of one model version: another version's are not comparable."""


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """What the watch found in one window; `columns` and `new_terms` are the shifted ones."""

    cases: int
    note: str
    drifted: bool = False
    columns: tuple[str, ...] = ()
    new_terms: tuple[terms.TermDrift, ...] = ()
    report: drift.DriftReport | None = None
    drift_id: int | None = None
    certificates_voided: int = 0


def observed(occasion: Occasion, since: datetime, until: datetime) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Columns that are watched, texts, and external ids of the cases received in a window."""
    with occasion.store.read() as connection:
        version = models.serving(connection)["model_version"]
        rows = evidence.window(connection, since=since, until=until, version=version)
    view = pd.DataFrame(
        {
            "amount": pd.to_numeric(rows["amount"]),
            "text_length": rows["text"].str.len().astype(float),
            "predicted": rows["label"].astype(object),
            "confidence": pd.to_numeric(rows["confidence"]),
            "novelty": pd.to_numeric(rows["novelty"]),
        }
    )
    for name in {*occasion.policy.model.fields, *occasion.policy.fairness.groups} - {"amount"}:
        view[name] = [values.get(name) for values in rows["fields"]]
    if view["predicted"].notna().mean() < MOSTLY_SCORED or view.empty:
        view = view.drop(columns=list(MODEL_COLUMNS))
    return view, rows["text"].tolist(), [str(case_id) for case_id in rows["case_id"]]


def save_reference(occasion: Occasion, *, cause: str, since: datetime, until: datetime) -> int | None:
    """Save the profile of a window as the reference; None when the window holds too few cases."""
    view, texts, _ = observed(occasion, since, until)
    if len(view) < occasion.policy.drift.min_cases:
        log.info("no reference profile yet: %d cases, %d are needed", len(view), occasion.policy.drift.min_cases)
        return None
    body = json.dumps({"columns": drift.build(view).to_json(), "terms": terms.build(texts).to_json()})
    return watching.save_profile(
        occasion.store, body, cause=cause, cases=len(view), window=(since, until),
        actor=occasion.actor, now=occasion.now,
    )  # fmt: skip


def since_last_shift(connection: Connection, since: datetime) -> datetime:
    """`since`, or the beginning of the newest shift if that is later: what came before is not current production."""
    newest = models.drifts(connection, 1)
    return since if newest.empty else max(since, newest["window_from"].iloc[0].to_pydatetime())


def described(term: terms.TermDrift) -> dict[str, object]:
    """A new term as it is kept: with its lift, documents and the ids of example cases."""
    return {
        "term": term.term, "lift": round(term.lift, 2), "documents": term.documents, "cases": list(term.example_ids)
    }  # fmt: skip


@step
def watch(occasion: Occasion, window: timedelta = WINDOW) -> DriftVerdict:
    """Compare the last days with the reference; a shift raises audits, voids certificates and becomes the reference.

    The shifted window is the next reference, so that one shift is reported once and the next one is seen against it.
    """
    since, until = occasion.now - window, occasion.now
    with occasion.store.read() as connection:
        profile = models.newest_profile(connection)
    if profile is None:
        save_reference(occasion, cause="first", since=since, until=until)
        return DriftVerdict(0, "no reference yet: this window becomes the first one")
    view, texts, ids = observed(occasion, since, until)
    with occasion.store.read() as connection:
        same_model = models.serving(connection)["model_version"] == profile["model_version"]
    rules = occasion.policy.drift
    if len(view) < rules.min_cases:
        return DriftVerdict(len(view), f"too few cases: {len(view)} of {rules.min_cases}")
    saved = json.loads(profile["body"])
    reference = drift.ReferenceProfile.from_json(saved["columns"])
    comparable = set(view.columns) - (set() if same_model else set(MODEL_COLUMNS))
    reference = replace(reference, columns=tuple(c for c in reference.columns if c.name in comparable))
    report = drift.compare(
        reference, view,
        fdr=rules.false_discovery_rate, psi_at_least=rules.psi_at_least,
    )  # fmt: skip
    found = terms.new_terms(terms.TermProfile.from_json(saved["terms"]), texts, ids, fdr=rules.false_discovery_rate)
    columns = tuple(column.name for column in report.columns if column.drifted)
    enough_terms = len(found) >= rules.min_new_terms
    if not columns and not enough_terms:
        return DriftVerdict(len(view), "no shift", new_terms=tuple(found), report=report)
    shifted = tuple(found) if enough_terms else ()
    drift_id, voided = watching.record_drift(
        occasion.store, profile_id=profile["id"], columns=list(columns), policy=occasion.policy,
        terms=[described(term) for term in shifted[:100]],
        window=(since, until), actor=occasion.actor, now=occasion.now,
    )  # fmt: skip
    save_reference(occasion, cause=f"drift {drift_id} absorbed", since=since, until=until)
    log.warning("drift %d: columns %s, %d new terms", drift_id, ", ".join(columns) or "none", len(shifted))
    return DriftVerdict(len(view), "shift found", True, columns, shifted, report, drift_id, voided)  # noqa: FBT003 - as its fields
