"""A case's story in plain words: what came, what was said of it, where it went, who did what and when."""

from dataclasses import dataclass
from datetime import datetime

from handrail import pii
from handrail.policy import Policy
from handrail.store.dossier import Decided, Disputed, Dossier, Escalated, KnownOutcome, Said, Sent
from handrail.store.routes import CurrentRoute
from tasks.views.narration import reasons, ruling, who

KINDS = {
    "review": "a review",
    "audit": "an audit",
    "second": "a second person",
    "recheck": "a second review",
    "doubt": "a second review",
    "adjudication": "somebody to settle two labels",
    "escalation": "the escalation manager",
    "dispute": "somebody to look at the dispute",
}
ACTIONS = {
    "new": "is about to be sent",
    "leased": "is being sent",
    "done": "was carried out",
    "retry": "could not be delivered yet and is tried again",
    "dead": "could not be delivered: somebody must settle it",
    "unknown": "was handed over and never acknowledged: it may have been carried out, and somebody must settle it",
    "withdrawn": "was withdrawn and not carried out",
}
CAUSES = {
    "policy": "our policy forbids it",
    "legal": "it has legal weight",
    "sla_breach": "it was not decided in time",
    "retention": "its text is past its time, and work on it is open",
    "dispute": "the customer disputes the decision",
    "incident": "something went wrong",
}
AFTERWARDS = {
    "reversal": "The decision was reversed in the business's own system.",
    "complaint": "The customer complained.",
    "csat": "The customer rated the answer {value:g} of 5.",
    "closed": "The matter was closed.",
}
QUEUES = {
    "A": "It was sure and harmless enough to be executed by itself.",
    "B": "A person confirms or refuses with one click.",
    "C": "A person decides from scratch.",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a case; `detail` says more, where there is more to say."""

    at: datetime
    what: str
    who: str | None = None
    detail: str | None = None


def headline(file: Dossier) -> str:
    """How it stands with a case, in one sentence or two."""
    state = file.case.state
    if file.kept:
        return "What was said of this case is kept from you while somebody may still have to decide it unseen."
    if state == "quarantined":
        return "It was put aside, because its data cannot be used as they are."
    if file.case.history:
        return "It came in as history, with an outcome that was known already."
    applied = [one for one in file.decisions if one.kind not in ("audit", "recheck", "doubt", "adjudication")]
    waiting = [one for one in file.work if one.state == "open"]
    if not applied:
        kind = KINDS.get(waiting[0].kind, "a person") if waiting else None
        return f"It waits for {kind}." if kind else "It is on its way to a queue; nobody has decided it."
    last = applied[-1]
    by = "automatically" if last.kind == "automatic" else f"by {last.actor}"
    sentence = f"{_ruled(last)} {by}."
    if file.actions:
        newest = file.actions[-1]
        sentence += f" {_carried(newest)}."
    if waiting:
        sentence += f" It waits for {KINDS.get(waiting[0].kind, 'a person')}."
    return sentence


def certainty(confidence: float, label: str | None, policy: Policy) -> str:
    """A confidence in words, by the policy's own bounds."""
    automatic = policy.auto_above(label) if label in policy.categories else policy.queues.auto_above
    if confidence > automatic:
        return "very sure"
    return "fairly sure" if confidence >= policy.queues.human_below else "unsure"


def familiarity(prediction: Said) -> str:
    """How well the model knows cases like this one."""
    return "unlike what it has learned from" if prediction.novel else "like what it has learned from"


def route_reasons(file: Dossier) -> list[str]:
    """Why the case went where it went; the first reason decided."""
    return reasons(file.route.reasons) if file.route else []


def covered(text: str | None, policy: Policy) -> str | None:
    """What a person wrote beside a case, with personal data replaced."""
    if not text:
        return None
    return pii.redact(text, policy.privacy.redact, policy.privacy.phone_region).text


def story(file: Dossier, policy: Policy) -> list[Moment]:
    """Everything that happened, oldest first; of a kept case only how it came."""
    case = file.case
    moments = [Moment(case.received_at, "The customer sent it")]
    if not file.kept:  # who took it in, and from where, would tell a gold case from others
        moments.append(Moment(case.ingested_at, f"Taken in from {case.source.replace('_', ' ')}", "the machine"))
    moments += [_said(one, policy) for one in file.predictions]
    if file.route is not None:
        moments.append(_routed(file, file.route))
    moments += [_decided(one, policy) for one in file.decisions]
    moments += [_acted(one) for one in file.actions]
    moments += _looked_at(file)
    moments += [moment for one in file.escalations for moment in _escalated(one)]
    moments += [moment for one in file.disputes for moment in _disputed(one, policy)]
    moments += [_afterwards(one) for one in file.outcomes]
    return sorted(moments, key=lambda moment: moment.at)


def _said(one: Said, policy: Policy) -> Moment:
    label = one.label.replace("_", " ")
    shadow = ", unheard, beside the one that serves" if one.role == "challenger" else ""
    sure = f"{certainty(one.confidence, one.label, policy)} ({one.confidence:.1%})".replace("%", "\u202f%")
    return Moment(one.scored_at, f"Read as {label}: {sure}", f"model version {one.model_version}{shadow}")


def _routed(file: Dossier, route: CurrentRoute) -> Moment:
    return Moment(route.assigned_at, f"Sent to queue {route.queue}", "the machine", route_reasons(file)[0])


def _decided(one: Decided, policy: Policy) -> Moment:
    what = ruling(one.outcome, one.label, one.kind).removesuffix(".")
    reason = policy.desk.reasons.get(one.reason_code or "", (one.reason_code or "").replace("_", " "))
    note = covered(one.note, policy)
    details = [
        f"{reason}." if reason else None,
        "Without seeing what the model said." if one.blind and one.kind != "automatic" else None,
        f"Note: {note}" if note else None,
    ]
    return Moment(one.decided_at, what, who(one.actor), " ".join(filter(None, details)) or None)


def _ruled(one: Decided) -> str:
    return ruling(one.outcome, one.label, one.kind).split(",")[0]


def _acted(one: Sent) -> Moment:
    attempts = f"After {one.attempts} attempts." if one.attempts > 1 else None
    at = one.done_at or one.created_at
    return Moment(at, _carried(one), "the machine", attempts)


def _carried(one: Sent) -> str:
    return f"The action “{one.action.replace('_', ' ')}” {ACTIONS.get(one.state, one.state)}"


def _looked_at(file: Dossier) -> list[Moment]:
    if file.audit is None:
        return []
    if not file.audit.drawn:
        return [Moment(file.audit.drawn_at, "Not drawn for an audit", "the machine")]
    chance = f"{file.audit.inclusion_probability:.1%}".replace("%", "\u202f%")
    why = (file.audit.stratum or "random").replace("_", " ")
    return [Moment(file.audit.drawn_at, "Drawn for an audit", "the machine", f"By {why}; its chance was {chance}.")]


def _escalated(one: Escalated) -> list[Moment]:
    opened = Moment(
        one.opened_at, "Went to the escalation manager", None, f"Because {CAUSES.get(one.cause, one.cause)}."
    )
    if one.resolved_at is None:
        return [opened]
    return [opened, Moment(one.resolved_at, "The escalation was resolved", who(one.resolved_by))]


def _disputed(one: Disputed, policy: Policy) -> list[Moment]:
    opened = Moment(one.opened_at, "The customer disputed it", who(one.opened_by), covered(one.text, policy))
    if one.closed_at is None:
        return [opened]
    stands = "the first decision stands" if one.upheld else "the first decision was changed"
    answer = covered(one.answer, policy)
    return [opened, Moment(one.closed_at, f"The dispute was decided: {stands}", None, answer)]


def _afterwards(one: KnownOutcome) -> Moment:
    sentence = AFTERWARDS.get(one.kind, one.kind.replace("_", " ").capitalize() + ".")
    return Moment(one.at, sentence.format(value=one.value or 0).removesuffix("."), "reported afterwards")
