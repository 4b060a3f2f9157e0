"""What the drift watch found in one window, what was done about it, and what a face may say of it."""

from dataclasses import dataclass, field
from datetime import datetime

from handrail import terms
from handrail.drift.report import ColumnDrift, DriftReport
from handrail.reading import Verdict


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """What the watch found in one window; `columns` are the shifted ones, `new_terms` all that were drift.

    `unmeasured` says of columns why they could not be compared, `unread` names those (or `terms`) whose comparison
    failed, with the kind of the fault; `profile` is the number of the reference, and the
    rest what was done about a shift.
    """

    cases: int
    note: str
    drifted: bool = False
    columns: tuple[str, ...] = ()
    new_terms: tuple[terms.TermDrift, ...] = ()
    report: DriftReport | None = None
    drift_id: int | None = None
    certificates_voided: int = 0
    profile: int | None = None
    next_profile: int | None = None
    audits_raised_until: datetime | None = None
    unmeasured: dict[str, str] = field(default_factory=dict)
    unknown_words: float | None = None
    unread: dict[str, str] = field(default_factory=dict)


def verdict_of(drift: DriftVerdict) -> Verdict:
    """Sum up a look: an alarm where something shifted.

    Args:
        drift: what the watch found in one window.

    Returns:
        Nothing is quiet that had no reference, too few cases or a part that was not read.

    Source: own definition, docs/concepts.md.

    >>> verdict_of(DriftVerdict(cases=12, note="too few cases", profile=3))
    <Verdict.UNDERPOWERED: 'underpowered'>
    """
    if drift.drifted:
        return Verdict.ALARM
    if drift.unread:
        return Verdict.UNREADABLE
    if drift.report is not None:
        return Verdict.QUIET
    return Verdict.NOT_MEASURED if drift.profile is None else Verdict.UNDERPOWERED


def verdict_of_column(column: ColumnDrift) -> Verdict:
    """Sum up one column.

    Args:
        column: its figures beside the reference.

    Returns:
        An alarm where it drifted; not measured where a note says why figures lack.

    Source: own definition, docs/concepts.md.

    >>> from handrail.drift import build, compare
    >>> import pandas as pd
    >>> (column,) = compare(build(pd.DataFrame({"x": range(90)})), pd.DataFrame({"x": range(90)})).columns
    >>> verdict_of_column(column)
    <Verdict.QUIET: 'quiet'>
    """
    if column.drifted:
        return Verdict.ALARM
    return Verdict.NOT_MEASURED if column.note else Verdict.QUIET
