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
from handrail.store import policies
from handrail.store.engine import Store
from handrail.workspace import Workspace

PORT = 8470


def run(host: str, port: int, home: Path | None, behind_tls: str | None, as_of: str | None) -> None:
    """Serve the desk until Ctrl-C; with `as_of` its clock starts there, so that an imported past can be worked on.

    Raises:
        NotFound: there is no workspace, or it has no policy.
        BadInput: the port, the time or the proxy's address is none.
        Refused: the port is in use, the desk would be open to others without TLS, or a live clock would be set.
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
    require_free(port, "--port", host)
    own = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    address = own if behind_tls is None else https(behind_tls)
    typer.echo(f"Desk  {address}\n{first_link(workspace, address, now=clock())}Ctrl-C stops it.")
    with suppress(KeyboardInterrupt):  # the server has ended well and says by which key
        serve(workspace, host, port, address=address, clock=clock)
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


def address_of(workspace: Workspace) -> str:
    """Where `handrail up` serves this workspace's desk; where it would by default, when it is not up."""
    return str(workspace.served().get("desk", f"http://{HOST}:{PORT}"))


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
