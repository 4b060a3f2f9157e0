"""`handrail audit`: were the audits drawn as the trail says, and how were differences settled?"""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.answer import AsJson, AsOf, answer, enter, table

if TYPE_CHECKING:
    from tasks.watch.audit_repeat import Repeated

_NAMED = 5
"""Differing cases that a line names."""


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    audit = typer.Typer(help="The audit draws, and what came of differences.", no_args_is_help=True)
    audit.command("repeat")(repeat)
    audit.command("differences")(differences)
    app.add_typer(audit, name="audit")


def repeat(
    since: Annotated[
        str | None, typer.Option(help="Draws from this time on, such as 2026-01-31 (UTC); default all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make every audit draw again from its seed and rates in the trail; exit 1 where a case stands otherwise."""
    from tasks.occasion import moment
    from tasks.watch.audit_repeat import repeat_all

    begin = moment(since) if since else None
    draws = repeat_all(enter(None), since=begin)
    answer([asdict(one) for one in draws], as_json=as_json, text=lambda: _text(draws, begin))
    if not all(one.is_the_same for one in draws):
        raise typer.Exit(1)


def differences(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """How differences between people and models were settled, what it cost a day, and what both may miss."""
    from tasks.views import differences as view

    seen = view.differences(enter(None, as_of))
    answer(seen.to_json(), as_json=as_json, text="\n".join(seen.sentences))


def _text(draws: "list[Repeated]", begin: datetime | None) -> str:
    rows = [
        {"drawn at": one.at, "approvals": one.looked_at, "drawn": one.drawn, "again": _outcome(one)} for one in draws
    ]
    empty = f"No audit was drawn since {begin:%Y-%m-%d %H:%M} UTC." if begin else "No audit was drawn yet."
    return table(rows, ["drawn at", "approvals", "drawn", "again"], empty=empty)


def _outcome(one: "Repeated") -> str:
    if one.is_the_same:
        return "the same cases" if one.repeatable else "its event holds no rates: too old to repeat"
    named = ", ".join(map(str, one.differing[:_NAMED]))
    more = ", …" if len(one.differing) > _NAMED else ""
    parts = [f"{len(one.differing)} DIFFER: {named}{more}"] if one.differing else []
    parts += [f"{one.missing} MISSING"] if one.missing > 0 else []
    parts += [f"{-one.missing} TOO MANY"] if one.missing < 0 else []
    return "; ".join(parts)
