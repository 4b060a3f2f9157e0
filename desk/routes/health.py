"""Whether the desk lives, and whether it can do its work: for a service manager, without anything of the cases."""

import logging
from datetime import datetime, timedelta
from threading import Lock

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from desk.permit import TheDesk
from handrail.acts import attending
from handrail.store import heartbeats
from handrail.store.engine import Store
from handrail.watches import Outlook

router = APIRouter()

_log = logging.getLogger("handrail")

EVERY = timedelta(seconds=5)
"""How often a question becomes a write: anybody may ask."""
WAIT = timedelta(seconds=3)
NAME = "desk"
"""Under which the last write stands beside the watches."""


class Written:
    """When the desk last wrote to its database, on a question."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.at: datetime | None = None
        self.watched: dict[str, str | None] = {}


@router.get("/healthz")
async def live() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def ready(request: Request, desk: TheDesk) -> JSONResponse:
    """The database answers and takes a write; asked again within seconds, the last write counts.

    `watched` says how much is: a desk nobody watches can do its work, and whoever asks here may want to know.
    """
    last: Written = request.app.state.written
    now = desk.clock()
    with last.lock:
        if last.at is not None and timedelta() <= now - last.at < EVERY:
            return JSONResponse({"status": "ok", **last.watched})
        try:
            seen = desk.writer.run(lambda store: _write(store, now), wait=WAIT)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the answer is no
            _log.warning("not ready: %s", type(fault).__name__)
            sentence = "The desk cannot write to its database at this moment. Nothing is lost; it goes on by itself."
            return JSONResponse({"status": "unavailable", "problem": sentence}, 503, {"Retry-After": "5"})
        last.at = now
        looked_at = None if seen.looked_at is None else seen.looked_at.isoformat()
        last.watched = {"watched": str(seen.sight), "looked_at": looked_at}
    return JSONResponse({"status": "ok", **last.watched})


def _write(store: Store, now: datetime) -> Outlook:
    with store.write() as connection:
        heartbeats.beat(connection, NAME, now)
        return attending.seen(connection, now)
