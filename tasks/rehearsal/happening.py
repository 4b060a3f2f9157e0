"""Something that a rehearsal's owner hears of: a day, a lane of the time line, and words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Happening:
    """Something on one day, in one lane of the time line; the first day is 1. `bad`: something was lost or blamed."""

    day: int
    lane: str
    words: str
    bad: bool = False

    @property
    def week(self) -> int:
        """The week in which it lies."""
        return max(1, -(-self.day // 7))
