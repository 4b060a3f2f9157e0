"""The workspace's Prefect server as a program of its own: `python -m flows.prefect_server PORT`."""

import os
import sys

import uvicorn

from flows.door import Door
from flows.local_server import HOST
from handrail.errors import Refused


def serve(port: int) -> None:
    """Serve API, pages and services until SIGTERM, as `prefect server start` does, behind the door.

    Raises:
        Refused: there is no password to ask for.
    """
    if not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        raise Refused("PREFECT_SERVER_API_AUTH_STRING is empty. Start the server with `handrail up`, which sets it.")
    import prefect  # noqa: PLC0415 - seconds, which a refusal need not take
    from prefect.server.api.server import create_app  # noqa: PLC0415 - as above
    from prefect.settings import get_current_settings  # noqa: PLC0415 - as above

    # The newer pages call an outside host. Where they are missing, the server leads /v2 to the older ones, and those
    # show no link.
    prefect.__ui_v2_static_path__ = prefect.__ui_v2_static_path__ / "not-served"
    settings = get_current_settings().server
    uvicorn.run(
        Door(create_app(final=True), f"http://{HOST}:{port}"),
        host=HOST,
        port=port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level=settings.logging_level.lower(),
        server_header=False,
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]))
