"""The monitor of the blind share of queue B: what is left while a category is paused, or only suggests."""

import pandas as pd

from handrail import bulkhead
from handrail.breaker.blind_share import Rise, compare
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
    windows = rules.horizon / rules.window

    def read(category: str) -> Rise:
        mine = rows[rows["category"] == category]
        return compare(*_counts(mine, lately), budget=rules.budget, windows=windows)

    seen = bulkhead.each(occasion.policy.categories, read, what="comparing the blind share")
    figures = {category: BlindShareFigures.of(rise) for category, rise in seen.results.items()}
    compared = [
        Reading(WATCH, category, lately.ends, _verdict(rise), figures[category].to_json())
        for category, rise in seen.results.items()
    ]
    failed = [unreadable(WATCH, name, lately.ends, fault) for name, fault in seen.failed.items()]
    changes.record(occasion, WATCH, [*compared, *failed], has_changed=lambda one, before: one.body != before.body)
    for category, rise in seen.results.items():
        if rise.alarm:
            log.warning("blind share: rejections of %s rose to %d of %d", category, rise.rejected, rise.reviewed)
    return [*(one for one in compared if figures[one.subject].decided), *failed]


def _counts(decisions: pd.DataFrame, lately: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    """Reviewed and rejected, lately and before."""
    late = decisions["decided_at"] >= lately.since
    parts = (decisions.loc[late, "rejected"], decisions.loc[~late, "rejected"])
    (now, before) = ((len(part), int(part.sum())) for part in parts)
    return now, before


def _verdict(rise: Rise) -> Verdict:
    if rise.alarm:
        return Verdict.ALARM
    if rise.reviewed == 0:
        return Verdict.NOT_MEASURED
    return Verdict.QUIET if rise.is_measurable else Verdict.UNDERPOWERED
