"""Customers' disputes without a desk: dispute open, list, show, resolve."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from console.answer import Actor, AsJson, AsOf, answer, enter, table

Number = Annotated[int, typer.Argument(help="Number of the dispute.")]


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    dispute = typer.Typer(help="Decisions that customers contest.", no_args_is_help=True)
    dispute.command("open")(open_dispute)
    dispute.command("list")(list_disputes)
    dispute.command("show")(show)
    dispute.command("resolve")(resolve)
    app.add_typer(dispute, name="dispute")


def open_dispute(
    case: Annotated[int, typer.Argument(help="Case id.")],
    text: Annotated[str | None, typer.Option(help="What the customer says; erasable.")] = None,
    text_file: Annotated[Path | None, typer.Option(help="A file with it.", exists=True, dir_okay=False)] = None,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Take down what a customer says; somebody who has not decided the case looks again."""
    from handrail.acts import disputing
    from handrail.errors import BadInput

    if (text is None) == (text_file is None):
        raise BadInput("Say what the customer says, either with `--text` or with `--text-file`.")
    said = text if text_file is None else text_file.read_text(encoding="utf-8", errors="replace")
    occasion = enter(actor, as_of)
    number = disputing.open_dispute(
        occasion.store, case, said or "", actor=occasion.actor, policy=occasion.policy, now=occasion.now
    )
    answer({"dispute": number, "case": case}, as_json=as_json, text=f"Dispute {number} on case {case} is open.")


def list_disputes(
    show_all: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most rows.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Disputes, without what was said."""
    from handrail.store import disputes
    from handrail.store.frames import records

    occasion = enter(None)
    with occasion.store.read() as connection:
        rows = records(disputes.listed(connection, only_open=not show_all, limit=limit))
    columns = ["id", "case_id", "opened_at", "due_at", "closed_at", "upheld"]
    answer(rows, as_json=as_json, text=table(rows, columns, empty="No dispute is open."))


def show(number: Number, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """The packet: the contested decision explained in plain words, for the customer."""
    from tasks.views.disputes import packet

    sections = packet(enter(actor, as_of), number)
    lines = [
        "\n".join([one.heading.upper(), *one.sentences, *([f"  {one.quote}"] if one.quote else [])]) for one in sections
    ]
    value = {"dispute": number, "sections": [asdict(one) for one in sections]}
    answer(value, as_json=as_json, text="\n\n".join(lines))


def resolve(
    number: Number,
    outcome: Annotated[
        Literal["approve", "override", "deny"],
        typer.Argument(help="The first decision stands, another category is right, or none is."),
    ],
    reply: Annotated[str, typer.Option("--answer", help="What the customer is told; erasable.")],
    label: Annotated[str | None, typer.Option(help="Right category, for override.")] = None,
    reason: Annotated[str | None, typer.Option(help="Reason code of a change.")] = None,
    note: Annotated[str | None, typer.Option(help="For colleagues; erasable.")] = None,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Settle a dispute: what was done is stopped or taken back where the decision is changed."""
    from handrail.acts import disputing, escalating
    from handrail.case import Outcome
    from handrail.errors import NotFound
    from handrail.ruling import Ruling
    from handrail.store import disputes
    from tasks.routing.deliver import deliver

    occasion = enter(actor, as_of)
    with occasion.store.read() as connection:
        dispute = disputes.one(connection, number)
    if dispute is None:
        raise NotFound(f"There is no dispute {number}. List them with `handrail dispute list --all`.")
    policy, now, item = occasion.policy, occasion.now, dispute.work_item_id
    fence = escalating.take(occasion.store, item, occasion.actor, policy=policy, now=now).fence
    ruling = Ruling(item, fence, Outcome(outcome), label, reason, note, answer=reply)
    disputing.resolve(occasion.store, ruling, occasion.actor, policy=policy, now=now, secret=occasion.secret)
    sent = deliver(occasion)
    with occasion.store.read() as connection:
        closed = disputes.one(connection, number)
    upheld = closed and closed.upheld
    value = {"dispute": number, "case": dispute.case_id, "upheld": upheld, "delivered": sent}
    said = "stands" if upheld else "is changed"
    answer(value, as_json=as_json, text=f"Dispute {number}: the first decision {said}; {sent} actions delivered.")
