"""The desk as one web application: routes, static files, refusals, headers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from desk import problems
from desk.alerting import Alerting
from desk.api import document as api
from desk.bounds import Bounds
from desk.context import Desk
from desk.delivery import Delivery
from desk.faults import Faults
from desk.headers import BodyLimit, Headers, OwnPages
from desk.intake import Intake
from desk.pages import HERE
from desk.routes import ROUTERS
from desk.routes.health import Written
from handrail.clock import Clock, machine
from handrail.workspace import Workspace

THREADS = 120
"""Requests at work at once: most of them wait for the writer, and who is let in late waits twice."""
LAST_ROUND = 10.0
"""Seconds in which the intake may end its round when the desk is stopped; what is left is done by the next one."""


def create_app(workspace: Workspace, *, clock: Clock = machine) -> FastAPI:
    """The desk on `workspace`; `clock` tells the time.

    Raises:
        NotFound: there is no workspace.
    """
    desk = Desk(workspace, clock=clock)
    intake = Intake(desk)
    delivery = Delivery(desk)
    alerting = Alerting(desk)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        intake.wake()
        delivery.start()
        alerting.start()
        yield
        alerting.stop()
        delivery.stop()
        intake.wait(LAST_ROUND)
        desk.close()

    app = FastAPI(title="Handrail", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.desk = desk
    app.state.written = Written()
    app.state.address = None
    app.state.intake = intake
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for router in (*ROUTERS, api.router, api.public):
        # As they are: included, all of them would be built anew for this application by the first request.
        app.router.routes.extend(router.routes)
    problems.add_to(app)
    for layer in (BodyLimit, OwnPages, Bounds, Faults, Headers):  # from the inside out; the last two read nothing
        app.add_middleware(layer)
    return app
