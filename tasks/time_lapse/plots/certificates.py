"""What is certified at the end of a time-lapse, and what is missing."""

from typing import Any

from tasks.time_lapse.story import Story
from tasks.views.plots.figure import Table

_NONE = "–"


def certificate_table(story: Story) -> Table:
    """A row for the overall certificate and each category of low consequence; none without a serving version."""
    columns = "certificate", "confidence at least", "blind labels", "errors", "until", "what it says"
    return Table(
        columns, [_row(found) for found in story.certificates], frozenset({columns[0], columns[4], columns[5]})
    )


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    promise = f"at most {found['max_error']:.1%} wrong with {1 - found['delta']:.1%} certainty; {found['note']}"
    if found["threshold"] is None:
        return found["certificate"], _NONE, f"{found['labels']:,}", _NONE, _NONE, found["note"]
    return (
        found["certificate"],
        f"{found['threshold']:.3f}",
        f"{found['labels']:,}",
        f"{found['errors']:,}",
        f"{found['until']:%Y-%m-%d}",
        promise,
    )
