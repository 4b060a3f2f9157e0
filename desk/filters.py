"""Filters in an address: read into criteria, refused in a sentence, written into the address of the next page."""

import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from handrail import cells
from handrail.case import Outcome, State
from handrail.errors import BadInput
from handrail.policy import Policy
from handrail.reasons import Queue
from handrail.store.dossier import LARGEST_ID
from handrail.store.search import Criteria, Place

LONGEST = 200
"""Characters of one filter."""
MOST_WORDS = 8
_EITHER = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
"""A point that groups thousands in one country and begins decimals in another."""
STATES = {
    "received": "just received",
    "quarantined": "put aside",
    "accepted": "accepted",
    "scored": "read by the model",
    "queued": "waits for a person",
    "decided": "decided",
    "done": "done",
}
OUTCOMES = {"approve": "approved", "override": "overridden", "deny": "denied"}
BY = {"machine": "automatic", "people": "by people"}
AFTER = {"reversal": "was reversed", "complaint": "customer complained", "closed": "closed"}
FLAGS = ("policy", "legal", "safety")
MORE = frozenset({"queue", "outcome", "by", "flag", "after", "from", "to", "min", "max", "mine"})
"""Filters that are folded away until one of them is used."""


def words_of(codes: Collection[str]) -> list[tuple[str, str]]:
    """Codes with the words for them."""
    return [(code, code.replace("_", " ")) for code in codes]


class Filters:
    """What somebody asked for by the address; the fields of the form, as they were typed."""

    def __init__(self, asked: Mapping[str, str], zone: ZoneInfo) -> None:
        """Take the parameters of a request; days begin at midnight in `zone`."""
        self.typed = {name: value.strip() for name, value in asked.items() if value.strip()}
        self._zone = zone

    def text(self, name: str) -> str | None:
        """A filter that is any short text.

        Raises:
            BadInput: it is long, or holds a character that no text holds.
        """
        value = self.typed.get(name)
        if value is not None and (len(value) > LONGEST or not value.isprintable()):
            raise BadInput(f"What you look for must be a line of at most {LONGEST} letters. Shorten it.")
        return value

    def one_of(self, name: str, known: Collection[str]) -> str | None:
        """A filter with a list of values.

        Raises:
            BadInput: it is none of them.
        """
        value = self.text(name)
        if value is not None and value not in known:
            raise BadInput(f"There is no {name} {value!r}. Choose one from the list.")
        return value

    def amount(self, name: str) -> float | None:
        """A filter that is an amount, written as the desk and the deliveries write it.

        Raises:
            BadInput: it is none, or could be two.
        """
        value = self.text(name)
        if value is None:
            return None
        if _EITHER.fullmatch(value):
            whole, decimals = value.split(".")
            raise BadInput(
                f"{value!r} could be {whole}{decimals} or {whole}.{decimals[:2]}. Write it in one of these ways."
            )
        amount = cells.number(value)
        if not math.isfinite(amount):
            raise BadInput(f"{value!r} is no amount. Write it as 1200 or 1,200.50: the point before cents.")
        return amount

    def day(self, name: str) -> date | None:
        """A filter that is a day.

        Raises:
            BadInput: it is none.
        """
        value = self.text(name)
        try:
            found = None if value is None else date.fromisoformat(value)
        except ValueError:
            found = date.min
        if found is not None and not 1900 <= found.year <= 9000:  # noqa: PLR2004 - years that every calendar knows
            raise BadInput(f"{value!r} is no day. Write it as 2026-01-31.")
        return found

    def number(self, name: str) -> int | None:
        """A filter that is the number of a case or an event.

        Raises:
            BadInput: it is none.
        """
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()) or int(value) > LARGEST_ID:
            raise BadInput(f"{value!r} is no number. Write it without signs, such as 24405.")
        return int(value)

    def span(self, first: str, last: str) -> tuple[datetime | None, datetime | None]:
        """From the beginning of one day to the end of another; None where none is asked for.

        Raises:
            BadInput: the first comes after the last.
        """
        begin, end = self.day(first), self.day(last)
        if begin is not None and end is not None and end < begin:
            raise BadInput(f"The days are reversed: {begin} comes after {end}. Swap them.")
        return self._midnight(begin), self._midnight(end + timedelta(days=1) if end is not None else None)

    def address(self, path: str, **changed: object) -> str:
        """The address with these filters, some of them changed; None takes one away."""
        values = {name: value for name, value in (self.typed | changed).items() if value is not None}
        return f"{path}?{urlencode(values)}" if values else path

    def _midnight(self, day: date | None) -> datetime | None:
        return None if day is None else datetime.combine(day, time(), self._zone).astimezone(UTC)


def criteria(filters: Filters, visitor: str, policy: Policy) -> Criteria:
    """The search that somebody asked for.

    Raises:
        BadInput: the sentence says which filter cannot be used, and why.
    """
    words = (filters.text("q") or "").split()
    if len(words) > MOST_WORDS:
        raise BadInput(f"Look for at most {MOST_WORDS} words at once.")
    received = filters.span("from", "to")
    least, most = filters.amount("min"), filters.amount("max")
    if least is not None and most is not None and most < least:
        raise BadInput(f"The amounts are reversed: {least:g} is more than {most:g}. Swap them.")
    by = filters.one_of("by", BY)
    return Criteria(
        words=tuple(words),
        case=filters.text("case"),
        category=filters.one_of("category", policy.categories),
        queue=filters.one_of("queue", [queue.value for queue in Queue]),
        state=filters.one_of("state", [state.value for state in State]),
        outcome=filters.one_of("outcome", [outcome.value for outcome in Outcome]),
        by="machine" if by == "machine" else "people" if by else None,
        decided_by=visitor if filters.one_of("mine", ["1"]) else None,
        flag=filters.one_of("flag", FLAGS),
        after=filters.one_of("after", AFTER),
        received_from=received[0],
        received_until=received[1],
        amount_from=least,
        amount_to=most,
    )


def place(filters: Filters) -> Place | None:
    """Where the page begins.

    Raises:
        BadInput: the address was not written by this desk.
    """
    value = filters.text("older")
    if value is None:
        return None
    moment, _, number = value.partition("~")
    try:
        at, case_id = datetime.fromisoformat(moment), int(number)
    except ValueError:
        at, case_id = datetime.min, 0  # noqa: DTZ901 - refused below
    if at.tzinfo is None or not 0 < case_id <= LARGEST_ID:
        raise BadInput("The address of this page is damaged. Begin the search anew.")
    return Place(at, case_id)


def written(found: Place | None) -> str | None:
    """A place as it stands in an address."""
    return None if found is None else f"{found.received_at.isoformat()}~{found.case_id}"
