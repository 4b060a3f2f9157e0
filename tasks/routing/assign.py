"""Scored cases go to queue A, B or C."""

from collections import Counter
from datetime import datetime

import pandas as pd

from handrail import keyed_draws, sla
from handrail.acts import routing
from handrail.acts.routing import Waiting
from handrail.case import State
from handrail.policy import Policy
from handrail.queues import Queue, Reason, Situation, route_many
from handrail.store import cases, situation
from tasks.occasion import Occasion, log
from tasks.step import step


@step
def assign(occasion: Occasion) -> dict[str, int]:
    """Route every scored case; returns how many went to each queue.

    What has to be read or scored anew before is accepted again afterwards: see `routing.assign`.
    """
    counts: Counter[str] = Counter({str(name): 0 for name in Queue})
    said: set[str] = set()
    after = 0

    def planned(waiting: Waiting) -> pd.DataFrame:
        _warn(waiting.situation, said)
        return plan(occasion, waiting)

    while True:
        with occasion.store.read() as connection:
            limit = occasion.policy.intake.batch_rows
            chunk = cases.pick(connection, State.SCORED, [], after=after, limit=limit)["case_id"].tolist()
        if not chunk:
            break
        after = chunk[-1]
        policy, actor, now = occasion.policy, occasion.actor, occasion.now
        counts.update(routing.assign(occasion.store, chunk, planned, policy=policy, actor=actor, now=now))
    log.info("assigned A %d, B %d, C %d", counts["A"], counts["B"], counts["C"])
    return dict(counts)


def _warn(found: Situation, said: set[str]) -> None:
    """Say once what holds automatic approval."""
    for row in _rows(found):
        if row["sentence"] not in said:
            log.warning("%s", row["sentence"])
            said.add(row["sentence"])


def held(occasion: Occasion) -> list[dict[str, str]]:
    """What holds automatic approval beside pauses: watches silent or blind, and what was changed outside; as rows."""
    with occasion.store.read() as connection:
        return _rows(situation.read(connection, occasion.policy, occasion.now))


def _rows(found: Situation) -> list[dict[str, str]]:
    altered = [{"reason": str(Reason.ALTERED), "sentence": one.sentence} for one in found.altered]
    silent = [one.sentence for one in found.silent]
    if found.unwatched:
        names = ", ".join(sorted(found.unwatched))
        silent.append(f"Auto-approval is held for {names}: the breaker could not be read.")
    return altered + [{"reason": str(Reason.HELD), "sentence": sentence} for sentence in silent]


def plan(occasion: Occasion, waiting: Waiting) -> pd.DataFrame:
    """Routes for waiting cases, with due times and what the reviewer may see; nothing is read or written."""
    scored, ids = waiting.cases, waiting.cases["case_id"].tolist()
    partial = keyed_draws.draw_many(occasion.secret, ids, keyed_draws.PARTIAL_SALT)
    routes = route_many(scored, waiting.situation, occasion.policy, partial)
    blind = keyed_draws.draw_many(occasion.secret, ids, keyed_draws.BLIND_SALT)
    has_label = scored["label"].notna()
    version = pd.Series(waiting.version, index=routes.index, dtype=object)
    return routes.drop(columns="flags").assign(
        case_id=scored["case_id"],
        category=scored["label"].where(has_label, None),
        confidence=scored["confidence"],
        suggestion_hidden=keyed_draws.are_suggestions_hidden(routes, occasion.policy, blind),
        blind_chance=keyed_draws.blind_chances(routes, occasion.policy),
        model_version=version.where(has_label, None),
        due_at=due_times(routes, occasion.policy, occasion),
    )


def due_times(routes: pd.DataFrame, policy: Policy, occasion: Occasion) -> list[datetime]:
    """When each route is due; the few different durations are computed once."""
    durations = sla.durations_for(routes, policy)
    due = {span: sla.due(occasion.now, span, policy.sla.calendar) for span in set(durations)}
    return [due[span] for span in durations]
