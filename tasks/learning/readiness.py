"""Whether each category is ready for its next stage: the rules of `handrail.readiness` on what the store holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from handrail import dead_mans_switch
from handrail.acts import incidents
from handrail.estimates import Estimate, hajek
from handrail.policy import Policy, Stage
from handrail.queues import Queue, Situation
from handrail.readiness import CategoryReadiness, Rollout, TrackRecord, contradicts, family_level, next_step, step_to
from handrail.staff import Person
from handrail.stand_in import StandIn
from handrail.store import audits, drifts, models, pauses, situation, staff
from handrail.store import readiness as stored
from handrail.store.engine import Connection
from handrail.store.evidence import settled
from handrail.window import Window
from tasks.learning.certificate_accounts import CertificateStatus, certified, nearest
from tasks.occasion import Occasion

_DAY = timedelta(days=1)
_LATELY = timedelta(days=14)
"""Over which the cases of a day are counted."""
_WITHHELD = ("everything is paused", "it is paused", "its breaker could not be read", "it was changed outside Handrail")


@dataclass(frozen=True, slots=True)
class _Shop:
    """What the checks of all categories rest on, read at one moment; `answers` has a row a labelled prediction."""

    situation: Situation
    staged_at: Mapping[str, datetime]
    people: tuple[Person, ...]
    reviews: Mapping[str, int]
    unusable: bool
    overdue_audits: int
    version: str | None
    since: datetime
    cases: pd.DataFrame
    answers: pd.DataFrame
    audits: pd.DataFrame


def readiness(occasion: Occasion, certificates: Sequence[CertificateStatus] | None = None) -> list[CategoryReadiness]:
    """Where every category of the policy stands, what its next stage is, and whether it is ready for it.

    `certificates` are those of the same moment, where the caller has them already. Nobody can say it while the policy
    cannot be read: none.
    """
    if isinstance(occasion.policy, StandIn):
        return []
    return [next_step(rollout, occasion.policy) for rollout in _rollouts(occasion, certificates).values()]


def category(occasion: Occasion, name: str) -> CategoryReadiness:
    """Where one category stands, as in `readiness`.

    Raises:
        NotFound: the policy has no such category.
    """
    occasion.policy.category(name)
    return next_step(_rollouts(occasion, None)[name], occasion.policy)


def step(occasion: Occasion, category: str, to: Stage) -> CategoryReadiness:
    """What the checks say of a step of one category to any stage.

    Raises:
        NotFound: the policy has no such category.
    """
    occasion.policy.category(category)
    return step_to(_rollouts(occasion, None)[category], occasion.policy, to)


def _rollouts(occasion: Occasion, statuses: Sequence[CertificateStatus] | None) -> dict[str, Rollout]:
    policy, now = occasion.policy, occasion.now
    statuses = certified(occasion) if statuses is None else statuses
    held = {one.category: one for one in statuses}
    with occasion.store.read() as connection:
        shop = _read(connection, policy, now)
    days = max(0.0, (now - shop.since) / _DAY) if len(shop.cases) else 0.0
    lately = min(_LATELY, max(now - shop.since, _DAY))
    cases_a_day = float((shop.cases["assigned_at"] >= now - lately).sum() / (lately / _DAY))
    pooled = _evidence(shop, policy, None)
    found = {}
    for name, rules in policy.categories.items():
        own, overall = held.get(name), held.get(None)
        first = nearest(statuses, name)
        found[name] = Rollout(
            category=name,
            stage=shop.situation.stage_of(name, rules),
            at_stage=now - min(shop.staged_at.get(name, shop.since), now),
            version=shop.version,
            own=_evidence(shop, policy, name),
            pooled=pooled,
            days=days,
            cases_a_day=cases_a_day,
            trained=_trained(shop.people, name, now),
            certified="category"
            if own and own.is_certified
            else "overall"
            if overall and overall.is_certified
            else None,
            needed=1 if first is None else first.needed,
            way=None if first is None else first.way,
            overdue_audits=shop.overdue_audits,
            withheld=_withheld(shop, name),
        )
    return found


def _read(connection: Connection, policy: Policy, now: datetime) -> _Shop:
    version = models.serving(connection).model_version
    row = models.version(connection, version) if version else None
    shift = drifts.newest_shift(connection)
    since = now - policy.certificate.valid_for if shift is None else max(now - policy.certificate.valid_for, shift)
    learnt_until = None if row is None else row.trained_until or row.registered_at
    cases = stored.predicted(connection, version or "", since=since, received_after=learnt_until)
    rulings = settled(connection, since=since)
    done = audits.audits(connection, Window.up_to(now, since=since))
    open_reviews = pauses.reviews(connection)
    rules = situation.read(connection, policy, now)
    return _Shop(
        situation=rules,
        staged_at=stored.staged_at(connection),
        people=tuple(staff.active(connection).values()),
        reviews={
            str(name): int(number) for name, number in zip(open_reviews["category"], open_reviews["id"], strict=True)
        },
        unusable=incidents.unavailable(connection) is not None,
        overdue_audits=stored.overdue_audits(connection, now),
        version=version if row is not None else None,
        since=cases["assigned_at"].min().to_pydatetime() if len(cases) else now,
        cases=cases,
        answers=_answers(cases, rulings, rules, policy),
        audits=done[done["model_version"] == version],
    )


def _answers(cases: pd.DataFrame, rulings: pd.DataFrame, rules: Situation, policy: Policy) -> pd.DataFrame:
    """Predictions on which somebody trained ruled blindly, with the `chance` of that look; without one none counts.

    `above` says of each whether it would have run by itself, were its stage *auto*.
    """
    joined = cases.merge(rulings, on="case_id", how="inner", validate="one_to_one")
    kept = pd.to_numeric(joined["blind_chance"]).to_numpy(dtype=float, na_value=np.nan)
    queue = joined["queue"].to_numpy(dtype=object)
    share = np.where(queue == Queue.B.value, policy.queues.blind_share, 0.0)
    # A route of before chances were kept: manual and shadow hid every suggestion, queue B the policy's share.
    old = np.where(joined["stage"].isin([Stage.MANUAL.value, Stage.SHADOW.value]).to_numpy(dtype=bool), 1.0, share)
    drawn = pd.to_numeric(joined["inclusion_probability"]).to_numpy(dtype=float, na_value=0.0)
    chance = np.where(queue == Queue.A.value, drawn, np.where(np.isnan(kept), old, kept))
    answers = joined.assign(
        chance=chance,
        wrong=joined["label"].astype(object) != joined["predicted"].astype(object),
        pending=joined["pending"].eq(True) if "pending" in joined else False,  # noqa: FBT003 - nulls are not
        above=_passing(joined, rules, policy),
    )
    return answers[(answers["chance"] > 0) & ~answers["novel"].eq(True)]  # noqa: FBT003 - as above


def _passing(cases: pd.DataFrame, rules: Situation, policy: Policy) -> "pd.Series[bool]":
    """Whether the confidence of each case passes the auto threshold of its predicted category."""
    fixed = {name: policy.auto_above(name) for name in policy.categories}
    held = {name: rules.certified_from(name) or 0.0 for name in policy.categories}
    above, least = cases["predicted"].map(fixed).astype(float), cases["predicted"].map(held).astype(float)
    return (cases["confidence"] > above) & (cases["confidence"] >= least)


def _evidence(shop: _Shop, policy: Policy, category: str | None) -> TrackRecord:
    """Of one category; with None of all together."""
    cases, answers, done = shop.cases, shop.answers, shop.audits
    if category is not None:
        cases, answers = cases[cases["predicted"] == category], answers[answers["predicted"] == category]
        done = done[done["category"] == category]
    shown = answers[answers["confidence"] >= policy.queues.human_below]
    settled = answers[answers["above"] & ~answers["pending"]]
    if "pending" in done:
        done = done[~done["pending"].eq(True)]  # noqa: FBT003 - nulls are not
    allowed, many = policy.certificate.max_error, 1 if category is None else len(policy.categories)
    confident, rejected = (settled["wrong"], settled["chance"]), (done["rejected"], done["inclusion_probability"])
    return TrackRecord(
        cases=len(cases),
        suggested=_rate(shown["wrong"] | shown["pending"], shown["chance"]),
        confident=_rate(*confident),
        audits=_rate(*rejected),
        pending=int((answers["above"] & answers["pending"]).sum()),
        contradicts=contradicts(_rate(*confident, family_level(many)), allowed, many),
        audits_contradict=contradicts(_rate(*rejected, family_level(many)), allowed, many),
    )


def _rate(wrong: "pd.Series[bool]", chance: "pd.Series[float]", level: float = 0.95) -> Estimate:
    return hajek(wrong.to_numpy(dtype=bool), chance.to_numpy(dtype=float), level)


def _trained(people: Sequence[Person], category: str, now: datetime) -> int:
    """People who are there, whose answers are evidence, and who may be offered this category."""
    return sum(
        person.may_take("recheck", now) and not person.is_away(now) and person.knows(category, hidden=False)
        for person in people
    )


def _withheld(shop: _Shop, category: str) -> tuple[str, ...]:
    held = (
        shop.situation.all_paused,
        category in shop.situation.paused,
        category in shop.situation.unwatched,
        shop.situation.is_altered(category),
    )
    sentences = [sentence for sentence, holds in zip(_WITHHELD, held, strict=True) if holds]
    silence = dead_mans_switch.holding(shop.situation.silent, category)
    if silence is not None:
        sentences.append(f"the watch “{silence.watch.replace('_', ' ')}” is silent")
    if category in shop.reviews:
        sentences.append(f"model review {shop.reviews[category]} is open")
    if shop.unusable:
        sentences.append("the model cannot be used")
    return tuple(sentences)
