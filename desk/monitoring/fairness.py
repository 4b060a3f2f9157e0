"""Whether decisions fall differently on groups."""

from typing import Any

from desk.charts import Row, side_by_side
from desk.monitoring.section import Plot, Scope, Section, Table, interval, latest, number, share, words, worst
from handrail.fairness import Verdict

SHOWN = "approval"
"""The metric that is drawn; the others stand in the table."""


def fairness(look: Scope) -> Section:
    """Approval, override, error and waiting by group, with what is shown and what could not be seen."""
    rows = look.together("fairness")
    if not rows:
        return Section("fairness", "Fairness", None, "Groups have not been compared yet; the watch looks once a week.")
    plots = tuple(plot for row in rows if (plot := _plot(row)) is not None)
    columns = ("Group", "What", "Counted", "Figure", "Interval", "Gap to the rest", "Gap's interval", "Verdict")
    table = Table(
        "Every comparison",
        "Every group against everybody else; a gap's interval holds for all comparisons of its grouping at once. "
        "Counted: decisions by people for approval and override, random audits for error, cases for waiting.",
        columns,
        [_cells(one) for row in rows for one in row["body"]["rows"]],
        frozenset(columns[2:7]),
    )
    return Section("fairness", "Fairness", worst(rows), _sentence(rows), plots, (table,), latest(rows))


def _sentence(rows: list[dict[str, Any]]) -> str:
    compared = [one for row in rows for one in row["body"]["rows"]]
    beyond = [
        f"{one['metric']} of {one['grouping']} {one['group']}" for one in compared if one["verdict"] == Verdict.BEYOND
    ]
    weak = sum(one["verdict"] == Verdict.UNDERPOWERED for one in compared)
    told = f"Beyond the policy's bound: {'; '.join(beyond)}." if beyond else "No gap lies beyond the policy's bound."
    return f"{told} {weak} of {len(compared)} comparisons rest on too few cases to find such a gap."


def _plot(row: dict[str, Any]) -> Plot | None:
    drawn = [one for one in row["body"]["rows"] if one["metric"] == SHOWN and one["cases"]]
    name = words(row["subject"])
    svg = side_by_side(
        f"fairness-{row['id']}",
        (f"Approval of suggestions by {name}", "A dot with its 95 % interval for each group."),
        [
            Row(
                str(one["group"]),
                one["rate"],
                one["low"],
                one["high"],
                f"{100 * one['gap']:+.1f} points",
                found=one["verdict"] == Verdict.BEYOND,
            )
            for one in drawn
        ],
    )
    return Plot(f"Approval of suggestions by {name}; beside it the gap to everybody else", svg) if svg else None


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    if one["metric"] == "waiting hours":
        figure, gap = f"{number(one['rate'], 1)} h", f"{number(one['gap'], 1)} h"
        between, gap_between = "–", _hours(one["gap_low"], one["gap_high"])
    else:
        figure, gap = share(one["rate"]), share(one["gap"])
        between, gap_between = interval(one["low"], one["high"]), interval(one["gap_low"], one["gap_high"])
    verdict = str(one["verdict"])
    if one["verdict"] == Verdict.UNDERPOWERED and one.get("needed"):
        verdict += f": {one['needed']:,} cases would be needed"
    return (
        f"{words(one['grouping'])}: {one['group']}",
        words(one["metric"]),
        f"{one['cases']:,}",
        figure,
        between,
        gap,
        gap_between,
        verdict,
    )


def _hours(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{number(low, 1)} to {number(high, 1)} h"
