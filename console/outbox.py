"""Actions that did not reach their receiver, or of which nobody knows: a person settles them."""

from typing import Annotated

import typer

from console.answer import Actor, AsJson, AsOf, Reason, answer, enter, table

Number = Annotated[int, typer.Argument(help="Number of the action, as `handrail outbox list` says.")]
State = Annotated[
    list[str] | None, typer.Option("--state", help="dead, unknown, retry, new …; default dead and unknown.")
]


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    group = typer.Typer(help="Actions on their way to the receiver.", no_args_is_help=True)
    group.command("list")(outbox_list)
    group.command("retry")(outbox_retry)
    group.command("abandon")(outbox_abandon)
    group.command("confirm")(outbox_confirm)
    app.add_typer(group, name="outbox")


def outbox_list(state: State = None, limit: int = 100, as_json: AsJson = False) -> None:
    """Actions that wait for a person, with what is known; one `in_doubt` may have been carried out."""
    from handrail.acts.settling import STUCK
    from handrail.store import outbox
    from handrail.store.frames import records

    occasion = enter(None)
    with occasion.store.read() as connection:
        counts = outbox.counts(connection)
        rows = records(outbox.in_states(connection, state or STUCK, limit=limit))
    columns = ["id", "state", "in_doubt", "case_id", "action", "attempts", "created_at", "error"]

    def text() -> str:
        counted = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no action yet"
        return f"{table(rows, columns, empty='No action waits for a person.')}\n\n{counted}"

    answer({"counts": counts, "actions": rows}, as_json=as_json, text=text)


def outbox_retry(
    number: Number, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Send an action again; one in doubt only if you know that it was not carried out."""
    from handrail.acts import settling

    occasion = enter(actor, as_of)
    settling.retry(occasion.store, number, reason=reason, actor=occasion.actor, now=occasion.now)
    answer(
        {"retried": number},
        as_json=as_json,
        text=f"Action {number} goes out with the next delivery. Where automation is withheld then, a person decides.",
    )


def outbox_abandon(
    number: Number, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Give an action up, one in doubt only if you know that it was not carried out; a person decides its case again."""
    from handrail.acts import settling

    occasion = enter(actor, as_of)
    settling.abandon(
        occasion.store, number, reason=reason, policy=occasion.policy, actor=occasion.actor, now=occasion.now
    )
    answer({"abandoned": number}, as_json=as_json, text=f"Action {number} is given up; its case waits for a person.")


def outbox_confirm(
    number: Number, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Write down that the receiver has carried an action out; what it should not have done, a dispute takes back."""
    from handrail.acts import settling

    occasion = enter(actor, as_of)
    settling.confirm_executed(occasion.store, number, reason=reason, actor=occasion.actor, now=occasion.now)
    answer({"confirmed": number}, as_json=as_json, text=f"Action {number} is done.")
