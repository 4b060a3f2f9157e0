"""Every route of the desk, found in the application itself: what is added comes into the tests that go over all."""

from collections.abc import Iterator
from typing import Protocol

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Mount

from desk.api import document
from desk.permit import Permit
from desk.routes import ROUTERS

PUBLIC = {
    "/sign-in",
    "/welcome",
    "/static",
    "/healthz",
    "/readyz",
    "/api/openapi.json",  # what a program may ask for is no secret
}
"""Open to everybody; what they show holds nothing of the cases."""


class Route(Protocol):
    """What FastAPI knows of a route once its routers' prefixes and dependencies are applied."""

    path: str
    methods: set[str]
    dependant: Dependant


def routes(app: FastAPI) -> Iterator[Route]:
    """Every route of an application but its mounts, of which `PUBLIC` names the only one."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(route, Mount):
            assert route.path in PUBLIC
        else:
            yield from route.effective_route_contexts()


def permits(dependant: Dependant) -> list[Permit]:
    own = [dependant.call] if isinstance(dependant.call, Permit) else []
    return own + [permit for below in dependant.dependencies for permit in permits(below)]


def every_route() -> list[tuple[str, Route]]:
    """Method and route, of an application without a workspace: parameters are made before any fixture."""
    bare = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for router in (*ROUTERS, document.router, document.public):
        bare.include_router(router)
    return [(method, route) for route in routes(bare) for method in sorted(route.methods - {"HEAD"})]
