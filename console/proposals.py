"""Acts that take two people: proposed by the act's own command, settled here by somebody else."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from console.answer import Actor, AsJson, AsOf, Reason, answer, enter, table

if TYPE_CHECKING:
    from handrail.store.proposals import Proposal
    from tasks.occasion import Occasion

Number = Annotated[int, typer.Argument(help="Number of the proposal.")]


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    group = typer.Typer(help="Acts that wait for a second person.", no_args_is_help=True)
    group.command("list")(proposals_list)
    group.command("confirm")(proposals_confirm)
    group.command("refuse")(proposals_refuse)
    group.command("withdraw")(proposals_withdraw)
    app.add_typer(group, name="proposals")


def propose(occasion: "Occasion", act: str, asked: Mapping[str, str | None], reason: str, *, as_json: bool) -> None:
    """Propose an act instead of doing it, and say so."""
    from tasks.learning import proposals

    number = proposals.propose(occasion, act, asked, reason)
    text = (
        f"Nothing is done yet: the policy asks for a second person. This is proposal {number}; somebody else than "
        f"{occasion.actor} confirms it with `handrail proposals confirm {number}`."
    )
    answer({"proposed": number, "act": act, **asked}, as_json=as_json, text=text)


def proposals_list(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """What waits for a second person, and who proposed it."""
    from handrail.store import proposals

    occasion = enter(None, as_of)
    with occasion.store.read() as connection:
        waiting = proposals.waiting(connection, occasion.now)
    rows = [asdict(one) for one in waiting]
    shown = [{**row, "what": _what(one)} for row, one in zip(rows, waiting, strict=True)]
    columns = ["id", "act", "what", "proposer", "expires_at", "reason"]
    answer(rows, as_json=as_json, text=table(shown, columns, empty="Nothing waits for a second person."))


def _what(row: "Proposal") -> str:
    arguments = row.arguments
    if row.act in ("promote", "roll_back"):
        return f"version {arguments['version']}" + (" (a rehearsal)" if arguments.get("rehearsal") else "")
    place = arguments["category"] or "everything"
    return f"{place} → {arguments['to']}" if row.act == "set_stage" else str(place)


def proposals_confirm(number: Number, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Be the second person: what was proposed is done, if it still can be."""
    from tasks.learning import proposals

    done = proposals.confirm(enter(actor, as_of), number)
    answer({"confirmed": number, "done": done}, as_json=as_json, text=done)


def proposals_refuse(
    number: Number, reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Refuse what somebody else has proposed."""
    from handrail.acts import proposing

    occasion = enter(actor, as_of)
    proposing.refuse(occasion.store, number, reason=reason, actor=occasion.actor, now=occasion.now)
    answer({"refused": number}, as_json=as_json, text=f"Proposal {number} is refused.")


def proposals_withdraw(number: Number, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Take your own proposal back."""
    from handrail.acts import proposing

    occasion = enter(actor, as_of)
    proposing.withdraw(occasion.store, number, actor=occasion.actor, now=occasion.now)
    answer({"withdrawn": number}, as_json=as_json, text=f"Proposal {number} is withdrawn.")
