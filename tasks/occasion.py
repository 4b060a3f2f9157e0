"""What every step needs to know: the workspace, its store, the policy in force, the time and who acts."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from handrail.acts import keying
from handrail.errors import BadInput, NotFound
from handrail.permissions import SYSTEM
from handrail.policy import Policy
from handrail.store import policies
from handrail.store.engine import Store
from handrail.withholding import Withholding
from handrail.workspace import Workspace

log = logging.getLogger("handrail")


@dataclass(frozen=True)
class Occasion:
    """One run of a flow; the policy is pinned for its length."""

    workspace: Workspace
    store: Store
    policy: Policy
    now: datetime
    actor: str

    @property
    def model_name(self) -> str:
        """Name of the registered model in MLflow."""
        from models.registry import model_name  # noqa: PLC0415 - scikit-learn is loaded only where a model is

        return model_name(self.policy.business)

    @cached_property
    def secret(self) -> bytes:
        """Key of the partial draws."""
        return self.workspace.secret()

    @property
    def withholding(self) -> Withholding:
        """Which labels no training may see."""
        return Withholding(self.secret, self.policy.promotion.withheld_share)

    def seed(self, purpose: str) -> int:
        """A seed that differs by purpose and moment, is reproducible, and stands in the trail."""
        entropy = np.random.SeedSequence([int(self.now.timestamp()), *purpose.encode()])
        return int(entropy.generate_state(1, np.uint32)[0])

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator from `seed`."""
        return np.random.default_rng(self.seed(purpose))


def moment(text: str | None) -> datetime:
    """Read `--as-of`, or the clock.

    Raises:
        BadInput: the text is no ISO moment; without a time zone it is taken as UTC.
    """
    if not text:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a time. Write it as 2026-01-31 or 2026-01-31T14:00:00+00:00.") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def begin(flow: str, *, home: str | None = None, as_of: str | None = None) -> Occasion:
    """Open the workspace for a flow; its acts stand in the trail under ``flow:NAME``.

    Raises:
        NotFound: there is no workspace, or it has no policy.
    """
    return enter(Workspace.from_environment(Path(home) if home else None), SYSTEM + flow, moment(as_of))


def enter(workspace: Workspace, actor: str, now: datetime) -> Occasion:
    """As `begin`, for a workspace and moment that are known already; `actor` may be a person.

    Raises:
        NotFound: as `begin`.
        WrongKey: the workspace's key is lost, or another one.
    """
    workspace.require()
    store = Store(workspace.database_url)
    with store.read() as connection:
        keying.require(connection, workspace.secret())
        in_force = policies.in_force(connection)
    if in_force is None:
        raise NotFound(f"The workspace {workspace.home} has no policy. Run `handrail init --business sample`.")
    return Occasion(workspace, store, in_force.policy, now, actor)
