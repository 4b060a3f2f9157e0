"""Automation is withheld, given back, widened and narrowed."""

from datetime import datetime
from typing import Any

from handrail.acts import breaking
from handrail.acts.authority import authorize, required
from handrail.acts.rerun import rerun
from handrail.acts.routing import return_unsent
from handrail.acts.second_person import agree, overtake
from handrail.errors import NotFound, Refused
from handrail.policy import Policy, Stage
from handrail.readiness import CategoryReadiness
from handrail.store import pauses, situation, stages, trail
from handrail.store.engine import Connection, Store
from handrail.store.proposals import ResumeArguments, StageArguments
from handrail.store.trail import Event


@rerun
def pause(
    store: Store,
    category: str | None,
    *,
    reason: str,
    policy: Policy,
    actor: str,
    now: datetime,
    kind: str = "operator",
    evidence: dict[str, Any] | None = None,
) -> int:
    """Withhold automation for a category (None: for all) from the next case on.

    Automatic actions not yet sent return to queue B; actions that people approved go on. With `evidence` a model
    review is opened, which must be closed before the category may resume, also where somebody has paused it before.
    Returns how many actions returned.

    Raises:
        Refused: it is paused already; with `evidence`, by the breaker.
    """
    reason = required(reason)
    if category is not None:
        policy.category(category)
    with store.write() as connection:
        authorize(connection, "pause", actor)
        trail.lock(connection)
        running = pauses.pauses(connection)
        same = running[running["category"].isna() if category is None else running["category"] == category]
        # An alarm is no second pause: it must bind the resume whoever was first.
        if len(same if evidence is None else same[same["kind"] == kind]):
            raise Refused(f"{category or 'Everything'} is paused already. Resume it with `handrail resume`.")
        review_id = None
        if evidence is not None and category is not None:
            review_id = pauses.insert_review(connection, category=category, evidence=evidence, opened_at=now)
        pause_id = pauses.insert_pause(
            connection, category=category, kind=kind, reason=reason, actor=actor, since=now, model_review_id=review_id
        )
        overtake(connection, ["resume"], category, actor=actor, now=now)
        mine = None if category is None else (category,)
        returned = return_unsent(connection, mine, policy=policy, actor=actor, now=now)
        event = Event(
            "automation.paused",
            data={"pause": pause_id, "category": category, "cause": kind, "review": review_id, "returned": returned},
        )
        trail.give_reason(connection, trail.append(connection, [event], at=now, actor=actor), reason)
    return returned


@rerun
def resume(
    store: Store,
    category: str | None,
    *,
    reason: str,
    policy: Policy,
    actor: str,
    now: datetime,
    proposal: int | None = None,
) -> None:
    """Give automation back; after the breaker only with its model review closed, and at stage *partial*.

    Where the policy asks for a second person, that is `actor`, and `proposal` the one they confirm.

    Raises:
        Refused: nothing is paused, a model review is still open, or a second person has to agree.
        NotFound, Conflict: see `second_person.agree`.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "resume", actor)
        trail.lock(connection)
        foreseen = to_resume(connection, category, policy, now)
        agree(connection, "resume", foreseen, proposal, actor=actor, now=now)
        pauses.end_pauses(connection, foreseen["pauses"], now)
        overtake(connection, ["resume"], category, actor=actor, now=now)
        events = [Event("automation.resumed", data={"category": category})]
        if foreseen["to"] is not None:
            stage = stages.stages(connection, policy).get(str(category))
            if stage is Stage.AUTO:
                stages.insert_stage(
                    connection, category=category, stage=Stage.PARTIAL, since=now, actor=actor, reason=reason
                )
                events.append(Event("stage.changed", data={"category": category, "from": stage, "to": Stage.PARTIAL}))
                overtake(connection, ["set_stage"], category, actor=actor, now=now)
        trail.give_reason(connection, trail.append(connection, events, at=now, actor=actor), reason)


def to_resume(connection: Connection, category: str | None, policy: Policy, now: datetime) -> ResumeArguments:
    """The pauses that a resume would end, and the stage at most that the breaker leaves the category at.

    Raises:
        Refused: nothing is paused, a model review is still open, or the breaker has tripped and has none yet.
    """
    running = pauses.pauses(connection)
    mine = running[running["category"].isna() if category is None else running["category"] == category]
    if mine.empty:
        raise Refused(f"{category or 'Everything'} is not paused. See what is with `handrail status`.")
    unreviewed = mine[mine["model_review_id"].notna() & mine["review_closed_at"].isna()]
    if len(unreviewed):
        number = int(unreviewed["model_review_id"].iloc[0])
        raise Refused(
            f"The breaker paused {category} and model review {number} is still open. "
            f'Close it first: `handrail review close {number} --conclusion "…"`.'
        )
    # The breaker begins afresh at a resume: an alarm that no look has seen would be gone with it.
    reviewed = set(running.loc[running["kind"] == "breaker", "category"])
    for name in [category] if category is not None else policy.categories:
        if name not in reviewed and breaking.is_tripped(connection, name, policy, now):
            raise Refused(
                f"The breaker of {name} has tripped since, and its model review is not open yet. "
                "Run `handrail watch --all`, close the review and resume then."
            )
    tripped = category is not None and bool((mine["kind"] == "breaker").any())
    return {"category": category, "pauses": mine["id"].tolist(), "to": str(Stage.PARTIAL) if tripped else None}


def close_review(store: Store, review_id: int, *, conclusion: str, actor: str, now: datetime) -> None:
    """Close a model review with what was found and done.

    Raises:
        NotFound: there is no open review with this number.
    """
    conclusion = required(conclusion)
    with store.write() as connection:
        authorize(connection, "close_review", actor)
        if not pauses.close_review(connection, review_id, actor=actor, conclusion=conclusion, now=now):
            raise NotFound(f"There is no open model review {review_id}. See `handrail review list`.")
        closed = Event("review.closed", data={"review": review_id})
        trail.give_reason(connection, trail.append(connection, [closed], at=now, actor=actor), conclusion)


@rerun
def set_stage(  # noqa: PLR0913 - who, what, why, when, and what was said of it
    store: Store,
    category: str,
    stage: Stage,
    *,
    reason: str,
    policy: Policy,
    actor: str,
    now: datetime,
    proposal: int | None = None,
    checks: CategoryReadiness | None = None,
) -> Stage:
    """Move a category to another stage of the rollout; returns the stage before.

    Where the policy asks for a second person, that is `actor`, and `proposal` the one they confirm. `checks` is what
    the checks said of the step: the trail keeps it beside the reason, also where somebody goes past them.

    Raises:
        Refused, NotFound, Conflict: see `second_person.agree`.
    """
    reason = required(reason)
    policy.category(category)
    with store.write() as connection:
        authorize(connection, "set_stage", actor)
        before = stages.stages(connection, policy)[category]
        if before is stage and proposal is None and not _is_altered(connection, category, policy):
            return before
        trail.lock(connection)
        agree(connection, "set_stage", to_stage(connection, category, stage, policy), proposal, actor=actor, now=now)
        stages.insert_stage(connection, category=category, stage=stage, since=now, actor=actor, reason=reason)
        overtake(connection, ["set_stage"], category, actor=actor, now=now)
        told = {} if checks is None else {"ready": checks.ready, "missing": list(checks.missing)}
        changed = Event("stage.changed", data={"category": category, "from": before, "to": stage, **told})
        trail.give_reason(connection, trail.append(connection, [changed], at=now, actor=actor), reason)
    return before


def to_stage(connection: Connection, category: str, stage: Stage, policy: Policy) -> StageArguments:
    """The step from the stage of now to another one.

    Raises:
        NotFound: the policy has no such category.
        Refused: it is there already.
    """
    policy.category(category)
    before = stages.stages(connection, policy)[category]
    if before is stage and not _is_altered(connection, category, policy):
        raise Refused(f"{category} is at stage {stage} already. See `handrail status`.")
    return {"category": category, "from": str(before), "to": str(stage)}


def _is_altered(connection: Connection, category: str, policy: Policy) -> bool:
    """Was its stage changed outside Handrail? Then setting the stage that it seems to have puts it right."""
    found = situation.altered(connection, policy)
    return any(one.what == "stage" and one.category == category for one in found)
