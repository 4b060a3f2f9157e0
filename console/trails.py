"""The audit trail: search, verify, export."""

from pathlib import Path
from typing import Annotated, Any

import typer

from console.answer import AsJson, answer, enter, warn
from console.places import is_stdout, require_places, written

_TELLS_NOTHING = frozenset({"seq", "at", "kind", "actor", "case", "batch", "queue", "work", "input"})


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    trail = typer.Typer(help="The audit trail.", no_args_is_help=True)
    trail.command("search")(search)
    trail.command("verify")(verify)
    trail.command("export")(export)
    app.add_typer(trail, name="trail")


def search(
    case: Annotated[int | None, typer.Option(help="Case id.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of event, such as case.assigned.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who did it: a name, or flow:triage.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most events.")] = 50,
    as_json: AsJson = False,
) -> None:
    """The newest events that fit, oldest first; of cases that somebody is to decide blindly without what was said."""
    import json

    from handrail.store import labels, trail

    occasion = enter(None)
    with occasion.store.read() as connection:
        found = trail.search(connection, case=case, kind=kind, actor=actor, limit=limit)
        blind = labels.still_blind(connection, sorted({e["case"] for e in found if "case" in e}))
    events = [_silent(event) if event.get("case") in blind else event for event in found]
    lines = [
        f"{e['seq']:>8}  {e['at'][:19]}  {e['kind']:20} {e['actor']:16} "
        + json.dumps({k: v for k, v in e.items() if k not in ("seq", "at", "kind", "actor")})
        for e in events
    ]
    answer(events, as_json=as_json, text="\n".join(lines) or "No event matches.")


def _silent(event: dict[str, Any]) -> dict[str, Any]:
    """The event without what a model or a person said of its case; `withheld` says that something is missing."""
    kept = {name: value for name, value in event.items() if name in _TELLS_NOTHING}
    return kept if len(kept) == len(event) else {**kept, "withheld": "somebody is to decide this case blindly"}


def verify(as_json: AsJson = False) -> None:
    """Recompute the whole chain; exit 1 when an event was changed, removed or added."""
    from handrail.acts import keying
    from handrail.store import founding, trail

    occasion = enter(None)
    with occasion.store.read() as connection:
        forged_key = keying.forged(connection)
        result = trail.verify(connection)
        founded = founding.read(connection)
    value = {"valid": result.valid, "events": result.events, "head": result.head, "checkpoint": None}
    value |= {"workspace": str(founded.kind), "backwards": result.backwards, "note": result.note}
    if not result.valid:
        value["first_bad"] = result.first_bad
    for sentence in filter(None, (founded.altered, forged_key)):
        warn(sentence)
    note = f"\n{result.note}" if result.note else ""
    good = f"The trail is whole: {result.events} events, head {str(result.head)[:16]}…{note}"
    bad = f"The trail is BROKEN at event {result.first_bad}. Keep a copy of the database and restore a backup."
    answer(value, as_json=as_json, text=good if result.valid else bad)
    if not result.valid:
        raise typer.Exit(1)


def export(out: Annotated[Path, typer.Argument(help="JSONL file to write.")], as_json: AsJson = False) -> None:
    """Write every event with its exact bytes, for the verifier that needs no database."""
    from handrail.store import trail

    require_places(out)
    occasion = enter(None)
    with written(out) as place, occasion.store.read() as connection:
        count = trail.export(connection, place)
    told = f"{count} events written to {out}."
    answer({"events": count, "out": str(out)}, as_json=as_json, text=told, aside=is_stdout(out))
