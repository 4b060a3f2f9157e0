"""`handrail desk`: the review desk alone, and what `handrail up` starts of it."""

import sys
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import typer

from flows.child import Child, answers
from flows.local_server import HOST, require_free, surroundings
from handrail.acts import inviting, keying
from handrail.clock import machine
from handrail.errors import BadInput, NotFound, Refused
from handrail.store import policies, seats
from handrail.store.engine import Store
from handrail.store.seats import Seat
from handrail.workspace import Workspace

PORT = 8470
USUAL_ADDRESS = f"http://{HOST}:{PORT}"


def run(host: str, port: int, home: Path | None, behind_tls: str | None, as_of: str | None) -> None:
    """Serve the desk until Ctrl-C; with `as_of` its clock starts there, so that an imported past can be worked on.

    Raises:
        NotFound: there is no workspace, or it has no policy.
        BadInput: the port, the time or the proxy's address is none.
        Refused: a desk serves the workspace already, the port is in use, it would be open to others without TLS, or a
            live clock would be set.
    """
    from desk.serving import serve
    from tasks.occasion import opened, set_to

    workspace = Workspace.from_environment(home)
    store = opened(workspace, set_to(as_of))
    store.dispose()
    clock = store.clock
    require_begun(workspace)
    if not is_this_machine(host) and behind_tls is None:
        raise Refused(
            f"Others could reach {host}, and passwords and cookies need TLS on the way. Put a reverse proxy that ends "
            "TLS and passes the Host header on (Caddy, nginx) in front, and start with --behind-tls https://ITS-NAME; "
            "or leave --host at 127.0.0.1."
        )
    require_no_other(workspace)
    require_free(port, "--port", host)
    own = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    address = own if behind_tls is None else https(behind_tls)

    def announce(desks: int) -> None:
        link = first_link(workspace, address, now=clock())
        typer.echo(f"Desk  {address}\n{beside(desks)}{link}Ctrl-C stops it.")

    with suppress(KeyboardInterrupt):  # the server has ended well and says by which key
        serve(workspace, host, port, address=address, clock=clock, announce=announce)
    typer.echo("Stopped.")


def child(workspace: Workspace, port: int) -> Child:
    """The desk as a program beside the servers, for this machine only."""
    return Child(
        name="The desk",
        command=[sys.executable, "-m", "console.desk", str(port)],
        environment={**surroundings(), "HANDRAIL_HOME": str(workspace.home)},
        folder=workspace.home,
        log=workspace.home / "logs" / "desk.log",
        is_ready=lambda: answers(f"http://{HOST}:{port}/readyz"),
    )


def first_link(workspace: Workspace, address: str, *, now: datetime | None = None) -> str:
    """A line with the administrator's link while nobody has a password, else nothing.

    It is for the terminal: whoever reads it may set the password, so no log holds it.
    """
    store = Store(workspace.database_url)
    try:
        found = inviting.first_invitation(store, now=now or machine())
    finally:
        store.dispose()
    if found is None:
        return ""
    name, secret = found
    hours = int(inviting.LASTS.total_seconds() // 3600)
    return (
        f"Nobody can sign in yet. {name} sets the first password here, once and within {hours} hours:\n"
        f"  {address}{inviting.path_of(secret)}\n"
    )


def beside(desks: int) -> str:
    """A line that says that this desk is one of several of its PostgreSQL server, else nothing."""
    if desks == 1:
        return ""
    return (
        f"It is one of {desks} desks on this database. That is fine: they share the work, the actions and the alerts.\n"
    )


def occupant(workspace: Workspace) -> Seat | None:
    """The desk that serves this workspace from this machine, or None."""
    store = Store(workspace.database_url)
    try:
        return store.occupant(workspace.home)
    finally:
        store.dispose()


def require_no_other(workspace: Workspace) -> None:
    """Make sure that no desk serves this workspace, before others start beside it.

    Raises:
        Refused: one does.
    """
    other = occupant(workspace)
    if other is not None:
        raise seats.refusal(other)


def require_begun(workspace: Workspace) -> None:
    """Make sure that there is a workspace with a policy and its own key, before a server starts that would find none.

    Raises:
        NotFound: there is not.
        WrongKey: the key is lost, or another one.
    """
    workspace.require()
    store = Store(workspace.database_url)
    try:
        with store.read() as connection:
            keying.require(connection, workspace.secret())
            if policies.in_force(connection) is None:
                raise NotFound(f"The workspace {workspace.home} has no policy. Run `handrail init --business sample`.")
    finally:
        store.dispose()


def is_this_machine(host: str) -> bool:
    """Can only programs of this machine reach what listens there?"""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def https(address: str) -> str:
    """The proxy's address without a slash at its end.

    Raises:
        BadInput: it is no https address.
    """
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.netloc or parts.path.strip("/"):
        raise BadInput(f"{address!r} is no address of a proxy. Write --behind-tls https://desk.example.com.")
    return f"https://{parts.netloc}"


if __name__ == "__main__":
    from desk.serving import serve

    serve(Workspace.from_environment(), HOST, int(sys.argv[1]), address=f"http://{HOST}:{sys.argv[1]}")
