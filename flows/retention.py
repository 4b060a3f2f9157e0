"""Retention: inputs and notes past their time are deleted; the trail stays whole."""

from dataclasses import asdict, replace
from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.parameters import AsOf, Described, Home
from handrail.errors import BadInput
from tasks import publish
from tasks.intake.purge import purge
from tasks.occasion import begin
from tasks.watch.attendance import attended

Purger = Annotated[
    str | None,
    Described("Who deletes: a person whom the policy's retention.purgers name; needed unless it only counts"),
    Field(max_length=200),
]
DryRun = Annotated[bool, Described("Only count what would be deleted")]


@flow(name="retention", persist_result=False)
@attended("retention")
def retention(dry_run: DryRun = True, purger: Purger = None, as_of: AsOf = None, home: Home = None) -> dict[str, int]:
    """Delete, or count, what is past the policy's retention; a flow deletes only in a purger's name."""
    occasion = begin("retention", home=home, as_of=as_of)
    if not dry_run:
        if purger is None:
            raise BadInput("Nobody is named who deletes. Give `purger`, a person whom retention.purgers name.")
        occasion = replace(occasion, actor=purger)
    counts = asdict(purge(occasion, dry_run=dry_run))
    publish.table("retention", [counts], "Would be deleted" if dry_run else "Deleted")
    return counts
