"""Rows of a file become received cases, chunk by chunk."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from handrail import mapping as mappings
from handrail import rows
from handrail.acts import intake
from tasks.intake import read
from tasks.occasion import Occasion, log
from tasks.step import step


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came out of one file; `batch_id` is None when nothing of it was new.

    `unpredicted` counts its good rows without a usable given prediction, by what is wrong; they go to people.
    `elsewhere` of the duplicates came from another source before, word for word.
    """

    batch_id: int | None
    rows: int
    duplicates: int
    ignored_columns: tuple[str, ...]
    unpredicted: Mapping[str, int] = field(default_factory=dict)
    elsewhere: int = 0


@contextmanager
def one_at_a_time(occasion: Occasion, file: str) -> Iterator[None]:
    """Let two runs of the same file, whoever starts them, follow each other: the second one finds its rows known.

    Raises:
        BadInput: the file cannot be read.
    """
    with occasion.store.turn(f"delivery {read.digest(Path(file))}"):
        yield


@step
def ingest(occasion: Occasion, file: str, mapping_file: str | None, encoding: str = "utf-8") -> Ingested:
    """Take in a CSV, JSONL or Parquet file; rows known before are duplicates, unreadable ones go to quarantine.

    Raises:
        BadInput: the file or its mapping cannot be used; nothing was taken in.
    """
    path = Path(file)
    digest = read.digest(path)
    columns = read.check(path, encoding=encoding)
    mapping = mappings.read(Path(mapping_file)) if mapping_file else mappings.from_columns(columns)
    ignored = mapping.check(columns)
    frames = read.frames(path, mapping.columns, batch_rows=occasion.policy.intake.batch_rows, encoding=encoding)
    delivery = intake.resume(occasion.store, mapping.source, digest)
    total = duplicates = elsewhere = 0
    unpredicted: Counter[str] = Counter()
    seen: rows.Seen = {}
    for chunk in frames:
        parsed = rows.parse(
            chunk, mapping, occasion.policy, default_received_at=occasion.now, first_row=total + 1, seen=seen
        )
        taken = intake.take_in(
            occasion.store,
            parsed.good,
            parsed.bad,
            delivery,
            policy=occasion.policy,
            actor=occasion.actor,
            now=occasion.now,
        )
        delivery = taken.delivery
        total += len(chunk)
        duplicates += taken.duplicates + parsed.repeats
        elsewhere += taken.elsewhere
        unpredicted.update(parsed.unpredicted)
    if unpredicted:
        log.warning("%d rows came without a usable given prediction: %s", unpredicted.total(), dict(unpredicted))
    log.info("ingested batch %s: %d rows, %d known before", delivery.batch_id, total, duplicates)
    return Ingested(delivery.batch_id, total, duplicates, tuple(ignored), dict(unpredicted), elsewhere)
