"""Local copies of registered models: read, repaired from the registry, or given up with the reason."""

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handrail.acts.incidents import Cause
from handrail.errors import HandrailError, NotFound, PermanentError
from handrail.workspace import Workspace
from models import artifact, tracking

if TYPE_CHECKING:
    from models.external import Model

loaded = artifact.Loaded()
# What skops and our own reading raise for files of another version of the code; there is no common class.
_UNREADABLE = (AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError)


class ModelUnavailable(PermanentError):
    """A registered model cannot be read; says why, and `cause` says it in one word."""

    def __init__(self, message: str, cause: Cause) -> None:
        """Keep the word beside the sentence."""
        super().__init__(message)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Obtained:
    """A model, and whether its local copy was damaged and had to be replaced."""

    model: "Model"
    repaired: bool = False


def obtain(workspace: Workspace, name: str, version: str, digest: str) -> Obtained:
    """The model of a version: from this process, else the local copy, else MLflow.

    A copy that is not what was registered is replaced by the registry's, and stays where that is none either.

    Raises:
        ModelUnavailable: neither has it as it was registered.
    """
    known = loaded.get(digest)
    if known is not None:
        return Obtained(known)
    copy = folder(workspace, name, version)
    damage: PermanentError | None = None
    if copy.exists():
        try:
            return Obtained(_keep(digest, _read(copy, digest)))
        except ModelUnavailable:
            raise
        except PermanentError as error:
            damage = error
    try:
        model = _fetched(workspace, name, version, digest)
    except (PermanentError, tracking.RegistryAway) as error:
        raise _given_up(name, version, damage, error) from error
    return Obtained(_keep(digest, model), repaired=damage is not None)


def folder(workspace: Workspace, name: str, version: str) -> Path:
    """Where the local copy of a version lies."""
    return workspace.model_cache / f"{name}-{version}"


def is_whole(workspace: Workspace, name: str, version: str, digest: str) -> bool:
    """Is the local copy there, byte for byte as it was registered?"""
    try:
        return artifact.digest(folder(workspace, name, version)) == digest
    except NotFound:
        return False


def _keep(digest: str, model: "Model") -> "Model":
    loaded.put(digest, model)
    return model


def _read(place: Path, digest: str) -> "Model":
    try:
        return artifact.read(place, digest)
    except HandrailError:
        raise
    except _UNREADABLE as error:
        raise ModelUnavailable(
            f"The model in {place} is whole, but this version of Handrail and its libraries cannot read it "
            f"({type(error).__name__}). Install those that made it (`handrail model show`), or train anew with "
            "`handrail train`.",
            "unreadable",
        ) from error


def _fetched(workspace: Workspace, name: str, version: str, digest: str) -> "Model":
    """Fetch a version and check it before it takes the place of whatever lies there."""
    saved = tracking.download(workspace, name, version)
    copy = folder(workspace, name, version)
    draft = copy.with_name(f".{copy.name}.{secrets.token_hex(4)}")
    try:
        artifact.copy(saved / artifact.ESTIMATOR_FILE, saved / artifact.LOGGED_COMPANION, draft)
        model = _read(draft, digest)
        _put(draft, copy)
    except OSError as error:
        raise NotFound(f"Version {version} of {name} could not be copied ({error}). Free the disk.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return model


def _put(draft: Path, copy: Path) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    try:
        os.rename(draft, copy)  # noqa: PTH104 - as in `artifact.copy`
    except OSError:
        if not copy.exists():  # else another process was faster
            raise


def _given_up(name: str, version: str, damage: PermanentError | None, error: HandrailError) -> ModelUnavailable:
    if isinstance(error, ModelUnavailable):
        return error
    if damage is None and isinstance(error, tracking.RegistryAway | NotFound):
        return ModelUnavailable(
            f"Version {version} of {name} has no local copy, and the registry cannot hand it out. {error}", "missing"
        )
    return ModelUnavailable(
        f"The files of version {version} of {name} are not the registered ones, and the registry has no whole copy. "
        "Restore a backup, or return to an earlier version with `handrail model rollback --reason …`.",
        "corrupt",
    )
