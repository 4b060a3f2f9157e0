"""What the drift watch keeps of a look: one reading of everything, and one of each column."""

from dataclasses import dataclass
from typing import Any, Self

from handrail.drift import ColumnDrift
from handrail.figures.terms import TermFigures
from handrail.reading import Figures

_NAMED = 10
"""Categories that a column's figures name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFigures(Figures):
    """What was found in one window, beside the policy's bounds, and what was done about it."""

    note: str
    cases: int
    needed: int | None = None
    drifted: tuple[str, ...]
    profile: int | None
    next_profile: int | None = None
    terms: tuple[TermFigures, ...]
    terms_found: int
    terms_needed: int
    unknown_words: float | None
    psi_at_least: float | None = None
    false_discovery_rate: float | None = None
    drift: int | None = None
    done: str
    certificates_voided: int | None = None
    audit_factor: float | None = None
    audits_raised_until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFigures(Figures):
    """The audited error of a window's auto-approvals, beside the one that their confidences expect."""

    audited: int = 0
    audited_error: float | None = None
    estimated_error: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFigures(Figures):
    """How far one column moved; what does not apply is None here, and absent from the JSON."""

    psi: float | None = None
    js: float | None = None
    ks: float | None = None
    ks_p: float | None = None
    wasserstein: float | None = None
    wasserstein_std: float | None = None
    chi2_p: float | None = None
    p_adjusted: float | None = None
    before: float | None = None
    now: float | None = None
    kind: str | None = None
    direction: str | None = None
    definition: str | None = None
    moved: tuple[tuple[str, float, float], ...] | None = None
    missing: tuple[float, float] | None = None
    new_categories: tuple[str, ...] | None = None
    new_categories_count: int | None = None
    vanished_categories: tuple[str, ...] | None = None
    note: str | None = None

    @classmethod
    def of(cls, column: ColumnDrift) -> Self:
        """A column beside its reference."""
        return cls(
            psi=column.psi,
            js=column.js,
            ks=column.ks,
            ks_p=column.ks_p,
            wasserstein=column.wasserstein,
            wasserstein_std=column.wasserstein_std,
            chi2_p=column.chi2_p,
            p_adjusted=column.p_adjusted,
            before=column.before,
            now=column.now,
            kind=column.kind,
            direction=column.direction,
            definition=column.definition,
            moved=column.moved,
            missing=column.missing,
            new_categories=column.new_categories[:_NAMED],
            new_categories_count=len(column.new_categories),
            vanished_categories=column.vanished_categories[:_NAMED],
            note=column.note,
        )

    def to_json(self) -> dict[str, Any]:
        """The figures that apply."""
        return {name: value for name, value in super(ColumnFigures, self).to_json().items() if value is not None}
