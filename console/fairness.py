"""`handrail fairness FILE`: whether an outcome falls differently on one group than on everybody else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.answer import AsJson, Encoding, answer, table

if TYPE_CHECKING:
    from handrail.cube import Cube
    from handrail.fairness import GroupGap
    from handrail.waits import WaitGap

_LONGEST_NAME = 14
_SHORT = {"gap beyond the bound": "BEYOND the bound", "gap within the bound": "gap within bound"}


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One group beside everybody else in one metric."""

    grouping: str
    metric: str
    group: str
    n: int
    rate: float
    rate_interval: tuple[float, float]
    gap: float
    gap_interval: tuple[float, float]
    p: float
    verdict: str
    needed: int | None


@dataclass(frozen=True, slots=True)
class WaitRow:
    """How long one group waits, in hours, beside everybody else."""

    grouping: str
    metric: str
    group: str
    n: int
    typical: float
    slow: float
    gap: float | None
    gap_interval: tuple[float, float | None] | None
    p: float
    verdict: str
    needed: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """How far apart the groups lie in one metric: largest minus smallest rate, and smallest over largest."""

    difference: float | None
    ratio: float | None


Differences = dict[str, Difference | float | None]
"""The metrics of a grouping, and beside them the figures of all its groups that fairlearn names."""


@dataclass(frozen=True, slots=True)
class FairnessReport:
    """What the command answers; its JSON has these names in this order."""

    outcome: str
    truth: str | None
    bound: float
    level: float
    rows: int
    without_outcome: int
    gaps: Sequence[ShareRow]
    differences: Mapping[str, Differences]
    verdict: str


@dataclass(frozen=True, slots=True)
class WaitingReport(FairnessReport):
    """The same where hours of waiting are compared too."""

    waiting_bound: float
    waiting: Sequence[WaitRow]


def register(app: typer.Typer) -> None:
    """Add this topic's command."""
    app.command()(fairness)


def fairness(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSONL or Parquet.")],
    group: Annotated[list[str], typer.Option(help="Column with the group or proxy; may be repeated.", metavar="COL")],
    outcome: Annotated[str, typer.Option(help="Column with the outcome: true/false, or labels.", metavar="COL")],
    truth: Annotated[str | None, typer.Option(help="Column with what it should have been.", metavar="COL")] = None,
    positive: Annotated[str | None, typer.Option(help="Label that counts as true.", metavar="LABEL")] = None,
    bound: Annotated[float, typer.Option(help="Difference of shares that is too much.")] = 0.05,
    waiting: Annotated[str | None, typer.Option(help="Column with hours waited.", metavar="COL")] = None,
    waiting_bound: Annotated[float, typer.Option(help="Difference in hours that is too much.")] = 4.0,
    level: Annotated[float, typer.Option(help="Chance of no false finding in a grouping.")] = 0.95,
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Compare each group with everybody else: selection, with a truth also errors, and waiting."""
    from handrail.fairness import compare
    from handrail.waits import wait_gaps
    from tasks.intake.tables import table as read

    names = list(dict.fromkeys(group))
    rows = read(file, [*names, outcome, *[name for name in (truth, waiting) if name is not None]], encoding=encoding)
    counted = _counted(rows, names, outcome, truth, positive)
    # Of the chance of a false finding in a grouping, each metric gets the same part.
    metrics = [len(cube.tallies()) for cube in counted]
    parts = [1 - (1 - level) * (count / (count + 1) if waiting else 1) for count in metrics]
    gaps = {
        cube.grouping: compare(cube.tallies(), bound=bound, level=part)
        for cube, part in zip(counted, parts, strict=True)
    }
    waits = {
        name: wait_gaps(rows, name, waiting, bound=waiting_bound, level=1 - (1 - level) / (count + 1))
        for name, count in zip(names, metrics, strict=True)
        if waiting
    }
    verdicts = [one.verdict for found in gaps.values() for one in found]
    verdicts += [one.verdict for found in waits.values() for one in found]
    report = FairnessReport(
        outcome=outcome,
        truth=truth,
        bound=bound,
        level=level,
        rows=len(rows),
        without_outcome=int(rows[outcome].isna().sum()),
        gaps=[_share_row(name, gap) for name, found in gaps.items() for gap in found],
        differences={cube.grouping: _differences(cube) for cube in counted},
        verdict=_overall(verdicts),
    )
    if waiting:
        waited = [_wait_row(name, wait) for name, found in waits.items() for wait in found]
        shares = {one.name: getattr(report, one.name) for one in fields(report)}
        report = WaitingReport(**shares, waiting_bound=waiting_bound, waiting=waited)
    answer(report, as_json=as_json, text=lambda: _text(report))


def _counted(rows: Any, names: list[str], outcome: str, truth: str | None, positive: str | None) -> list["Cube"]:  # noqa: ANN401 - a frame
    """The cubes, of one label against all others where one is named."""
    from handrail.cube import cubes
    from handrail.errors import BadInput

    if outcome in names or (truth is not None and truth in names):
        raise BadInput("A column cannot be both the group and the outcome or its truth. Name another --group.")
    for name in (*names, outcome):
        if not rows[name].notna().any():
            raise BadInput(f"No row has a value in {name}. Name another column.")
    if positive is None:
        return cubes(rows, names, outcome, truth)
    labelled = [cube.against_rest(positive) for cube in cubes(rows, names, outcome, truth or outcome)]
    return labelled if truth else [cube.without_truth() for cube in labelled]  # beside itself it is never wrong


def _overall(verdicts: list[Any]) -> str:
    """One word for the whole file, as the watch says it."""
    if any(verdict == "gap beyond the bound" for verdict in verdicts):
        return "alarm"
    return "underpowered" if all(verdict == "underpowered" for verdict in verdicts) else "quiet"


def _share_row(grouping: str, gap: "GroupGap") -> ShareRow:
    return ShareRow(
        grouping=grouping,
        metric=gap.metric,
        group=gap.group,
        n=gap.n,
        rate=gap.rate,
        rate_interval=(gap.low, gap.high),
        gap=gap.gap,
        gap_interval=(gap.gap_low, gap.gap_high),
        p=gap.p,
        verdict=gap.verdict,
        needed=gap.needed,
    )


def _wait_row(grouping: str, wait: "WaitGap") -> WaitRow:
    return WaitRow(
        grouping=grouping,
        metric="waiting",
        group=wait.group,
        n=wait.n,
        typical=wait.typical,
        slow=wait.slow,
        gap=wait.gap,
        gap_interval=None if wait.gap_low is None else (wait.gap_low, wait.gap_high),
        p=wait.p,
        verdict=wait.verdict,
        needed=wait.needed,
    )


def _differences(cube: "Cube") -> Differences:
    """The figures between groups as fairlearn names them, where the outcome has them."""
    from handrail import fairness as figures

    spreads = [figures.spread(tally) for tally in cube.tallies()]
    found: Differences = {one.metric: Difference(one.difference, one.ratio) for one in spreads}
    if cube.is_binary:
        found["demographic_parity_difference"] = figures.demographic_parity_difference(cube)
        found["demographic_parity_ratio"] = figures.demographic_parity_ratio(cube)
    if cube.is_binary and "error" in found:
        found["equalized_odds_difference"] = figures.equalized_odds_difference(cube)
        found["equalized_odds_ratio"] = figures.equalized_odds_ratio(cube)
        found["equal_opportunity_difference"] = figures.equal_opportunity_difference(cube)
    return found


def _text(report: FairnessReport) -> str:
    every: list[ShareRow | WaitRow] = [*report.gaps]
    hours = ""
    if isinstance(report, WaitingReport):
        every += report.waiting
        hours = f", of waiting {report.waiting_bound:g} hours"
    blocks = []
    for grouping, metric in dict.fromkeys((row.grouping, row.metric) for row in every):
        rows = [row for row in every if (row.grouping, row.metric) == (grouping, metric)]
        apart = report.differences[grouping].get(metric)
        between = apart.difference if isinstance(apart, Difference) else None
        title = f"{grouping}: {metric}" + ("" if between is None else f", {between:.3f} between the groups")
        title += ", one group and nobody to compare it with" if len(rows) == 1 else ""
        columns = ("group", "cases", "hours" if metric == "waiting" else "rate", "gap", "its interval", "finding")
        blocks.append(f"{title}\n" + table([_line(row, columns[2]) for row in rows], columns, empty=""))
    closing = (
        f"Each group beside everybody else, bound {report.bound:g}{hours}: {report.verdict}.\n"
        "(n): underpowered, that many cases of the group would be needed."
    )
    if report.without_outcome:
        closing += f"\n{report.without_outcome} of {report.rows} rows have no outcome and are left out."
    return "\n\n".join([*blocks, closing])


def _line(row: ShareRow | WaitRow, figure: str) -> dict[str, str]:
    name, wide = row.group, ".1f" if figure == "hours" else ".3f"
    low, high = row.gap_interval or (None, None)
    verdict = str(row.verdict)
    needed = f" ({row.needed:,})" if row.needed else ""
    return {
        "group": name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…",
        "cases": f"{row.n:,}",
        figure: format(row.rate if isinstance(row, ShareRow) else row.typical, wide),
        "gap": "–" if row.gap is None else format(row.gap, "+" + wide),
        "its interval": "–" if low is None else f"{low:+{wide}} {high:+{wide}}",
        "finding": _SHORT.get(verdict, verdict) + needed,
    }
