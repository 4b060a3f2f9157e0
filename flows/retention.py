"""Retention: inputs and notes past their time are deleted; the trail stays whole."""

from typing import Annotated

from prefect import flow

from flows.parameters import AsOf, Described, Home
from tasks import publish
from tasks.intake.purge import purge
from tasks.occasion import begin
from tasks.watch.attendance import attended

DryRun = Annotated[bool, Described("Only count what would be deleted")]


@flow(name="retention", persist_result=False)
@attended("retention")
def retention(dry_run: DryRun = True, as_of: AsOf = None, home: Home = None) -> dict[str, int]:
    """Delete, or count, what is past the policy's retention."""
    occasion = begin("retention", home=home, as_of=as_of)
    counts = purge(occasion, dry_run=dry_run)
    publish.table("retention", [counts], "Would be deleted" if dry_run else "Deleted")
    return counts
