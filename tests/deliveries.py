"""Deliveries of twenty rows, and what holds when all of one has entered."""

from pathlib import Path

import pandas as pd

from tests.workspaces import MAPPING, MORNING, Answer, Handrail, deliver

CASES = 20
ONE_TOO_MANY = 3
"""Of 20 rows; the policy lets a tenth be bad."""


def run(handrail: Handrail, file: Path, *options: str) -> Answer:
    return handrail("run", file, "--mapping", MAPPING, "--as-of", MORNING, "--json", *options)


def write(cases: pd.DataFrame, file: Path) -> Path:
    """Write the cases with their labels, where they have any."""
    return deliver(cases, file, cases["label"].tolist() if "label" in cases else None)


def set_cells(cases: pd.DataFrame, column: str, value: object, rows: int) -> pd.DataFrame:
    """The cases with `value` in the last `rows` cells of `column`."""
    spoilt = cases.astype({column: object})
    spoilt.loc[spoilt.index[-rows:], column] = value
    return spoilt


def bad_date(cases: pd.DataFrame, rows: int) -> pd.DataFrame:
    return set_cells(cases, "received_at", "the day before yesterday", rows)


def trail_head(handrail: Handrail) -> str:
    verified = handrail.ask("trail", "verify")
    assert verified["valid"]
    return str(verified["head"])


def assert_complete(handrail: Handrail, answer: Answer, accepted: int = CASES) -> None:
    """All of the delivery is queued now, and the trail is whole."""
    assert answer.code == 0, answer.err
    assert answer.json["accepted"] == accepted
    assert sum(answer.json["queues"].values()) == accepted
    assert handrail.rows("SELECT count(*) FROM routes") == [(CASES,)]
    assert handrail.states() == {"queued": CASES}
    trail_head(handrail)
