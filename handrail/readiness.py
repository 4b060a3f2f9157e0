"""What a category needs for its next stage, from shadow to auto: each requirement with its figure and its sentence.

The checks advise: a person takes the step, with the words that say why where the checks say *not ready*. What a small
shop cannot have of one category is taken from all of them together, and said.
"""

import math
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from handrail.estimates import Estimate, clopper_pearson
from handrail.policy import Consequence, Policy, Stage
from handrail.proportions import in_percent

Certified = Literal["category", "overall"]

STAGES = tuple(Stage)
_DAY = timedelta(days=1)
_COSTS = {Consequence.MEDIUM: "an error has a medium cost", Consequence.HIGH: "an error has a high cost"}
_STAYS = {
    Stage.MANUAL: "people decide everything; whoever may change stages takes it to shadow",
    Stage.AUTO: "there is no stage after it",
}


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What is known of the serving version's predictions, of one category or of all together.

    `suggested` is the error of those that would be shown, a contradiction that is not settled yet counted as one;
    `confident` of those above the auto threshold and `audits` of what was approved by itself, both of settled answers
    alone; `contradicts` and `audits_contradict` say whether they surely exceed what a certificate allows.
    """

    cases: int
    suggested: Estimate
    confident: Estimate
    audits: Estimate
    pending: int = 0
    contradicts: bool = False
    audits_contradict: bool = False


@dataclass(frozen=True, slots=True)
class Rollout:
    """What the checks rest on, for one category at one moment.

    `certified` says whose certificate holds; `needed` are further blind labels until one can be had, at least, `way`
    what would bring one, where something is known of it. `days` is how long the evidence has been collected, `at_stage`
    how long the category stands at its stage. `trained` counts the people whose answers are evidence and who are there;
    `withheld` are the sentences of what is paused or held.
    """

    category: str
    stage: Stage
    at_stage: timedelta
    version: str | None
    own: TrackRecord
    pooled: TrackRecord
    days: float
    cases_a_day: float
    trained: int
    certified: Certified | None
    needed: int
    overdue_audits: int
    withheld: tuple[str, ...] = ()
    way: str | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that a stage asks for: whether it is met, its figure beside its bound, and a sentence of it."""

    name: str
    met: bool
    sentence: str
    figure: float | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True)
class CategoryReadiness:
    """Where a category stands and whether it may go on; `next_stage` is None where no check takes it further.

    `reasons` are sentences without a capital: what is missing, or what it rests on where it is ready.
    """

    category: str
    stage: Stage
    next_stage: Stage | None
    ready: bool
    reasons: tuple[str, ...]
    requirements: tuple[Requirement, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the requirements that are not met."""
        return tuple(one.name for one in self.requirements if not one.met)

    def to_json(self) -> dict[str, Any]:
        """As JSON can, with the sentence."""
        return {**asdict(self), "missing": list(self.missing), "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """*ready for partial: …*, or *not ready for partial, because …*; a step down asks for nothing."""
        why = "; ".join(self.reasons)
        if self.next_stage is None:
            return f"stays at {self.stage}: {why}"
        if not self.requirements:
            return f"{self.next_stage} asks for nothing"
        if self.ready:
            return f"ready for {self.next_stage}: {why}"
        return f"not ready for {self.next_stage}, because {why}"


def next_step(rollout: Rollout, policy: Policy) -> CategoryReadiness:
    """The next stage of a category and whether it may go there.

    Low consequence goes from shadow to partial, for at *suggest* few labels are blind; only where no certificate has
    come within `readiness.shadow_at_most` it goes to *suggest*. Medium and high consequence end there.
    """
    low = policy.category(rollout.category).consequence is Consequence.LOW
    if rollout.stage in _STAYS:
        return CategoryReadiness(rollout.category, rollout.stage, None, ready=False, reasons=(_STAYS[rollout.stage],))
    if not low:
        if rollout.stage is Stage.SHADOW:
            return step_to(rollout, policy, Stage.SUGGEST)
        cost = _COSTS[policy.category(rollout.category).consequence]
        return CategoryReadiness(
            rollout.category,
            rollout.stage,
            None,
            ready=False,
            reasons=(f"{cost}, so a person confirms every case",),
        )
    further = step_to(rollout, policy, Stage.AUTO if rollout.stage is Stage.PARTIAL else Stage.PARTIAL)
    waited = rollout.stage is Stage.SHADOW and rollout.at_stage >= policy.readiness.shadow_at_most
    if waited and "certificate" in further.missing:
        return step_to(rollout, policy, Stage.SUGGEST)
    return further


def step_to(rollout: Rollout, policy: Policy, to: Stage) -> CategoryReadiness:
    """What the checks say of a step to any stage; a step down, or to where it stands, asks for nothing."""
    requirements = tuple(_requirements(rollout, policy, to))
    missing = tuple(one.sentence for one in requirements if not one.met)
    reasons = missing or tuple(one.sentence for one in requirements)
    return CategoryReadiness(
        rollout.category, rollout.stage, to, ready=not missing, reasons=reasons, requirements=requirements
    )


def _requirements(rollout: Rollout, policy: Policy, to: Stage) -> list[Requirement]:
    if to in (Stage.MANUAL, Stage.SHADOW) or STAGES.index(to) <= STAGES.index(rollout.stage):
        return []
    wanted = [_withheld(rollout), _predicts(rollout), _people(rollout, policy)]
    if rollout.stage in (Stage.MANUAL, Stage.SHADOW):
        wanted.append(_watched(rollout, policy))
    if to is Stage.SUGGEST:
        wanted.append(_agreement(rollout, policy, confident=False))
    else:
        wanted += [
            _consequence(rollout, policy),
            _certificate(rollout, policy),
            _no_contradiction(rollout, policy),
        ]
        if rollout.certified is None and policy.queues.uncertified == "fixed":
            wanted.append(_agreement(rollout, policy, confident=True))
    if to is Stage.AUTO:
        wanted += [
            _partial_for(rollout, policy),
            _audited(rollout, policy),
            _audit_error(rollout, policy),
            _backlog(rollout),
        ]
    return [one for one in wanted if one is not None]


def _withheld(rollout: Rollout) -> Requirement | None:
    return Requirement("withheld", met=False, sentence="; ".join(rollout.withheld)) if rollout.withheld else None


def _predicts(rollout: Rollout) -> Requirement | None:
    if rollout.version is None:
        return Requirement("version", met=False, sentence="no version serves")
    if not rollout.own.cases:
        return Requirement("version", met=False, sentence=f"version {rollout.version} has not named it in any case yet")
    return None


def _people(rollout: Rollout, policy: Policy) -> Requirement:
    rules = policy.readiness
    wanted = max(rules.trained, math.ceil(rollout.cases_a_day / rules.cases_a_person))
    load = f"for {_count(round(rollout.cases_a_day), 'case')} a day"
    sentence = f"{_count(rollout.trained, 'trained person', 'trained people')} {load}"
    if rollout.trained < wanted:
        more = wanted - rollout.trained
        sentence = f"{_count(more, 'more trained person is', 'more trained people are')} needed {load}"
    return Requirement("people", rollout.trained >= wanted, sentence, rollout.trained, wanted)


def _watched(rollout: Rollout, policy: Policy) -> Requirement | None:
    """A week shows each of its days; a certificate takes longer in a small shop anyway."""
    wanted = policy.readiness.shadow_for
    if rollout.days * _DAY >= wanted:
        return None
    left = math.ceil(wanted / _DAY - rollout.days)
    sentence = f"{_count(left, 'more day')} of blind labels {'is' if left == 1 else 'are'} needed"
    return Requirement("shadow", met=False, sentence=sentence, figure=rollout.days, bound=wanted / _DAY)


def _agreement(rollout: Rollout, policy: Policy, *, confident: bool) -> Requirement:
    """People agree blindly with what would be shown (with `confident`: with what would run by itself)."""
    rules = policy.readiness
    own, pooled = (
        (rollout.own.confident, rollout.pooled.confident)
        if confident
        else (rollout.own.suggested, rollout.pooled.suggested)
    )
    alone = _has_own(own.n, rules.labels, rollout.days, rules.own_within)
    seen, wanted = (own, rules.labels) if alone else (pooled, rules.pooled_labels)
    of = "" if alone else ", over all categories together, for its own are too few,"
    what = "confident suggestions" if confident else "suggestions"
    if seen.n < wanted:
        return Requirement(
            "agreement", met=False, sentence=_more(wanted - seen.n, "blind label", of), figure=seen.n, bound=wanted
        )
    bound = rules.partial_agreement if confident else rules.suggest_agreement
    if 1 - own.low < bound:
        # Too few to speak for it may be enough to speak against it: what is pooled does not cover that up.
        seen, of = own, ""
    low, high = 1 - seen.high, 1 - seen.low
    between = f"{in_percent(1 - seen.rate)} ({in_percent(low)} to {in_percent(high)})"
    sentence = f"people agree with its {what} in {between} of {_count(seen.n, 'blind label')}{of.rstrip(',')}"
    if low < bound:
        sentence += f", and the low end has to reach {in_percent(bound)}"
    return Requirement("agreement", met=low >= bound, sentence=sentence, figure=low, bound=bound)


def _consequence(rollout: Rollout, policy: Policy) -> Requirement | None:
    consequence = policy.category(rollout.category).consequence
    if consequence is Consequence.LOW:
        return None
    return Requirement("consequence", met=False, sentence=f"{_COSTS[consequence]}, so a person confirms every case")


def _certificate(rollout: Rollout, policy: Policy) -> Requirement:
    if rollout.certified == "category":
        return Requirement("certificate", met=True, sentence="certified for this category", figure=0)
    if rollout.certified == "overall":
        sentence = "certified over all categories together, which guarantees no single category"
        return Requirement("certificate", met=True, sentence=sentence, figure=0)
    if policy.queues.uncertified == "fixed":
        sentence = "not certified: the policy lets its fixed threshold decide"
        return Requirement("certificate", met=True, sentence=sentence, figure=rollout.needed)
    sentence = _more(rollout.needed, "blind label", " for a certificate, at least,")
    if rollout.way is not None:
        sentence = f"there is no certificate yet: {rollout.way}"
    return Requirement("certificate", met=False, sentence=sentence, figure=rollout.needed, bound=0)


def _no_contradiction(rollout: Rollout, policy: Policy) -> Requirement | None:
    """A certificate over all categories says nothing of this one: its own labels may."""
    if rollout.certified == "category" or not rollout.own.contradicts:
        return None
    seen = rollout.own.confident
    sentence = (
        f"its own blind labels contradict: {seen.errors} of {seen.n} confident suggestions were wrong, and "
        f"{in_percent(policy.certificate.max_error)} are allowed{_pending(rollout.own)}"
    )
    return Requirement(
        "contradiction", met=False, sentence=sentence, figure=seen.low, bound=policy.certificate.max_error
    )


def _partial_for(rollout: Rollout, policy: Policy) -> Requirement:
    wanted = policy.readiness.partial_for
    passed = rollout.at_stage if rollout.stage is Stage.PARTIAL else timedelta(0)
    left = math.ceil((wanted - passed) / _DAY)
    if passed >= wanted:
        sentence = f"{_count(int(passed / _DAY), 'day')} at partial"
    else:
        sentence = f"{_count(left, 'more day')} at partial {'is' if left == 1 else 'are'} needed"
    return Requirement("partial", passed >= wanted, sentence, passed / _DAY, wanted / _DAY)


def _audited(rollout: Rollout, policy: Policy) -> Requirement:
    rules = policy.readiness
    # Its own that come within the time that it stands at partial anyway; nobody waits longer for them.
    alone = _has_own(rollout.own.audits.n, rules.audits, rollout.at_stage / _DAY, rules.partial_for)
    seen, wanted = (rollout.own.audits, rules.audits) if alone else (rollout.pooled.audits, rules.pooled_audits)
    of = "" if alone else ", over all categories together, for its own are too few,"
    if seen.n < wanted:
        return Requirement(
            "audits", met=False, sentence=_more(wanted - seen.n, "audit", of), figure=seen.n, bound=wanted
        )
    between = f"{in_percent(seen.rate)} ({in_percent(seen.low)} to {in_percent(seen.high)})"
    sentence = f"{_count(seen.n, 'audit')}{of} {'finds' if seen.n == 1 else 'find'} {between} wrong"
    return Requirement("audits", met=True, sentence=sentence, figure=seen.n, bound=wanted)


def _audit_error(rollout: Rollout, policy: Policy) -> Requirement | None:
    allowed = policy.certificate.max_error
    for seen, whose in ((rollout.own, "its audits"), (rollout.pooled, "the audits of all categories")):
        if seen.audits_contradict:
            sentence = (
                f"{whose} contradict: {in_percent(seen.audits.rate)} ({in_percent(seen.audits.low)} to "
                f"{in_percent(seen.audits.high)}) wrong, and {in_percent(allowed)} are allowed"
            )
            return Requirement("audit_error", met=False, sentence=sentence, figure=seen.audits.low, bound=allowed)
    return None


def _backlog(rollout: Rollout) -> Requirement | None:
    if not rollout.overdue_audits:
        return None
    late = _count(rollout.overdue_audits, "audit is", "audits are")
    return Requirement("backlog", met=False, sentence=f"{late} overdue", figure=rollout.overdue_audits, bound=0)


def contradicts(seen: Estimate, allowed: float, categories: int) -> bool:
    """Whether answers surely contradict an error rate, were so many categories asked the same.

    `seen` has its interval at `family_level(categories)`. The exact one of its counts must lie above as well: Wilson's
    does so for one error in one answer, which proves nothing.
    """
    return seen.low > allowed and clopper_pearson(seen.errors, seen.n, family_level(categories)).low > allowed


def family_level(categories: int) -> float:
    """The level of one interval, where 95 % is to hold for all of so many together (Bonferroni 1936)."""
    return 1 - 0.05 / max(1, categories)


def _has_own(count: int, wanted: int, days: float, within: timedelta) -> bool:
    """Whether its own number is there, or will be at its pace within that time; nobody waits longer for it."""
    if count >= wanted:
        return True
    return days < within / _DAY and count / max(1.0, days) * (within / _DAY) >= wanted


def _more(missing: int, noun: str, of: str = "") -> str:
    return f"{_count(missing, f'more {noun}')}{of} {'is' if missing == 1 else 'are'} needed"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _pending(seen: TrackRecord) -> str:
    if not seen.pending:
        return ""
    return (
        f"; {_count(seen.pending, 'contradiction')} still {'waits' if seen.pending == 1 else 'wait'} for another look"
    )
