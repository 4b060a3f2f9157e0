"""The desk's server: one process, so that one writer joins everybody's commits."""

import gc
import sys
from collections.abc import Callable

import uvicorn

from desk.app import create_app
from desk.connections import USUAL, Limits, limited
from desk.logs import settings
from handrail.clock import Clock, machine
from handrail.workspace import Workspace

TURN = 0.0002
"""Seconds that one thread computes while others wait. A request changes threads five times on its way through the
desk, and the writer lets go at every statement: with Python's own five milliseconds a busy neighbour costs each of
them more than the work itself. At one millisecond fifty reviewers waited twice as long in the worst case."""


GARBAGE = 50_000
"""Objects made before Python looks for circles among the young ones. What was loaded before the first request stays,
and looking through it again and again would stop everybody."""


def serve(
    workspace: Workspace,
    host: str,
    port: int,
    *,
    address: str,
    clock: Clock = machine,
    limits: Limits = USUAL,
    announce: Callable[[int], None] = lambda _: None,
) -> None:
    """Serve the desk until Ctrl-C or SIGTERM; people find it at `address`. Answers that have begun are finished first.

    `announce` is called before the first request is taken, with how many desks the database has now.

    Raises:
        NotFound: there is no workspace.
        Refused: a desk serves this workspace already.
    """
    sys.setswitchinterval(TURN)
    app = create_app(workspace, clock=clock)
    app.state.address = address
    gc.freeze()
    gc.set_threshold(GARBAGE)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=limited(limits),
        ws="none",  # nothing is asked that way, and its protocols have no limits
        log_config=settings(),
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    with app.state.desk.store.seat(workspace.home, address) as desks:
        announce(desks)
        uvicorn.Server(config).run()
