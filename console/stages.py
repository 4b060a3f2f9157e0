"""Stages in lines: where a category stands, what its next stage asks for, and what is missing."""

from collections.abc import Sequence

from console.answer import table
from handrail.readiness import CategoryReadiness

FEW = 3
"""Groups of categories that `status` tells one by one."""


def page(row: CategoryReadiness) -> str:
    """One category: its stage and its sentence, then each requirement with whether it is met."""
    head = f"{row.category} is at stage {row.stage}: {row.sentence}."
    if not row.requirements:
        return head
    rows = [{"met": "yes" if one.met else "NO", "requirement": one.sentence} for one in row.requirements]
    return head + "\n\n" + table(rows, ["met", "requirement"], empty="")


def in_short(rows: Sequence[CategoryReadiness]) -> list[str]:
    """Who is ready first; then who is not, by what is missing, at most so many of them."""
    groups: dict[tuple[bool, str], list[str]] = {}
    for row in rows:
        if row.next_stage is not None:
            said = f"ready for {row.next_stage}" if row.ready else row.sentence
            groups.setdefault((not row.ready, said), []).append(row.category)
    ordered = sorted(groups.items(), key=lambda group: (group[0][0], -len(group[1])))
    lines = [f"{sentence}: {' · '.join(names)}" for (_, sentence), names in ordered[:FEW]]
    if left := sum(len(names) for _, names in ordered[FEW:]):
        lines.append(f"{left} more are not ready: `handrail stage CATEGORY` says why")
    return lines
