"""Certificates in lines: what is certified, on how many labels, until when, and what is missing."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from console.answer import table

if TYPE_CHECKING:
    from tasks.learning.certificate_accounts import CertificateStatus

COLUMNS = ("certificate", "threshold", "labels", "errors", "until", "missing")
NOT_SERVING = "Certificates belong to the version that serves; another one has none."


def shown(rows: "Sequence[CertificateStatus]") -> str:
    """The rows of `tasks.learning.certificate_accounts.certified` as a table: what is promised, what is missing."""
    if not rows:
        return NOT_SERVING
    first = rows[0]
    promise = f"at most {first.max_error:.1%} wrong, with {1 - first.delta:.1%} certainty, confidence ≥ threshold"
    cells = [{**asdict(row), "missing": row.needed or None} for row in rows]
    held = [f"{row.certificate}: {row.note}" for row in rows if row.is_certified]
    if not all(row.is_certified for row in rows):
        held.append("missing: not certifiable yet, so many more blind labels are needed at least")
    return "\n".join([promise, table(cells, COLUMNS, empty=NOT_SERVING), *held])


def in_short(rows: "Sequence[CertificateStatus]", uncertified: str) -> str:
    """What holds and what is missing, in one line of `status`; `uncertified` is the policy's word for the rest."""
    held = [
        f"{row.certificate} ≥ {row.threshold:.3f} until {row.until:%Y-%m-%d} "
        f"({row.errors} errors in {row.labels} labels)"
        for row in rows
        if row.is_certified
    ]
    if any(row.is_certified and row.category is None for row in rows):
        held.append("overall guarantees no single category")
    missing = [f"{row.certificate} {row.needed}" for row in rows if not row.is_certified]
    wanted = f"blind labels still needed, at least: {', '.join(missing)}" if missing else ""
    if held:
        return "; ".join(filter(None, [f"certified: {'; '.join(held)}", wanted]))
    head = {"fixed": "NOT CERTIFIED: the policy's fixed threshold applies"}.get(
        uncertified, "not certified: nothing is approved by itself"
    )
    return "; ".join(filter(None, [head, wanted]))
