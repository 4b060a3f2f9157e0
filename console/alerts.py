"""Alerts: what stands, who takes care, and whether the channels reach anybody."""

from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from console.answer import Actor, AsJson, AsOf, answer, enter, table, told

if TYPE_CHECKING:
    from handrail.alerts import Alert

Number = Annotated[int, typer.Argument(help="Number of the alert, as `handrail alerts list` says.")]
Past = Annotated[bool, typer.Option("--past", help="Also those that are over, the newest first.")]
Name = Annotated[str, typer.Argument(help="Name of the channel, as `handrail alerts channels` says.")]


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(alerts)
    group.command("list")(alerts_list)
    group.command("acknowledge")(alerts_acknowledge)
    group.command("channels")(alerts_channels)
    group.command("test")(alerts_test)
    app.add_typer(group, name="alerts")


def alerts(context: typer.Context, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Trouble that stands, and whom it is told; without a further word as `list`."""
    if context.invoked_subcommand is None:
        alerts_list(as_of=as_of, as_json=as_json)


def alerts_list(past: Past = False, limit: int = 100, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Alerts that stand, each with what to do, and when somebody last looked."""
    from handrail.acts import attending
    from handrail.store import alerts as store
    from handrail.watches import Sight
    from tasks.views.overview import row_of

    occasion = enter(None, as_of)
    with occasion.store.read() as connection:
        seen = attending.seen(connection, occasion.store.clock())
        standing = store.open_alerts(connection)
        over = store.past_alerts(connection, limit=limit) if past else []

    def text() -> str:
        lines = [line for row in standing for line in _lines(row)]
        lines += wrap(seen.sentence(told) if lines else seen.calm(told), 80, break_long_words=False)
        lines += [f"   {one}" for one in (seen.missing(told) if seen.sight is Sight.IN_PART else ())]
        lines += [f"over {row.cleared_at:%Y-%m-%d %H:%M}  {_about(row)}" for row in over]
        return "\n".join(lines)

    value = {
        "alerts": [asdict(one) for one in standing],
        "looked_at": seen.looked_at,
        "watched": str(seen.sight),
        "said": seen.calm(told),
        "watches": [row_of(look) for look in seen.looks],
        **({"past": [asdict(one) for one in over]} if past else {}),
    }
    if standing:
        value["said"] = seen.sentence(told)
    answer(value, as_json=as_json, text=text)


def alerts_acknowledge(number: Number, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Take care of an alert; it is not told again."""
    from handrail.acts import alerting

    occasion = enter(actor, as_of)
    alerting.acknowledge(occasion.store, number, actor=occasion.actor, now=occasion.now)
    answer({"acknowledged": number}, as_json=as_json, text=f"{occasion.actor} takes care of alert {number}.")


def alerts_channels(as_json: AsJson = False) -> None:
    """Channels by name, with what they last took and last said."""
    from tasks.watch import alert

    rows = alert.listed(enter(None))
    none = "There is no channel. Write NAME=ADDRESS into alerts.env in the workspace (chmod 600), or HANDRAIL_ALERTS."
    columns = ["channel", "configured", "sent_at", "waiting", "dead", "error"]
    answer({"channels": rows}, as_json=as_json, text=lambda: table(rows, columns, empty=none))


def alerts_test(name: Name, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Send a test message; a channel that takes it is given what it missed."""
    from handrail.errors import Refused
    from tasks.watch import alert

    error = alert.try_channel(enter(actor, as_of), name)
    if error is not None:
        raise Refused(f"The channel {name} did not take the test: {error.rstrip('.')}. Correct its address.")
    answer({"channel": name, "reached": True}, as_json=as_json, text=f"The channel {name} took the test message.")


def _lines(row: "Alert") -> list[str]:
    taken = f", {row.acknowledged_by} takes care" if row.acknowledged_by else ""
    return [
        f"{row.id}  {row.severity}  {_about(row)}, since {row.raised_at:%Y-%m-%d %H:%M}{taken}",
        *wrap(row.sentence, 77, initial_indent="   ", subsequent_indent="   ", break_long_words=False),
    ]


def _about(row: "Alert") -> str:
    return f"{row.kind} {row.subject}".replace("_", " ")
