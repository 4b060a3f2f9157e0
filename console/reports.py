"""Reports: KPIs, business case, and what the fairness and drift watches saw last."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.answer import AsJson, AsOf, Encoding, answer, enter, table, told
from console.places import is_stdout, require_places, written

if TYPE_CHECKING:
    from handrail.kpi import BusinessCase, Kpi
    from handrail.reading import KeptReading
    from handrail.window import Window
    from tasks.views.measure import Measured


class Grouping(StrEnum):
    """What a report is cut by."""

    CATEGORY = "category"
    WEEK = "week"
    CHANNEL = "channel"


Out = Annotated[Path | None, typer.Option(help="Write the report as one HTML page.", metavar="FILE.html")]
_WIDEST = 80


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    report = typer.Typer(help="Reports: what automation is worth, and what the watches saw.", no_args_is_help=True)
    report.command("kpi")(kpi)
    report.command("business-case")(business_case)
    report.command("estimate")(estimate)
    report.command("fairness")(fairness)
    report.command("drift")(drift)
    app.add_typer(report, name="report")


def kpi(
    weeks: Annotated[int | None, typer.Option(min=1, max=520, help="Length of the window in weeks.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="Length of the window, without --weeks or --since.")] = 7,
    since: Annotated[
        str | None, typer.Option(help="The window begins then (ISO 8601; UTC without an offset).", metavar="DATE")
    ] = None,
    by: Annotated[list[Grouping] | None, typer.Option(help="Cut by category, week or channel; repeatable.")] = None,
    cases: Annotated[bool, typer.Option("--cases", help="Name all cases of each figure, not the first 50.")] = False,
    out: Out = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """The six KPIs beside the time in shadow; *not measured* where there is no data."""
    require_places(out)
    from tasks.views import kpi_page, measure

    occasion = enter(None, as_of)
    found = measure.kpis(occasion, _window(occasion.now, weeks, days, since), by or ())
    figures = measure.rows(found, examples=None if cases else measure.EXAMPLES)
    if out is not None:
        with written(out) as place:
            kpi_page.write(found, place, founding=occasion.founding)
    answer(figures, as_json=as_json, text=lambda: _kpi_text(found, all_cases=cases), aside=is_stdout(out))


def business_case(out: Out = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """The goal of the policy, the measured path towards it, and what a month costs and saves."""
    require_places(out)
    from tasks.views import kpi_page, measure

    occasion = enter(None, as_of)
    case, policy = measure.business_case(occasion), occasion.policy
    report = measure.CaseReport(policy.goal, policy.costs.currency, measure.shadow_rejections(occasion), case)
    value = report.to_json()
    if out is not None:
        with written(out) as place:
            kpi_page.write_case(report, place, founding=occasion.founding)

    def text() -> str:
        return f"{_wrapped(kpi_page.case_lines(report))}\n\n{_path(case)}"

    answer(value, as_json=as_json, text=text, aside=is_stdout(out))


def estimate(
    file: Annotated[Path, typer.Argument(help="What `handrail rehearse … --json` printed, or requests of the past.")],
    policy: Annotated[Path | None, typer.Option(help="policy.yaml with your prices; else the rehearsal's.")] = None,
    time: Annotated[
        str | None, typer.Option(help="Column with the time of arrival, for requests of the past.", metavar="COL")
    ] = None,
    cases_a_day: Annotated[float | None, typer.Option(min=0, help="Volume; else the file's.")] = None,
    minutes_manual: Annotated[float | None, typer.Option(min=0, help="Minutes a case by hand.")] = None,
    minute: Annotated[float | None, typer.Option(min=0, help="Price of a minute of work.")] = None,
    error: Annotated[
        float | None, typer.Option(min=0, help="Price of an error, but in categories with a price of their own.")
    ] = None,
    steward_minutes_a_week: Annotated[float | None, typer.Option(min=0, help="Time for looking after it.")] = None,
    licences_a_month: Annotated[float | None, typer.Option(min=0, help="Software and machines.")] = None,
    retraining: Annotated[float | None, typer.Option(min=0, help="Price of one training.")] = None,
    set_up: Annotated[float | None, typer.Option(min=0, help="Spent once, before the start.")] = None,
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """What a month would cost and save, before anything is live: conservative, expected, optimistic."""
    from tasks.rehearsal import worth

    given = worth.Stated(
        cases_a_day, minutes_manual, minute, error, steward_minutes_a_week, licences_a_month, retraining, set_up
    )
    found = worth.read(file, given, policy=policy, time=time, encoding=encoding)

    def text() -> str:
        if found.found is None:
            names = ["a month", "by hand"]
            cells: Sequence[tuple[str, ...]] = worth.by_hand_rows(found.terms)
        else:
            names, cells = ["a month", *worth.COLUMNS], worth.rows(found.found)
        lines = table([dict(zip(names, one, strict=True)) for one in _fitting(names, cells)], names, empty="")
        return f"{lines}\n\n{_wrapped(found.sentences, whole=True)}"

    answer(found.to_json(), as_json=as_json, text=text)


def _fitting(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows with their first cell in as many lines as the rest of the width asks for, each line a row."""
    rest = sum(max(map(len, column)) + 2 for column in list(zip(names, *rows, strict=True))[1:])
    lines = []
    for first, *others in rows:
        begin, *more = textwrap.wrap(first, max(12, _WIDEST - rest - 2), subsequent_indent="  ") or [""]
        lines += [[begin, *others], *([one, *("" for _ in others)] for one in more)]
    return lines


def fairness(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """What the fairness watch saw last, and what it means."""
    _newest("fairness", "fairness_watch", as_of, as_json=as_json)


def drift(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """What the drift watch saw last, and what it means."""
    _newest("drift", "drift_detection", as_of, as_json=as_json)


MEANINGS = {
    "quiet": "nothing beyond the policy's bounds where it could have been seen",
    "alarm": "beyond the policy's bounds",
    "underpowered": "too few cases to have seen what matters; silence says nothing",
    "not_measured": "there was nothing to compare",
    "unreadable": "the look failed, so nothing is known; the log of the watch's last run says where",
}


def _window(now: datetime, weeks: int | None, days: int, since: str | None) -> "Window":
    from handrail.errors import BadInput
    from handrail.window import Window
    from tasks.occasion import moment

    if since is None:
        return Window.last(timedelta(days=days) if weeks is None else timedelta(weeks=weeks), now)
    if weeks is not None:
        raise BadInput("A window has one beginning. Give either --weeks or --since.")
    begin = moment(since)
    if begin >= now:
        raise BadInput(f"The window would begin at {begin:%Y-%m-%d %H:%M}, after its end. Give an earlier --since.")
    return Window.up_to(now, since=begin)


def _kpi_text(found: "Measured", *, all_cases: bool) -> str:
    blocks = [table([_line(one) for one in found.whole], ["kpi", "now", "95 %", "cases", "before", "of"], empty="")]
    blocks += [
        f"{figure.name}, by {grouping}\n"
        + table(
            [
                {grouping: group, **_line(one)}
                for group, figures in groups.items()
                for one in figures
                if one.name == figure.name
            ],
            [grouping, "now", "95 %", "cases", "before", "of"],
            empty="No cases.",
        )
        for figure in found.whole
        for grouping, groups in found.groups.items()
    ]
    blocks.append(_wrapped([f"{one.name}: {one.formula}; before: {one.basis}." for one in found.whole]))
    if all_cases:
        blocks.append(_wrapped([f"{one.name}: {' '.join(map(str, one.case_ids)) or 'no case'}" for one in found.whole]))
    return "\n\n".join(blocks)


def _wrapped(sentences: Sequence[str], *, whole: bool = False) -> str:
    """Sentences in lines; with `whole` no word is broken, so that a path in it can be copied."""
    return "\n".join(
        textwrap.fill(sentence, _WIDEST, subsequent_indent="  ", break_long_words=not whole, break_on_hyphens=not whole)
        for sentence in sentences
    )


def _line(one: "Kpi") -> dict[str, str]:
    is_share = one.unit == "share"
    unit = "" if is_share else one.unit

    def short(value: float | None) -> str:
        return "–" if value is None else f"{value:.1%}" if is_share else f"{value:,.2f}"

    return {
        "kpi": one.name,
        "now": one.shown() if one.value is None else f"{short(one.value)} {unit}".strip(),
        "95 %": "–" if one.low is None else f"{short(one.low)} … {short(one.high)}",
        "cases": f"{one.cases:,}",
        "before": short(one.before),
        "of": f"{one.before_cases:,}",
    }


def _path(case: "BusinessCase") -> str:
    rows = [
        {
            "until": f"{step.at:%Y-%m-%d}",
            "automated": _percent(step.automation_share),
            "error": _percent(step.error_rate),
            "at most": _percent(step.error_high),
            "audits": f"{step.audits:,}",
            "cost a case": "–" if step.cost is None else f"{step.cost:.2f}",
            "goal": step.status,
        }
        for step in case.path
    ]
    columns = ["until", "automated", "error", "at most", "audits", "cost a case", "goal"]
    return table(rows, columns, empty="No week was measured.")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _newest(watch: str, flow: str, as_of: str | None, *, as_json: bool) -> None:
    from handrail.acts import attending
    from handrail.store import readings
    from handrail.watches import stale

    occasion = enter(None, as_of)
    with occasion.store.read() as connection:
        seen = readings.kept(readings.newest(connection, watch))
        (look,) = [one for one in attending.looks(connection, occasion.store.clock()) if one.watch.name == flow]
    old = stale(look, max((one.at for one in seen), default=None), occasion.now, told)
    found = [
        {
            "subject": one.subject,
            "verdict": one.verdict,
            "means": MEANINGS[one.verdict],
            "at": one.at,
            "window": one.window,
            "figures": one.body,
        }
        for one in seen
    ]
    nothing = f"The {watch} watch has not looked yet. `handrail up` starts its schedule, `handrail watch` lets it look."
    value = {"watch": watch, "readings": found, "looked_at": look.looked_at, "stale": old}
    lead = [textwrap.fill(old, _WIDEST)] if old and seen else []
    answer(value, as_json=as_json, text=lambda: "\n\n".join([*lead, _readings_text(seen) or nothing]))


def _readings_text(seen: Sequence["KeptReading"]) -> str:
    blocks = []
    for one in seen:
        begin, end = one.window
        verdict = str(one.verdict).replace("_", " ")
        blocks.append(
            f"{one.subject}: {verdict}, {MEANINGS[one.verdict]}\n"
            f"seen {one.at:%Y-%m-%d %H:%M}, of {begin:%Y-%m-%d} to {end:%Y-%m-%d}{_scalars(one.body)}"
        )
        blocks += [_rows_text(name, rows) for name, rows in one.body.items() if _is_table(rows)]
    return "\n\n".join(blocks)


def _is_table(rows: object) -> bool:
    return isinstance(rows, list) and bool(rows) and all(isinstance(row, dict) for row in rows)


def _scalars(figures: Mapping[str, object]) -> str:
    told = [f"{name.replace('_', ' ')} {_plain(value)}" for name, value in figures.items() if _is_plain(value)]
    return "".join(f"\n  {line}" for line in told)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _rows_text(name: str, rows: Sequence[Mapping[str, object]]) -> str:
    """A table of the columns that differ and fit the terminal, the verdict among them; the JSON has all of them."""
    names = [key for key in rows[0] if any(_is_plain(row.get(key)) for row in rows)]
    cells = [{key: _plain(row[key]) if _is_plain(row.get(key)) else None for key in names} for row in rows]
    last = [key for key in names if key == "verdict"]
    columns: list[str] = []
    for key in names:
        told = len(rows) == 1 or len({row[key] for row in cells}) > 1
        if key in last or not told:
            continue
        if max(map(len, table(cells, [*columns, key, *last], empty="").splitlines())) <= _WIDEST:
            columns.append(key)
    columns += last
    return f"{name}\n{table(cells, columns, empty='')}"
