"""MLflow's pages on the workspace's runs and models, as a program: `python -m flows.mlflow_server PORT`."""

import os
import sys

import uvicorn

from flows.door import Door
from flows.local_server import HOST
from handrail.workspace import Workspace
from models import tracking


def serve(workspace: Workspace, port: int) -> None:
    """Serve until SIGTERM, as `mlflow server --no-serve-artifacts` does with one process, behind the door.

    MLflow's own check lets every page of this machine write, whatever its port, and takes `10.example.com` for an
    address of the own network.
    """
    from mlflow.server import constants  # noqa: PLC0415 - its modules read the environment that is set here

    tracking.follow(workspace)  # its pages would otherwise look where the folder was before it was moved
    artifacts = workspace.mlflow_artifacts.as_uri()
    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = workspace.mlflow_uri
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = artifacts
    from mlflow.server import fastapi_app, handlers  # noqa: PLC0415 - as above

    handlers.initialize_backend_stores(workspace.mlflow_uri, workspace.mlflow_uri, artifacts)
    uvicorn.run(Door(fastapi_app.app, f"http://{HOST}:{port}"), host=HOST, port=port, server_header=False)


if __name__ == "__main__":
    serve(Workspace.from_environment(), int(sys.argv[1]))
