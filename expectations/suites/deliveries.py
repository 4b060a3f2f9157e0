"""What a delivery, and what a model says of it, have to look like."""

from collections.abc import Iterable
from datetime import datetime

from expectations.suites.rules import DAY, Suite, between, identified, one_of, present
from handrail.policy import Policy


def intake(policy: Policy, *, now: datetime) -> Suite:
    """Rules for a delivery: `case_id, external_id, received_at, text_length, amount, consent, has_text`.

    A frame with known outcomes has them in `label`.
    """
    longest, oldest = policy.intake.max_text_characters, policy.intake.oldest
    future = f"a case is received by now and not over {oldest.days} days ago: correct the time"
    rules = (
        *identified("case_id"),
        *identified("external_id"),
        present("age_days", "each case says when it was received: give the time with its zone"),
        between("age_days", -1, oldest / DAY, future),
        between("amount", 0, None, "an amount is 0 or more: correct it, or leave it empty"),
        between("text_length", None, longest, f"a text has at most {longest} characters: shorten it"),
        present("consent", "consent is known: map the column, or set the policy's default"),
        present("has_text", "it is known whether there is a text: run the delivery again"),
        one_of("label", policy.categories, "an outcome is one of the policy's categories: correct it"),
    )
    return Suite("intake", rules, now)


def predictions(labels: Iterable[str]) -> Suite:
    """Rules for what a model says: `case_id, label, confidence, novelty`, one row a case."""
    rules = (
        *identified("case_id"),
        present("label", "each case has a predicted label"),
        one_of("label", labels, "a predicted label is one of the model's categories"),
        present("confidence", "each prediction has a confidence"),
        between("confidence", 0, 1, "a confidence lies between 0 and 1"),
        present("novelty", "each prediction has a novelty"),
        between("novelty", 0, 1, "a novelty lies between 0 and 1"),
    )
    return Suite("predictions", rules)
