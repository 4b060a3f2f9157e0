"""Certificates in lines: what is certified, for which cases, until when, and what is in the way of the others."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from console.answer import table

if TYPE_CHECKING:
    from tasks.learning.certificate_accounts import CertificateStatus

COLUMNS = ("certificate", "threshold", "labels", "errors", "until", "pending", "missing", "in the way")
NOT_SERVING = "Certificates belong to the version that serves and to the challenger in shadow; no other has any."


def shown(rows: "Sequence[CertificateStatus]") -> str:
    """The rows of `tasks.learning.certificate_accounts.certified` as a table: what is promised, what is missing."""
    if not rows:
        return NOT_SERVING
    first = rows[0]
    promise = f"at most {first.max_error:.1%} wrong, with {1 - first.delta:.1%} certainty, confidence ≥ threshold"
    cells = [
        {**asdict(row), "pending": row.pending or None, "missing": row.needed or None, "in the way": row.obstacle}
        for row in rows
    ]
    notes = [f"{row.certificate}: {row.note}; {row.population}" for row in rows if row.is_certified]
    notes += [f"{row.certificate}: {row.remedy}" for row in rows if not row.is_certified]
    if any(row.pending for row in rows):
        notes.append(PENDING)
    return "\n".join([promise, table(cells, COLUMNS, empty=NOT_SERVING), *notes])


_AT_A_GLANCE = 3
"""So many sentences about what is in the way stand in a line of `status`; a business may have dozens of categories."""

PENDING = "pending: contradictions that wait for a second look count as errors until they are settled"


def in_short(rows: "Sequence[CertificateStatus]", uncertified: str) -> str:
    """What holds and what is missing, in one line of `status`; `uncertified` is the policy's word for the rest."""
    held = [
        f"{row.certificate} ≥ {row.threshold:.3f} until {row.until:%Y-%m-%d} "
        f"({row.errors} errors in {row.labels} labels; {row.population})"
        for row in rows
        if row.is_certified
    ]
    if any(row.is_certified and row.category is None for row in rows):
        held.append("overall guarantees no single category")
    missing = _missing([row for row in rows if not row.is_certified])
    wanted = f"in the way: {'; '.join(missing)}" if missing else ""
    waiting = sum(row.pending for row in rows if row.category is None)
    if waiting:
        wanted += f"{'; ' if wanted else ''}{waiting} contradictions wait for a second look: settling them may certify"
    if held:
        return "; ".join(filter(None, [f"certified: {'; '.join(held)}", wanted]))
    head = {"fixed": "NOT CERTIFIED: the policy's fixed threshold applies"}.get(
        uncertified, "not certified: nothing is approved by itself"
    )
    return "; ".join(filter(None, [head, wanted]))


def _missing(rows: "Sequence[CertificateStatus]") -> list[str]:
    """What is in the way, each sentence once, however many certificates it is in the way of."""
    lacking: dict[str | None, list[str]] = {}
    for row in rows:
        lacking.setdefault(row.remedy, []).append(row.certificate)
    lines = []
    for remedy, (first, *others) in list(lacking.items())[:_AT_A_GLANCE]:
        likewise = f" (likewise {' · '.join(others)})" if others else ""
        lines.append(f"{first}: {remedy}{likewise}")
    further = sum(map(len, list(lacking.values())[_AT_A_GLANCE:]))
    if further:
        lines.append(f"{further} more: `handrail model show VERSION` says what is in the way of each")
    return lines
