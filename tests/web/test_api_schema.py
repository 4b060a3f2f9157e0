"""Whatever a program sends, good or bad, the answer is one that the OpenAPI document names, and never a fault."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.config import (
    ChecksConfig,
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    SimpleCheckConfig,
)
from schemathesis.generation import GenerationMode
from starlette.types import Receive, Scope, Send

from desk.api.document import public, scopes
from desk.app import create_app
from handrail.acts import tokens
from handrail.workspace import Workspace
from tests.scenes import FOUNDER, NOW
from tests.scenes import Scene as Shop

EXAMPLES = 10
"""A call and kind of data: enough to meet every bound, few enough for every run of the tests."""

CHECKS = ChecksConfig(
    # What fits the document may still be refused for its meaning: a fence that is stale, a category that is none.
    positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=["2xx", 400, 401, 403, 404, 409, 422]),
    use_after_free=SimpleCheckConfig(enabled=False),  # nothing is deleted
    ignored_auth=SimpleCheckConfig(enabled=False),  # three calls for each one; test_api tries every call itself
)


PROJECT = ProjectConfig(
    checks=CHECKS,
    # Every bound of every field in turn takes minutes; test_api_faults tries the bounds that matter.
    phases=PhasesConfig(coverage=CoveragePhaseConfig(enabled=False)),
    generation=GenerationConfig(
        modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE], max_examples=EXAMPLES, deterministic=True
    ),
)


class Front:
    """The operations are read when the tests are collected, and no desk runs yet: it comes behind this later."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.app.include_router(public)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        for _ in range(2):  # each call would start and stop the desk
            await send({"type": f"{(await receive())['type']}.complete"})


FRONT = Front()
schema = schemathesis.openapi.from_asgi(
    "/api/openapi.json", FRONT, config=SchemathesisConfig(projects=ProjectsConfig(default=PROJECT))
)


@pytest.fixture(scope="module")
def token(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A token of every scope, of somebody with every role, on a desk with a case of each kind."""
    workspace = Workspace(tmp_path_factory.mktemp("api") / "workspace")
    workspace.create()
    shutil.copyfile(sqlite_template, workspace.home / "handrail.db")
    app = create_app(workspace, clock=lambda: NOW)
    app.state.intake.wake = lambda: None  # what becomes of posted cases is another test
    FRONT.app = app
    store = app.state.desk.store
    scene = Shop(store)
    scene.waiting(3)
    scene.waiting(1, suggestion_hidden=True)
    scene.automatic(2)
    scene.decide(scene.waiting(1)[0], "deny", reason_code="legal")
    yield tokens.create(store, name="all", scopes=scopes(), actor=FOUNDER, now=NOW).secret
    app.state.desk.close()


@schema.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_names(case: schemathesis.Case, token: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"})
