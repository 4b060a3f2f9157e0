"""The operator's view: each category with what it does by itself, what watches it and what waits; and what if."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from handrail import keyed_draws, settlement, workload_forecast
from handrail.certificate import Certificate
from handrail.estimates import of_audits
from handrail.figures.breaker import BreakerFigures
from handrail.policy import Stage
from handrail.queues import Queue, Situation
from handrail.store import audits as stored_audits
from handrail.store import certificates, models, operations, proposals, routes
from handrail.store import pauses as stored_pauses
from handrail.store import situation as situations
from handrail.store.engine import Connection
from handrail.store.frames import records
from handrail.store.pauses import PauseInForce, Review
from handrail.store.proposals import Proposal
from handrail.window import Window
from handrail.workload_forecast import Projection
from tasks.occasion import Occasion
from tasks.views.overview import Holds, holds
from tasks.watch.breaker import read_breaker

LATELY, RECORDED = timedelta(days=7), timedelta(days=28)


@dataclass(frozen=True, slots=True)
class CategoryView:
    """One category; `audited` is the breaker's rate with its interval.

    `pauses` are its own and those of everything, `review` is its open model review.
    """

    name: str
    stage: Stage
    pauses: tuple[PauseInForce, ...]
    review: Review | None
    routed: int
    automatic: int
    reading: BreakerFigures | None
    unread: bool
    """Its breaker could not be read, now or at the watch's last look: nothing of it is approved automatically."""
    waiting: int
    overdue: int
    threshold: float
    certified: str | None
    """Whose certificate raises the threshold: *category*, *overall*, or None."""
    population: str | None
    """The cases of which that certificate speaks, in words."""
    is_uncertified: bool
    """Does it lack a certificate that it needs, so that nothing of it goes without a person?"""
    is_held: bool
    is_altered: bool

    @property
    def is_paused(self) -> bool:
        """Is it paused for itself?"""
        return any(pause.category == self.name for pause in self.pauses)


def categories(occasion: Occasion) -> list[CategoryView]:
    """Every category of the policy, in its order."""
    now, policy = occasion.now, occasion.policy
    with occasion.store.read() as connection:
        week = routes.routed(connection, Window.last(LATELY, now))
        work = operations.waiting(connection, now)
        pauses = [PauseInForce(**row) for row in records(stored_pauses.pauses(connection))]
        reviews = _open_reviews(connection)
        situation = situations.read(connection, occasion.policy, occasion.now)
        valid = certificates.certificates(
            connection, models.serving(connection).model_version, now, rules=policy.certificate
        )
    standing = {one.category: one.population for one in (Certificate(**row) for row in records(valid))}
    breakers = read_breaker(occasion)
    read = {one.category: one for one in breakers.readings}
    routed = week["category"].value_counts()
    automatic = week.loc[week["queue"] == Queue.A.value, "category"].value_counts()
    found = []
    for name, rules in policy.categories.items():
        reading = read.get(name)
        waiting, overdue = work.get(name, (0, 0))
        together = situation.certified_from(name) is not None
        own = "category" if name in situation.certified else "overall" if together else None
        found.append(
            CategoryView(
                name=name,
                stage=situation.stage_of(name, rules),
                pauses=tuple(pause for pause in pauses if pause.category in (None, name)),
                review=next((review for review in reviews if review.category == name), None),
                routed=int(routed.get(name, 0)),
                automatic=int(automatic.get(name, 0)),
                reading=reading,
                unread=name in breakers.unread or name in situation.unwatched,
                waiting=waiting,
                overdue=overdue,
                certified=own,
                population=None if own is None else standing.get(name if own == "category" else None),
                is_uncertified=situation.is_uncertified(name, policy),
                is_held=situation.is_held(name),
                is_altered=situation.is_altered(name),
                threshold=max(policy.auto_above(name), situation.certified_from(name) or 0.0),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds at one moment, with open model reviews, waiting proposals and the version that serves, if any."""

    holds: Holds
    reviews: tuple[Review, ...]
    proposals: tuple[Proposal, ...]
    serving: str | None


def standing_now(occasion: Occasion) -> Standing:
    """What holds at this moment."""
    with occasion.store.read() as connection:
        return Standing(
            holds(connection, occasion),
            _open_reviews(connection),
            tuple(proposals.waiting(connection, occasion.now)),
            models.serving(connection).model_version,
        )


def _open_reviews(connection: Connection) -> tuple[Review, ...]:
    return tuple(Review(**row) for row in records(stored_pauses.reviews(connection)))


def foresee(occasion: Occasion, category: str, to: Stage) -> Projection:
    """What `category` would ask of people at stage `to`, from its recorded cases of the last four weeks."""
    window = Window.last(RECORDED, occasion.now)
    with occasion.store.read() as connection:
        frame = operations.recorded(connection, category, window)
        audits = settlement.answered(stored_audits.audits(connection, window))
        situation: Situation = situations.read(connection, occasion.policy, occasion.now)
    return workload_forecast.project(
        frame,
        category,
        to,
        situation,
        occasion.policy,
        draws=keyed_draws.draw_many(occasion.secret, frame["case_id"].tolist(), keyed_draws.PARTIAL_SALT),
        span=_span(frame["assigned_at"], occasion.now),
        audited=of_audits(audits[audits["category"] == category]),
    )


def _span(assigned: "pd.Series[Any]", now: datetime) -> timedelta:
    """How long cases have been recorded, at most `RECORDED` and at least a day."""
    first = assigned.min().to_pydatetime() if len(assigned) else now - RECORDED
    return min(RECORDED, max(now - first, timedelta(days=1)))


def versions(occasion: Occasion) -> Sequence[dict[str, Any]]:
    """Model versions, newest first, with why each may or may not serve, as its row says."""
    with occasion.store.read() as connection:
        return records(models.versions(connection))[::-1]
