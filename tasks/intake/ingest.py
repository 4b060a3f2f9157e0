"""Rows of a file become received cases, chunk by chunk."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from handrail import mapping as mappings
from handrail import rows
from handrail.acts import intake, revising
from handrail.errors import BadInput
from handrail.store import batches, category_names
from handrail.store.frames import typed
from tasks.intake import read
from tasks.occasion import Occasion, log
from tasks.step import step

_LONGEST_SOURCE = 100


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
def ingest(
    occasion: Occasion, file: str, mapping_file: str | None, encoding: str = "utf-8", source: str | None = None
) -> Ingested:
    """Take in a CSV, JSONL or Parquet file; rows known before are duplicates, unreadable ones go to quarantine.

    The rows are those of `source`; where it is not named, of the mapping's source, or without a mapping of `file`:
    never of the file's own name, so that overlapping daily exports double nothing.

    Raises:
        BadInput: the file or its mapping cannot be used, or ids in it are another source's; nothing was taken in.
    """
    path = Path(file)
    digest = read.digest(path)
    columns = read.check(path, encoding=encoding)
    mapping = mappings.read(Path(mapping_file)) if mapping_file else mappings.from_columns(columns)
    ignored = mapping.check(columns)
    limit = occasion.policy.intake.batch_rows
    if source is None:
        frames = read.frames(path, mapping.columns, batch_rows=limit, encoding=encoding)
        _require_own_ids(occasion, path, frames, mapping, is_mapped=mapping_file is not None)
    elif not 0 < len(source.strip()) <= _LONGEST_SOURCE:
        raise BadInput(f"A source is named in 1 to {_LONGEST_SOURCE} characters. Correct --source.")
    else:
        mapping = mapping.model_copy(update={"source": source})
    frames = read.frames(path, mapping.columns, batch_rows=limit, encoding=encoding)
    delivery = intake.resume(occasion.store, mapping.source, digest)
    total = duplicates = elsewhere = 0
    unpredicted: Counter[str] = Counter()
    seen: rows.Seen = {}
    with occasion.store.read() as connection:
        names = category_names.current_names(connection)
    for chunk in frames:
        parsed = rows.parse(
            chunk,
            mapping,
            occasion.policy,
            default_received_at=occasion.now,
            first_row=total + 1,
            seen=seen,
            current_names=names,
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
    if delivery.batch_id is not None:
        intake.note_read(occasion.store, delivery.batch_id, total, actor=occasion.actor)
    if unpredicted:
        log.warning("%d rows came without a usable given prediction: %s", unpredicted.total(), dict(unpredicted))
    log.info("ingested batch %s: %d rows, %d known before", delivery.batch_id, total, duplicates)
    return Ingested(delivery.batch_id, total, duplicates, tuple(ignored), dict(unpredicted), elsewhere)


def _require_own_ids(
    occasion: Occasion, path: Path, frames: Iterable[pd.DataFrame], mapping: mappings.Mapping, *, is_mapped: bool
) -> None:
    """Make sure that no id is another source's with another text, before anything enters.

    A mapping's source that has brought cases before is taken at its word: its ids are its own.

    Raises:
        BadInput: asks which source the file is.
    """
    with occasion.store.read() as connection:
        sources, names = batches.sources(connection), category_names.current_names(connection)
    if (is_mapped and mapping.source in sources) or not sources - ({mapping.source} if is_mapped else set()):
        return
    for chunk in frames:
        parsed = rows.parse(
            chunk, mapping, occasion.policy, default_received_at=occasion.now, first_row=1, current_names=names
        )
        with occasion.store.read() as connection:
            clashes = revising.clashes(
                connection, typed(parsed.good, rows.GoodRow), mapping.source, is_mapped=is_mapped
            )
        if clashes:
            name, other = clashes[0]
            raise BadInput(
                f"{path}: {len(clashes)} rows have ids that the source {other!r} brought with other content, such as "
                f"{name!r}. Say which source the file is: `--source {other}` where these are its cases, changed since, "
                "or `--source` and another name where they are other cases. Nothing was taken in."
            )
