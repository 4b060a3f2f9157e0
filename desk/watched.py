"""How much is watched, in the reader's words and zone: no page says that nothing is wrong where nobody has looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from desk.pages import moment
from handrail.watches import Outlook, Sight


@dataclass(frozen=True, slots=True)
class Watched:
    """One sentence about all watches, and one about each that is not well; `is_whole` when there is none."""

    is_whole: bool
    sentence: str
    missing: Sequence[str] = ()


def in_words(seen: Outlook, zone: ZoneInfo, *, is_calm: bool) -> Watched:
    """What a page says under what it found, or, where it is calm, instead of it."""

    def told(at: datetime) -> str:
        return moment(at, zone)

    sentence = seen.calm(told) if is_calm else seen.sentence(told)
    return Watched(seen.sight is Sight.WHOLE, sentence, seen.missing(told))
