"""How long a purge keeps everybody else from writing, in a workspace with a million events.

    python benchmarks/retention.py [--quick|--smoke] [--json]

Cases with texts, decisions with notes, and acts with reasons, half of them past their time; five of a hundred have
open work, one of a hundred is held. What is measured is every single transaction of the purge, the first run, which
warns, and the second, which erases what was warned of. On SQLite the write lock is held as long as a transaction lasts.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "benchmarks"):
    sys.path.insert(0, str(place))

from demands import Demand, Part, at_least, at_most, conclude, parser, show  # noqa: E402 - found beside this file

from handrail import policy as policies  # noqa: E402 - after the path is set
from handrail.acts import publishing, purging  # noqa: E402 - as above
from handrail.store.engine import Connection, Store  # noqa: E402 - as above

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OLD, NEW = "2022-01-01 09:00:00.000000", "2026-03-01 09:00:00.000000"
EVENTS_EACH = 6
MOST_SECONDS = 0.1
PURGER = "stella"
CASES = "id, source, external_id, batch_id, row_digest, state, received_at, ingested_at, history, has_text, consent"
FILL = f"""
INSERT INTO batches (id, source, file_digest, policy_version, state, started_at, counts)
  VALUES (1, 's', 'd', 'p', 'done', '{OLD}', '{{}}');
INSERT INTO cases ({CASES}, fields, flags)
  SELECT n, 's', 'e' || n, 1, 'r', 'done', AT, AT, 0, 1, 1, '{{}}', '[]' FROM numbers;
INSERT INTO case_inputs (case_id, salt, text) SELECT n, randomblob(16), hex(randomblob(200)) FROM numbers;
INSERT INTO decisions (id, case_id, kind, outcome, actor, blind, decided_at)
  SELECT n, n, 'review', 'approve', 'rita', 0, AT FROM numbers;
INSERT INTO notes (decision_id, text) SELECT n, hex(randomblob(40)) FROM numbers WHERE n % 3 = 0;
INSERT INTO work_items (case_id, kind, queue, suggestion_hidden, opened_at, due_at, state, fence)
  SELECT n, 'audit', 'A', 1, AT, AT, 'open', 0 FROM numbers WHERE n % 20 = 0;
INSERT INTO legal_holds (case_id, since, held_by) SELECT n, AT, 'rita' FROM numbers WHERE n % 100 = 1;
INSERT INTO trail (seq, at, kind, case_id, body, hash)
  SELECT FIRST + (n - 1) * {EVENTS_EACH} + k, AT, 'case.scored', n, zeroblob(150), zeroblob(32)
  FROM numbers JOIN (SELECT value AS k FROM json_each('[1,2,3,4,5,6]')) ORDER BY n, k;
INSERT INTO reasons (seq, text)
  SELECT FIRST + (n - 1) * {EVENTS_EACH} + 1, 'because' FROM numbers WHERE n % 10 = 0;
UPDATE trail_head SET seq = (SELECT max(seq) FROM trail)
"""  # noqa: S608 - our own constants
"""One case a number of the table `numbers`; AT is its moment, FIRST the number of the newest event before."""


def fill(store: Store, cases: int) -> None:
    """Cases, and six events of each; the first half past its time."""
    with store.write() as connection:
        driver: Any = connection.connection.dbapi_connection
        (seq,) = driver.execute("SELECT seq FROM trail_head").fetchone()
        guard = driver.execute("SELECT sql FROM sqlite_master WHERE name = 'trail_refuses_gap'").fetchone()[0]
        driver.execute("DROP TRIGGER trail_refuses_gap")  # it looks at every single row, which would take the hour
        driver.execute("CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY)")
        numbers = (
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) INSERT INTO numbers SELECT n"
        )
        driver.execute(f"{numbers} FROM c", (cases,))
        at = f"CASE WHEN n <= {cases // 2} THEN '{OLD}' ELSE '{NEW}' END"
        for statement in FILL.split(";\n"):
            dated = statement.replace("AT,", f"{at},").replace("AT FROM", f"{at} FROM")
            driver.execute(dated.replace("FIRST", str(seq)))
        driver.execute("DROP TABLE numbers")
        driver.execute(guard)


class Timed(Store):
    """A store that notes how long each of its writing transactions lasted."""

    seconds: list[float]

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """As the store's; the wait for the lock is not counted, the commit is."""
        with super().write() as connection:
            begun = time.perf_counter()
            yield connection
        self.seconds.append(time.perf_counter() - begun)


def measured(cases: int) -> Part:
    """Two runs of the purge: the one that warns, and after the second period the one that goes on."""
    policy = policies.read(policies.BUSINESSES / "sample" / "policy.yaml")
    with tempfile.TemporaryDirectory() as folder:
        store = Timed(f"sqlite:///{Path(folder) / 'handrail.db'}")
        store.seconds = []
        store.upgrade()
        publishing.found(store, policy, founder=PURGER, now=NOW)
        fill(store, cases)
        store.seconds = []
        begun = time.perf_counter()
        first = purging.purge(store, policy=policy, actor=PURGER, now=NOW, dry_run=False)
        later = NOW + policy.retention.open_work + timedelta(seconds=1)
        second = purging.purge(store, policy=policy, actor=PURGER, now=later, dry_run=False)
        whole = time.perf_counter() - begun
        store.dispose()
    longest = max(store.seconds)
    demands: list[Demand] = [
        at_most("longest transaction of a purge, in seconds", longest, MOST_SECONDS),
        at_least("texts that were past their time and went", first.inputs + second.inputs, 0.49 * cases, ".0f"),
    ]
    figures = {
        "events": cases * EVENTS_EACH,
        "transactions": len(store.seconds),
        "longest": longest,
        "median": sorted(store.seconds)[len(store.seconds) // 2],
        "seconds": whole,
        "first": vars_of(first),
        "second": vars_of(second),
    }
    text = (
        f"{figures['events']:,} events; {len(store.seconds)} transactions in {whole:.1f} s,"
        f" median {1000 * figures['median']:.0f} ms, longest {1000 * longest:.0f} ms"
    )
    return Part(demands, figures, text)


def vars_of(done: purging.Purged) -> dict[str, int]:
    """The counts of a run."""
    return {name: getattr(done, name) for name in purging.Purged.__slots__}


def main() -> None:
    """Fill, purge and print; exit 1 when a promise does not hold."""
    options = parser(__doc__ or "", "a tenth of the events: within a minute").parse_args()
    part = measured(options.size.of(170_000, 17_000, 400))
    show("retention", part)
    conclude(options, [part], part.figures)


if __name__ == "__main__":
    main()
