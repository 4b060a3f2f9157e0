"""What every step needs to know: the workspace, its store, the policy in force, the time and who acts."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from handrail import keyed_draws
from handrail.acts import keying
from handrail.clock import starting_at
from handrail.errors import BadInput, NotFound, Refused
from handrail.founding import Founding
from handrail.permissions import SYSTEM
from handrail.policy import Policy
from handrail.store import founding as founded
from handrail.store import policies
from handrail.store.engine import Store
from handrail.withholding import Withholding
from handrail.workspace import Workspace

log = logging.getLogger("handrail")

CLOCK_STANDS = (
    "This workspace is live, so its clock cannot be set. Leave the moment out: imported history and outcomes carry "
    "their own dates. To try another time, make a rehearsal with `handrail init --rehearsal` in another folder."
)
"""Why no other moment than now is accepted in a live workspace, and what to do."""


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
    def founding(self) -> Founding:
        """Is the workspace live or a rehearsal?"""
        with self.store.read() as connection:
            return founded.read(connection)

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

    def keyed_seed(self, purpose: str) -> int:
        """As `seed`, but nobody without the workspace's key can foresee it."""
        return keyed_draws.seed(self.secret, purpose, self.now)

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator from `seed`."""
        return np.random.default_rng(self.seed(purpose))


def moment(text: str) -> datetime:
    """Read a moment.

    Raises:
        BadInput: the text is no ISO moment; without a time zone it is taken as UTC.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a time. Write it as 2026-01-31 or 2026-01-31T14:00:00+00:00.") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def set_to(text: str | None) -> datetime | None:
    """Read `--as-of`: the moment to which a rehearsal's clock is set, or None where nobody sets it.

    Raises:
        BadInput: as `moment`.
    """
    return moment(text) if text else None


def opened(workspace: Workspace, as_of: datetime | None = None) -> Store:
    """The workspace's store with the clock of everything in it: the machine's, or in a rehearsal one set to `as_of`.

    The one place at which a clock is set: commands, flows and the desk come by here.

    Raises:
        NotFound: there is no workspace.
        Refused: it is live, and `as_of` is given.
    """
    workspace.require()
    if as_of is None:
        return Store(workspace.database_url)
    store = Store(workspace.database_url, clock=starting_at(as_of))
    with store.read() as connection:
        founding = founded.read(connection)
    if not founding.is_rehearsal:
        store.dispose()
        raise Refused(CLOCK_STANDS)
    return store


def begin(flow: str, *, home: str | None = None, as_of: str | None = None) -> Occasion:
    """Open the workspace for a flow; its acts stand in the trail under ``flow:NAME``.

    Raises:
        NotFound: there is no workspace, or it has no policy.
        Refused: as `opened`.
    """
    return enter(Workspace.from_environment(Path(home) if home else None), SYSTEM + flow, set_to(as_of))


def enter(workspace: Workspace, actor: str, as_of: datetime | None = None) -> Occasion:
    """As `begin`, for a workspace that is known already; `actor` may be a person, `as_of` sets a rehearsal's clock.

    Raises:
        NotFound, Refused: as `begin`.
        WrongKey: the workspace's key is lost, or another one.
    """
    store = opened(workspace, as_of)
    with store.read() as connection:
        keying.require(connection, workspace.secret())
        in_force = policies.in_force(connection)
    if in_force is None:
        raise NotFound(f"The workspace {workspace.home} has no policy. Run `handrail init --business sample`.")
    return Occasion(workspace, store, in_force.policy, as_of or store.clock(), actor)
