"""What is due, run once and in order, without a scheduler: a watch that fails stops no other."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from handrail.acts import attending
from handrail.errors import HandrailError, code_of
from handrail.watches import ALERTING, WATCHES, Off, Watch, WatchStatus
from tasks.occasion import Occasion

if TYPE_CHECKING:
    from prefect import Flow

Perform = Callable[..., Any]
"""Runs a flow with its parameters: recorded by a server, or as a plain call."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one watch: succeeded, failed, not_due, running, off or left_out; `said` is a sentence about it."""

    watch: str
    title: str
    due: bool
    outcome: str
    said: str = ""
    error: str | None = None
    seconds: float | None = None

    @property
    def ran(self) -> bool:
        """Did it run?"""
        return self.seconds is not None


def run_due(
    occasion: Occasion,
    *,
    perform: Perform,
    as_of: str | None = None,
    everything: bool = False,
    off: Mapping[str, Off | None] | None = None,
) -> list[Ran]:
    """Run every watch that is due, with `everything` also those that are not.

    Whatever `off` names as switched off is left alone: somebody meant it; only who tells of it is not. Alerting comes
    last, and whenever another has run. Whether one is due is asked just before it would run: somebody else may have
    let it look meanwhile.
    """
    found: list[Ran] = []
    for watch in WATCHES:
        (look,) = [look for look in _looks(occasion) if look.watch is watch]
        told = watch.name == ALERTING and any(one.ran for one in found)
        found.append(
            _one(look, occasion, perform, as_of, is_wanted=everything or told, off=(off or {}).get(watch.name))
        )
    return found


def _looks(occasion: Occasion) -> Sequence[WatchStatus]:
    with occasion.store.read() as connection:
        return attending.looks(connection, occasion.store.clock())


def _one(
    look: WatchStatus, occasion: Occasion, perform: Perform, as_of: str | None, *, is_wanted: bool, off: Off | None
) -> Ran:
    watch = look.watch
    if watch.by_hand is not None:
        return Ran(watch.name, watch.title, due=False, outcome="left_out", said=watch.by_hand)
    if off is not None and watch.name != ALERTING:
        said = f"It is switched off in Prefect ({off}). Switch {watch.deployment} on there."
        return Ran(watch.name, watch.title, due=look.is_due, outcome="off", said=said)
    if look.is_running and watch.name != ALERTING:
        return Ran(watch.name, watch.title, due=look.is_due, outcome="running", said="Somebody else runs it now.")
    if not (look.is_due or is_wanted):
        return Ran(watch.name, watch.title, due=False, outcome="not_due")
    return _run(watch, look, occasion, perform, as_of)


def _run(watch: Watch, look: WatchStatus, occasion: Occasion, perform: Perform, as_of: str | None) -> Ran:
    began = time.monotonic()
    code, said = None, ""
    try:
        perform(flow_of(watch), as_of=as_of, home=str(occasion.workspace.home))
    except HandrailError as refusal:
        code, said = code_of(refusal), " ".join([str(refusal), *getattr(refusal, "__notes__", ())])
    except Exception as fault:  # noqa: BLE001 - the others still have to look; its message may quote a text
        code = code_of(fault)
        said = " ".join([f"An unexpected fault, {type(fault).__name__}.", *getattr(fault, "__notes__", ())])
    seconds = time.monotonic() - began
    outcome = "succeeded" if code is None else "failed"
    return Ran(watch.name, watch.title, look.is_due, outcome, said, code, seconds)


def flow_of(watch: Watch) -> "Flow[..., Any]":
    """A watch's flow; loaded when it runs, for most calls run few of them."""
    found: Flow[..., Any] = getattr(import_module(f"flows.{watch.name}"), watch.name)
    return found
