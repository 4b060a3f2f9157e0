"""What the Prefect server that runs a watch says of all of them: which it does not start, and why."""

from handrail.acts import attending
from handrail.errors import code_of
from handrail.permissions import SYSTEM
from handrail.store.engine import Store
from handrail.watches import Deployed, Off, switched_off
from tasks.occasion import log
from tasks.step import recorded

MOST = 200
"""Most deployments that a server lists at once."""


def note(store: Store) -> None:
    """In a deployed run: ask its server, and keep what it says; an answer that does not come changes nothing."""
    if not recorded():
        return
    from prefect.runtime import deployment  # noqa: PLC0415 - loaded already, see `recorded`

    if deployment.id is None:  # recorded by a server that starts nothing by itself
        return
    try:
        off = _ask()
    except Exception as fault:  # noqa: BLE001 - whatever it is, nobody knows; unknown is not over
        log.warning("the Prefect server did not say which watches are switched off: %s", code_of(fault))
        return
    attending.switch(store, off, actor=SYSTEM + "schedules", now=store.clock())


def _ask() -> dict[str, Off | None]:
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - as above

    with get_client(sync_client=True) as client:
        found = client.read_deployments(limit=MOST)
    return switched_off(
        {one.name: Deployed(one.paused, any(schedule.active for schedule in one.schedules)) for one in found}
    )
