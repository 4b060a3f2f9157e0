"""A challenger is judged: by its fresh withheld cases, by what it says of them, and by what it is worth on them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.acts import models as model_acts
from handrail.errors import NotFound
from handrail.near_duplicates import twins
from handrail.store import drifts, models
from handrail.store import labels as stored_labels
from handrail.window import Window
from models import promotion_test, registry
from models.withheld import production_weights
from tasks.learning import data_gates
from tasks.learning.data_gates import TrialNote
from tasks.learning.retrain import training_examples
from tasks.occasion import Occasion, log
from tasks.routing.score import load, say
from tasks.step import step
from tasks.watch import drift


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the challenger; `pages` are the Data Docs pages of its gates."""

    version: str | None
    outcome: Literal["promoted", "refused", "waiting", "none"]
    reasons: tuple[str, ...]
    verdict: promotion_test.GateVerdict | None = None
    pages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """One challenger against one champion, on the withheld labels since a moment."""

    occasion: Occasion
    challenger: str
    champion: str
    since: datetime

    def note(self, outcome: str, cases: int) -> TrialNote:
        """What the version's judgement says in any case."""
        return TrialNote(outcome, self.champion, cases, self.occasion.now.isoformat())


@step
def judge(
    occasion: Occasion, version: str | None = None, reason: str | None = None, proposal: int | None = None
) -> Judgement:
    """Put the challenger through its gates; promote it, refuse it, or wait for more or better withheld labels.

    Bad evidence says nothing of the model: it waits. Predictions that break their gate, or no sure gain, refuse it.
    With `version` and `reason` a person asks for a version by name: the time in shadow is set aside, the test is not.
    `proposal` is the one that they confirm, where the policy asks for a second person.
    """
    with occasion.store.read() as connection:
        serving = models.serving(connection)
    challenger, champion = version or serving.challenger, serving.model_version
    if challenger is None or champion is None:
        why = "there is no challenger" if challenger is None else "no version serves that it could be compared with"
        return Judgement(None, "none", (why,))
    rules = occasion.policy.promotion
    with occasion.store.read() as connection:
        known = models.version(connection, challenger)
    if known is None:
        raise NotFound(f"Model version {challenger} is not registered. See `handrail model list`.")
    registered = known.registered_at
    if version is None and occasion.now - registered < rules.shadow_for:
        until = registered + rules.shadow_for
        return Judgement(challenger, "waiting", (f"in shadow until {until:%Y-%m-%d %H:%M} UTC",))
    trial = Trial(occasion, challenger, champion, _fresh_since(occasion, known))
    fresh = _fresh_labels(trial)
    if len(fresh) < rules.min_withheld:
        missing = rules.min_withheld - len(fresh)
        return Judgement(challenger, "waiting", (f"{missing} more fresh withheld labels are needed",))
    return _try(trial, fresh, reason, proposal)


def _try(trial: Trial, fresh: pd.DataFrame, reason: str | None, proposal: int | None) -> Judgement:
    occasion, version = trial.occasion, trial.challenger
    with occasion.store.read() as connection:
        lately = Window.up_to(occasion.now, since=trial.since)
        production = drifts.received(connection, occasion.policy, lately, version=trial.champion)
    champion_said, said = _say(occasion, trial.champion, fresh), _say(occasion, version, fresh)
    held = data_gates.check_withheld_set(
        occasion,
        fresh.assign(said=champion_said["label"].to_numpy()),
        production,
        version=version,
        note=trial.note("waiting", len(fresh)),
    )
    if not held.passed:
        log.warning("challenger %s waits: the withheld set broke %s", version, ", ".join(held.codes))
        return Judgement(version, "waiting", (held.broken,), pages=(held.page.as_uri(),))
    checked = data_gates.check_challenger(
        occasion,
        said[~said["silent"]],
        fresh.loc[~said["silent"], "label"],
        version=version,
        note=trial.note("refused", len(fresh)),
    )
    pages = (held.page.as_uri(), checked.page.as_uri())
    if not checked.passed:
        # Its labels stay fresh: this gate only ever refuses, so using them again promotes nobody by luck.
        model_acts.refuse(occasion.store, version, reasons=list(checked.codes), actor=occasion.actor, now=occasion.now)
        log.warning("challenger %s is refused: its predictions broke %s", version, ", ".join(checked.codes))
        return Judgement(version, "refused", (checked.broken,), pages=pages)
    judgement = _compare(trial, _side_by_side(trial, fresh, champion_said, said), pages)
    if judgement.verdict is not None and judgement.outcome == "promoted":
        gained = f"gain {judgement.verdict.gain:.3f} a case on {judgement.verdict.cases} withheld cases"
        registry.promote(
            occasion.store,
            occasion.workspace,
            occasion.model_name,
            version,
            actor=occasion.actor,
            reason=reason or gained,
            now=occasion.now,
            resting_on="judged",
            under=occasion.policy.version,
            proposal=proposal,
        )
        take_reference(occasion, version)
        log.info("challenger %s is promoted", version)
    return judgement


def _compare(trial: Trial, withheld: pd.DataFrame, pages: tuple[str, ...]) -> Judgement:
    """Put it through the promotion test, a sure gain and no group demonstrably worse, and record what came of it."""
    occasion, version = trial.occasion, trial.challenger
    verdict = promotion_test.judge(
        withheld,
        costs=occasion.policy.costs,
        rules=occasion.policy.promotion,
        bands=promotion_test.bands(occasion.policy),
        groups=occasion.policy.fairness.groups,
        max_gap=occasion.policy.fairness.max_gap,
    )
    told = {
        **asdict(trial.note("passed" if verdict.passed else "refused", verdict.cases)),
        "gain": verdict.gain,
        "low": _finite(verdict.low),
        "high": _finite(verdict.high),
        "discordant": verdict.discordant,
        "reasons": list(verdict.reasons),
        "underpowered": list(verdict.underpowered),
        "pages": list(pages),
    }
    model_acts.record_judgement(
        occasion.store,
        version,
        passed=verdict.passed,
        cases=verdict.cases,
        reasons=verdict.codes,
        told=told,
        actor=occasion.actor,
        now=occasion.now,
        since=trial.since,
    )
    if not verdict.passed:
        model_acts.refuse(occasion.store, version, reasons=verdict.codes, actor=occasion.actor, now=occasion.now)
        log.info("challenger %s is refused: %s", version, ", ".join(verdict.codes))
        return Judgement(version, "refused", verdict.reasons, verdict, pages)
    return Judgement(version, "promoted", (), verdict, pages)


def take_reference(occasion: Occasion, version: str) -> None:
    """Confidence and novelty are the model's own: the drift watch needs a reference in the new model's terms."""
    window = Window(occasion.now - drift.WINDOW, occasion.now)
    drift.save_reference(occasion, window, cause=f"version {version} serves")


def _fresh_since(occasion: Occasion, version: models.ModelVersion) -> datetime:
    """Since when a withheld label is fresh: neither used by an earlier judgement nor from before the newest shift.

    Of a version that was rolled back, only what came after that says anything new.
    """
    with occasion.store.read() as connection:
        since = occasion.now - occasion.policy.promotion.withheld
        since = max(since, model_acts.last_judged(connection) or since)
        since = max(since, model_acts.rolled_back_at(connection, version) or since)
        return drift.since_last_shift(connection, since)


def _fresh_labels(trial: Trial) -> pd.DataFrame:
    """Fresh withheld labels, the newest of each case, with the `weight` of the production cases it stands for."""
    with trial.occasion.store.read() as connection:
        labels = stored_labels.withheld_labels(
            connection, trial.occasion.policy, since=trial.since, until=trial.occasion.now
        )
    drawn = trial.occasion.withholding.draws(labels["case_id"].tolist())
    labels = labels[drawn].drop_duplicates("case_id", keep="last")
    labels = labels[~_learnt_alike(trial, labels)]
    return labels.assign(weight=production_weights(labels, trial.occasion.policy.queues.blind_share)).reset_index(
        drop=True
    )


def _learnt_alike(trial: Trial, labels: pd.DataFrame) -> NDArray[np.bool_]:
    """Which withheld cases nearly repeat what either model has learnt: they would judge its memory.

    The training leaves out what resembles a withheld case of its day; these came later.
    """
    occasion = trial.occasion
    alike = np.zeros(len(labels), dtype=bool)
    for name in (trial.champion, trial.challenger):
        with occasion.store.read() as connection:
            row = models.version(connection, name)
        learnt = training_examples(occasion, until=row.registered_at) if row and len(labels) else pd.DataFrame()
        if len(learnt):
            similar_from = occasion.policy.gates.training_set.near_duplicate_from
            alike |= twins(labels["text"].tolist(), learnt["text"].tolist(), similar_from)
    return alike


def _say(occasion: Occasion, version: str, fresh: pd.DataFrame) -> pd.DataFrame:
    """What one version says of the cases; whether it may say so is for its gate to tell."""
    return say(occasion, load(occasion, version), fresh)


def _side_by_side(trial: Trial, fresh: pd.DataFrame, champion_said: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    frame = pd.DataFrame({"truth": fresh["label"].to_numpy(), "weight": fresh["weight"].to_numpy()})
    for role, words in (("champion", champion_said), ("challenger", said)):
        frame[f"{role}_label"] = words["label"].to_numpy()
        frame[f"{role}_confidence"] = words["confidence"].to_numpy()
    for group in trial.occasion.policy.fairness.groups:
        frame[group] = [values.get(group) for values in fresh["fields"]]
    return frame


def _finite(figure: float) -> float | None:
    """A bound as JSON knows it: a bound of a single case is infinite."""
    return figure if np.isfinite(figure) else None
