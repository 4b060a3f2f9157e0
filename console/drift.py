"""`handrail drift REFERENCE CURRENT`: what has changed between two files, and which terms are new."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.answer import AsJson, Encoding, answer, table
from console.places import require_places

if TYPE_CHECKING:
    from handrail.drift import ColumnDrift, DriftReport
    from handrail.terms import TermDrift

_FIGURES = ("psi", "js", "ks", "ks_p", "wasserstein", "wasserstein_std", "chi2_p", "before", "now")
_WIDE, _LONGEST_NAME = 80, 18
_SHOWN_TERMS, _NAMED = 20, 20


class Method(StrEnum):
    """Whose definitions count."""

    DEFAULT = "default"
    EVIDENTLY = "evidently"


@dataclass(frozen=True, slots=True)
class TermReport:
    """A term that is new or more frequent, and the rows that hold it."""

    term: str
    lift: float
    documents: int
    p: float
    rows: tuple[str, ...]


def register(app: typer.Typer) -> None:
    """Add this topic's command."""
    app.command()(drift)


def drift(
    reference: Annotated[Path, typer.Argument(help="Rows as they were: CSV, TSV, JSONL or Parquet.")],
    current: Annotated[Path, typer.Argument(help="Rows as they are now, with the same columns.")],
    text: Annotated[str | None, typer.Option(help="Column of texts, searched for new terms.", metavar="COL")] = None,
    method: Annotated[
        Method, typer.Option(help="Whose definitions: Handrail's, or evidently 0.7.23's.")
    ] = Method.DEFAULT,
    profile: Annotated[
        Path | None,
        typer.Option(help="Keep REFERENCE's profile in this file, and use it instead of its rows.", metavar="FILE"),
    ] = None,
    psi_at_least: Annotated[float, typer.Option(help="How far a column must have moved (PSI).")] = 0.1,
    fdr: Annotated[float, typer.Option(help="Share of false findings that is accepted.")] = 0.05,
    min_terms: Annotated[int, typer.Option(help="New terms that make a drift by themselves.")] = 5,
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Compare two files column by column; a column drifted if it moved far and not by chance.

    With --profile the first call writes REFERENCE's profile (no rows, 10,000 order statistics a column), later ones
    read it; REFERENCE must still be the same file.
    """
    from handrail.drift import compare, evidently
    from handrail.errors import BadInput
    from handrail.terms import new_terms, oov_rate
    from tasks.intake.profiles import profile_of, split
    from tasks.intake.tables import table as read

    if not (0 < fdr < 1 and psi_at_least > 0 and min_terms > 0):
        raise BadInput("--fdr lies between 0 and 1, --psi-at-least and --min-terms above 0. Give other ones.")
    require_places(profile, inputs=[reference, current])
    known = profile_of(reference, text=text, kept=profile, encoding=encoding)
    columns, texts = split(read(current, [text] if text else [], encoding=encoding), text)
    if method is Method.EVIDENTLY:
        report = evidently.compare(known.columns, columns)
    else:
        report = compare(known.columns, columns, fdr=fdr, psi_at_least=psi_at_least)
    found = new_terms(known.terms, texts, fdr=fdr) if known.terms and texts is not None else None
    drifted = report.drifted or len(found or ()) >= min_terms
    value = {
        "columns": {column.name: _figures(column) for column in report.columns},
        "terms": [TermReport(one.term, one.lift, one.documents, one.p, one.example_ids) for one in found or ()],
        "drifted": drifted,
        "method": method,
        "reference_rows": known.columns.rows,
        "rows": report.rows,
        "unwatched": list(report.unwatched),
        "profile": str(profile) if profile else None,
    }
    if known.terms and texts is not None:
        value["unknown_words"] = oov_rate(known.terms, texts)
    answer(value, as_json=as_json, text=lambda: _text(report, found, known.columns.rows, drifted=drifted))


def _figures(column: "ColumnDrift") -> dict[str, Any]:
    """What applies to the column; a figure that does not apply, or has no cases to rest on, is absent."""
    figures = {name: getattr(column, name) for name in _FIGURES if getattr(column, name) is not None}
    for kind in ("new_categories", "vanished_categories"):
        if names := getattr(column, kind):
            figures |= {kind: list(names[:_NAMED]), f"{kind}_count": len(names)}
    return {
        **figures,
        "p_adjusted": column.p_adjusted,
        "kind": column.kind,
        "direction": column.direction,
        "definition": column.definition,
        "drifted": column.drifted,
    }


def _text(report: "DriftReport", found: list["TermDrift"] | None, reference_rows: int, *, drifted: bool) -> str:
    rows = [_row(column) for column in sorted(report.columns, key=lambda one: not one.drifted)]
    blocks = [table(rows, ("column", "psi", "js", "p", "drifted", "direction"), empty="No columns to compare.")]
    if found is not None:
        lines = [
            {
                "term": _cut(term.term, 30),
                "lift": f"{term.lift:.1f}",
                "documents": term.documents,
                "rows": ", ".join(term.example_ids),
            }
            for term in found[:_SHOWN_TERMS]
        ]
        blocks.append(table(lines, ("term", "lift", "documents", "rows"), empty="No new terms."))
        if len(found) > _SHOWN_TERMS:
            blocks.append(f"{len(found) - _SHOWN_TERMS} more terms with --json.")
    moved = sum(column.drifted for column in report.columns)
    said = "drifted" if drifted else "no drift"
    blocks.append(
        f"{report.rows:,} rows beside {reference_rows:,}: {said}; {moved} of {len(report.columns)} "
        f"columns, {len(found or ())} new terms."
    )
    if report.unwatched:
        blocks.append(f"Not in the reference: {', '.join(report.unwatched)}.")
    return "\n\n".join(blocks)


def _row(column: "ColumnDrift") -> dict[str, str | float | None]:
    name = _cut(column.name, _LONGEST_NAME)
    p = f"{column.p_adjusted:.1e}" if column.psi is not None else None
    return {
        "column": name,
        "psi": column.psi,
        "js": column.js,
        "p": p,
        "drifted": "DRIFTED" if column.drifted else "no",
        "direction": _cut(column.direction, _WIDE - _LONGEST_NAME - 34),
    }


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"
