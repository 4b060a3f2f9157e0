"""`handrail breaker FILE`: would rejections have paused automation, by either rule, and can the rule be trusted?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.answer import AsJson, Encoding, answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from handrail.policy import BreakerRules

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_FLAGS = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}
_SEED = 20_260_301
_DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class LiteralRule:
    """When the literal rule would have paused, its simulated chance of a false alarm, and what it can see."""

    alarm_at: str | None
    false_alarm_rate: float
    detection: float


@dataclass(frozen=True, slots=True)
class SequentialRule:
    """When the sequential rule would have paused, its bound of false alarms, its evidence, and what it can see."""

    alarm_at: str | None
    bound: float
    level: float
    threshold: float
    detection: float
    sees_rate: float
    sees_within_days: float | None
    sees_nine_in_ten_within_days: float | None


@dataclass(frozen=True, slots=True)
class BreakerReport:
    """What the command answers; its JSON has these names in this order."""

    reviewed: int
    rejected: int
    rate: float
    looks: int
    reviews_per_day: float
    first: str
    last: str
    literal: LiteralRule
    esr: SequentialRule
    warnings: list[str]


def register(app: typer.Typer) -> None:
    """Add this topic's command."""
    app.command()(breaker)


def breaker(
    file: Annotated[Path, typer.Argument(help="Columns at (ISO time with offset), rejected (0/1).")],
    p0: Annotated[float, typer.Option(help="Rate of rejections that is healthy.")] = 0.03,
    limit: Annotated[float, typer.Option(help="Rate at which the literal rule pauses.")] = 0.05,
    budget: Annotated[float, typer.Option(help="Chance of a false alarm of e-SR within the horizon.")] = 0.05,
    horizon: Annotated[str, typer.Option(help="Such as 30d.", metavar="DURATION")] = "30d",
    window: Annotated[str, typer.Option(help="The literal rule's, such as 48h.", metavar="DURATION")] = "48h",
    min_reviewed: Annotated[int, typer.Option(help="Reviews from which the literal rule looks.", min=1)] = 30,
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """When rejections would have paused automation: the literal rule beside the sequential one."""
    from handrail.breaker import Detector
    from handrail.policy import BreakerRules
    from tasks.intake.tables import table

    lasting, moving = _duration(horizon, "--horizon"), _duration(window, "--window")
    detector = Detector(p0, limit, budget, lasting)
    rows = table(file, ("at", "rejected"), encoding=encoding)
    rules = BreakerRules(
        limit=limit, window=moving, min_reviewed=min_reviewed, healthy_rate=p0, budget=budget, horizon=lasting
    )
    report = _judged(_times(rows["at"], file), _flags(rows["rejected"], file), rules, detector.threshold)
    answer(report, as_json=as_json, text=lambda: _text(report, rules))


def _judged(at: "Sequence[datetime]", rejected: list[bool], rules: "BreakerRules", threshold: float) -> BreakerReport:
    import numpy as np

    from handrail import breaker as core
    from handrail.acts.breaking import detector_of
    from tasks.watch import breaker_power

    detector, bins = detector_of(rules), core.by_hour(at, rejected)
    state = core.advance(detector, None, bins)
    if state is None:
        raise AssertionError("a file with rows has reviews")
    looks = int(bins.hours[-1] - bins.hours[0]) + 1
    per_hour = len(at) / max(looks, _DAY_HOURS)
    window, limit, least = rules.window, rules.limit, rules.min_reviewed
    tripped = core.first_trip(at, rejected, window=window, limit=limit, min_reviewed=least)
    trusted = breaker_power.reliability(rules, per_hour * _DAY_HOURS, _SEED)
    false_alarms = core.false_alarm_rate(
        rules.healthy_rate,
        per_hour,
        window=window,
        limit=limit,
        min_reviewed=least,
        horizon=rules.horizon,
        rng=np.random.default_rng(_SEED),
    )
    return BreakerReport(
        reviewed=len(at),
        rejected=sum(rejected),
        rate=sum(rejected) / len(at),
        looks=looks,
        reviews_per_day=per_hour * _DAY_HOURS,
        first=min(at).isoformat(),
        last=max(at).isoformat(),
        literal=LiteralRule(tripped.isoformat() if tripped else None, false_alarms, trusted.literal_detection),
        esr=SequentialRule(
            alarm_at=state.alarm_at.isoformat() if state.alarm_at else None,
            bound=rules.budget,
            level=core.level(detector, state, state.looked_until),
            threshold=threshold,
            detection=trusted.esr_detection,
            sees_rate=trusted.worse_rate,
            sees_within_days=trusted.worse_days,
            sees_nine_in_ten_within_days=trusted.worse_days_at_most,
        ),
        warnings=breaker_power.said(trusted, rules),
    )


def _times(column: "pd.Series[Any]", file: Path) -> list[datetime]:
    """Every cell as an aware time.

    Raises:
        BadInput: a cell is empty, no ISO time, or has no offset; the sentence names the first row.
    """
    from handrail.errors import BadInput

    found = []
    for row, cell in enumerate(column.tolist(), 1):
        moment = _time(cell)
        if moment is None:
            raise BadInput(
                f"{file}: at in row {row} is no time: {cell!r}. Write it as 2026-03-29T02:30:00+01:00, or drop the row."
            )
        if moment.tzinfo is None:
            raise BadInput(
                f"{file}: at in row {row} has no offset: {cell}. Write {moment.isoformat()}+00:00 for UTC: without it "
                "nobody can tell the hours apart that clocks repeat in autumn."
            )
        found.append(moment)
    return found


def _time(cell: object) -> datetime | None:
    import pandas as pd

    if isinstance(cell, datetime):
        # Parquet's own; a missing one is a datetime too.
        return None if pd.isna(cell) else pd.Timestamp(cell).to_pydatetime()
    try:
        return datetime.fromisoformat(cell.strip()) if isinstance(cell, str) else None
    except ValueError:
        return None


def _flags(column: "pd.Series[Any]", file: Path) -> list[bool]:
    """Every cell as a flag.

    Raises:
        BadInput: a cell is neither yes nor no; the sentence names the first row.
    """
    from handrail.errors import BadInput

    found = [_FLAGS.get(str(cell).strip().lower()) for cell in column.tolist()]
    known = [flag for flag in found if flag is not None]
    if len(known) < len(found):
        row = found.index(None)
        raise BadInput(
            f"{file}: rejected in row {row + 1} is {column.iloc[row]!r}. Write 1 (rejected) or 0 (approved), or drop "
            "the row."
        )
    return known


def _duration(text: str, option: str) -> timedelta:
    """Read 48h, 30d or 2w.

    Raises:
        BadInput: it is nothing of the kind, or under an hour.
    """
    from handrail.errors import BadInput

    unit = _UNITS.get(text[-1:].lower())
    try:
        found = float(text[:-1]) * unit if unit else None
    except (ValueError, OverflowError):
        found = None
    if found is None or not _UNITS["h"] <= found <= timedelta(days=3650):
        raise BadInput(f"{option} {text!r} is no duration. Write hours, days or weeks, such as 48h, 30d or 2w.")
    return found


def _text(report: BreakerReport, rules: "BreakerRules") -> str:
    import textwrap

    from console.answer import table

    literal, esr = report.literal, report.esr
    hours = rules.window / _UNITS["h"]
    seen = f"sees {rules.limit:.0%} in {hours:g} h"
    rows = [
        {
            "rule": f"literal {rules.limit:.1%} in {hours:g} h",
            "alarm at": _moment(literal.alarm_at),
            "false alarms": f"{literal.false_alarm_rate:.1%}",
            seen: literal.detection,
        },
        {
            "rule": f"e-SR above {rules.healthy_rate:.1%}",
            "alarm at": _moment(esr.alarm_at),
            "false alarms": f"<= {esr.bound:.1%}",
            seen: esr.detection,
        },
    ]
    days = rules.horizon / _UNITS["d"]
    head = (
        f"{report.rejected} of {report.reviewed} rejected ({report.rate:.1%}), about "
        f"{report.reviews_per_day:.3g} reviews a day, looked at every hour."
    )
    sentences = [
        f"False alarms: chance to pause at a healthy {rules.healthy_rate:.1%} within {days:g} days at this volume.",
        f"At the end the evidence of e-SR is {_share(esr.level)} of what suffices.",
        *report.warnings,
    ]
    shown = table(rows, list(rows[0]), empty="")
    return "\n".join([textwrap.fill(head, 80), "", shown, "", *(textwrap.fill(one, 80) for one in sentences)])


def _share(level: float) -> str:
    return f"{level:.1%}" if level < 1 else "all"


def _moment(iso: str | None) -> str:
    return "no alarm" if iso is None else f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M} UTC"
