"""What the drift watch found in one window, and what was done about it."""

from dataclasses import dataclass, field
from datetime import datetime

from handrail import drift, terms


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """What the watch found in one window; `columns` are the shifted ones, `new_terms` all that were found.

    `unmeasured` says of columns why they could not be compared, `unread` names those (or `terms`) whose comparison
    failed, with the kind of the fault; `profile` is the number of the reference, and the
    rest what was done about a shift.
    """

    cases: int
    note: str
    drifted: bool = False
    columns: tuple[str, ...] = ()
    new_terms: tuple[terms.TermDrift, ...] = ()
    report: drift.DriftReport | None = None
    drift_id: int | None = None
    certificates_voided: int = 0
    profile: int | None = None
    next_profile: int | None = None
    audits_raised_until: datetime | None = None
    unmeasured: dict[str, str] = field(default_factory=dict)
    unknown_words: float | None = None
    unread: dict[str, str] = field(default_factory=dict)
