"""A policy that has a category no more says what became of it, and all that is under way goes along."""

from datetime import datetime

from handrail.acts.routing import return_unsent
from handrail.acts.second_person import PERMISSIONS, overtake
from handrail.errors import Refused
from handrail.policy import Policy, Stage
from handrail.reasons import Reason
from handrail.store import category_names, certificates, pauses, situation, stages, trail
from handrail.store.engine import Connection
from handrail.store.trail import Event

IN_WORDS = {
    "waiting": ("waiting case", "waiting cases"),
    "scored": ("scored case", "scored cases"),
    "open_work": ("open audit or second look", "open audits and second looks"),
    "actions": ("action under way", "actions under way"),
    "pauses": ("pause", "pauses"),
    "reviews": ("open model review", "open model reviews"),
    "certificates": ("valid certificate", "valid certificates"),
    "labels": ("label", "labels"),
    "gold": ("gold case", "gold cases"),
    "skilled": ("reviewer who knows it", "reviewers who know it"),
}
"""What uses a category: one of it, and several."""


def leaving(connection: Connection, before: Policy, policy: Policy) -> list[str]:
    """Categories that are no more, and renamed or retired ones of earlier policies that are still in use; in order."""
    gone = [name for name in before.categories if name not in policy.categories]
    return gone + [name for name in policy.moves if name not in gone and category_names.uses(connection, name)]


def require_entries(connection: Connection, names: list[str], before: Policy, policy: Policy) -> None:
    """Make sure that nothing in use is left without rules.

    Raises:
        Refused: a category is in use, and the policy does not say what became of it; its model review is open and
            nothing takes its place; it is renamed to one that there was before; or it was changed outside Handrail.
    """
    altered = {one.category: one for one in situation.altered(connection, before) if one.what in ("stage", "pause")}
    for name in names:
        if name in altered:
            raise Refused(altered[name].sentence)
        if _is_renamed(name, before, policy) and (new := policy.renamed[name]) in before.categories:
            raise Refused(
                f"{name} cannot be renamed to {new}, which is a category of its own. If it became part of it, write "
                f"`retired: {{{name}: {{to: {new}}}}}`."
            )
        if name in policy.moves:
            if policy.moves[name] is None and (reviews := category_names.open_reviews(connection, name)):
                raise Refused(
                    f"Model review {reviews[0]} of {name} is open, and nothing takes its place. Close it first: "
                    f'`handrail review close {reviews[0]} --conclusion "…"`.'
                )
        elif found := category_names.uses(connection, name):
            what = ", ".join(f"{count} {IN_WORDS[one][count > 1]}" for one, count in found.items())
            raise Refused(
                f"The policy no longer has {name}, which is in use: {what}. Keep it, or say in the file what became "
                f"of it: `renamed: {{{name}: NEW}}`, `retired: {{{name}: {{to: OTHER}}}}`, or, where nothing takes its "
                f"place, `retired: {{{name}: {{}}}}`."
            )


def move(connection: Connection, name: str, before: Policy, policy: Policy, *, actor: str, now: datetime) -> None:
    """Let all that is under way of a category go where the policy says, in the publishing transaction.

    Work, pauses, labels, predictions and decisions take the new name; actions keep theirs, with their key. A renamed
    category takes its stage and the breaker's memory along; certificates of what changed are void. Where nothing takes
    its place, what was approved by itself and not sent returns to people, who see no suggestion, and pauses end.
    """
    new, counts = policy.moves.get(name), category_names.uses(connection, name)
    stage = stages.stages(connection, before).get(name, Stage.MANUAL)
    overtake(connection, PERMISSIONS, name, actor=actor, now=now)
    if new is None:
        return_unsent(connection, (name,), policy=policy, actor=actor, now=now, reason=Reason.UNKNOWN_CATEGORY)
    events = _carry_pauses(connection, name, new, now)
    is_renamed = _is_renamed(name, before, policy)
    changed = [name] if is_renamed or new is None else [name, new, None]
    certificates.void_of(connection, changed, "policy", now)
    events += _carry_stage(connection, name, new if is_renamed else None, stage, policy, actor, now)
    if new is None:
        category_names.forget(connection, name)
    else:
        category_names.rename(connection, name, new)
        if is_renamed:
            category_names.carry_watches(connection, name, new)
    events.append(Event(category_names.MOVED, data={"category": name, "to": new, **counts}))
    trail.append(connection, events, at=now, actor=actor)


def _is_renamed(name: str, before: Policy, policy: Policy) -> bool:
    """Whether it is the same under another name now; what came in later under the old one joins what there is."""
    return name in policy.renamed and name in before.categories


def note_returned(connection: Connection, before: Policy, policy: Policy, *, actor: str, now: datetime) -> None:
    """A category may come back under a name that was given up: from now on the name means itself again."""
    moved = category_names.current_names(connection)
    back = [name for name in policy.categories if name in moved and name not in before.categories]
    events = [Event(category_names.MOVED, data={"category": name, "to": name}) for name in back]
    trail.append(connection, events, at=now, actor=actor)


def _carry_pauses(connection: Connection, name: str, new: str | None, now: datetime) -> list[Event]:
    """The trail's word on pauses that go along, or that end; their rows are renamed with all others."""
    running = category_names.pauses_of(connection, name)
    if not running:
        return []
    events = [Event("automation.resumed", data={"category": name})]
    if new is None:
        pauses.end_pauses(connection, [number for number, _, _ in running], now)
        return events
    return events + [
        Event(
            "automation.paused",
            data={"pause": number, "category": new, "cause": kind, "review": review, "returned": 0},
        )
        for number, kind, review in running
    ]


def _carry_stage(
    connection: Connection, old: str, new: str | None, stage: Stage, policy: Policy, actor: str, now: datetime
) -> list[Event]:
    """A renamed category stays at its stage; a name that is given up begins at *manual*, should it come back."""
    to = {old: Stage.MANUAL} | ({} if new is None else {new: stage})
    is_set = stages.stage_rows(connection)
    events = []
    for name, wanted in to.items():
        if name == old and name not in is_set:
            continue
        begins = policy.categories[name].stage if name in policy.categories else stage
        if name != old and begins is wanted and name not in is_set:
            continue
        stages.insert_stage(connection, category=name, stage=wanted, since=now, actor=actor, reason=f"{old} is no more")
        events.append(Event("stage.changed", data={"category": name, "from": begins, "to": wanted}))
    return events
