"""A challenger is judged: by its fresh withheld cases, by what it says of them, and by what it is worth on them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd

from handrail.acts import models as model_acts
from handrail.errors import NotFound
from handrail.store import certificates, drifts, models
from handrail.window import Window
from models import promotion_test, registry
from models.promotion_test import Sides
from tasks.learning import data_gates, prospects, withheld_cases
from tasks.learning.data_gates import TrialNote
from tasks.learning.retrain import learnt_categories
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
    sides: Sides
    new_categories: tuple[str, ...] = ()

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
    trial = _trial(occasion, champion, challenger)
    if trial.sides.champion.automate and not trial.sides.challenger.automate:
        # At a threshold that it would not have it could only be flattered, and without one its loss is no evidence.
        return Judgement(challenger, "waiting", (prospects.would_automate_nothing(occasion, challenger),))
    both = (champion, challenger)
    fresh = withheld_cases.fresh(occasion, both, trial.since, trial.new_categories)
    if len(fresh) < rules.min_withheld:
        missing = rules.min_withheld - len(fresh)
        return Judgement(challenger, "waiting", (f"{missing} more fresh withheld labels are needed",))
    return _try(trial, fresh, reason, proposal)


def _trial(occasion: Occasion, champion: str, challenger: str) -> Trial:
    """The two with what each would be let do by its own certificates, and what only the challenger knows."""
    policy, now, both = occasion.policy, occasion.now, (champion, challenger)
    with occasion.store.read() as connection:
        certified = [certificates.thresholds(connection, one, now, rules=policy.certificate) for one in both]
        learnt, learnt_anew = (learnt_categories(models.version(connection, one)) for one in both)
    new = learnt_anew & set(policy.categories) - learnt if learnt else frozenset()
    sides = Sides(*(promotion_test.bands(policy, thresholds) for thresholds in certified))
    return Trial(occasion, challenger, champion, _fresh_since(occasion), sides, tuple(sorted(new)))


def _try(trial: Trial, fresh: pd.DataFrame, reason: str | None, proposal: int | None) -> Judgement:
    occasion, version = trial.occasion, trial.challenger
    with occasion.store.read() as connection:
        lately = Window.up_to(occasion.now, since=trial.since)
        production = drifts.received(connection, occasion.policy, lately, version=trial.champion)
    champion_said, said = _say(occasion, trial.champion, fresh), _say(occasion, version, fresh)
    # The gates ask whether the labels and the predictions are sound: a ruling without a category is none of both.
    named = fresh["label"].notna().to_numpy()
    held = data_gates.check_withheld_set(
        occasion,
        fresh.assign(said=champion_said["label"].to_numpy())[named],
        production,
        version=version,
        note=trial.note("waiting", len(fresh)),
    )
    if not held.passed:
        log.warning("challenger %s waits: the withheld set broke %s", version, ", ".join(held.codes))
        return Judgement(version, "waiting", (held.broken,), pages=(held.page.as_uri(),))
    told = named & ~said["silent"].to_numpy(dtype=bool)
    checked = data_gates.check_challenger(
        occasion,
        said[told],
        fresh.loc[told, "label"],
        fresh.loc[told, "weight"],
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
        bands=trial.sides,
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
        "notes": list(_notes(trial, withheld)),
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


def _fresh_since(occasion: Occasion) -> datetime:
    """Since when a withheld label is fresh: neither used by an earlier judgement nor from before the newest shift."""
    with occasion.store.read() as connection:
        since = occasion.now - occasion.policy.promotion.withheld
        since = max(since, model_acts.last_judged(connection) or since)
        return drift.since_last_shift(connection, since)


def _say(occasion: Occasion, version: str, fresh: pd.DataFrame) -> pd.DataFrame:
    """What one version says of the cases; whether it may say so is for its gate to tell."""
    return say(occasion, load(occasion, version), fresh)


def _side_by_side(trial: Trial, fresh: pd.DataFrame, champion_said: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    frame = fresh[["weight", "pending", "in_sight"]].assign(truth=fresh["label"].to_numpy())
    for role, words in (("champion", champion_said), ("challenger", said)):
        frame[f"{role}_label"] = words["label"].to_numpy()
        frame[f"{role}_confidence"] = words["confidence"].to_numpy()
        frame[f"{role}_novel"] = words["novel"].to_numpy(dtype=bool)
    # What can be neither proven nor refuted is worth what a case is that people decide: nothing gained, nothing lost.
    unjudged = withheld_cases.unjudged(trial.occasion, fresh, frame["challenger_label"], trial.new_categories)
    frame["challenger_novel"] |= unjudged
    for group in trial.occasion.policy.fairness.groups:
        frame[group] = [values.get(group) for values in fresh["fields"]]
    return frame


def _notes(trial: Trial, withheld: pd.DataFrame) -> tuple[str, ...]:
    """What has to be said beside the figures."""
    said = []
    if trial.new_categories:
        named, new = withheld["truth"].isin(trial.new_categories), ", ".join(trial.new_categories)
        denied = withheld["truth"].isna() & withheld["challenger_label"].isin(trial.new_categories)
        said.append(
            f"version {trial.champion} does not know {new}: {named.sum()} of the cases are of it, and of "
            f"{denied.sum()} more, which version {trial.challenger} takes for it, people found no category right; "
            f"{withheld['in_sight'].sum()} are of those that only people decide"
        )
    if pending := int(withheld["pending"].sum()):
        said.append(f"{pending} rulings wait for another person: each counts as is worse for the challenger")
    if not trial.sides.challenger.automate:
        said.append("neither version has a certificate: what they would automate is not compared")
    return tuple(said)


def _finite(figure: float) -> float | None:
    """A bound as JSON knows it: a bound of a single case is infinite."""
    return figure if np.isfinite(figure) else None
