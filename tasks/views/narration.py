"""Events of the trail in plain words: a sentence for each kind; the code itself for one that has none yet."""

from collections.abc import Mapping, Sequence
from typing import Any

from handrail.permissions import SYSTEM
from handrail.ppm import PPM
from handrail.queues import explain
from handrail.reasons import Reason

SENTENCES = {
    "action.abandoned": "The action “{action}” was given up by hand.",
    "action.confirmed": "Somebody made sure that the action “{action}” was carried out.",
    "action.dead": "The action “{action}” could not be delivered; somebody has to settle it.",
    "action.done": "The action “{action}” was carried out.",
    "action.executed": "The receiver was asked and said that the action “{action}” was carried out.",
    "action.failed": "{actions} actions could not be delivered at attempt {attempts}.",
    "action.late": "The receiver acknowledged the action “{action}” after it had been given up; it counts as done.",
    "action.not_executed": "The receiver was asked and said that the action “{action}” was not carried out.",
    "action.retried": "The action “{action}” is sent again, by hand.",
    "action.unknown": "Nobody knows whether the action “{action}” was carried out; somebody has to settle it.",
    "action.withdrawn": "The action was withdrawn before it was sent; the case went to queue {queue}.",
    "alert.acknowledged": "{actor} takes care of alert {alert}: {trouble}, {about}.",
    "alert.channel_tested": "The alert channel {channel} was tested; it took the message: {reached}.",
    "alert.cleared": "Alert {alert} is over: {trouble}, {about}.",
    "alert.raised": "Alert {alert} was raised ({severity}): {trouble}, {about}.",
    "audit.draw": "Of {looked_at} automatic decisions {drawn} were drawn for a second look.",
    "audit.drawn": "Drawn for a second look (by {stratum}; its chance was {probability}).",
    "automation.paused": "Automation was paused for {category}.",
    "automation.resumed": "Automation was resumed for {category}.",
    "batch.done": "Delivery {batch} was worked off.",
    "batch.gated": "Delivery {batch} passed the data checks.",
    "batch.opened": "Delivery {batch} arrived.",
    "batch.rejected": "Delivery {batch} was rejected by hand; nothing of it goes on.",
    "batch.released": "Delivery {batch} was released by hand; its good rows go on.",
    "batch.replaced": "Delivery {batch} was replaced: delivery {by} brought the last of its rows anew.",
    "batch.stopped": "Delivery {batch} was stopped: too many of its rows could not be used.",
    "case.changed": "The request came again with delivery {batch}, with other content.",
    "case.decided": "{ruling}",
    "case.escalated": "Escalated to the escalation manager: {cause}.",
    "case.held": "Held: its texts are kept, whatever the policy's retention says.",
    "case.hold_released": "Held no longer: the policy's retention counts again.",
    "case.imported": "Taken in as history: its outcome was known already.",
    "case.outcome_known": "Its outcome came with delivery {batch} and became a label.",
    "case.quarantined": "Put aside: its data did not pass the check “{expectation}”.",
    "case.readmitted": "Came again with delivery {batch}, corrected.",
    "case.received": "Received with delivery {batch}.",
    "case.reopened": "The request changed after case {earlier} had been decided; it goes on here.",
    "cases.exported": "A list of {count} cases was taken away as a file.",
    "changes.superseded": "Changes of delivery {batch} were left out ({changes}): newer content has come since.",
    "category.moved": "The category {category} left the policy; in its place: {to}.",
    "certificate.issued": "A certificate was issued: version {model} may approve {category} from {threshold} on.",
    "certificate.looked": "The blind labels of {category} were looked at for a certificate of version {model}.",
    "certificate.voided": "The certificate of {category} ended: {wrong} of {audited} audits speak against it.",
    "clock.jumped": "The machine's clock jumped by {seconds} seconds, from {before} to {shown}.",
    "consent.withdrawn": "The customer withdrew consent to automated processing; no model sees the case any more.",
    "decision.undone": "The decision was taken back before anything was carried out.",
    "dispute.closed": "The customer's dispute was decided.",
    "dispute.opened": "The customer disputes the decision.",
    "drift.detected": "What comes in has changed; audits were raised.",
    "escalation.acknowledged": "The escalation manager has taken note of the missed deadline.",
    "gate.failed": "A data check before training or deployment did not pass.",
    "gold.attested": "Attested as a test case.",
    "gold.decided": "Answered in a test.",
    "gold.practised": "Answered in an exercise.",
    "gold.retired": "No longer used as a test case.",
    "input.purged": "Text and customer were deleted: the policy's retention has ended.",
    "input.viewed": "The raw text was shown to {actor}.",
    "key.bound": "The database was bound to the workspace's key.",
    "label.adjudicated": "Two labels differed; it was settled that {label} counts.",
    "difference.dropped": "A label that differed from the model was withdrawn; what is left does not differ.",
    "difference.reopened": "A label was withdrawn or reinstated; others look again at what it had settled.",
    "difference.settled": "People and model differed; {looks} people settled on {label}.",
    "difference.stands": "A label differs from the model; nobody else is trained, and it counts as it stands.",
    "label.disputed": "Two people labelled it differently.",
    "label.settled": "Two labels differed; the consensus settled on {label} ({posterior} sure).",
    "model.alias_moved": "The alias in the model registry had been moved by hand to version {found}; it has no effect.",
    "model.available": "Version {version} can be read again.",
    "model.deleted_in_registry": "Version {version} was deleted in the model registry.",
    "model.judged": "Version {version} was judged on {cases} cases it had never seen.",
    "model.promoted": "Version {version} serves from now on, instead of {previous}.",
    "model.refused": "Version {version} was refused.",
    "model.registered": "Version {version} was trained and registered.",
    "model.refetched": "The local copy of version {version} was damaged and came anew from the registry.",
    "model.rolled_back": "Version {version} serves again.",
    "model.unavailable": "Version {version} cannot be read; its cases go to people unscored.",
    "notes.purged": "Notes past their retention were deleted.",
    "outcomes.imported": "{outcomes} outcomes were imported.",
    "person.deactivated": "{person} may no longer act; their work went back to the others.",
    "person.invited": "{person} was invited.",
    "person.locked": "{person} was locked out for a while, after {failures} wrong passwords.",
    "person.password_set": "{person} set a password.",
    "person.saved": "{person} has the roles: {roles}.",
    "person.signed_in": "{person} signed in.",
    "person.signed_out": "{person} signed out.",
    "person.test_cancelled": "The test of {person} was cancelled.",
    "person.test_opened": "{person} was handed {cases} test cases.",
    "labels.withdrawn": "{labels} labels of {reviewer} were withdrawn; {certificates_voided} certificates fell short.",
    "labels.withdrawal_step": "Of withdrawal {withdrawal} {cases} cases more are done: {labels} labels count no more.",
    "labels.reinstatement_step": "Of withdrawal {withdrawal} {cases} cases more are done: {labels} labels count again.",
    "labels.reinstated": "The labels of {reviewer} count again.",
    "labels.asked_again": "{cases} cases of withdrawn labels wait to be labelled again.",
    "person.tested": "{person} labelled {right} of {cases} test cases as attested.",
    "person.training_lost": "{person} labelled only {right} of the last {cases} test cases as attested: a test is due.",
    "policy.published": "Policy {policy} came into force.",
    "profile.saved": "A reference profile of {cases} cases was saved for the drift watch.",
    "proposal.made": "An act was proposed ({act}); a second person has to confirm it.",
    "proposal.confirmed": "A second person confirmed proposal {proposal}.",
    "proposal.overtaken": "Proposal {proposal} ended: another act was first.",
    "proposal.refused": "A second person refused proposal {proposal}.",
    "proposal.withdrawn": "Proposal {proposal} was withdrawn.",
    "retraining.called_for": "A retraining was called for: {cause}.",
    "retraining.failed": "A retraining did not end well: {code}.",
    "review.closed": "Model review {review} was closed.",
    "rows.quarantined": "{rows} rows of delivery {batch} were put aside.",
    "sessions.revoked": "Sessions were ended.",
    "stage.changed": "{category} went from stage {from} to {to}.",
    "token.created": "{person} received a token for programs.",
    "token.revoked": "A token of {person} was revoked.",
    "work.recalled": "{actor} took back what they had skipped ({items} in all).",
    "workspace.begun": "The workspace was begun under policy {policy}.",
}
KINDS = ("case.assigned", *SENTENCES)
"""Every kind that has a sentence."""
RULINGS = {"approve": "approved", "override": "overridden", "deny": "denied"}
LOOKS = {
    "automatic": "by itself",
    "review": "in review",
    "audit": "in an audit",
    "second": "by a second person",
    "recheck": "in a second review",
    "doubt": "in a second review",
    "escalation": "as an escalation",
    "adjudication": "to settle two labels",
    "dispute": "after a dispute",
}


def told(event: Mapping[str, Any]) -> str:
    """What happened, in a sentence; an unknown kind, or one whose data lack a word, is told by its code."""
    kind = str(event["kind"])
    if kind == "case.assigned":
        return _assigned(event.get("queue"), event.get("reason"), event.get("category"))
    sentence = SENTENCES.get(kind)
    if sentence is None:
        return f"{kind.replace('.', ': ').replace('_', ' ').capitalize()}."
    words = {_bare(key): in_words(key, value) for key, value in event.items()}
    words["ruling"] = ruling(event.get("outcome"), event.get("label"), event.get("work"))
    try:
        found = sentence.format_map(words | _counted(event.get("cases")))
    except KeyError:
        return f"{kind.replace('.', ': ').replace('_', ' ').capitalize()}."
    return found[:1].upper() + found[1:]


def ruling(outcome: str | None, label: str | None, work: str | None) -> str:
    """A decision in words: ``Approved as delivery status, in review.``."""
    what = RULINGS.get(outcome or "", "decided").capitalize()
    as_what = f" as {label.replace('_', ' ')}" if label else ""
    return f"{what}{as_what}, {LOOKS.get(work or '', 'by a person')}."


def who(actor: str | None) -> str:
    """Who acted: a name, or the machine with the flow it ran."""
    if actor is None:
        return "–"
    return f"the machine ({actor.removeprefix(SYSTEM).replace('_', ' ')})" if actor.startswith(SYSTEM) else actor


def reasons(codes: Sequence[str]) -> list[str]:
    """Each reason of a route as a sentence, in the order in which the rules were asked; unknown ones by their code."""
    known = {reason.value for reason in Reason}
    return [explain(code) if code in known else f"{code.replace('_', ' ').capitalize()}." for code in codes]


def in_words(key: str, value: object) -> str:
    """A value of an event as a person reads it."""
    if value is None:
        return "everything" if key == "category" else "none"
    if key.endswith("_ppm") and isinstance(value, int):
        return f"{value / PPM:.1%}".replace("%", "\u202f%")
    if isinstance(value, list):
        return ", ".join(in_words("", one) for one in value) or "none"
    return who(str(value)) if key == "actor" else str(value) if key == "person" else str(value).replace("_", " ")


def _assigned(queue: str | None, reason: str | None, category: str | None) -> str:
    as_what = f" as {in_words('', category)}" if category else ""
    return f"Sent to queue {queue}{as_what}. {reasons([str(reason)])[0]}"


def _bare(key: str) -> str:
    return key.removesuffix("_ppm")


def _counted(cases: object) -> dict[str, str]:
    """Of `cases.exported`, whose `cases` are many numbers, how many."""
    return {"count": str(len(cases))} if isinstance(cases, list) else {}
