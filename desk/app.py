"""The desk as one web application: routes, static files, refusals, headers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from desk import problems
from desk.context import Desk
from desk.headers import BodyLimit, Headers
from desk.pages import HERE
from desk.routes import ROUTERS
from handrail.workspace import Workspace


def create_app(workspace: Workspace, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> FastAPI:
    """The desk on `workspace`; `clock` tells the time.

    Raises:
        NotFound: there is no workspace.
    """
    desk = Desk(workspace, clock=clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(title="Handrail", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.desk = desk
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for router in ROUTERS:
        app.include_router(router)
    problems.add_to(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Headers)
    return app
