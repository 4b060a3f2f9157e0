"""The reference of the file command: a file's rows as a profile, kept in another file and used instead of them."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from handrail import drafts, drift, terms
from handrail.drift import ReferenceProfile
from handrail.errors import BadInput
from handrail.terms import TermProfile
from tasks.intake.read import digest
from tasks.intake.tables import table

FORM = "handrail drift profile 1"


@dataclass(frozen=True)
class FileProfile:
    """The columns of a file, and the terms of its text column where one was named."""

    columns: ReferenceProfile
    terms: TermProfile | None
    text: str | None


def profile_of(file: Path, *, text: str | None, kept: Path | None, encoding: str) -> FileProfile:
    """The profile of a file; with `kept`, the one kept there, else this one is kept there.

    Without `kept` every number counts; a kept profile holds `drift.SAMPLE_CAP` order statistics of each column, and
    is what is used from its first call on, so that all calls answer alike.

    Raises:
        BadInput: the file cannot be read, or what is kept is of another file or another text column.
    """
    if kept is not None and kept.exists():
        return _read(kept, file, text)
    columns, texts = split(table(file, [text] if text else [], encoding=encoding), text)
    if kept is None:
        return FileProfile(drift.build(columns, cap=None), None if texts is None else terms.build(texts), text)
    found = FileProfile(drift.build(columns), None if texts is None else terms.build(texts), text)
    document = {
        "form": FORM,
        "of": digest(file),
        "text": text,
        "columns": json.loads(found.columns.to_json()),
        "terms": json.loads(found.terms.to_json()) if found.terms else None,
    }
    drafts.write_text(kept, json.dumps(document))
    return found


def split(rows: pd.DataFrame, text: str | None) -> tuple[pd.DataFrame, list[str] | None]:
    """The columns to compare, and the texts; a missing text is an empty one."""
    if text is None:
        return rows, None
    return rows.drop(columns=text), [
        "" if missing else str(words) for words, missing in zip(rows[text], rows[text].isna(), strict=True)
    ]


def _read(kept: Path, file: Path, text: str | None) -> FileProfile:
    again = f"Delete {kept} to build it again, or name another file."
    try:
        document = json.loads(kept.read_text(encoding="utf-8"))
        if document["form"] != FORM:
            raise BadInput(f"{kept} is a profile of another form. {again}")
        columns = ReferenceProfile.from_json(json.dumps(document["columns"]))
        words = TermProfile.from_json(json.dumps(document["terms"])) if document["terms"] else None
        of, spoken = document["of"], document["text"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise BadInput(f"{kept} is no drift profile. {again}") from error
    if file.exists() and digest(file) != of:
        raise BadInput(f"{kept} is the profile of another file than {file}, or it has changed. {again}")
    if spoken != text:
        raise BadInput(f"{kept} was built with {f'the texts of {spoken}' if spoken else 'no texts'}. {again}")
    return FileProfile(columns, words, text)
