"""Whether decisions fall differently on groups."""

from collections.abc import Sequence

from desk.charts import Row, side_by_side
from desk.monitoring.section import Plot, Scope, Section, Table, interval, latest, number, share, words, worst
from handrail.fairness import GapVerdict
from handrail.figures.fairness import WAITING, FairnessFigures, FairnessRow
from handrail.reading import KeptReading

SHOWN = "approval"
"""The metric that is drawn; the others stand in the table."""


def fairness(look: Scope) -> Section:
    """Approval, override, error and waiting by group, with what is shown and what could not be seen."""
    looks = look.together("fairness")
    if not looks:
        return Section("fairness", "Fairness", None, "Groups have not been compared yet; the watch looks once a week.")
    rows_of = [(one, one.figures(FairnessFigures).rows) for one in looks]
    compared = [row for _, rows in rows_of for row in rows]
    plots = tuple(plot for one, rows in rows_of if (plot := _plot(one, rows)) is not None)
    columns = ("Group", "What", "Counted", "Figure", "Interval", "Gap to the rest", "Gap's interval", "Verdict")
    table = Table(
        "Every comparison",
        "Every group against everybody else; a gap's interval holds for all comparisons of its grouping at once. "
        "Counted: decisions by people for approval and override, audits for error, cases for waiting. An audit weighs "
        "by the chance with which it was drawn.",
        columns,
        [_cells(row) for row in compared],
        frozenset(columns[2:7]),
    )
    return Section("fairness", "Fairness", worst(looks), _sentence(compared), plots, (table,), latest(looks))


def _sentence(compared: Sequence[FairnessRow]) -> str:
    beyond = [f"{row.metric} of {row.grouping} {row.group}" for row in compared if row.verdict is GapVerdict.BEYOND]
    weak = sum(row.verdict is GapVerdict.UNDERPOWERED for row in compared)
    told = f"Beyond the policy's bound: {'; '.join(beyond)}." if beyond else "No gap lies beyond the policy's bound."
    return f"{told} {weak} of {len(compared)} comparisons rest on too few cases to find such a gap."


def _plot(look: KeptReading, rows: Sequence[FairnessRow]) -> Plot | None:
    name = words(look.subject)
    svg = side_by_side(
        f"fairness-{look.id}",
        (f"Approval of suggestions by {name}", "A dot with its 95 % interval for each group."),
        [
            Row(
                row.group,
                row.rate,
                row.low,
                row.high,
                f"{100 * row.gap:+.1f} points",
                found=row.verdict is GapVerdict.BEYOND,
            )
            for row in rows
            if row.metric == SHOWN and row.cases
            if row.low is not None and row.high is not None and row.gap is not None
        ],
    )
    return Plot(f"Approval of suggestions by {name}; beside it the gap to everybody else", svg) if svg else None


def _cells(row: FairnessRow) -> tuple[str, ...]:
    if row.metric == WAITING:
        figure, gap = f"{number(row.rate, 1)} h", f"{number(row.gap, 1)} h"
        between, gap_between = "–", _hours(row.gap_low, row.gap_high)
    else:
        figure, gap = share(row.rate), share(row.gap)
        between, gap_between = interval(row.low, row.high), interval(row.gap_low, row.gap_high)
    verdict = str(row.verdict)
    if row.verdict is GapVerdict.UNDERPOWERED and row.needed:
        verdict += f": {row.needed:,} cases would be needed"
    return (
        f"{words(row.grouping)}: {row.group}",
        words(row.metric),
        f"{row.cases:,}",
        figure,
        between,
        gap,
        gap_between,
        verdict,
    )


def _hours(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{number(low, 1)} to {number(high, 1)} h"
