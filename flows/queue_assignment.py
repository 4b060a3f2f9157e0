"""Queue assignment: scored cases that wait go to their queues, and due actions go out."""

from prefect import flow

from flows.parameters import AsOf, Home
from tasks import publish
from tasks.assign import assign
from tasks.deliver import deliver
from tasks.occasion import begin


@flow(name="queue-assignment", persist_result=False)
def queue_assignment(as_of: AsOf = None, home: Home = None) -> dict[str, int]:
    """Route every case in state scored, and deliver the actions that are due."""
    occasion = begin("queue_assignment", home=home, as_of=as_of)
    counts = assign(occasion)
    sent = deliver(occasion)
    publish.table("queues", [{"queue": name, "cases": count} for name, count in counts.items()], "Newly assigned cases")
    return {**counts, "delivered": sent}
