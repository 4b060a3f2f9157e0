"""Retention: what is past its time is counted, deleted, or held."""

from typing import Annotated

import typer

from console.answer import Actor, AsJson, AsOf, Reason, answer, enter, table

CaseNumber = Annotated[int, typer.Argument(help="Number of the case.")]


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    purging = typer.Typer(help="Delete inputs and notes past their retention; hold a case.")
    purging.callback(invoke_without_command=True)(purge)
    purging.command()(hold)
    purging.command()(release)
    purging.command("held")(held)
    app.add_typer(purging, name="purge")


def purge(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option(help="Only count; --no-dry-run deletes.")] = True,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Delete inputs and notes past their retention; who works on a case is warned first."""
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from handrail.acts import purging

    occasion = enter(actor, as_of)
    done = purging.purge(
        occasion.store, policy=occasion.policy, actor=occasion.actor, now=occasion.now, dry_run=dry_run
    )
    lead, warned = ("Would delete", "would be escalated") if dry_run else ("Deleted", "escalated")
    text = (
        f"{lead} {done.inputs} inputs, {done.notes} notes, {done.quarantined_rows} quarantined rows. Spared: "
        f"{done.escalated} finished cases with open work, {warned} now; {done.waiting} escalated before; {done.held} "
        f"held. {done.undecided} wait undecided and keep their text until they are decided; {done.undelivered} wait "
        "for their action and keep it until that is carried out."
    )
    answer({**asdict(done), "dry_run": dry_run}, as_json=as_json, text=text)


def hold(case: CaseNumber, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Keep the texts of a case, whatever the retention says."""
    from handrail.acts import purging

    occasion = enter(actor, as_of)
    purging.hold(occasion.store, case, reason=reason, actor=occasion.actor, now=occasion.now)
    answer({"case": case, "held": True}, as_json=as_json, text=f"Case {case} is held until it is released.")


def release(case: CaseNumber, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Let the retention count for a case again."""
    from handrail.acts import purging

    occasion = enter(actor, as_of)
    purging.release(occasion.store, case, reason=reason, actor=occasion.actor, now=occasion.now)
    answer({"case": case, "held": False}, as_json=as_json, text=f"Case {case} is released.")


def held(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """List what is held."""
    from handrail.store import retention

    occasion = enter(None, as_of)
    with occasion.store.read() as connection:
        rows = retention.holds(connection)
    shown = [{"case": one.case_id, "since": one.since, "by": one.held_by} for one in rows]
    answer(shown, as_json=as_json, text=table(shown, ["case", "since", "by"], empty="Nothing is held."))
