"""What a reviewer may do with a case other than decide it: until when to put it off, to whom to give it."""

from dataclasses import dataclass
from datetime import timedelta

from desk.context import Desk
from desk.pages import in_words
from handrail.permissions import PERMITTED
from handrail.store import staff
from handrail.store.frames import records

SPANS = (timedelta(hours=1), timedelta(hours=4), timedelta(days=1), timedelta(days=3), timedelta(days=7))


@dataclass(frozen=True, slots=True)
class Offers:
    """`snoozes` are minutes and words; `colleagues` are who else decides."""

    snoozes: list[tuple[int, str]]
    colleagues: list[str]


def choices(desk: Desk, name: str) -> Offers:
    """What `name` may do with a case that they hold, other than decide it."""
    with desk.store.read() as connection:
        people = records(staff.people(connection))
    longest = desk.policy().desk.longest_snooze
    spans = [span for span in SPANS if span <= longest] or [longest]
    return Offers(
        snoozes=[(int(span.total_seconds() // 60), _words(span)) for span in spans],
        colleagues=sorted(
            one["name"]
            for one in people
            if one["name"] != name and one["active"] and PERMITTED["decide"].intersection(one["roles"])
        ),
    )


def _words(span: timedelta) -> str:
    return "1 day" if span == timedelta(days=1) else in_words(span).replace("1 h", "1 hour").replace("4 h", "4 hours")
