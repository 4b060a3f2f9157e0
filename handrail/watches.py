"""The watches: how often each is due, what its runs tell, and what may be said where nobody has looked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
SKEW = timedelta(minutes=5)
"""How far two clocks may lie apart: a success later than that from now was at another time, and tells nothing of it."""
LATE_AT_LEAST, LATE_AT_MOST = timedelta(minutes=20), timedelta(hours=6)
"""A watch is overdue when another of its periods has passed as well, of which these are the bounds: who calls
`handrail watch` every quarter of an hour is never late, and a machine that slept is given a morning."""
STEADY = timedelta(minutes=10)
"""For how long alerting must have looked on end before it calls others late: after a start all catch up at once."""
LONGEST_RUN = timedelta(hours=1)
"""A run that did not say within this time how it ended has crashed."""
SHORTEST_RUN = timedelta(minutes=10)
"""So long at least, and up to its period, a run that did not say how it ended is taken for one under way."""
CRASHED = "crashed"
START = "Start the watches with `handrail up`, or let them look once with `handrail watch`."
START_AT = "Let the watches look once with `handrail watch --as-of {at:%Y-%m-%dT%H:%MZ}`."
"""In a rehearsal whose clock was set: what `handrail up` starts follows the machine's."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Due `every` so often, counted from Monday midnight UTC plus `at`: what prefect.yaml says of the deployment."""

    every: timedelta
    at: timedelta = timedelta()

    def latest(self, now: datetime) -> datetime:
        """The newest moment at which it was due, `now` included.

        >>> Schedule(timedelta(minutes=15)).latest(datetime(2026, 3, 2, 9, 20, tzinfo=UTC)).minute
        15
        """
        return now - (now - _MONDAY - self.at) % self.every


@dataclass(frozen=True, slots=True)
class Watch:
    """A flow that looks on schedule; `name` is the flow's, `title` people's. With `by_hand` nobody runs it unasked."""

    name: str
    title: str
    schedule: Schedule
    by_hand: str | None = None

    @property
    def deployment(self) -> str:
        """Its name in Prefect."""
        return self.name.replace("_", "-")

    @property
    def patience(self) -> timedelta:
        """How long after its last success it is overdue."""
        return self.schedule.every + min(max(self.schedule.every, LATE_AT_LEAST), LATE_AT_MOST)


_MINUTE, _HOUR, _DAY, _WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
WATCHES = (
    Watch("queue_assignment", "delivery", Schedule(5 * _MINUTE)),
    Watch("sla_watch", "SLA watch", Schedule(15 * _MINUTE)),
    Watch("audit_sampling", "audit draw", Schedule(_DAY, 4 * _HOUR + 10 * _MINUTE)),
    Watch("quality_watch", "breaker", Schedule(_HOUR, 40 * _MINUTE)),
    Watch("drift_detection", "drift watch", Schedule(_WEEK, 4 * _HOUR + 30 * _MINUTE)),
    Watch("shadow_scoring", "certificates", Schedule(_HOUR, 20 * _MINUTE)),
    Watch("deployment", "judging", Schedule(_DAY, 5 * _HOUR + 10 * _MINUTE)),
    Watch("retraining", "retraining", Schedule(_DAY, 4 * _HOUR + 50 * _MINUTE)),
    Watch("fairness_watch", "fairness watch", Schedule(_WEEK, 4 * _HOUR + 40 * _MINUTE)),
    Watch("agreement_watch", "agreement watch", Schedule(_DAY, 4 * _HOUR + 45 * _MINUTE)),
    Watch("kpi_report", "KPI report", Schedule(_WEEK, 5 * _HOUR)),
    Watch(
        "retention",
        "retention",
        Schedule(_DAY, 3 * _HOUR),
        by_hand="It deletes: run `handrail purge`, which only counts until you say --no-dry-run.",
    ),
    Watch("alerting", "alerting", Schedule(_MINUTE)),
)
"""In the order in which they run: what arrives and is late first, whoever tells of all of it last."""
BY_NAME = {watch.name: watch for watch in WATCHES}
ALERTING = "alerting"


class Off(StrEnum):
    """Why Prefect does not start a watch."""

    PAUSED = "paused"
    UNSCHEDULED = "unscheduled"
    MISSING = "missing"


OFF_SAID = {
    Off.PAUSED: "its deployment is paused",
    Off.UNSCHEDULED: "its schedule is off",
    Off.MISSING: "it is not deployed",
}


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a Prefect server says of one deployment."""

    is_paused: bool
    is_scheduled: bool


def switched_off(deployments: Mapping[str, Deployed]) -> dict[str, Off | None]:
    """Why a server with these deployments, by name, does not start each watch; None where it does.

    >>> switched_off({"sla-watch": Deployed(is_paused=False, is_scheduled=True)})["sla_watch"] is None
    True
    """
    return {watch.name: _off(deployments.get(watch.deployment)) for watch in WATCHES}


def _off(deployment: Deployed | None) -> Off | None:
    if deployment is None:
        return Off.MISSING
    if deployment.is_paused:
        return Off.PAUSED
    return None if deployment.is_scheduled else Off.UNSCHEDULED


@dataclass(frozen=True, slots=True)
class Runs:
    """What the store knows of a watch's runs; all None before the first.

    `begun_at` is a run under way; `failed_since` the first failure since the last success, `error` the newest one's
    code; `off` what a Prefect server said at `asked_at`, and since when; since `steady_since` no success was late.
    """

    attempted_at: datetime | None = None
    begun_at: datetime | None = None
    succeeded_at: datetime | None = None
    failed_since: datetime | None = None
    error: str | None = None
    off: Off | None = None
    off_since: datetime | None = None
    asked_at: datetime | None = None
    steady_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """One watch at one moment: its last success, and what is wrong with it; None where nothing is."""

    watch: Watch
    looked_at: datetime | None = None
    is_due: bool = False
    is_running: bool = False
    overdue_since: datetime | None = None
    failed_since: datetime | None = None
    error: str | None = None
    off: Off | None = None
    off_since: datetime | None = None

    @property
    def is_well(self) -> bool:
        """Has it looked when it should have, and will it look again?"""
        return self.looked_at is not None and not (self.overdue_since or self.failed_since or self.off)


def judge(watch: Watch, runs: Runs, *, began: datetime | None, now: datetime) -> WatchStatus:
    """Say of one watch whether it is due, overdue, failing or switched off; `began` is when the workspace did.

    Due: never, not since the schedule last said so, or failing. Overdue: its period and its patience have passed since
    the last success, else since `began`. Failing: the last run did not succeed, or never said how it ended. Off: as a
    server last said, unless somebody else has let it look since then.
    """
    looked_at = _known(runs.succeeded_at, now)
    last = looked_at or began
    begun_at = _known(runs.begun_at, now)
    crashed = begun_at is not None and now - begun_at > LONGEST_RUN
    failed = crashed or runs.failed_since is not None
    under_way = min(max(watch.schedule.every, SHORTEST_RUN), LONGEST_RUN)
    asked = runs.asked_at
    is_off = runs.off is not None and (looked_at is None or asked is None or looked_at <= asked)
    is_overdue = watch.by_hand is None and last is not None and now - last > watch.patience
    return WatchStatus(
        watch,
        looked_at,
        is_due=watch.by_hand is None and (looked_at is None or failed or looked_at < watch.schedule.latest(now)),
        is_running=begun_at is not None and now - begun_at <= under_way,
        overdue_since=last + watch.schedule.every if is_overdue and last is not None else None,
        failed_since=runs.failed_since or (begun_at if crashed else None),
        error=runs.error if runs.failed_since else CRASHED if crashed else None,
        off=runs.off if is_off else None,
        off_since=runs.off_since if is_off else None,
    )


def _known(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at <= now + SKEW else None


def judge_all(runs: Mapping[str, Runs], *, began: datetime | None, now: datetime) -> list[WatchStatus]:
    """Every watch, in the order of `WATCHES`."""
    return [judge(watch, runs.get(watch.name, Runs()), began=began, now=now) for watch in WATCHES]


class Sight(StrEnum):
    """How much of it all is watched at a moment: only *whole* lets a face say that nothing is wrong."""

    NEVER = "never"
    NOBODY = "nobody"
    IN_PART = "in_part"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What may be said of a moment at which no trouble is known.

    `looked_at` is when somebody last looked, `start` what to do where nobody does.
    """

    sight: Sight
    looked_at: datetime | None
    looks: Sequence[WatchStatus]
    start: str = START

    def sentence(self, write: Callable[[datetime], str]) -> str:
        """The sentence under what is found, or instead of it; `write` puts a moment into words."""
        last = "" if self.looked_at is None else write(self.looked_at)
        if self.sight is Sight.NEVER:
            return f"Nobody has looked yet. {self.start}"
        if self.sight is Sight.NOBODY:
            return f"Nobody has looked since {last}. {self.start}"
        if self.sight is Sight.WHOLE:
            return f"Last look {last}."
        unwell = ", ".join(look.watch.title for look in self.looks if not look.is_well)
        return f"Last look {last}, but not at everything: {unwell}. {self.start}"

    def missing(self, write: Callable[[datetime], str]) -> list[str]:
        """What is wrong with each watch that is not well."""
        return [f"{look.watch.title} {in_words(look, write)}" for look in self.looks if not look.is_well]

    def calm(self, write: Callable[[datetime], str]) -> str:
        """What a face says where no trouble stands."""
        lead = {Sight.WHOLE: "Nothing is wrong. ", Sight.IN_PART: "Nothing was found. "}.get(self.sight, "")
        return lead + self.sentence(write)


def outlook(looks: Iterable[WatchStatus]) -> Outlook:
    """How much is watched. Nobody looks where alerting is overdue, or every watch whose findings it tells is."""
    relevant = [look for look in looks if look.watch.by_hand is None]
    alerting = next((look for look in relevant if look.watch.name == ALERTING), None)
    others = [look for look in relevant if look.watch.name != ALERTING]
    last_looks = [look.looked_at for look in others if look.looked_at is not None]
    if not last_looks:
        return Outlook(Sight.NEVER, None, relevant)
    if all(look.overdue_since or look.looked_at is None for look in others):
        return Outlook(Sight.NOBODY, max(last_looks), relevant)
    if alerting is None or alerting.looked_at is None or alerting.overdue_since:
        return Outlook(Sight.NOBODY, (alerting and alerting.looked_at) or max(last_looks), relevant)
    sight = Sight.WHOLE if all(look.is_well for look in relevant) else Sight.IN_PART
    return Outlook(sight, alerting.looked_at, relevant)


def stale(look: WatchStatus, read_at: datetime | None, now: datetime, write: Callable[[datetime], str]) -> str | None:
    """Why what a watch saw may not hold any more, or None while it is current; `read_at` is its newest reading.

    A watch that looks often writes only what has changed: its runs say how old its word is.
    """
    is_old = look.looked_at is None and read_at is not None and now - read_at > look.watch.patience
    if not (is_old or look.overdue_since or look.failed_since or look.off):
        return None
    return f"This may no longer hold: {look.watch.title} {in_words(look, write)}."


def in_words(look: WatchStatus, write: Callable[[datetime], str]) -> str:
    """What is wrong with a watch, the reason before the consequence.

    >>> in_words(Look(WATCHES[1]), str)
    'has not looked yet'
    """
    last = "has not looked yet" if look.looked_at is None else f"last looked {write(look.looked_at)}"
    if look.off is not None:
        since = "" if look.off_since is None else f" since {write(look.off_since)}"
        return f"is switched off in Prefect{since} ({OFF_SAID[look.off]}), {last}"
    if look.failed_since is not None:
        return f"has failed since {write(look.failed_since)} ({look.error}), {last}"
    return last
