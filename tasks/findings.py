"""What a time-lapse showed, in words and rows: closing figures, planted events, versions, pauses, and what fell short."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from handrail.fairness import Verdict
from handrail.sample.events import BIAS_REGION, EVENTS, LABEL_BIAS
from tasks.plots.figure import Table, category_name, shown
from tasks.plots.groups import GROUPING
from tasks.plots.weekly import measured
from tasks.story import UNWATCHED, Planted, Story, Week


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
    counts = " · ".join(f"{name} {newest.queues.get(name, 0):,}" for name in ("A", "B", "C"))
    return Card("Automation share", shown(newest.automation_share, 0), f"queue A in week {newest.number}: {counts}")


def _error(story: Story) -> Card:
    true = shown(true_error(story), 2)
    audited = measured(story.audited)
    if audited is None:
        return Card("Error of auto-approvals", "not measured", f"truth: {true} of {story.automatic:,}")
    interval = f"[{audited.low:.2%}–{audited.high:.2%}] on {audited.n:,} audits"
    return Card("Audited error of auto-approvals", f"{audited.rate:.2%}", f"{interval}; truth: {true} of {story.automatic:,}")


def true_error(story: Story) -> float | None:
    """Share of all auto-approvals that the ground truth calls wrong; None without any."""
    return story.wrong_automatic / story.automatic if story.automatic else None


def _cases(story: Story) -> Card:
    cases, effects = sum(week.cases for week in story.weeks), f"{story.effects:,} effects in the receiver"
    return Card("Cases", f"{cases:,}", f"in {len(story.weeks)} weeks; {effects}")


def _challengers(story: Story) -> Card:
    trained = len(story.versions)
    return Card("Challengers promoted", str(len(story.promoted())), f"{len(story.refused())} refused; {trained} versions in all")


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
        rows.append((str(event.week), event.name.replace("_", " "), touched, _found(event, story), _named(event, story)))
    columns = "week", "event", "strength", "found", "what the watch named"
    return Table(columns, rows, frozenset(columns[1:]))


def is_found(event: Planted, story: Story) -> bool:
    """Did the watch that is asked for this event see it in its week (fairness: in its week or later)?"""
    if event.name in UNWATCHED:
        return True
    if event.name == LABEL_BIAS.name:
        return any(week >= event.week for week in _bias_shown(story))
    return event.seen_in == event.week


def _found(event: Planted, story: Story) -> str:
    if event.name in UNWATCHED:
        return f"not asked of a watch; {UNWATCHED[event.name]}"
    if event.name != LABEL_BIAS.name:
        late = "" if event.seen_in is None else f"; drift found in week {event.seen_in}"
        return "drift found in its week" if event.seen_in == event.week else f"NOT found in its week{late}"
    before, after = (
        [week for week in _bias_shown(story) if (week >= event.week) is later] for later in (False, True)
    )
    found = f"gap shown in weeks {_listed(after)}" if after else "NOT found: no gap shown since"
    return f"{found}; shown before the event too, in weeks {_listed(before)}" if before else found


def _bias_shown(story: Story) -> list[int]:
    return [
        week.number
        for week in story.weeks
        if any(
            row["grouping"] == GROUPING and row["group"] == BIAS_REGION and row["verdict"] == Verdict.GAP
            for row in week.gaps
        )
    ]


def _named(event: Planted, story: Story) -> str:
    if event.name == LABEL_BIAS.name:
        return f"{GROUPING} {BIAS_REGION}" if is_found(event, story) else ""
    drift = next((week.drift for week in story.weeks if week.number == event.week and week.drift), {})
    terms = [f"“{term}”" for term in drift.get("terms", [])[:6]]
    return "" if event.name in UNWATCHED else ", ".join([*drift.get("columns", []), *terms])


def week_table(story: Story) -> Table:
    """Every week with its figures and the notes in its margin."""
    rows = [
        (
            str(week.number), str(week.cases), *(str(week.queues.get(name, 0)) for name in ("A", "B", "C")),
            shown(week.automation_share, 0), _audited(week), "–" if week.true_error is None else f"{week.true_error:.1%}",
            str(week.reviewed), str(week.breaches), "; ".join(map(str, week.notes())),
        )
        for week in story.weeks
    ]  # fmt: skip
    columns = "week", "cases", "A", "B", "C", "auto", "audited error", "truth", "decided by people", "escalations", "notes"
    return Table(columns, rows, frozenset({"notes"}))


def _audited(week: Week) -> str:
    found = measured(week.audited)
    return "not measured" if found is None else f"{found.rate:.1%} [{found.low:.1%}–{found.high:.1%}]"


def reason_table(story: Story) -> Table:
    """Why cases went where they went, over all weeks, the most frequent reason first."""
    total: dict[str, int] = {}
    for week in story.weeks:
        for reason, count in week.reasons.items():
            total[reason] = total.get(reason, 0) + count
    every = sum(total.values())
    rows = [(reason, f"{n:,}", f"{n / every:.1%}") for reason, n in sorted(total.items(), key=lambda item: -item[1]) if n]
    return Table(("first reason", "cases", "share"), rows, frozenset({"first reason"}))


def version_table(story: Story) -> Table:
    """Model versions: where each came from, how good it was, and what its gate said."""
    judged = {str(row["version"]): (week.number, row) for week in story.weeks for row in week.judged}
    rows = []
    for version in story.versions:
        metrics = version.get("metrics") or {}
        said = judged.get(str(version["version"]))
        rows.append((
            f"v{version['version']}", _plain(version["status"]), _plain(version["cause"]), f"{int(version['labels']):,}",
            shown(metrics.get("accuracy")), _decimals(metrics.get("ece")), _judgement(*said) if said else "not judged",
        ))  # fmt: skip
    columns = "version", "status", "cause", "labels", "accuracy", "ECE", "what its gate said"
    return Table(columns, rows, frozenset({"version", "status", "cause", "what its gate said"}))


def _plain(name: object) -> str:
    return str(name).replace("_", " ")


def _decimals(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _judgement(week: int, row: dict[str, Any]) -> str:
    reasons = "; ".join(map(str, row.get("reasons", ())))
    gain = f"gain {row['gain']:.3f} a case on {row['cases']:,} withheld cases" if "gain" in row else ""
    return f"{row['outcome']} in week {week}" + "".join(f"; {part}" for part in (gain, reasons) if part)


def pause_table(story: Story) -> Table:
    """Each pause with the week in which the category came back."""
    rows = []
    for number, week in enumerate(story.weeks):
        for name in week.paused:
            later = story.weeks[number + 1 :]
            resumed = next((str(after.number) for after in later if name in after.resumed), "still paused")
            rows.append((category_name(name), str(week.number), resumed))
    return Table(("category", "paused in week", "resumed in week"), rows, frozenset({"category"}))


def review_table(story: Story) -> Table:
    """Model reviews with their evidence and what they concluded."""
    rows = [
        (
            str(review["category"]), _date(review["opened_at"]), _evidence(review.get("evidence")),
            _date(review["closed_at"]) if is_known(review["closed_at"]) else "still open",
            *(str(review[name]) if is_known(review.get(name)) else "" for name in ("closed_by", "conclusion")),
        )
        for review in story.reviews
    ]  # fmt: skip
    columns = "category", "opened", "evidence", "closed", "by", "conclusion"
    return Table(columns, rows, frozenset(columns))


def is_known(value: object) -> bool:
    """Is there a value, as opposed to a database's null in any of its guises?"""
    return value is not None and not (pd.api.types.is_scalar(value) and pd.isna(value))


def _date(value: Any) -> str:  # noqa: ANN401 - a time in any of the forms that pandas reads
    return f"{pd.Timestamp(value):%Y-%m-%d}"


def _evidence(found: object) -> str:
    if not isinstance(found, dict):
        return str(found) if is_known(found) else ""
    if {"reviewed", "rejected"} <= found.keys():
        share = found["rejected"] / found["reviewed"] if found["reviewed"] else 0.0
        return f"{found['rejected']} of {found['reviewed']} audited approvals rejected ({share:.1%})"
    return ", ".join(f"{_plain(name)} {value}" for name, value in found.items())


def shortfalls(story: Story, breaker_limit: float | None) -> list[str]:
    """What did not go as it should, in sentences; an empty list says that nothing of the watched fell short."""
    return [
        sentence
        for sentence, applies in (*_errors_short(story, breaker_limit), *_watches_short(story), *_work_short(story))
        if applies
    ]


def _errors_short(story: Story, limit: float | None) -> Iterable[tuple[str, object]]:
    unmeasured = [week.number for week in story.weeks if week.automatic and not measured(week.audited)]
    idle = [week.number for week in story.weeks if not week.automatic]
    missed = [week.number for week in story.weeks if not _holds_truth(week)]
    over = [week.number for week in story.weeks if limit is not None and (week.true_error or 0) >= limit and not week.paused]
    yield f"Auto-approvals ran without an audit on record, so their error is not measured: weeks {_listed(unmeasured)}.", unmeasured
    yield f"No error could be measured because nothing was auto-approved: weeks {_listed(idle)}.", idle
    yield (
        f"The 95 % interval missed the truth in {len(missed)} weeks ({_listed(missed)}); one week in twenty is to be expected.",
        missed,
    )
    yield f"The true error stood at or above the breaker's limit and nothing was paused: weeks {_listed(over)}.", over


def _holds_truth(week: Week) -> bool:
    found = measured(week.audited)
    return found is None or week.true_error is None or found.low <= week.true_error <= found.high


def _watches_short(story: Story) -> Iterable[tuple[str, object]]:
    unseen = [f"{_plain(event.name)} (week {event.week})" for event in story.planted if not is_found(event, story)]
    eventful = {event.week for event in story.planted}
    false = [week.number for week in story.weeks if week.drift and week.number not in eventful]
    gaps = next((week.gaps for week in reversed(story.weeks) if week.gaps), [])
    weak = [f"{row['grouping']} {row['group']}" for row in gaps if row["verdict"] == Verdict.UNDERPOWERED]
    yield f"Planted and not found: {_listed(unseen)}.", unseen
    yield f"Drift alarms in weeks without a planted event: {_listed(false)}.", false
    yield f"Too few cases to find a gap that matters: {_listed(weak)}.", weak


def _work_short(story: Story) -> Iterable[tuple[str, object]]:
    still = [row[0] for row in pause_table(story).rows if row[2] == "still paused"]
    waiting = [row for row in story.reviews if not is_known(row["closed_at"])]
    refused, undone = story.refused(), sum(count for state, count in story.states.items() if state not in {"done", "quarantined"})
    breaches = sum(week.breaches for week in story.weeks)
    quarantined = sum(week.quarantined for week in story.weeks)
    names = list(dict.fromkeys(row["name"] for week in story.weeks for row in week.kpis))
    measured_kpis = {row["name"] for week in story.weeks for row in week.kpis if row["value"] is not None}
    never = [name for name in names if name not in measured_kpis]
    yield f"Challengers refused at their gate: {_listed(f'v{name}' for name in refused)}.", refused
    yield f"Still paused at the end: {_listed(still)}.", still
    yield f"Model reviews still open: {len(waiting)}.", waiting
    yield f"Cases escalated, late ones among them: {breaches:,}.", breaches
    yield f"Rows quarantined by the data gate: {quarantined:,}.", quarantined
    yield f"Cases not settled at the end: {undone:,}.", undone
    yield f"KPIs that were never measured: {_listed(never)}.", never
    yield "The audit trail does not verify.", not story.trail_valid


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
