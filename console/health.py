"""`handrail doctor`: what is missing or broken, and the remedy."""

import importlib.metadata
import sys
from dataclasses import dataclass

from console.answer import running_server
from handrail.errors import HandrailError
from handrail.store import models, rollout, trail
from handrail.store.engine import Store
from handrail.workspace import Workspace


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    sentence: str


def findings() -> list[Finding]:
    """Look at Python, Prefect's FastAPI, the workspace, its tables, policy, trail, model and server."""
    found = [
        Finding("python", sys.version_info >= (3, 11), f"{sys.version.split()[0]}; 3.11 or newer is needed."),
        _fastapi(),
    ]
    workspace = Workspace.from_environment()
    try:
        workspace.require()
        store = Store(workspace.database_url)
        with store.read() as connection:
            policy = rollout.policy_in_force(connection)
            verified = trail.verify(connection)
            version = models.serving(connection)["model_version"]
    except HandrailError as error:
        return [*found, Finding("workspace", ok=False, sentence=str(error))]
    found.append(Finding("workspace", ok=True, sentence=f"{workspace.home}, tables at {store.revision()}."))
    found.append(
        Finding(
            "policy",
            policy is not None,
            policy.version if policy else "none. Run `handrail policy publish FILE`.",
        )
    )
    broken = f"BROKEN at event {verified.first_bad}. Keep a copy and restore a backup."
    found.append(Finding("trail", verified.valid, f"{verified.events} events, whole." if verified.valid else broken))
    found.append(
        Finding(
            "model",
            ok=True,
            sentence=f"version {version} serves." if version else "none: all cases go to people.",
        )
    )
    address = running_server(workspace.server_file)
    found.append(
        Finding(
            "server",
            ok=True,
            sentence=address or "not running; runs are not recorded. Start it with `handrail up`.",
        )
    )
    return found


def _fastapi() -> Finding:
    version = importlib.metadata.version("fastapi")
    ok = (0, 139) <= tuple(int(part) for part in version.split(".")[:2]) < (0, 151)
    return Finding("fastapi", ok, f"{version}; Prefect's server works with 0.139 to 0.150.")
