"""What is certified at the end of a rehearsal, and what is missing."""

from tasks.learning.certificate_accounts import CertificateStatus
from tasks.rehearsal.story import Story
from tasks.views.plots.figure import Table

_NONE = "–"


def certificate_table(story: Story) -> Table:
    """A row for the overall certificate and each category of low consequence; none without a serving version."""
    columns = "certificate", "confidence at least", "blind labels", "errors", "until", "what it says"
    return Table(
        columns, [_row(status) for status in story.certificates], frozenset({columns[0], columns[4], columns[5]})
    )


def _row(status: CertificateStatus) -> tuple[str, ...]:
    if status.threshold is None:
        return status.certificate, _NONE, f"{status.labels:,}", _NONE, _NONE, status.note
    return (
        status.certificate,
        f"{status.threshold:.3f}",
        f"{status.labels:,}",
        f"{status.errors:,}",
        f"{status.until:%Y-%m-%d}",
        f"at most {status.max_error:.1%} wrong with {1 - status.delta:.1%} certainty; {status.note}",
    )
