"""Scored cases go to queue A, B or C."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from handrail import keyed_draws, sla
from handrail.acts import routing
from handrail.case import State
from handrail.policy import Policy
from handrail.queues import Queue, Reason, Situation, route_many
from handrail.store import cases, models, situation
from handrail.store import predictions as stored_predictions
from tasks.occasion import Occasion, log
from tasks.step import step


@step
def assign(occasion: Occasion) -> dict[str, int]:
    """Route every scored case; returns how many went to each queue."""
    counts: Counter[str] = Counter({str(name): 0 for name in Queue})
    said: set[str] = set()
    after = 0
    while True:
        with occasion.store.read() as connection:
            # Anew for each chunk: another version may serve by now, and this one's certificates be void.
            found = situation.read(connection, occasion.policy, occasion.now)
            version = models.serving(connection).model_version
            chunk = cases.pick(
                connection,
                State.SCORED,
                ["amount", "flags", "has_text", "consent"],
                after=after,
                limit=occasion.policy.intake.batch_rows,
            )
            predictions = stored_predictions.predictions_of(connection, chunk["case_id"].tolist(), version)
        _warn(found, said)
        if chunk.empty:
            break
        after = int(chunk["case_id"].iloc[-1])
        planned = planning(occasion, chunk, predictions, found, version)
        counts.update(
            routing.assign(occasion.store, planned, policy=occasion.policy, actor=occasion.actor, now=occasion.now)
        )
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


def planning(
    occasion: Occasion, chunk: pd.DataFrame, predictions: pd.DataFrame, found: Situation, version: str | None
) -> routing.Plan:
    """The plan of a chunk, which can be made anew for some of its cases where something has changed meanwhile."""

    def anew(ids: Sequence[int], by_now: Situation) -> pd.DataFrame:
        mine = chunk[chunk["case_id"].isin(ids)].reset_index(drop=True)
        return plan(occasion, mine, predictions, by_now, version)

    return routing.Plan(plan(occasion, chunk, predictions, found, version), found, anew)


def plan(
    occasion: Occasion, chunk: pd.DataFrame, predictions: pd.DataFrame, holds: Situation, version: str | None
) -> pd.DataFrame:
    """Routes for a chunk of cases, with due times and what the reviewer may see; nothing is written."""
    scored = chunk.merge(predictions, on="case_id", how="left").astype({"label": object, "novel": object})
    ids = scored["case_id"].tolist()
    routes = route_many(
        scored, holds, occasion.policy, keyed_draws.draw_many(occasion.secret, ids, keyed_draws.PARTIAL_SALT)
    )
    blind = keyed_draws.draw_many(occasion.secret, ids, keyed_draws.BLIND_SALT)
    has_label = scored["label"].notna()
    return routes.drop(columns="flags").assign(
        case_id=scored["case_id"],
        category=scored["label"].where(has_label, None),
        confidence=scored["confidence"],
        suggestion_hidden=keyed_draws.are_suggestions_hidden(routes, occasion.policy, blind),
        model_version=pd.Series(version, index=routes.index, dtype=object).where(has_label, None),
        due_at=due_times(routes, occasion.policy, occasion),
    )


def due_times(routes: pd.DataFrame, policy: Policy, occasion: Occasion) -> list[datetime]:
    """When each route is due; the few different durations are computed once."""
    durations = sla.durations_for(routes, policy)
    due = {span: sla.due(occasion.now, span, policy.sla.calendar) for span in set(durations)}
    return [due[span] for span in durations]
