"""Outcomes from the business's systems are joined to their cases."""

from pathlib import Path

import pandas as pd

from handrail.acts import importing
from handrail.errors import BadInput
from handrail.store import cases
from tasks.intake import read
from tasks.occasion import Occasion
from tasks.step import step

KINDS = ("reversal", "complaint", "csat", "closed")
COLUMNS = ("external_id", "kind", "at")


@step
def import_outcomes(occasion: Occasion, file: Path, source: str | None) -> dict[str, int]:
    """Import a CSV, JSONL or Parquet file with columns external_id, kind, at and, for csat, value.

    Raises:
        BadInput: a column is missing, a kind is unknown, a time or value cannot be read; nothing was imported.
    """
    rows = pd.concat(list(read.read(file, batch_rows=occasion.policy.intake.batch_rows)), ignore_index=True)
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise BadInput(f"{file} has no column {', '.join(missing)}. Outcomes need external_id, kind, at and value.")
    unknown = sorted(set(rows["kind"]) - set(KINDS))
    if unknown:
        raise BadInput(f"{file} has unknown kinds: {', '.join(unknown[:5])}. Use {', '.join(KINDS)}.")
    at = pd.to_datetime(rows["at"], utc=True, errors="coerce", format="ISO8601")
    values = rows["value"] if "value" in rows else pd.Series("", index=rows.index)
    value = pd.to_numeric(values.replace("", None), errors="coerce")
    if at.isna().any():
        raise BadInput(f"{file}, row {int(at.isna().argmax()) + 1}: the time cannot be read. Write it as ISO 8601.")
    bad_csat = (rows["kind"] == "csat") & ~value.between(1, 5)
    if bad_csat.any():
        raise BadInput(f"{file}, row {int(bad_csat.argmax()) + 1}: a CSAT lies between 1 and 5. Correct the value.")
    with occasion.store.read() as connection:
        ids = cases.ids_of(connection, source, rows["external_id"].tolist())
    table = pd.DataFrame({"case_id": rows["external_id"].map(ids), "kind": rows["kind"], "value": value, "at": at})
    known = table[table["case_id"].notna()].astype({"case_id": int})
    known = known.assign(at=[moment.to_pydatetime() for moment in known["at"]])
    counts = importing.import_outcomes(occasion.store, known, actor=occasion.actor, now=occasion.now)
    return {**counts, "unknown": len(table) - len(known)}
