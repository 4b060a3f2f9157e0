"""A part of the monitoring page, whatever the watch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from handrail.policy import Policy
from handrail.proportions import in_percent
from handrail.reading import ALL, KeptReading, Verdict
from handrail.store import readings
from handrail.store.engine import Connection


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with its caption; `key` names each series by its style class."""

    caption: str
    svg: Markup
    key: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of words and figures; the columns named in `figures` are aligned as such."""

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    figures: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Section:
    """One watch: `verdict` is the worst of its subjects, None before its first look; `sentence` says it in words."""

    key: str
    title: str
    verdict: Verdict | None
    sentence: str
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What there is to show: the database, the policy, and how far back the plots go."""

    connection: Connection
    policy: Policy
    zone: ZoneInfo
    since: datetime

    def newest(self, watch: str) -> list[KeptReading]:
        """The newest look at each subject of a watch that could be read; see `unread` for the others."""
        return _read(readings.kept(readings.newest(self.connection, watch)))

    def unread(self, watch: str) -> list[str]:
        """The subjects that the watch's newest look could not read."""
        found = readings.unread(self.connection, watch)
        return [one for one in found if one != ALL] or found

    def together(self, watch: str) -> list[KeptReading]:
        """The newest look of a watch that looks at all its subjects at once, as far as it could read them.

        What it no longer looks at is no news.
        """
        return _read(readings.kept(readings.last_look(self.connection, watch)))

    def history(self, watch: str, subject: str | None = None) -> list[KeptReading]:
        """The looks of a watch since then, oldest first."""
        return _read(readings.kept(readings.history(self.connection, watch, subject=subject, since=self.since)))


def _read(looks: Sequence[KeptReading]) -> list[KeptReading]:
    """Looks with figures: one that failed has a fault in their place."""
    return [one for one in looks if one.fault is None]


ORDER = (Verdict.UNREADABLE, Verdict.ALARM, Verdict.UNDERPOWERED, Verdict.QUIET, Verdict.NOT_MEASURED)


def worst(looks: Sequence[KeptReading]) -> Verdict | None:
    """The verdict that asks for most attention; None without a look."""
    found = {one.verdict for one in looks}
    return next((verdict for verdict in ORDER if verdict in found), None)


def latest(looks: Sequence[KeptReading]) -> datetime | None:
    """When the newest of these looks was."""
    return max((one.at for one in looks), default=None)


SAID = {
    Verdict.ALARM: "needs attention",
    Verdict.UNDERPOWERED: "too little to say",
    Verdict.QUIET: "nothing found",
    Verdict.NOT_MEASURED: "not measured",
    Verdict.UNREADABLE: "could not be read",
}
"""Each verdict as people read it."""


def said(verdict: Verdict) -> str:
    """A verdict in words."""
    return SAID[verdict]


def share(value: float | None, digits: int = 1) -> str:
    """``4.2 %``, or a dash where nothing was measured."""
    return "–" if value is None else in_percent(value, digits).replace("%", "\u202f%")


def interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """``3.1 % to 5.6 %``, or a dash."""
    return "–" if low is None or high is None else f"{share(low, digits)} to {share(high, digits)}"


def number(value: float | None, digits: int = 2) -> str:
    """``1,234.50``, or a dash."""
    return "–" if value is None else f"{value:,.{digits}f}"


def words(code: object) -> str:
    """A code as words."""
    return str(code).replace("_", " ")
