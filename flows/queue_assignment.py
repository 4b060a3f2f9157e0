"""Queue assignment: what waits on its way is brought to its queue, and due actions go out."""

from prefect import flow

from flows.parameters import AsOf, Home
from tasks import publish
from tasks.occasion import begin
from tasks.routing.assign import held
from tasks.routing.deliver import deliver
from tasks.routing.inbox import bring_in
from tasks.watch.attendance import attended


@flow(name="queue-assignment", persist_result=False)
@attended("queue_assignment")
def queue_assignment(as_of: AsOf = None, home: Home = None) -> dict[str, int]:
    """Gate what came over HTTP, redact, score and route every case on its way, and deliver the actions that are due."""
    occasion = begin("queue_assignment", home=home, as_of=as_of)
    counts = bring_in(occasion)
    sent = deliver(occasion)
    publish.table("queues", [{"queue": name, "cases": count} for name, count in counts.items()], "Newly assigned cases")
    publish.table("approval-held", held(occasion), "What holds automatic approval")
    return {**counts, "delivered": sent}
