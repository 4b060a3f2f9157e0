"""`handrail watch`: once, everything that is due, without a server."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.answer import AsJson, AsOf, answer, connect, deployments_on, enter, perform, switched_off, table, warn

if TYPE_CHECKING:
    from flows.due import Ran
    from handrail.watches import Off

All = Annotated[bool, typer.Option("--all", help="Also what is not due.")]
SAID = {
    "succeeded": "looked",
    "failed": "FAILED",
    "not_due": "not due",
    "running": "runs",
    "off": "switched off",
    "left_out": "left to you",
}


def register(app: typer.Typer) -> None:
    """Add this topic's command."""
    app.command()(watch)


def watch(everything: All = False, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Run once everything that is due: delivery, SLA, audits, breaker, drift, certificates, learning, alerts."""
    connect()
    from flows.due import run_due
    from handrail.acts import attending, leasing
    from handrail.errors import Refused
    from handrail.permissions import SYSTEM

    occasion = enter(None, as_of)
    off = ask(as_json=as_json)
    if off is not None:
        attending.switch(occasion.store, off, actor=f"{SYSTEM}watch", now=occasion.store.clock())
    with leasing.take(occasion.store, "watch", clock=lambda: datetime.now(UTC)):
        found = run_due(occasion, perform=perform, as_of=as_of, everything=everything, off=off)
    rows = [_row(one) for one in found]
    shown = [{"watch": one.title, "outcome": SAID[one.outcome], "seconds": one.seconds} for one in found]
    answer(
        rows, as_json=as_json, text=lambda: table(shown, ["watch", "outcome", "seconds"], empty="There is no watch.")
    )
    failed = [one for one in found if one.outcome == "failed"]
    if failed:
        ran = sum(one.ran for one in found)
        names = " ".join(f"{one.title}: {one.said}" for one in failed)
        others = " The others have looked." if ran > len(failed) else ""
        raise Refused(f"{len(failed)} of {ran} watches failed. {names}{others}")


def ask(*, as_json: bool) -> "dict[str, Off | None] | None":
    """What the workspace's server does not start; None where none runs, or it does not say."""
    from console.answer import running_server
    from handrail.workspace import Workspace

    address = running_server(Workspace.from_environment().server_file)
    if address is None:
        return None
    if not as_json:
        warn(f"A server starts the watches here on schedule ({address}); what is due at this moment runs now as well.")
    found = deployments_on(address)
    return None if found is None else switched_off(found)


def _row(one: "Ran") -> dict[str, str | float | bool | None]:
    seconds = None if one.seconds is None else round(one.seconds, 2)
    return {**asdict(one), "ran": one.ran, "seconds": seconds}
