"""The audit draw is written down with each approval's chance, and opens blind audits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from handrail.acts.authority import authorize
from handrail.acts.intake import CHUNK
from handrail.policy import Policy
from handrail.ppm import PPM
from handrail.queues import Queue
from handrail.sampling import SamplingRules
from handrail.sla import due
from handrail.store import audits, decisions, trail, work
from handrail.store.audits import Draw
from handrail.store.engine import Connection, Store
from handrail.store.frames import typed
from handrail.store.trail import Event
from handrail.work import NewWork


def draw_audits(
    store: Store,
    draws: pd.DataFrame,
    *,
    seed: int,
    policy: Policy,
    actor: str,
    now: datetime,
    rules: SamplingRules | None = None,
) -> int:
    """Write down which auto-approvals were drawn and with which chance; opens a blind audit for each drawn one.

    `draws` has case_id, category, drawn, random, stratum, inclusion_probability. With the `rules` that drew, seed and
    rates stand in the trail, and the draw can be repeated from there. Returns how many were drawn.
    """
    made_by = {"seed": seed, **(_made_by(rules) if rules else {})}
    due_at = due(now, policy.sla.audit, policy.sla.calendar)
    opened = 0
    for start in range(0, len(draws), CHUNK):
        with store.write() as connection:
            authorize(connection, "draw_audits", actor)
            trail.lock(connection)
            approvals = _still_automatic(connection, typed(draws.iloc[start : start + CHUNK], _Approval))
            drawn = [one for one in approvals if one.drawn]
            audit_of = _open_audits(connection, drawn, now=now, due_at=due_at)
            written = [one.draw(audit_of.get(one.case_id)) for one in approvals]
            audits.insert_draws(connection, written, seed=seed, now=now)
            # The trail never runs backwards: an event that is dated later says at which moment its rows stand.
            dated = {} if trail.moment(connection, now) == now else {"drawn_at": now.isoformat()}
            summary = Event("audit.draw", data={**made_by, "looked_at": len(approvals), "drawn": len(drawn), **dated})
            events = [summary, *(one.event(dated) for one in drawn)]
            trail.append(connection, events, at=now, actor=actor)
            opened += len(drawn)
    return opened


@dataclass(frozen=True, slots=True)
class _Approval:
    """An auto-approval that the draw has looked at."""

    case_id: int
    category: str
    drawn: bool
    random: bool
    stratum: str | None
    inclusion_probability: float

    def draw(self, work_item: int | None) -> Draw:
        """As the store keeps it, with the audit that it opened."""
        return Draw(
            self.case_id,
            work_item,
            drawn=self.drawn,
            random=self.random,
            stratum=self.stratum,
            inclusion_probability=self.inclusion_probability,
        )

    def event(self, dated: Mapping[str, str]) -> Event:
        """What the trail says of one that was drawn; `dated`: when, where that is not the event's own moment."""
        body = {"stratum": self.stratum, "probability_ppm": round(self.inclusion_probability * PPM), **dated}
        return Event("audit.drawn", self.case_id, body)


def _still_automatic(connection: Connection, approvals: Sequence[_Approval]) -> list[_Approval]:
    """Without those that were taken back meanwhile, decided anew or not, and those that another draw has looked at."""
    ids = [one.case_id for one in approvals]
    standing = decisions.approved_by_itself(connection, ids) & audits.still_undrawn(connection, ids)
    standing -= work.with_open_work(connection, ids)
    return [one for one in approvals if one.case_id in standing]


def _open_audits(
    connection: Connection, drawn: Sequence[_Approval], *, now: datetime, due_at: datetime
) -> dict[int, int]:
    """Open a blind audit of each; their work items by case."""
    audits_of = [
        NewWork(one.case_id, "audit", Queue.A, one.category, suggestion_hidden=True, opened_at=now, due_at=due_at)
        for one in drawn
    ]
    items = work.insert_work(connection, audits_of)
    return dict(zip([one.case_id for one in drawn], items, strict=True))


def _made_by(rules: SamplingRules) -> dict[str, Any]:
    """What a draw was made by, in whole millionths."""
    return {
        "rates_ppm": {name: round(rate * PPM) for name, rate in rules.rates.items()},
        "low_confidence_below_ppm": round(rules.low_confidence_below * PPM),
        "high_value_above_ppm": round(rules.high_value_above * PPM),
        "watched": sorted(rules.watched),
        **({} if rules.fixed is None else {"random_up_to": rules.fixed.up_to, "random_of": rules.fixed.of}),
    }
