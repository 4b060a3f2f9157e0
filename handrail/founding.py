"""A workspace is live, or a rehearsal whose clock may be set: its founding says which, and nothing changes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

BEGUN = "workspace.begun"
"""The kind of event with which a workspace begins."""
_DEMO_BEFORE_KINDS = {"business": "sample", "actor": "stella", "at": "2026-01-05T00:00:00.000000Z"}
"""How the demo began its workspace before foundings named a kind; `init` never began one at a full hour."""


class Kind(StrEnum):
    """What work in a workspace means: business, or practice with a clock that may be set."""

    LIVE = "live"
    REHEARSAL = "rehearsal"


@dataclass(frozen=True, slots=True)
class Founding:
    """Of which kind a workspace is, and what is wrong with the event that says so; None where it can be believed."""

    kind: Kind
    altered: str | None = None

    @property
    def is_rehearsal(self) -> bool:
        """May its clock be set?"""
        return self.kind is Kind.REHEARSAL

    @property
    def sentence(self) -> str | None:
        """What a face says of it; None where it is live and nothing has to be said."""
        return REHEARSAL_TOLD if self.is_rehearsal else self.altered


UNFOUNDED = Founding(Kind.LIVE)
REHEARSAL_TOLD = "Rehearsal: nothing here is live work, and the clock may be set."
"""What every face says of a rehearsal."""
ALTERED = (
    "The founding of this workspace was changed in the audit trail, so it counts as live. "
    "Keep a copy of the database and restore a backup."
)


def read(event: Mapping[str, Any], *, is_whole: bool) -> Founding:
    """The founding that an event tells; one that is not what was written makes the workspace live.

    >>> read({"workspace": "rehearsal"}, is_whole=True).is_rehearsal
    True
    """
    if not is_whole:
        return Founding(Kind.LIVE, ALTERED)
    if "workspace" in event:
        return Founding(Kind.REHEARSAL if event["workspace"] == Kind.REHEARSAL else Kind.LIVE)
    by_demo = all(event.get(name) == value for name, value in _DEMO_BEFORE_KINDS.items())
    return Founding(Kind.REHEARSAL if by_demo else Kind.LIVE)
