"""Rows that were put aside, and deliveries that wait for a person's word."""

from dataclasses import asdict
from typing import Annotated

import typer

from console.answer import Actor, AsJson, AsOf, Reason, answer, connect, enter, perform, table, warn

Batch = Annotated[int, typer.Argument(help="Number of the delivery, as `handrail quarantine stopped` says.")]


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    group = typer.Typer(help="Rows that were put aside, and stopped deliveries.", no_args_is_help=True)
    group.command("list")(quarantine_list)
    group.command("stopped")(stopped)
    group.command("release")(release)
    group.command("reject")(reject)
    app.add_typer(group, name="quarantine")


def quarantine_list(
    batch: Annotated[int | None, typer.Option(help="Only this batch.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Rows in quarantine with their reasons; their content is not shown."""
    from handrail.store import quarantine as stored_quarantine
    from handrail.store.frames import records

    occasion = enter(None)
    with occasion.store.read() as connection:
        rows = records(stored_quarantine.in_quarantine(connection, batch, limit))
        total = stored_quarantine.quarantine_count(connection, batch)
    columns = ["batch_id", "row_number", "external_id", "reason"]
    if len(rows) < total:
        warn(f"{len(rows)} of {total} rows, the newest first. See all with `--limit {total}`.")
    answer(rows, as_json=as_json, text=table(rows, columns, empty="The quarantine is empty."))


def stopped(as_json: AsJson = False) -> None:
    """Deliveries that were stopped, and wait until somebody releases or rejects them."""
    from handrail.store import batches

    occasion = enter(None)
    with occasion.store.read() as connection:
        found = [(one, batches.counts(connection, one.id)) for one in batches.stopped(connection)]
    rows = [
        {"batch": one.id, "source": one.source, "started_at": one.started_at, **asdict(counts)} for one, counts in found
    ]
    columns = ["batch", "source", "started_at", "received", "quarantined"]
    answer(rows, as_json=as_json, text=table(rows, columns, empty="No delivery is stopped."))


def release(batch: Batch, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Let the good rows of a stopped delivery go on to their queues; the bad ones stay in quarantine."""
    connect()
    from flows.queue_assignment import queue_assignment
    from handrail.acts import releasing
    from handrail.store import batches

    occasion = enter(actor, as_of)
    left_out = releasing.release(occasion.store, batch, reason=reason, actor=occasion.actor, now=occasion.now)
    perform(queue_assignment, as_of=as_of)
    with occasion.store.read() as connection:
        counts = batches.counts(connection, batch)
    value = {"released": batch, "accepted": counts.accepted, "quarantined": counts.quarantined, "superseded": left_out}
    text = f"Delivery {batch} is released: {counts.accepted} cases went on, {counts.quarantined} rows stay aside."
    if left_out:
        text += f" Changes that were left out, because newer content has come since: {left_out}."
    answer(value, as_json=as_json, text=text)


def reject(batch: Batch, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """End a stopped delivery: nothing of it goes on; its rows enter when they are delivered again."""
    from handrail.acts import releasing

    occasion = enter(actor, as_of)
    count = releasing.reject(occasion.store, batch, reason=reason, actor=occasion.actor, now=occasion.now)
    answer(
        {"rejected": batch, "cases": count},
        as_json=as_json,
        text=f"Delivery {batch} is rejected; {count} of its cases were put aside.",
    )
