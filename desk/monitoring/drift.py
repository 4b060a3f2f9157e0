"""Whether what comes in has changed."""

from desk.charts import Line, Point, over_time
from desk.monitoring.section import Plot, Scope, Section, Table, latest, number, said, share, words
from handrail.figures.drift import ColumnFigures, DriftFigures, ErrorFigures
from handrail.reading import ALL, KeptReading, Verdict

FEW = 5
"""Columns in one plot, those that moved most."""
TERMS = 12
CASES = 3
Column = tuple[KeptReading, ColumnFigures]


def drift(look: Scope) -> Section:
    """The newest window beside its reference: the verdict, what was done, columns and terms."""
    looks = look.together("drift")
    whole = next((one for one in looks if one.subject == ALL), None)
    if whole is None:
        return Section("drift", "Drift", None, "No window has been compared yet; the watch looks once a week.")
    # A column that the newest look did not see (another model's) is no news.
    columns = [(one, one.figures(ColumnFigures)) for one in looks if one.subject != ALL and one.at == whole.at]
    figures = whole.figures(DriftFigures)
    plots = tuple(plot for plot in (_moves(look, columns), _errors(look)) if plot is not None)
    return Section(
        "drift",
        "Drift",
        whole.verdict,
        _sentence(figures),
        plots,
        (_columns(columns), _terms(figures)),
        latest(looks),
    )


def _sentence(figures: DriftFigures) -> str:
    counted = f"{figures.cases:,} cases were compared with reference profile {figures.profile}"
    if figures.profile is None:
        counted = f"{figures.cases:,} cases came in"
    moved = [words(name) for name in figures.drifted]
    shifted = f" Moved: {', '.join(moved)}." if moved else ""
    if figures.terms_found:
        shifted += f" New terms: {figures.terms_found} ({figures.terms_needed} make a shift)."
    note = figures.note
    return f"{note[:1].upper()}{note[1:]}: {counted}.{shifted} {figures.done}"


def _moves(look: Scope, columns: list[Column]) -> Plot | None:
    past = [(one, one.figures(ColumnFigures).psi) for one in look.history("drift")]
    most = sorted(columns, key=lambda column: -(column[1].psi or 0.0))[:FEW]
    lines = [
        Line(
            words(row.subject),
            [Point(one.at, psi) for one, psi in past if one.subject == row.subject and psi is not None],
            f"series-{place}",
        )
        for place, (row, _) in enumerate(most)
    ]
    bound = look.policy.drift.psi_at_least
    svg = over_time(
        "drift",
        ("Distance from the reference", "Population stability index of the columns, look by look."),
        lines,
        zone=look.zone,
        levels={"counts as moved": bound},
        show=lambda value: f"{value:.2f}",
        top=bound,
    )
    key = tuple((line.style, line.name) for line in lines)
    return Plot("Distance from the reference (PSI), the columns that moved most", svg, key) if svg else None


def _errors(look: Scope) -> Plot | None:
    past = [(one.at, one.figures(ErrorFigures)) for one in look.history("drift", ALL)]
    audited = [Point(at, errors.audited_error) for at, errors in past if errors.audited_error is not None]
    estimated = [Point(at, errors.estimated_error) for at, errors in past if errors.estimated_error is not None]
    lines = [
        Line("audited", audited, "series-0"),
        Line("expected by the model's confidence", estimated, "series-1"),
    ]
    svg = over_time(
        "drift-errors",
        ("Error of auto-approvals by window", "Audited beside what the confidences expect."),
        lines,
        zone=look.zone,
        top=look.policy.breaker.limit,
    )
    key = tuple((line.style, line.name) for line in lines)
    return (
        Plot(
            "Error of auto-approvals: audited, weighted for how they were drawn, and expected without labels", svg, key
        )
        if svg
        else None
    )


def _columns(rows: list[Column]) -> Table:
    columns = ("Column", "PSI", "JS distance", "Adjusted p", "Verdict", "How it moved")
    return Table(
        "Columns",
        "Every watched column beside its reference; far and not by chance counts as moved.",
        columns,
        [
            (
                words(row.subject),
                number(figures.psi, 3),
                number(figures.js, 3),
                "–" if figures.p_adjusted is None else f"{figures.p_adjusted:.2g}",
                "moved" if row.verdict is Verdict.ALARM else said(row.verdict),
                figures.direction or figures.note or "",
            )
            for row, figures in rows
        ],
        frozenset(columns[1:4]),
    )


def _terms(figures: DriftFigures) -> Table:
    columns = ("Term", "Times as frequent", "Cases", "Examples")
    return Table(
        "Terms",
        f"New or more frequent terms; unknown words: {share(figures.unknown_words)}.",
        columns,
        [
            (one.term, number(one.lift, 1), str(one.documents), ", ".join(map(str, one.cases[:CASES])))
            for one in figures.terms[:TERMS]
        ],
        frozenset(columns[1:3]),
    )
