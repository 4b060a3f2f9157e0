"""What the sample business's rehearsal showed, in words and rows: closing figures, planted events, versions, pauses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handrail.estimates import Estimate
from handrail.sample.events import BIAS_REGION, EVENTS, LABEL_BIAS
from tasks.rehearsal.plots.groups import GROUPING
from tasks.rehearsal.plots.weekly import interval_words, measured
from tasks.rehearsal.story import BY_PEOPLE, Judged, Planted, ReviewOutcome, Story, Version, Week, WeekDrift
from tasks.views.plots.figure import Table, category_name, shown

NOT_YET = "not yet"


@dataclass(frozen=True, slots=True)
class Card:
    """A closing figure with what it means."""

    name: str
    figure: str
    beside: str
    is_bad: bool = False


def cards(story: Story) -> list[Card]:
    """The closing figures, the most asked for first."""
    return [_automation(story), _error(story), _cases(story), _challengers(story), _runs(story), _trail(story)]


def _automation(story: Story) -> Card:
    newest = next((week for week in reversed(story.weeks) if week.queues), None)
    if newest is None:
        return Card("Automation share", "–", "no case was routed")
    counts = " · ".join(f"{name}\N{NO-BREAK SPACE}{newest.queues.get(name, 0):,}" for name in ("A", "B", "C"))
    return Card("Automation share", shown(newest.automation_share, 0), f"queue A in week {newest.number}: {counts}")


def _error(story: Story) -> Card:
    audited, wrong = measured(story.audited), f"{story.wrong_automatic:,} of {story.automatic:,}"
    truth = f"truth: {shown(true_error(story), 2)}, {wrong} auto-approvals"
    if audited is None:
        return Card("Error of auto-approvals", "not measured", truth)
    place = "inside the interval" if holds(audited, true_error(story)) else "OUTSIDE the interval"
    beside = (
        f"[{audited.low:.2%}–{audited.high:.2%}]: {audited.errors:,} of {audited.n:,} audits found one, each weighted "
        f"for how it was drawn"
    )
    return Card("Audited error of auto-approvals", shown(audited.rate, 2), f"{beside}; {truth}, {place}")


def holds(audited: Estimate | None, true: float | None) -> bool:
    """Does the interval hold the truth? Yes where either is missing: there is nothing to contradict."""
    return audited is None or true is None or audited.low <= true <= audited.high


def true_error(story: Story) -> float | None:
    """Share of all auto-approvals that the ground truth calls wrong; None without any."""
    return story.wrong_automatic / story.automatic if story.automatic else None


def _cases(story: Story) -> Card:
    cases, effects = sum(week.cases for week in story.weeks), f"{story.effects:,} effects in the receiver"
    return Card("Cases", f"{cases:,}", f"in {len(story.weeks)} weeks; {effects}")


def _challengers(story: Story) -> Card:
    trained = len(story.versions)
    return Card(
        "Challengers promoted", str(len(story.promoted())), f"{len(story.refused())} refused; {trained} versions in all"
    )


def _runs(story: Story) -> Card:
    return Card("Flow runs", f"{story.flow_runs:,}", f"in {story.seconds:.0f} s")


def _trail(story: Story) -> Card:
    beside = f"{story.trail_events:,} events verified"
    return Card("Audit trail", "whole" if story.trail_valid else "BROKEN", beside, is_bad=not story.trail_valid)


def planted_table(story: Story) -> Table:
    """Each planted event, what it changed, and whether it was found."""
    known = {event.name: event for event in EVENTS}
    rows = []
    for event in story.planted:
        touched = f"{known[event.name].share:.0%} of the cases it can touch" if event.name in known else ""
        rows.append(
            (str(event.week), event.name.replace("_", " "), touched, _found(event, story), _named(event, story))
        )
    columns = "week", "event", "strength", "found", "what the watch named"
    return Table(columns, rows, frozenset(columns[1:]))


def is_found(event: Planted, story: Story) -> bool:
    """Did the watch that is asked for this event see it in its week (fairness: in its week or later)?"""
    if event.name in BY_PEOPLE:
        return True
    if event.name == LABEL_BIAS.name:
        return any(week >= event.week for week in _bias_shown(story))
    return event.seen_in == event.week


def _found(event: Planted, story: Story) -> str:
    if event.name in BY_PEOPLE:
        return f"not asked of a watch; {BY_PEOPLE[event.name]}"
    if event.name != LABEL_BIAS.name:
        late = "" if event.seen_in is None else f"; drift found in week {event.seen_in}"
        return "drift found in its week" if event.seen_in == event.week else f"NOT found in its week{late}"
    before = [week for week in _bias_shown(story) if week < event.week]
    after = [week for week in _bias_shown(story) if week >= event.week]
    found = f"gap shown in {week_list(after)}" if after else "NOT found: no gap shown since"
    return f"{found}; shown before the event too, in {week_list(before)}" if before else found


def week_list(weeks: Sequence[int]) -> str:
    """Weeks as they stand in a sentence.

    >>> week_list([9]), week_list([1, 2])
    ('week 9', 'weeks 1, 2')
    """
    return f"{'week' if len(weeks) == 1 else 'weeks'} {', '.join(map(str, weeks))}"


def _bias_shown(story: Story) -> list[int]:
    return [
        week.number
        for week in story.weeks
        if any(gap.grouping == GROUPING and gap.group == BIAS_REGION and gap.verdict.shows_gap for gap in week.gaps)
    ]


def _named(event: Planted, story: Story) -> str:
    if event.name == LABEL_BIAS.name:
        return f"{GROUPING} {BIAS_REGION}" if is_found(event, story) else ""
    drift = next((week.drift for week in story.weeks if week.number == event.week and week.drift), WeekDrift())
    return "" if event.name in BY_PEOPLE else drift.words(6)


def week_table(story: Story) -> Table:
    """Every week with its figures and the notes in its margin."""
    rows = [
        (
            str(week.number),
            str(week.cases),
            *(str(week.queues.get(name, 0)) for name in ("A", "B", "C")),
            shown(week.automation_share, 0),
            _audited(week),
            _true(week),
            str(week.reviewed),
            str(week.breaches),
            "; ".join(map(str, week.notes())),
        )
        for week in story.weeks
    ]
    columns = ("week", "cases", "A", "B", "C", "auto", "audited error", "truth", "by people", "missed SLAs", "notes")
    return Table(columns, rows, frozenset({"notes"}))


def _true(week: Week) -> str:
    return "–" if week.true_error is None else shown(week.true_error)


def _audited(week: Week) -> str:
    found = measured(week.audited)
    return "not measured" if found is None else interval_words(found)


def reason_table(story: Story) -> Table:
    """Why cases went where they went, over all weeks, the most frequent reason first."""
    total: dict[str, int] = {}
    for week in story.weeks:
        for reason, count in week.reasons.items():
            total[reason] = total.get(reason, 0) + count
    every = sum(total.values())
    rows = [
        (_plain(reason), f"{n:,}", f"{n / every:.1%}")
        for reason, n in sorted(total.items(), key=lambda item: -item[1])
        if n
    ]
    return Table(("first reason", "cases", "share"), rows, frozenset({"first reason"}))


def version_table(story: Story) -> Table:
    """Model versions: where each came from, how good it was, and what its gate said."""
    judged = {one.version: (week.number, one) for week in story.weeks for one in week.judged}
    rows = [_version_row(version, judged.get(version.version)) for version in story.versions]
    columns = "version", "status", "cause", "labels", "accuracy", "ECE", "what its gate said"
    return Table(columns, rows, frozenset({"version", "status", "cause", "what its gate said"}))


def _version_row(version: Version, judged: tuple[int, Judged] | None) -> tuple[str, ...]:
    return (
        f"v{version.version}",
        _plain(version.status),
        _plain(version.cause),
        f"{version.labels:,}",
        shown(version.metrics.get("accuracy")),
        _decimals(version.metrics.get("ece")),
        _judgement(*judged) if judged else "not judged",
    )


def _plain(name: object) -> str:
    return str(name).replace("_", " ")


def _decimals(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _judgement(week: int, judged: Judged) -> str:
    gain = "" if judged.gain is None else f"gain {judged.gain:.3f} a case on {judged.cases:,} withheld cases"
    return "; ".join(part for part in (f"{judged.outcome} in week {week}", gain, *judged.reasons) if part)


def pauses(story: Story) -> list[tuple[str, int, int | None]]:
    """Each pause: whose, in which week, and the week in which automation came back, None while it has not."""
    found = []
    for number, week in enumerate(story.weeks):
        for name in week.paused:
            later = story.weeks[number + 1 :]
            resumed = next((after.number for after in later if name in after.resumed), None)
            found.append((category_name(name), week.number, resumed))
    return found


def pause_table(story: Story) -> Table:
    """Each pause with the week in which the category came back."""
    rows = [(name, str(week), NOT_YET if back is None else str(back)) for name, week, back in pauses(story)]
    return Table(("category", "paused in week", "resumed in week"), rows, frozenset({"category"}))


def review_table(story: Story) -> Table:
    """Model reviews with their evidence and what they concluded."""
    columns = "category", "opened", "evidence", "closed", "by", "conclusion"
    return Table(columns, [_review_row(review) for review in story.reviews], frozenset(columns) - {"opened", "closed"})


def _review_row(review: ReviewOutcome) -> tuple[str, ...]:
    return (
        review.category,
        f"{review.opened_at:%Y-%m-%d}",
        _evidence(review.evidence),
        NOT_YET if review.closed_at is None else f"{review.closed_at:%Y-%m-%d}",
        review.closed_by or "",
        review.conclusion or "",
    )


def _evidence(evidence: Mapping[str, Any]) -> str:
    if {"reviewed", "rejected"} <= evidence.keys():
        error = evidence.get("error")
        weighted = f"; weighted for how they were drawn {error['rate']:.1%}" if error else ""
        return f"{evidence['rejected']} of {evidence['reviewed']} audits drawn at random were rejected{weighted}"
    return ", ".join(f"{_plain(name)} {value}" for name, value in evidence.items())
