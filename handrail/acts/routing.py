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
from handrail.store import (
    cases,
    category_names,
    changes,
    decisions,
    escalations,
    models,
    outbox,
    policies,
    readable,
    routes,
    situation,
    trail,
    work,
)
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
                cases.note_scored(connection, sorted(due_ids), version)
            else:
                due_ids = set(ids) - before
            fresh = due_ids - before
            # The version may have learned a category under the name that it had then.
            names = category_names.current_names(connection)
            predicted = {
                row["case_id"]: Prediction(
                    names.get(row["label"], row["label"]),
                    row["confidence"],
                    row["novelty"],
                    novel=row["novel"],
                    model_version=version,
                )
                for row in rows
                if row["case_id"] in fresh
            }
            stored_predictions.insert_predictions(connection, predicted, role=role, scored_at=now)
            written += len(due_ids)
    return written


def pass_unscored(store: Store, case_ids: list[int], *, version: str | None, actor: str) -> None:
    """Let cases on that no model may or can read: without text, without consent, or without a model.

    `version` is the one that served when this was found out; where another serves by then, it scores them anew.
    """
    for start in range(0, len(case_ids), CHUNK):
        with store.write() as connection:
            authorize(connection, "assign", actor)
            part = case_ids[start : start + CHUNK]
            passed = cases.set_state(connection, part, State.SCORED, only_from=State.ACCEPTED)
            cases.note_scored(connection, passed, version)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Cases that wait for their route, and what holds for it: all as it stands in the transaction that writes it.

    `cases` has case_id, amount, flags, has_text and consent, and of those that the serving `version` has scored its
    label, confidence and novel.
    """

    cases: pd.DataFrame
    situation: Situation
    version: str | None


Planner = Callable[[Waiting], pd.DataFrame]
"""Says where cases go, with the fields of `PlannedRoute` as columns; it reads nothing beside what it is given."""


def assign(
    store: Store, case_ids: Sequence[int], plan: Planner, *, policy: Policy, actor: str, now: datetime
) -> dict[str, int]:
    """Put scored cases into their queues; A gets decision and action in the same transaction, B and C a work item.

    Whatever a route rests on is read where it is written. What was scored by another version than the one that serves,
    or read under a policy that another one has replaced, is not routed: it is accepted again, to be read and scored
    anew. Returns the number of cases by queue.
    """
    counts = {str(name): 0 for name in Queue}
    for start in range(0, len(case_ids), CHUNK):
        with store.write() as connection:
            authorize(connection, "assign", actor)
            part = case_ids[start : start + CHUNK]
            waiting = _waiting(connection, part, policy, now)
            if waiting.cases.empty:
                continue
            kept = typed(plan(waiting), PlannedRoute)
            approved = [route for route in kept if route.queue == Queue.A]
            others = [route for route in kept if route.queue != Queue.A]
            _move(connection, approved, State.DECIDED)
            _move(connection, others, State.QUEUED)
            _write_routes(connection, kept, policy, actor, now)
            _approve(connection, approved, policy, actor, now)
            work.insert_work(connection, [_review(route, now) for route in others])
            for route in kept:
                counts[route.queue] += 1
    return counts


def _waiting(connection: Connection, case_ids: Sequence[int], policy: Policy, now: datetime) -> Waiting:
    """Those of these cases that may be routed now; the others that are scored are accepted again."""
    version = models.serving(connection).model_version
    found = cases.pick(connection, State.SCORED, _READ, limit=len(case_ids), ids=case_ids)
    ids = found["case_id"].tolist()
    again = set(ids)
    if _is_in_force(connection, policy):
        again = cases.outdated(connection, ids, serving=version, policy_version=policy.version)
    cases.set_state(connection, sorted(again), State.ACCEPTED, only_from=State.SCORED)
    left = found[~found["case_id"].isin(again)].reset_index(drop=True)
    scores = stored_predictions.predictions_of(connection, left["case_id"].tolist(), version)
    scored = left.merge(scores, on="case_id", how="left").astype({"label": object, "novel": object})
    return Waiting(scored, situation.read(connection, policy, now), version)


_READ = ("amount", "flags", "has_text", "consent")


def _move(connection: Connection, planned: Sequence[PlannedRoute], state: State) -> None:
    cases.set_state(connection, sorted(route.case_id for route in planned), state, only_from=State.SCORED)


def _is_in_force(connection: Connection, policy: Policy) -> bool:
    """What was changed past Handrail replaces no policy: the situation says so, and nothing is automatic."""
    by_now = policies.in_force(connection)
    return by_now is not None and (by_now.altered is not None or by_now.policy.version == policy.version)


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
    actions. What was handed over and not acknowledged is no fresh decision either: it is unknown until the receiver or
    a person says what became of it.
    """
    _doubt_handed_over(connection, categories, actor=actor, now=now, reason=reason)
    unsent = outbox.withdraw_new(connection, categories)
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
    escalations.end_without_work(connection, ids, actor, now)
    events = [Event("action.withdrawn", case_id, {"queue": reason.queue, "reason": reason}) for case_id in ids]
    trail.append(connection, events, at=now, actor=actor)
    return len(ids)


def _doubt_handed_over(
    connection: Connection, categories: Collection[str] | None, *, actor: str, now: datetime, reason: Reason
) -> None:
    error = f"It was handed over and nobody has answered; then automation was withheld ({reason}). Ask the receiver."
    doubted = outbox.doubt_handed_over(connection, categories, error)
    events = [
        Event("action.unknown", action.case_id, {"action": action.action, "reason": reason}) for action in doubted
    ]
    trail.append(connection, events, at=now, actor=actor)


def withdraw_withheld(connection: Connection, *, policy: Policy, actor: str, now: datetime) -> Collection[str] | None:
    """Take back, where actions are sent, the automatic ones that would not be approved by now and were not sent.

    That is what is paused, held, altered or at a stage that does not automate, by the policy in force now: `policy` is
    the caller's, which another may have replaced. Returns the categories; None for all.
    """
    in_force = policies.in_force(connection)
    if in_force is not None and in_force.altered is None:
        policy = in_force.policy
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
