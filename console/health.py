"""`handrail doctor`: what is missing or broken, and the remedy."""

import importlib.metadata
import sys
from dataclasses import dataclass

from console.answer import ask_server, running_server, told
from handrail.acts import attending, incidents, keying
from handrail.errors import HandrailError
from handrail.founding import Founding
from handrail.permissions import SYSTEM
from handrail.policy import Policy
from handrail.store import founding, models, policies, situation, trail
from handrail.store.engine import Store
from handrail.store.models import ModelVersion
from handrail.store.policies import InForce
from handrail.store.trail import Written
from handrail.watches import Outlook, Sight
from handrail.workspace import Workspace


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    sentence: str


def findings() -> list[Finding]:
    """Look at Python, Prefect's FastAPI, the workspace, its tables, policy, trail, model, registry and server."""
    found = [
        Finding("python", sys.version_info >= (3, 11), f"{sys.version.split()[0]}; 3.11 or newer is needed."),
        _fastapi(),
    ]
    workspace = Workspace.from_environment()
    try:
        workspace.require()
        store = Store(workspace.database_url)
        with store.read() as connection:
            keying.require(connection, workspace.secret())
            forged_key = keying.forged(connection)
            in_force = policies.in_force(connection)
            altered = () if in_force is None else situation.altered(connection, in_force.policy)
            verified = trail.verify(connection)
            founded = founding.read(connection)
            version = models.serving(connection).model_version
            row = models.version(connection, version) if version else None
            incident = incidents.unavailable(connection)
            watched = attending.seen(connection, store.clock())
    except HandrailError as error:
        return [*found, Finding("workspace", ok=False, sentence=str(error))]
    found.append(Finding("workspace", ok=True, sentence=f"{workspace.home}, tables at {store.revision()}."))
    found.append(_founding(founded))
    found += [Finding("key", ok=False, sentence=forged_key)] if forged_key else []
    policy = None if in_force is None else in_force.policy
    found.append(_policy(in_force))
    found += [Finding(one.what, ok=False, sentence=one.sentence) for one in altered if one.what != "policy"]
    broken = f"BROKEN at event {verified.first_bad}. Keep a copy and restore a backup."
    whole = " ".join([f"{verified.events} events, whole.", *([verified.note] if verified.note else [])])
    found.append(Finding("trail", verified.valid, whole if verified.valid else broken))
    found += _place(workspace)
    found.append(_model(workspace, store, policy, row, incident))
    if row is not None and policy is not None:
        found.append(_registry(workspace, policy, row.version))
    return [*found, _watches(watched), _server(workspace)]


def _founding(founded: Founding) -> Finding:
    """Is it live or a rehearsal, by an event that can be believed?"""
    return Finding("kind", founded.altered is None, founded.sentence or "live.")


def _server(workspace: Workspace) -> Finding:
    """Does it run, and does it know our password? It need not run for work to go on."""
    address = running_server(workspace.server_file)
    if address is None:
        return Finding("server", ok=True, sentence="not running; runs are not recorded. Start it with `handrail up`.")
    try:
        ask_server(address, "/version")
    except (HandrailError, OSError) as refusal:
        return Finding("server", ok=False, sentence=str(refusal))
    return Finding("server", ok=True, sentence=address)


def _policy(in_force: InForce | None) -> Finding:
    """Is there one, and is it what was published?"""
    if in_force is None:
        return Finding("policy", ok=False, sentence="none. Run `handrail policy publish FILE`.")
    if in_force.altered is not None:
        return Finding("policy", ok=False, sentence=in_force.altered.sentence)
    return Finding("policy", ok=True, sentence=in_force.policy.version)


def _watches(seen: Outlook) -> Finding:
    """Does everybody look who should? A workspace that was only just begun lacks nothing yet."""
    unwell = any(look.overdue_since or look.failed_since or look.off for look in seen.looks)
    whole = f"all have looked. {seen.sentence(told)}"
    return Finding("watches", ok=not unwell, sentence=whole if seen.sight is Sight.WHOLE else seen.sentence(told))


def _model(
    workspace: Workspace,
    store: Store,
    policy: Policy | None,
    row: ModelVersion | None,
    incident: Written | None,
) -> Finding:
    """Can the champion be read and believed? What is damaged here and whole in the registry is mended on the way."""
    if row is None or policy is None:
        return Finding("model", ok=True, sentence="none: all cases go to people.")
    from models import copies, registry

    version = row.version
    if incident is not None and incident.body["cause"] == "predictions":
        remedy = "Return to an earlier version with `handrail model rollback --reason …`, or train anew."
        return Finding("model", ok=False, sentence=f"version {version} predicts what no gate lets pass. {remedy}")
    try:
        got = copies.obtain(workspace, registry.model_name(policy.business), version, row.artifact_digest)
    except copies.ModelUnavailable as error:
        return Finding("model", ok=False, sentence=f"all cases go to people. {error}")
    if got.repaired:
        incidents.note_refetched(store, version, actor=f"{SYSTEM}doctor", now=store.clock())
    return Finding("model", ok=True, sentence=f"version {version} serves.")


def _place(workspace: Workspace) -> list[Finding]:
    """Was the folder moved or copied? Then its registry is told so on the way; nothing to say otherwise."""
    from models import tracking

    try:
        before = tracking.follow(workspace)
    except OSError as error:
        return [Finding("place", ok=False, sentence=f"{error}. Close what keeps mlflow.db locked, and run this again.")]
    return [Finding("place", ok=True, sentence=f"moved from {before}; models are found here now.")] if before else []


def _registry(workspace: Workspace, policy: Policy, version: str) -> Finding:
    """Does MLflow agree with the store on what serves? It need not for work to go on."""
    from models import registry

    wrong = registry.fault(workspace, registry.model_name(policy.business), version)
    return Finding("registry", ok=wrong is None, sentence=wrong or f"alias {registry.CHAMPION} at version {version}.")


def _fastapi() -> Finding:
    version = importlib.metadata.version("fastapi")
    ok = (0, 139) <= tuple(int(part) for part in version.split(".")[:2]) < (0, 151)
    return Finding("fastapi", ok, f"{version}; Prefect's server works with 0.139 to 0.150.")
