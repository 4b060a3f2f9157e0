"""Triage: a delivery travels from ingest to its queues, and actions go out."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated

from prefect import flow
from pydantic import Field

from expectations import checkpoint
from flows.parameters import AsOf, Described, Home
from handrail.case import State
from handrail.queues import Queue, explain
from handrail.store import batches, cases, outbox
from tasks import publish
from tasks.intake.gate import gate
from tasks.intake.ingest import Ingested, ingest, one_at_a_time
from tasks.occasion import Occasion, begin
from tasks.routing.assign import held
from tasks.routing.deliver import deliver
from tasks.routing.escalate import escalate_breaches
from tasks.routing.onward import bring_on
from tasks.watch.attendance import attending_to
from tasks.watch.audit import draw
from tasks.watch.blind_share import read_blind_share
from tasks.watch.breaker import has_watched, look, pause_tripped
from tasks.watch.heartbeat import beat

File = Annotated[str, Described("CSV, JSONL or Parquet file with the cases"), Field(min_length=1)]
MappingFile = Annotated[
    str | None,
    Described("mapping.yaml of the source; empty: columns carry the case fields' own names"),
]
Encoding = Annotated[
    str, Described("Encoding of a CSV or JSONL file, such as cp1252"), Field(min_length=1, max_length=40)
]
Source = Annotated[
    str | None,
    Described("Whose ids the file holds; empty: the mapping's source, or without a mapping 'file'"),
    Field(min_length=1, max_length=100),
]
Watches = Annotated[bool, Described("Also run the SLA watch, the audit draw and the quality watch")]
Docs = Annotated[bool, Described("Render the validation reports; else a later run renders them all")]


@dataclass(frozen=True, slots=True)
class Triaged:
    """Counts of one run's rows: received = accepted + quarantined + duplicates + changed.

    `accepted` are this run's new cases, queued + imported; `reopened` of them go on from a decided one. `changed` are
    known cases that wait with other content now, or whose outcome has come. `queues` counts new cases by queue,
    `reasons` by first reason.

    `unpredicted` counts rows without a usable prediction, by why; `batch` is None where the file was known.
    `remaining` are in no queue yet: another version or policy came again and again, and the next run goes on with them.
    `actions` counts those of the whole workspace that have not reached their receiver at the end of the run: waiting
    (new, being sent, or tried again), dead and unknown.
    """

    received: int
    accepted: int
    quarantined: int
    duplicates: int
    changed: int
    imported: int
    remaining: int
    queues: Mapping[str, int]
    reasons: Mapping[str, int]
    batch: int | None
    unpredicted: Mapping[str, int]
    ignored_columns: tuple[str, ...]
    actions: Mapping[str, int]
    reopened: int
    elsewhere: int


@flow(name="triage", persist_result=False)
def triage(
    file: File,
    mapping: MappingFile = None,
    encoding: Encoding = "utf-8",
    source: Source = None,
    watches: Watches = False,
    docs: Docs = True,
    as_of: AsOf = None,
    home: Home = None,
) -> Triaged:
    """Take in a file and bring every case to its queue: ingest → gate → redact → score → assign → deliver.

    Killed at any moment and run again on the same file, it completes what it began. Returns counts of cases.

    Raises:
        BadInput: the file or mapping cannot be used, or ids in it are another source's; nothing was taken in.
        BatchStopped: too many bad rows; nothing of the file was scored.
    """
    occasion = begin("triage", home=home, as_of=as_of)
    with one_at_a_time(occasion, file):
        taken = ingest(occasion, file, mapping, encoding, source)
        if taken.batch_id is not None:
            gate(occasion, taken.batch_id)
        occasion = bring_on(occasion).occasion
        deliver(occasion)
        if taken.batch_id is not None:
            finish(occasion, taken.batch_id, docs=docs)
    if watches:
        watch(occasion)
    result = summary(occasion, taken)
    publish.table("approval-held", held(occasion), "What holds automatic approval")
    publish.table("triage-queues", rows_of(result), f"Where the cases of {result.received} rows went, and why")
    if docs:
        publish.link("data-docs", occasion.workspace.data_docs.as_uri(), "Validation reports of the intake gate")
    return result


def finish(occasion: Occasion, batch_id: int, *, docs: bool) -> None:
    """With `docs` render the validation reports that have no page yet, and mark the batch as done."""
    from handrail.acts import intake  # noqa: PLC0415

    # In this order: where the reports cannot be written, the same file run again completes them.
    if docs:
        checkpoint.build_docs(occasion.workspace)
    intake.close_batch(occasion.store, batch_id, "done", actor=occasion.actor, now=occasion.now)


def watch(occasion: Occasion) -> None:
    """The three watches in one go; each success holds the dead-man's switch open."""
    with attending_to(occasion, "sla_watch"):
        escalate_breaches(occasion)
        beat(occasion, "sla_watch")
    with attending_to(occasion, "audit_sampling"):
        draw(occasion)
        beat(occasion, "audit_sampling")
    with attending_to(occasion, "quality_watch"):
        seen = look(occasion)
        pause_tripped(occasion, seen)
        read_blind_share(occasion)
        if has_watched(occasion, seen):
            beat(occasion, "quality_watch")


def summary(occasion: Occasion, taken: Ingested) -> Triaged:
    """Counts of this run's new cases: accepted = queued + imported."""
    routes: dict[tuple[str, str], int] = {}
    states: Mapping[str, int] = {}
    counts = batches.BatchCounts(*(0,) * len(fields(batches.BatchCounts)))
    with occasion.store.read() as connection:
        undelivered = outbox.undelivered(connection)
        if taken.batch_id is not None:
            states = cases.state_counts(connection, taken.batch_id)
            routes = cases.route_counts(connection, taken.batch_id)
            counts = batches.counts(connection, taken.batch_id)
    queues = {str(name): sum(n for (queue, _), n in routes.items() if queue == name) for name in Queue}
    reasons: dict[str, int] = {}
    for (_, reason), count in routes.items():
        reasons[reason] = reasons.get(reason, 0) + count
    return Triaged(
        received=taken.rows,
        accepted=counts.accepted,
        quarantined=counts.quarantined,
        duplicates=taken.duplicates,
        changed=counts.changed,
        imported=counts.imported,
        remaining=states.get(State.ACCEPTED, 0) + states.get(State.SCORED, 0),
        queues=queues,
        reasons=dict(sorted(reasons.items(), key=lambda item: -item[1])),
        batch=taken.batch_id,
        unpredicted=dict(taken.unpredicted),
        ignored_columns=tuple(taken.ignored_columns),
        actions=undelivered,
        reopened=counts.reopened,
        elsewhere=taken.elsewhere,
    )


def rows_of(result: Triaged) -> list[dict[str, str | int]]:
    """The reasons as table rows with their sentence."""
    return [{"reason": code, "cases": count, "means": explain(code)} for code, count in result.reasons.items()]
