"""What the operator's pages say in words: thresholds, gates, what has just been done; where servers are."""

import os
from collections.abc import Mapping
from typing import Any

from desk.pages import percent
from handrail.policy import Consequence, Policy
from handrail.workspace import Workspace
from tasks.learning.certificate_accounts import CertificateStatus
from tasks.views.operations import CategoryView

SAID = {
    "paused": "{what} is paused from the next case on. Actions not yet sent that came back to people: {count}.",
    "resumed": "{what} runs again.",
    "staged": "{what} has moved to another stage.",
    "unchanged": "{what} is at that stage already. Nothing was changed.",
    "proposed": "Proposal {count} is made. Nothing is done until somebody else confirms it.",
    "confirmed": "Proposal {count} is confirmed, and done.",
    "refused": "Proposal {count} is refused.",
    "withdrawn": "Proposal {count} is withdrawn.",
    "closed": "Model review {count} is closed.",
    "promoted": "Version {count} serves from the next batch on.",
    "rolled_back": "Version {count} serves again from the next batch on.",
    "rehearsed": "Version {count} serves again from the next batch on. The one left is not barred: promote it below.",
    "retried": "Action {count} goes out with the next delivery. Where automation is withheld then, a person decides.",
    "abandoned": "Action {count} is given up. Its case waits for a person again.",
    "executed": "Action {count} counts as executed.",
}
"""What has just been done, by the code that the address carries."""
STAGES = {
    "manual": "People decide everything; no suggestion is shown.",
    "shadow": "The model is only watched; people decide everything and do not see what it says.",
    "suggest": "The model suggests; a person confirms each case.",
    "partial": "A share of the sure cases is carried out without a person; the rest goes through one.",
    "auto": "Every sure case of low consequence is carried out without a person.",
}
BY_PEOPLE = {
    Consequence.MEDIUM: "None: an error would cost the customer something, so a person confirms every case.",
    Consequence.HIGH: "None: an error would cost the customer much, so a person decides every case.",
}
SINCE = {
    "first": "as the first version: better than always saying the commonest category",
    "judged": "after it had passed its gates",
    "none": "on somebody's word: nothing had judged it",
}


def said(policy: Policy, done: str | None, what: str | None, count: int) -> str | None:
    """The sentence for what has just been done; None for an address that says nothing known."""
    if done not in SAID or (what and what not in policy.categories):
        return None
    return SAID[done].format(what=(what or "everything").replace("_", " ").capitalize(), count=count)


def threshold_in_words(view: CategoryView, policy: Policy, ahead: CertificateStatus | None = None) -> str:
    """From which confidence a case is carried out without a person, and what that rests on.

    `ahead` is the certificate that could be had first where none stands: what is in its way is said.
    """
    consequence = policy.categories[view.name].consequence
    if consequence is not Consequence.LOW:
        return BY_PEOPLE[consequence]
    if view.is_uncertified:
        return f"Not certified: nothing is carried out without a person.{_in_the_way(ahead)}"
    above = f"From a confidence of {percent(view.threshold)}"
    return {
        "category": f"{above}, certified for this category: {view.population}.",
        "overall": f"{above}, certified over all categories together, which guarantees no single one:"
        f" {view.population}.",
        None: f"Above {percent(view.threshold)}, as the policy fixes it. Not certified.{_in_the_way(ahead)}",
    }[view.certified]


def _in_the_way(ahead: CertificateStatus | None) -> str:
    return "" if ahead is None or ahead.way is None else f" In the way: {ahead.obstacle} ({ahead.way})."


def gates_in_words(judgement: Mapping[str, Any] | None, policy: Policy) -> str:
    """What the gates said of a version."""
    if judgement is None:
        return "Nothing has judged it."
    outcome = judgement.get("outcome") or ("passed" if judgement.get("passed") else "refused")
    head = f"{str(outcome).capitalize()} on {judgement.get('cases', 0)} withheld cases"
    if judgement.get("gain") is not None:
        head += f": a gain of {judgement['gain']:.2f} {policy.costs.currency} a case"
        if judgement.get("low") is not None and judgement.get("high") is not None:
            sure = f"{policy.promotion.confidence:.0%}".replace("%", " %")
            head += f", at least {judgement['low']:.2f} and at most {judgement['high']:.2f} (each {sure} sure)"
    reasons = "; ".join(map(str, judgement.get("reasons", ())))
    return f"{head}. {reasons[:1].upper()}{reasons[1:]}.".replace("..", ".") if reasons else f"{head}."


def servers(workspace: Workspace) -> dict[str, str]:
    """Addresses of the pages that `handrail up` serves: prefect_ui, mlflow; empty while it does not run."""
    known = workspace.served()
    try:
        os.kill(int(known["pid"]), 0)
        return {name: str(known[name]) for name in ("prefect_ui", "mlflow")}
    except PermissionError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def weekly(value: float | None) -> str:
    """A number of cases or hours a week."""
    return "not measured" if value is None else f"{value:,.1f}"
