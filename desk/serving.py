"""The desk's server: one process, so that one writer joins everybody's commits."""

import uvicorn

from desk.app import create_app
from desk.logs import settings
from handrail.workspace import Workspace


def serve(workspace: Workspace, host: str, port: int, *, address: str) -> None:
    """Serve the desk until Ctrl-C or SIGTERM; people find it at `address`. Answers that have begun are finished first.

    Raises:
        NotFound: there is no workspace.
    """
    app = create_app(workspace)
    app.state.address = address
    config = uvicorn.Config(
        app, host=host, port=port, log_config=settings(), server_header=False, timeout_graceful_shutdown=5
    )
    uvicorn.Server(config).run()
