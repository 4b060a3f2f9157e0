"""Predictions are written down; cases go to their queues; automatic ones get their decision and action."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pandas as pd

from handrail.acts.authority import authorize
from handrail.acts.intake import CHUNK
from handrail.case import Outcome, Prediction, State
from handrail.decision import NewDecision
from handrail.outbox import NewAction
from handrail.policy import Policy, Stage
from handrail.ppm import PPM
from handrail.queues import Queue, Reason, Situation
from handrail.sla import BY_HAND, due, time_for
from handrail.store import cases, changes, decisions, models, outbox, policies, readable, routes, situation, trail, work
from handrail.store import predictions as stored_predictions
from handrail.store.engine import Connection, Store
from handrail.store.frames import records, typed
from handrail.store.routes import PlannedRoute
from handrail.store.trail import Event
from handrail.work import NewWork


def record_predictions(
    store: Store,
    predictions: pd.DataFrame,
    *,
    version: str,
    role: str,
    advance: bool,
    actor: str,
    now: datetime,
    salts: Mapping[int, bytes] | None = None,
) -> int:
    """Write what `version` said of cases; with `advance` they go from accepted to scored.

    `predictions` has case_id, label, confidence, novelty, novel. Returns how many were scored: a case that another
    run has scored meanwhile is left out, and one whose customer has withdrawn consent meanwhile leaves no prediction.
    `salts` are those of the texts that were scored: a case that says something else by now waits for another score.
    """
    written = 0
    for start in range(0, len(predictions), CHUNK):
        rows = records(predictions.iloc[start : start + CHUNK])
        with store.write() as connection:
            authorize(connection, "assign", actor)
            trail.lock(connection)
            ids = sorted(readable.agreed(connection, [row["case_id"] for row in rows]))
            if salts is not None:
                current = changes.salts(connection, ids)
                ids = [case_id for case_id in ids if current.get(case_id) == salts.get(case_id)]
            # What a champion said of a case as a challenger stands there already, and stays.
            before = stored_predictions.scored_by(connection, ids, version)
            if advance:
                due_ids = set(cases.set_state(connection, ids, State.SCORED, only_from=State.ACCEPTED))
            else:
                due_ids = set(ids) - before
            fresh = due_ids - before
            predicted = {
                row["case_id"]: Prediction(
                    row["label"], row["confidence"], row["novelty"], novel=row["novel"], model_version=version
                )
                for row in rows
                if row["case_id"] in fresh
            }
            stored_predictions.insert_predictions(connection, predicted, role=role, scored_at=now)
            written += len(due_ids)
    return written


def pass_unscored(store: Store, case_ids: list[int], *, actor: str) -> None:
    """Let cases on that no model may or can read: without text, without consent, or without a model."""
    for start in range(0, len(case_ids), CHUNK):
        with store.write() as connection:
            authorize(connection, "assign", actor)
            part = case_ids[start : start + CHUNK]
            cases.set_state(connection, part, State.SCORED, only_from=State.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Plan:
    """Where cases would go in a situation that was read before, and `anew`, which plans them for another one.

    `routes` has the fields of `PlannedRoute` as columns; `anew` takes case ids and returns the same for these, and must
    not read anything.
    """

    routes: pd.DataFrame
    situation: Situation
    anew: Callable[[Sequence[int], Situation], pd.DataFrame]


def assign(store: Store, plan: Plan, *, policy: Policy, actor: str, now: datetime) -> dict[str, int]:
    """Put scored cases into their queues; A gets decision and action in the same transaction, B and C a work item.

    Stages, pauses, holds, alterations and certificates are read where the routes are written: where they differ from
    the plan's, it is planned anew. Returns the number of cases by queue. What a version would approve that serves no
    more, a policy that another one has replaced, or what lost its consent meanwhile, stays scored, for the next run to
    route by what holds then.
    """
    counts = {str(name): 0 for name in Queue}
    for start in range(0, len(plan.routes), CHUNK):
        with store.write() as connection:
            authorize(connection, "assign", actor)
            trail.lock(connection)
            planned = typed(plan.routes.iloc[start : start + CHUNK], PlannedRoute)
            serving, is_ours = models.serving(connection).model_version, _is_in_force(connection, policy)
            found = situation.read(connection, policy, now)
            if found != plan.situation:
                anew = plan.anew([route.case_id for route in planned], found)
                planned = typed(anew, PlannedRoute)
            agreed = readable.agreed(connection, [route.case_id for route in planned if route.queue == Queue.A])
            allowed = [
                route
                for route in planned
                if route.queue != Queue.A
                or (is_ours and route.case_id in agreed and serving in (None, route.model_version))
            ]
            automatic = {route.case_id for route in allowed if route.queue == Queue.A}
            waiting = [route.case_id for route in allowed if route.case_id not in automatic]
            moved = set(cases.set_state(connection, sorted(automatic), State.DECIDED, only_from=State.SCORED))
            moved |= set(cases.set_state(connection, waiting, State.QUEUED, only_from=State.SCORED))
            kept = [route for route in allowed if route.case_id in moved]
            _write_routes(connection, kept, policy, actor, now)
            _approve(connection, [route for route in kept if route.queue == Queue.A], policy, actor, now)
            work.insert_work(connection, [_review(route, now) for route in kept if route.queue != Queue.A])
            for route in kept:
                counts[route.queue] += 1
    return counts


def _is_in_force(connection: Connection, policy: Policy) -> bool:
    found = policies.in_force(connection)
    return found is not None and (found.policy is policy or found.policy.version == policy.version)


def _write_routes(
    connection: Connection, planned: Sequence[PlannedRoute], policy: Policy, actor: str, now: datetime
) -> None:
    version = policy.version  # once: it is a digest of the whole policy
    routes.insert_routes(connection, planned, policy_version=version, assigned_at=now)
    events = [
        Event(
            "case.assigned",
            route.case_id,
            {
                "queue": route.queue,
                "reason": route.reason,
                "reasons": list(route.reasons),
                "category": route.category,
                "confidence_ppm": None if route.confidence is None else round(route.confidence * PPM),
                "model": route.model_version,
                "policy": version,
                "stage": route.stage,
            },
        )
        for route in planned
    ]
    trail.append(connection, events, at=now, actor=actor)


def _approve(
    connection: Connection, approved: Sequence[PlannedRoute], policy: Policy, actor: str, now: datetime
) -> None:
    categories = [(route.case_id, str(route.category)) for route in approved]
    ids = decisions.insert_decisions(connection, [_decision(*one, actor, now) for one in categories])
    names = cases.names(connection, [case_id for case_id, _ in categories])
    outbox.put(
        connection,
        [
            NewAction(
                case_id=case_id,
                decision_id=decision_id,
                key=outbox.key(*names[case_id], category),
                action=policy.category(category).action,
                category=category,
                automatic=True,
                created_at=now,
                next_at=now,
            )
            for (case_id, category), decision_id in zip(categories, ids, strict=True)
        ],
    )
    events = [
        Event("case.decided", case_id, {"work": "automatic", "outcome": "approve", "label": category})
        for case_id, category in categories
    ]
    trail.append(connection, events, at=now, actor=actor)


def _decision(case_id: int, category: str, actor: str, now: datetime) -> NewDecision:
    return NewDecision(
        case_id=case_id,
        work_item_id=None,
        kind="automatic",
        outcome=Outcome.APPROVE,
        proposed=category,
        label=category,
        reason_code=None,
        actor=actor,
        blind=False,
        seconds=None,
        decided_at=now,
    )


def _review(route: PlannedRoute, now: datetime) -> NewWork:
    return NewWork(
        route.case_id,
        "review",
        route.queue,
        route.category,
        route.suggestion_hidden,
        opened_at=now,
        due_at=route.due_at,
    )


def return_unsent(
    connection: Connection,
    categories: Collection[str] | None,
    *,
    policy: Policy,
    actor: str,
    now: datetime,
    reason: Reason = Reason.PAUSED,
) -> int:
    """Take automatic actions of categories (None: of all) that were not sent back to people; returns how many.

    It happens in the caller's transaction. Their open audits close, for nothing was executed by itself. A case that an
    audit has escalated already waits for the escalation manager alone: two open works on one case could end in two
    actions.
    """
    unsent = outbox.unsent_automatic(connection, categories, now=now)
    outbox.withdraw(connection, [action.id for action in unsent])
    ids = [action.case_id for action in unsent]
    cases.set_state(connection, ids, State.QUEUED, only_from=State.DECIDED)
    work.close_audits(connection, ids, now)
    due_at = due(now, time_for(reason.queue, reason, policy), policy.sla.calendar)
    routes.update_routes(
        connection, ids, queue=reason.queue, reason=reason, reasons=[reason], assigned_at=now, due_at=due_at
    )
    escalated = work.with_open_work(connection, ids)
    reviews = [
        NewWork(
            action.case_id, "review", reason.queue, action.category, reason in BY_HAND, opened_at=now, due_at=due_at
        )
        for action in unsent
        if action.case_id not in escalated
    ]
    work.insert_work(connection, reviews)
    events = [Event("action.withdrawn", case_id, {"queue": reason.queue, "reason": reason}) for case_id in ids]
    trail.append(connection, events, at=now, actor=actor)
    return len(ids)


def withdraw_withheld(connection: Connection, *, policy: Policy, actor: str, now: datetime) -> Collection[str] | None:
    """Take back, where actions are sent, the automatic ones that would not be approved by now and were not sent.

    That is what is paused, held, altered or at a stage that does not automate. Returns the categories; None for all.
    """
    found, take_back = situation.read(connection, policy, now), partial(return_unsent, connection)
    if (everything := _withheld(found, None)) is not None:
        take_back(None, policy=policy, actor=actor, now=now, reason=everything)
        return None
    withheld: dict[Reason, list[str]] = {}
    for name in dict.fromkeys((*policy.categories, *found.paused)):
        if (reason := _withheld(found, name)) is not None:
            withheld.setdefault(reason, []).append(name)
    for reason, names in withheld.items():
        take_back(names, policy=policy, actor=actor, now=now, reason=reason)
    return [name for names in withheld.values() for name in names]


_STAGES = {Stage.MANUAL: Reason.STAGE_MANUAL, Stage.SHADOW: Reason.STAGE_SHADOW, Stage.SUGGEST: Reason.STAGE_SUGGEST}


def _withheld(found: Situation, category: str | None) -> Reason | None:
    """Why nothing of a category (None: of any) is sent by itself."""
    if found.all_paused or category in found.paused:
        return Reason.PAUSED
    if any(one.category in (None, category) for one in found.altered):
        return Reason.ALTERED
    if category in found.unwatched or any(one.categories is None or category in one.categories for one in found.silent):
        return Reason.HELD
    return None if category is None else _STAGES.get(found.stages.get(category, Stage.AUTO))
