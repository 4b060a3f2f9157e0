"""The version before serves again; loads little, because it is called when something has gone wrong."""

from handrail.window import Window
from models import registry
from tasks.occasion import Occasion
from tasks.step import step


@step
def roll_back(
    occasion: Occasion, reason: str, proposal: int | None = None, of: str | None = None, *, rehearsal: bool = False
) -> str:
    """Return to the previous version from the next batch on; returns its name. A `rehearsal` bars nothing.

    `of` is the version that whoever asked saw serving: no other is left in its place. `proposal` is the one that a
    second person confirms, where the policy asks for one.
    """
    version = registry.rollback(
        occasion.store,
        occasion.workspace,
        occasion.model_name,
        actor=occasion.actor,
        reason=reason,
        now=occasion.now,
        proposal=proposal,
        of=of,
        rehearsal=rehearsal,
    )
    from tasks.watch import drift  # noqa: PLC0415 - takes a second, and the old version serves already

    window = Window(occasion.now - 2 * drift.WINDOW, occasion.now)
    drift.save_reference(occasion, window, cause=f"version {version} serves again")
    return version
