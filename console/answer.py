"""How commands answer: one JSON document with --json, else lines for people; refusals are sentences on stderr."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from prefect import Flow

    from handrail.watches import Off
    from tasks.occasion import Occasion

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Set the clock of a rehearsal to this moment (ISO 8601).", metavar="TIME")
]
Encoding = Annotated[str, typer.Option(help="Encoding of a CSV or JSONL file, such as cp1252.")]
Reason = Annotated[str, typer.Option("--reason", help="One sentence; kept beside the audit trail.")]
Actor = Annotated[
    str | None,
    typer.Option("--as", help="Who acts; default HANDRAIL_USER, else the login name.", metavar="NAME"),
]


def answer(
    value: Any,  # noqa: ANN401 - any JSON value, or dataclasses in its place
    *,
    as_json: bool,
    text: str | Callable[[], str],
    aside: bool = False,
) -> None:
    """Print `value` as JSON, or `text` for people; `aside` on stderr, where stdout has taken the result itself."""
    if as_json:
        typer.echo(json.dumps(value, default=_plain, ensure_ascii=False), err=aside)
    else:
        typer.echo(text if isinstance(text, str) else text(), err=aside)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, empty: str) -> str:
    """Rows as aligned columns that fit eighty characters where the values do; `empty` when there are none."""
    if not rows:
        return empty
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in cells)) for at, name in enumerate(columns)]
    lines = ["  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip()]
    lines += ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN is not equal to itself
        return "–"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)


def who(name: str | None) -> str:
    """The person who acts."""
    return name or os.environ.get("HANDRAIL_USER") or getpass.getuser()


def enter(actor: str | None, as_of: str | None = None) -> "Occasion":
    """Open the workspace for an act of a person.

    Raises:
        BadInput: the name is a flow's, which may do what people may not.
    """
    from handrail.errors import BadInput
    from handrail.permissions import SYSTEM
    from handrail.workspace import Workspace
    from tasks import occasion

    person = who(actor)
    if person.startswith(SYSTEM):
        raise BadInput(f"{person!r} is a flow and no person. Act under your own name, with `--as` or HANDRAIL_USER.")
    return occasion.enter(Workspace.from_environment(), person, occasion.set_to(as_of))


def perform(flow: "Flow[..., Any]", **parameters: Any) -> Any:  # noqa: ANN401 - the flow's own result
    """Run a flow: recorded by the workspace's Prefect server where one runs, else as plain calls without one."""
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value():
        return flow(**parameters)
    return flow.fn(**parameters)


def connect() -> None:
    """Let Prefect know the workspace's running server, before Prefect is imported; keep its log off the terminal.

    Whoever names a server of their own in PREFECT_API_URL brings its password too: ours goes to ours alone.

    Raises:
        Refused: it does not accept the workspace's password.
    """
    from flows.local_server import is_foreign
    from handrail.workspace import Workspace

    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
    if os.environ.get("PREFECT_API_URL"):
        return
    workspace = Workspace.from_environment()
    address = running_server(workspace.server_file)
    if address:
        ask_server(address, "/version")
        for name in filter(is_foreign, [*os.environ]):
            del os.environ[name]
        os.environ.update(PREFECT_API_URL=address, PREFECT_API_AUTH_STRING=workspace.password())


def running_server(server_file: Path) -> str | None:
    """The address of the server that `handrail up` started here and that still answers, or None."""
    from flows.child import answers
    from handrail.workspace import Workspace

    known = Workspace(server_file.parent.resolve()).served()
    try:
        address = str(known["prefect_api"])
        # Who took the port of a server that was killed, perhaps another user, is never told the password.
        os.kill(int(known["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address if answers(f"{address}/health") else None


def ask_server(address: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
    """What the running server answers at `path` to the workspace's password: a GET without a body, else a POST.

    Raises:
        Refused: it does not accept the password.
        NotFound, BadInput: the workspace has no usable one.
        OSError: it does not answer.
    """
    import urllib.request
    from urllib.error import HTTPError

    from flows.local_server import authorization
    from handrail.errors import Refused
    from handrail.workspace import Workspace

    workspace = Workspace.from_environment()
    request = urllib.request.Request(  # noqa: S310 - our own http address
        f"{address}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **authorization(workspace.password())},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - as above
            return json.load(response)
    except HTTPError as error:
        if error.code != HTTPStatus.UNAUTHORIZED:
            raise
        raise Refused(
            f"The Prefect server at {address} does not accept the password in {workspace.password_file}: it was"
            " started with another one. Stop `handrail up` with Ctrl-C and start it again."
        ) from None


def deployments_on(address: str) -> list[dict[str, Any]] | None:
    """The deployments of a Prefect server, each with name, paused and schedules; None where it does not say.

    Raises:
        Refused: it does not accept the workspace's password.
        NotFound, BadInput: the workspace has no usable one.
    """
    try:
        return list(ask_server(address, "/deployments/filter", {}))
    except (OSError, json.JSONDecodeError, TypeError):
        return None


def switched_off(deployments: Sequence[Mapping[str, Any]]) -> "dict[str, Off | None]":
    """Why a server with these deployments does not start each watch; None where it does."""
    from handrail import watches

    return watches.switched_off(
        {
            row["name"]: watches.Deployed(row["paused"], any(one["active"] for one in row["schedules"]))
            for row in deployments
        }
    )


def warn(sentence: str) -> None:
    """A sentence on stderr."""
    sys.stderr.write(f"{sentence}\n")


def told(at: datetime) -> str:
    """A moment as lines for people write it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
