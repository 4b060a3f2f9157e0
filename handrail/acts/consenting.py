"""A customer withdraws their consent: no model and no profile sees the case any more."""

from collections.abc import Sequence
from datetime import datetime

from handrail.store import readable, trail
from handrail.store.engine import Connection
from handrail.store.trail import Event


def withdraw(connection: Connection, case_ids: Sequence[int], *, actor: str, now: datetime) -> list[int]:
    """Withdraw consent from these cases, in the caller's transaction, which holds the trail; the ids that had it.

    What a model said stands where the case has its route, and goes where it has none yet: then a person decides. No
    later delivery gives consent back: the file of an earlier day may come a second time.
    """
    withdrawn = readable.refuse(connection, case_ids)
    trail.append(connection, [Event("consent.withdrawn", case_id) for case_id in withdrawn], at=now, actor=actor)
    return withdrawn
