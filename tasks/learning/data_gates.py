"""Great Expectations look at what teaches and what judges a model; a failed gate stands in the trail with its cases."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from expectations import checkpoint, suites
from expectations.checkpoint import CASES_NAMED, SuiteVerdict
from handrail import agreement, labels, near_duplicates
from handrail.acts import models as model_acts
from handrail.errors import GateFailed
from handrail.store import labels as label_rows
from handrail.store.frames import records
from models import withheld
from tasks.occasion import Occasion


@dataclass(frozen=True, slots=True)
class TrialNote:
    """What a version's judgement says in any case: its outcome, against which champion, on how many cases, and when.

    `judged_at` is ISO 8601.
    """

    outcome: str
    champion: str
    cases: int
    judged_at: str


def check_training_set(occasion: Occasion, rows: pd.DataFrame) -> tuple[str, ...]:
    """Hold a training set against its suite; returns what could not be judged.

    Raises:
        GateFailed: it breaks an expectation; names it, cases, and the page. The champion goes on serving.
    """
    rules = occasion.policy.gates.training_set
    alpha, compared = _agreement(occasion, rows)
    frame = rows.assign(leaks=leaks(occasion, rows), agreement=alpha)
    suite = suites.training_set(occasion.policy, now=occasion.now, compared=compared)
    verdict = checkpoint.check(occasion.workspace, "training_set", frame, suite)
    if not verdict.passed:
        record_failure(occasion, "training_set", verdict)
        raise GateFailed(
            f"The training set did not pass its gate, the champion goes on serving. {verdict.broken} "
            "Correct the labels, then run `handrail train`."
        )
    if compared >= rules.agreement_cases:
        return ()
    return (f"agreement is not judged: {compared} cases were labelled twice, {rules.agreement_cases} are needed",)


def check_withheld_set(
    occasion: Occasion, fresh: pd.DataFrame, production: pd.DataFrame, *, version: str, note: TrialNote
) -> SuiteVerdict:
    """Hold withheld labels, with the champion's `said` and `weight`, against their suite; a failure is recorded.

    `production` are the cases of the window with the champion's `label`.
    """
    weights = pd.to_numeric(fresh["weight"]).to_numpy(dtype=np.float64)
    usable = np.isfinite(weights) & (weights > 0)
    shift = withheld.shift(
        fresh.loc[usable, "said"], weights[usable], production["label"], occasion.rng("withheld shift")
    )
    suite = suites.withheld_set(occasion.policy, now=occasion.now)
    verdict = checkpoint.check(occasion.workspace, "withheld_set", fresh.assign(shift=shift), suite)
    if not verdict.passed:
        record_failure(occasion, "withheld_set", verdict, version=version, note=note)
    return verdict


def check_challenger(
    occasion: Occasion, said: pd.DataFrame, truth: pd.Series, weights: pd.Series, *, version: str, note: TrialNote
) -> SuiteVerdict:
    """Hold a challenger's predictions on withheld cases against their suite; a failure is recorded.

    `weights` say how many cases each stands for.
    """
    rules = occasion.policy.gates.challenger
    correct = (said["label"].to_numpy() == truth.to_numpy()).astype(bool)
    confidence = pd.to_numeric(said["confidence"], errors="coerce").to_numpy(dtype=np.float64)
    frame = said.assign(
        covered=withheld.covered(truth, said["label"], rules.covers_from, weights.to_numpy()).to_numpy(),
        calibration_error=withheld.calibration_error(confidence, correct, occasion.rng("calibration by chance")),
    )
    verdict = checkpoint.check(occasion.workspace, "challenger", frame, suites.challenger(occasion.policy))
    if not verdict.passed:
        record_failure(occasion, "challenger", verdict, version=version, note=note)
    return verdict


def record_failure(
    occasion: Occasion,
    suite: checkpoint.Name,
    verdict: SuiteVerdict,
    *,
    version: str | None = None,
    note: TrialNote | None = None,
) -> None:
    """Write a failed gate into the trail: ids, codes and counts; what people read of it goes to the version."""
    cases = dict.fromkeys(int(row) for failure in verdict.failures for row in failure.rows if row is not None)
    model_acts.record_failed_gate(
        occasion.store,
        suite,
        broken=verdict.codes,
        case_ids=list(cases)[:CASES_NAMED],
        version=version,
        told=None if note is None else {**asdict(note), "reasons": [verdict.broken], "pages": [verdict.page.as_uri()]},
        actor=occasion.actor,
        now=occasion.now,
    )


def leaks(occasion: Occasion, rows: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows are withheld cases, or nearly repeat one: found anew, whatever the training set left out."""
    with occasion.store.read() as connection:
        labelled = label_rows.labelled(connection, occasion.policy)
    held = occasion.withholding.holds(labelled)
    texts = rows["text"].fillna("").astype(str).tolist()
    twins = near_duplicates.twins(
        texts, labelled.loc[held, "text"].tolist(), occasion.policy.gates.training_set.near_duplicate_from
    )
    return rows["case_id"].isin(labelled.loc[held, "case_id"]) | twins


def _agreement(occasion: Occasion, rows: pd.DataFrame) -> tuple[float, int]:
    """Krippendorff's alpha over blind opinions as old as the training set's labels; and over how many cases.

    Of cases that chance chose to be repeated alone: those looked at for doubt are the difficult ones.
    """
    if rows.empty:
        return float("nan"), 0
    with occasion.store.read() as connection:
        since = rows["labelled_at"].min().to_pydatetime()
        said = label_rows.opinions(connection, since=since, at_random=True)
    escalating = occasion.policy.escalation.reasons
    said["opinion"] = [
        labels.opinion(row["outcome"], row["label"], row["reason_code"], escalating) for row in records(said)
    ]
    given = said.dropna(subset="opinion").drop_duplicates(["case_id", "reviewer"], keep="last")
    twice = given[given.groupby("case_id")["reviewer"].transform("size") > 1]
    ratings = twice.rename(columns={"case_id": "item", "reviewer": "rater"}).assign(label=twice["opinion"])
    alpha = agreement.krippendorff_alpha(agreement.collect(ratings))
    return (float("nan"), 0) if alpha is None else (alpha, int(twice["case_id"].nunique()))
