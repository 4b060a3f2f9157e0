"""Whether what comes in has changed."""

from typing import Any

from desk.charts import Line, Point, over_time
from desk.monitoring.section import Plot, Scope, Section, Table, latest, number, said, share, words
from handrail.store.readings import ALL, Verdict

FEW = 5
"""Columns in one plot, those that moved most."""
TERMS = 12
CASES = 3


def drift(look: Scope) -> Section:
    """The newest window beside its reference: the verdict, what was done, columns and terms."""
    rows = look.together("drift")
    whole = next((row for row in rows if row["subject"] == ALL), None)
    if whole is None:
        return Section("drift", "Drift", None, "No window has been compared yet; the watch looks once a week.")
    # A column that the newest look did not see (another model's) is no news.
    columns = [row for row in rows if row["subject"] != ALL and row["at"] == whole["at"]]
    body = whole["body"]
    plots = tuple(plot for plot in (_moves(look, columns), _errors(look)) if plot is not None)
    return Section(
        "drift",
        "Drift",
        Verdict(whole["verdict"]),
        _sentence(body),
        plots,
        (_columns(columns), _terms(body)),
        latest(rows),
    )


def _sentence(body: dict[str, Any]) -> str:
    counted = f"{body['cases']:,} cases were compared with reference profile {body['profile']}"
    if body["profile"] is None:
        counted = f"{body['cases']:,} cases came in"
    moved = [words(name) for name in body["drifted"]]
    shifted = f" Moved: {', '.join(moved)}." if moved else ""
    if body["terms_found"]:
        shifted += f" New terms: {body['terms_found']} ({body['terms_needed']} make a shift)."
    note = str(body["note"])
    return f"{note[:1].upper()}{note[1:]}: {counted}.{shifted} {body['done']}"


def _moves(look: Scope, columns: list[dict[str, Any]]) -> Plot | None:
    past = look.history("drift")
    most = sorted(columns, key=lambda row: -(row["body"].get("psi") or 0.0))[:FEW]
    lines = [
        Line(
            words(row["subject"]),
            [
                Point(one["at"], one["body"]["psi"])
                for one in past
                if one["subject"] == row["subject"] and one["body"].get("psi") is not None
            ],
            f"series-{place}",
        )
        for place, row in enumerate(most)
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
    past = look.history("drift", ALL)
    lines = [
        Line(name, [Point(row["at"], row["body"][field]) for row in past if row["body"].get(field) is not None], style)
        for name, field, style in (
            ("audited", "audited_error", "series-0"),
            ("expected by the model's confidence", "estimated_error", "series-1"),
        )
    ]
    svg = over_time(
        "drift-errors",
        ("Error of auto-approvals by window", "Audited beside what the confidences expect."),
        lines,
        zone=look.zone,
        top=look.policy.breaker.limit,
    )
    key = tuple((line.style, line.name) for line in lines)
    return Plot("Error of auto-approvals: audited at random, and expected without labels", svg, key) if svg else None


def _columns(rows: list[dict[str, Any]]) -> Table:
    columns = ("Column", "PSI", "JS distance", "Adjusted p", "Verdict", "How it moved")
    return Table(
        "Columns",
        "Every watched column beside its reference; far and not by chance counts as moved.",
        columns,
        [
            (
                words(row["subject"]),
                number(body.get("psi"), 3),
                number(body.get("js"), 3),
                "–" if body.get("p_adjusted") is None else f"{body['p_adjusted']:.2g}",
                "moved" if row["verdict"] == Verdict.ALARM else said(row["verdict"]),
                str(body.get("direction") or body.get("note") or ""),
            )
            for row in rows
            for body in (row["body"],)
        ],
        frozenset(columns[1:4]),
    )


def _terms(body: dict[str, Any]) -> Table:
    columns = ("Term", "Times as frequent", "Cases", "Examples")
    return Table(
        "Terms",
        f"New or more frequent terms; unknown words: {share(body['unknown_words'])}.",
        columns,
        [
            (one["term"], number(one["lift"], 1), str(one["documents"]), ", ".join(map(str, one["cases"][:CASES])))
            for one in body["terms"][:TERMS]
        ],
        frozenset(columns[1:3]),
    )
