"""Statistics on plain files, no workspace needed: redact, certify."""

import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.answer import AsJson, Encoding, answer
from console.places import is_stdout, require_places, written

if TYPE_CHECKING:
    from handrail.pii import PiiSpan


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    app.command()(redact)
    app.command()(certify)


def redact(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet.")],
    text: Annotated[str, typer.Option(help="Column with the text.", metavar="COL")],
    out: Annotated[Path, typer.Option(help="CSV with the column redacted.")],
    spans: Annotated[Path | None, typer.Option(help="JSONL, one finding a line: row, type, start, end.")] = None,
    region: Annotated[str, typer.Option(help="Country of phone numbers without a country code.")] = "US",
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Replace e-mail addresses, phone, card, IBAN, SSN and IP numbers by their type."""
    from handrail import pii
    from handrail.errors import BadInput
    from tasks.intake import read

    require_places(out, spans, inputs=[file])
    found: Counter[str] = Counter()
    rows = 0
    chunks = read.read(file, batch_rows=10_000, encoding=encoding)
    with ExitStack() as writing:
        table = writing.enter_context(written(out))
        place = spans and writing.enter_context(written(spans))
        findings = place and writing.enter_context(place.open("w", encoding="utf-8"))
        for chunk in chunks:
            if text not in chunk.columns:
                raise BadInput(f"{file} has no column {text!r}; it has {', '.join(chunk.columns)}. Correct --text.")
            redacted = pii.redact_many(chunk[text].tolist(), region=region)
            replaced = chunk.assign(**{text: [result.text for result in redacted]})
            replaced.to_csv(table, mode="a" if rows else "w", header=rows == 0, index=False)
            for row, result in enumerate(redacted, start=rows):
                found.update(str(hit.type) for hit in result.findings)
                if findings:
                    findings.writelines(_line(row, hit) for hit in result.findings)
            rows += len(chunk)
        if findings:
            findings.flush()  # a full disk says so before either file takes its place
    shown = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items())) or "nothing found"
    answer(
        {"rows": rows, "findings": dict(found)},
        as_json=as_json,
        text=f"{rows} rows: {shown}. Written to {out}.",
        aside=is_stdout(out) or is_stdout(spans),
    )


def _line(row: int, hit: "PiiSpan") -> str:
    return json.dumps({"row": row, "type": str(hit.type), "start": hit.start, "end": hit.end}) + "\n"


def certify(
    file: Annotated[Path, typer.Argument(help="Columns confidence, correct (0/1).")],
    max_error: Annotated[float, typer.Option(help="Largest share of errors.")] = 0.02,
    delta: Annotated[float, typer.Option(help="Chance that the guarantee is wrong.")] = 0.05,
    encoding: Encoding = "utf-8",
    as_json: AsJson = False,
) -> None:
    """The loosest threshold whose error is certified, or how many more blind labels are needed."""
    import pandas as pd

    from handrail import certification
    from handrail.errors import BadInput
    from tasks.intake import read

    rows = pd.concat(list(read.read(file, batch_rows=100_000, encoding=encoding)), ignore_index=True)
    missing = [name for name in ("confidence", "correct") if name not in rows.columns]
    if missing:
        raise BadInput(f"{file} has no column {', '.join(missing)}. It needs confidence and correct (0 or 1).")
    confidence, correct = (pd.to_numeric(rows[name], errors="coerce") for name in ("confidence", "correct"))
    for name, wrong, meant in (
        ("confidence", ~confidence.between(0, 1), "between 0 and 1"),
        ("correct", ~correct.isin((0, 1)), "0 (wrong) or 1 (correct)"),
    ):
        if wrong.any():
            raise BadInput(
                f"{file}: in {int(wrong.sum())} of {len(rows)} rows, first in row {int(wrong.argmax()) + 1}, "
                f"{name} is not {meant}. Correct or drop these rows."
            )
    result = certification.certify(confidence.to_numpy(), correct.to_numpy(), max_error=max_error, delta=delta)
    value = {name: getattr(result, name) for name in ("threshold", "coverage", "errors", "n", "needed")}
    good = f"confidence ≥ {result.threshold}: {result.errors} errors in {result.n}, covers {result.coverage:.1%}."
    bad = f"Nothing can be certified yet: {result.needed} more blind labels are needed."
    answer(value, as_json=as_json, text=bad if result.threshold is None else good)
