"""What fell short in the sample business's rehearsal, in sentences: a report that hides it is an advertisement."""

from collections.abc import Iterable

from handrail.fairness import GapVerdict
from tasks.rehearsal.findings import holds, is_found, pauses, week_list
from tasks.rehearsal.plots.weekly import measured
from tasks.rehearsal.story import Story

SETTLED = frozenset({"done", "quarantined"})


def shortfalls(story: Story, breaker_limit: float | None) -> list[str]:
    """What did not go as it should; empty when nothing that is looked at fell short.

    With the breaker's limit, weeks count whose true error reached it while nothing was paused.
    """
    found = (*_of_errors(story, breaker_limit), *_of_watches(story), *_of_rollout(story), *_of_work(story))
    return [sentence for sentence, applies in found if applies]


def _of_errors(story: Story, limit: float | None) -> Iterable[tuple[str, object]]:
    unaudited = [week.number for week in story.weeks if week.automatic and not measured(week.audited)]
    idle = [week.number for week in story.weeks if not week.automatic]
    missed = [week.number for week in story.weeks if not holds(measured(week.audited), week.true_error)]
    yield (
        f"Cases were auto-approved and none was audited, so the error is not measured: {week_list(unaudited)}.",
        unaudited,
    )
    yield f"Nothing was auto-approved, so there was no error to measure: {week_list(idle)}.", idle
    yield f"The 95 % interval missed the truth: {week_list(missed)}. One week in twenty is to be expected.", missed
    if limit is not None:
        over = [week.number for week in story.weeks if (week.true_error or 0.0) >= limit and not week.paused]
        yield f"The true error reached the breaker's limit and nothing was paused: {week_list(over)}.", over


def _of_watches(story: Story) -> Iterable[tuple[str, object]]:
    unseen = [
        f"{event.name.replace('_', ' ')} (week {event.week})" for event in story.planted if not is_found(event, story)
    ]
    planted = {event.week for event in story.planted}
    false = [week.number for week in story.weeks if week.drift and week.number not in planted]
    gaps = next((week.gaps for week in reversed(story.weeks) if week.gaps), [])
    weak = [f"{gap.grouping} {gap.group}" for gap in gaps if gap.verdict is GapVerdict.UNDERPOWERED]
    yield f"Planted and not found: {', '.join(unseen)}.", unseen
    yield f"Drift was reported without a planted event: {week_list(false)}.", false
    yield f"Too few cases to find a gap that matters in {len(weak)} of {len(gaps)} groups: {', '.join(weak)}.", weak


def _of_rollout(story: Story) -> Iterable[tuple[str, object]]:
    refused = [f"v{version}" for version in story.refused()]
    paused = [name for name, _, resumed in pauses(story) if resumed is None]
    waiting = sum(review.closed_at is None for review in story.reviews)
    yield f"Challengers refused at their gate: {', '.join(refused)}.", refused
    yield f"Still paused at the end: {', '.join(paused)}.", paused
    yield f"Model reviews still open at the end: {waiting}.", waiting


def _of_work(story: Story) -> Iterable[tuple[str, object]]:
    escalated = sum(week.breaches for week in story.weeks)
    quarantined = sum(week.quarantined for week in story.weeks)
    unsettled = sum(count for state, count in story.states.items() if state not in SETTLED)
    figures = [figure for week in story.weeks for figure in week.kpis]
    known = {figure.name for figure in figures if figure.value is not None}
    never = [name for name in dict.fromkeys(figure.name for figure in figures) if name not in known]
    yield f"SLAs missed and escalated: {escalated:,}.", escalated
    yield f"Rows quarantined by the data gate: {quarantined:,}.", quarantined
    yield f"Cases not settled at the end: {unsettled:,}.", unsettled
    yield f"KPIs that were never measured: {', '.join(never)}.", never
    yield "The audit trail does not verify.", not story.trail_valid
