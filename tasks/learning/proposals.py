"""An act is done at once, or proposed where the policy asks for a second person; who confirms performs it."""

from collections.abc import Mapping
from typing import Any

from handrail.acts import pausing, proposing, second_person
from handrail.policy import Stage
from tasks.learning import readiness
from tasks.occasion import Occasion

OF_MODELS = frozenset({"promote", "roll_back"})
"""They go through the registry, and may judge a version first: seconds, in which nobody else should have to wait."""


def is_asked(occasion: Occasion, act: str) -> bool:
    """Does the policy ask for a second person?"""
    return act in occasion.policy.desk.second_person


def propose(occasion: Occasion, act: str, asked: Mapping[str, str | None], reason: str) -> int:
    """Propose an act; returns the proposal's number.

    Raises:
        Refused: see `handrail.acts.proposing.propose`.
    """
    return proposing.propose(
        occasion.store, act, asked, reason=reason, policy=occasion.policy, actor=occasion.actor, now=occasion.now
    )


def act_of(occasion: Occasion, number: int) -> str:
    """The act that a waiting proposal is for.

    Raises:
        NotFound, Conflict: see `handrail.acts.second_person.waiting`.
    """
    with occasion.store.read() as connection:
        return second_person.waiting(connection, number, occasion.now).act


def confirm(occasion: Occasion, number: int) -> str:
    """Do what was proposed, for its proposer's reason; says in a sentence what was done.

    Raises:
        NotFound, Conflict, Refused, NotPermitted: the proposal cannot be confirmed, or not by this person; or what the
            act itself refuses.
    """
    with occasion.store.read() as connection:
        row = second_person.waiting(connection, number, occasion.now)
    arguments, reason = row.arguments, row.reason
    store, policy, actor, now = occasion.store, occasion.policy, occasion.actor, occasion.now
    if row.act == "resume":
        category = arguments["category"]
        pausing.resume(store, category, reason=reason, policy=policy, actor=actor, now=now, proposal=number)
        return f"{category or 'Everything'} runs again."
    if row.act == "set_stage":
        category, to = arguments["category"], Stage(arguments["to"])
        checks = readiness.step(occasion, category, to)
        pausing.set_stage(
            store, category, to, reason=reason, policy=policy, actor=actor, now=now, proposal=number, checks=checks
        )
        return f"{category}: {arguments['from']} → {to}."
    return _of_a_model(occasion, row.act, arguments, reason, number)


def _of_a_model(occasion: Occasion, act: str, arguments: Mapping[str, Any], reason: str, number: int) -> str:
    if act == "promote":
        from tasks.learning import deploy  # noqa: PLC0415 - scikit-learn is loaded only where a model is

        deploy.promote(occasion, arguments["version"], reason, number)
        return f"Version {arguments['version']} serves."
    from tasks.learning.roll_back import roll_back  # noqa: PLC0415 - as above

    rehearsal = bool(arguments.get("rehearsal"))
    return f"Version {roll_back(occasion, reason, number, rehearsal=rehearsal)} serves again."
