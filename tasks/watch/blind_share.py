"""The monitor of the blind share of queue B: what is left while a category is paused, or only suggests."""

import pandas as pd

from handrail import bulkhead
from handrail.breaker.blind_share import Rise, compare
from handrail.estimates import of_audits
from handrail.figures.blind_share import BlindShareFigures
from handrail.reading import Reading, Verdict, unreadable
from handrail.store import breaker as memory
from handrail.window import Window
from tasks.occasion import Occasion, log
from tasks.step import step
from tasks.watch import changes

WATCH = "blind_share"


@step
def read_blind_share(occasion: Occasion) -> list[Reading]:
    """Compare each category's rejections on the blind share with its own of before; it warns, and pauses nothing.

    Lately is the breaker's window, before is its horizon up to there. Returns the readings of categories with
    decisions, and of those that could not be read.
    """
    rules = occasion.policy.breaker
    lately = Window.last(rules.window, occasion.now - occasion.policy.desk.undo_within)
    with occasion.store.read() as connection:
        rows = memory.blind_reviews(connection, Window(lately.since - rules.horizon, lately.until))
    rows = rows.assign(inclusion_probability=_chances(rows, occasion.policy.queues.blind_share))
    windows = rules.horizon / rules.window

    def read(category: str) -> tuple[Rise, BlindShareFigures]:
        mine = rows[rows["category"] == category]
        late = mine["decided_at"] >= lately.since
        parts = mine[late], mine[~late]
        (now, before) = ((len(part), int(part["rejected"].sum())) for part in parts)
        rise = compare(now, before, budget=rules.budget, windows=windows)
        return rise, BlindShareFigures.of(rise, *(of_audits(part) for part in parts))

    seen = bulkhead.each(occasion.policy.categories, read, what="comparing the blind share")
    figures = {category: shown for category, (_, shown) in seen.results.items()}
    compared = [
        Reading(WATCH, category, lately.ends, _verdict(rise), figures[category].to_json())
        for category, (rise, _) in seen.results.items()
    ]
    failed = [unreadable(WATCH, name, lately.ends, fault) for name, fault in seen.failed.items()]
    changes.record(occasion, WATCH, [*compared, *failed], has_changed=lambda one, before: one.body != before.body)
    for category, (rise, _) in seen.results.items():
        if rise.alarm:
            log.warning("blind share: rejections of %s rose to %d of %d", category, rise.rejected, rise.reviewed)
    return [*(one for one in compared if figures[one.subject].decided), *failed]


def _chances(decisions: pd.DataFrame, share: float) -> "pd.Series[float]":
    """The chance with which each suggestion was hidden; the policy's share for old routes, 1 where no draw hid it."""
    chance = pd.to_numeric(decisions["chance"]).astype(float).fillna(share)
    return chance.where(chance > 0, 1.0)


def _verdict(rise: Rise) -> Verdict:
    if rise.alarm:
        return Verdict.ALARM
    if rise.reviewed == 0:
        return Verdict.NOT_MEASURED
    return Verdict.QUIET if rise.is_measurable else Verdict.UNDERPOWERED
