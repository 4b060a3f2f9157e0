"""Each watch says when it begins and how it ended; what failed or is switched off is trouble until it looks again.

Every moment here is the real clock's, whatever moment the work of a watch acts at: who looked yesterday is not heard
today because the look was dated tomorrow.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from handrail.acts.authority import authorize
from handrail.clock import is_set
from handrail.store import heartbeats, watch_runs
from handrail.store.engine import Connection, Store
from handrail.watches import ALERTING, BY_NAME, START_AT, Off, Outlook, Runs, WatchStatus, judge_all, outlook


def begin(store: Store, name: str, *, actor: str, now: datetime) -> None:
    """A run of a watch begins."""
    with store.write() as connection:
        authorize(connection, "watch", actor)
        watch_runs.begin(connection, name, now)


def succeed(store: Store, name: str, *, actor: str, now: datetime) -> None:
    """The run that began at `now` succeeded."""
    with store.write() as connection:
        authorize(connection, "watch", actor)
        watch_runs.succeed(connection, name, now)


def fail(store: Store, name: str, *, error: str, actor: str, now: datetime) -> None:
    """The run that began at `now` failed; `error` is its class as a code, never its message."""
    with store.write() as connection:
        authorize(connection, "watch", actor)
        watch_runs.fail(connection, name, error, now)


def switch(store: Store, off: Mapping[str, Off | None], *, actor: str, now: datetime) -> None:
    """Keep what a Prefect server says of the watches; who is not named, or whose server does not answer, stays."""
    told = {name: why for name, why in off.items() if name in BY_NAME}
    with store.read() as connection:
        if not watch_runs.needs_switch(connection, told):
            return
    with store.write() as connection:
        authorize(connection, "watch", actor)
        watch_runs.switch(connection, told, now)


def looks(connection: Connection, now: datetime) -> list[WatchStatus]:
    """Every watch as it stands at this moment."""
    return judge_all(watch_runs.runs(connection), began=watch_runs.founded_at(connection), now=now)


def seen(connection: Connection, now: datetime) -> Outlook:
    """How much of it all is watched at this moment, whatever alerts stand."""
    seen = outlook(looks(connection, now))
    return replace(seen, start=START_AT.format(at=now)) if is_set(now) else seen


def steady_since(connection: Connection, now: datetime) -> datetime | None:
    """Since when alerting has looked without a gap; None where there is one at this moment."""
    runs = watch_runs.runs(connection).get(ALERTING, Runs())
    is_late = runs.succeeded_at is None or now - runs.succeeded_at > BY_NAME[ALERTING].patience
    return None if is_late else runs.steady_since


def note_watch(store: Store, name: str, *, actor: str, now: datetime) -> None:
    """Let a watch report that it succeeded; the dead-man's switch listens, so not everybody may."""
    with store.write() as connection:
        authorize(connection, "watch", actor)
        heartbeats.beat(connection, name, now)
