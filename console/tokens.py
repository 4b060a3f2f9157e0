"""Tokens: what programs may ask for in a person's name."""

from typing import Annotated

import typer

from console.answer import Actor, AsJson, AsOf, answer, enter, table


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    tokens = typer.Typer(help="Tokens for programs that call the API.", no_args_is_help=True)
    tokens.command("create")(create)
    tokens.command("list")(list_tokens)
    tokens.command("revoke")(revoke)
    app.add_typer(tokens, name="tokens")


def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[str], typer.Option(help="Act it may ask for, such as intake or decide; repeat it.")],
    days: Annotated[int, typer.Option(help="Days until it ends, at most 365.")] = 90,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Make a token that acts in your name; it is shown this once and stored nowhere."""
    from handrail.acts import tokens

    occasion = enter(actor, as_of)
    issued = tokens.create(occasion.store, name=name, scopes=scope, days=days, actor=occasion.actor, now=occasion.now)
    value = {"id": issued.number, "token": issued.secret, "expires_at": issued.expires_at, "scopes": sorted(set(scope))}
    text = f"{issued.secret}\nToken {issued.number}, until {issued.expires_at:%Y-%m-%d %H:%M} UTC. Keep it secret."
    answer(value, as_json=as_json, text=text)


def list_tokens(
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's, for who manages people.")] = False,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Your tokens, without their secrets."""
    from handrail.acts import tokens
    from handrail.store.frames import records

    occasion = enter(actor, as_of)
    rows = records(tokens.listed(occasion.store, actor=occasion.actor, everybody=everybody))
    shown = [{**row, "scopes": " ".join(row["scopes"])} for row in rows]
    columns = ["id", "person", "name", "scopes", "expires_at", "revoked_at"]
    answer(rows, as_json=as_json, text=table(shown, columns, empty="There is no token."))


def revoke(
    number: Annotated[int, typer.Argument(help="Number of the token.")],
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """End a token at once."""
    from handrail.acts import tokens

    occasion = enter(actor, as_of)
    tokens.revoke(occasion.store, number, actor=occasion.actor, now=occasion.now)
    answer({"revoked": number}, as_json=as_json, text=f"Token {number} is revoked.")
