"""What a Prefect user writes first: one task a case, which loads, redacts, scores and commits it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pandas as pd
from prefect import flow, task

from handrail import pii
from handrail.workspace import Workspace
from tasks.occasion import enter
from tasks.routing.score import serving_model

TABLE = "CREATE TABLE cases (id INTEGER PRIMARY KEY, text, amount, tier, channel, label, confidence)"
LOAD = "SELECT text, amount, tier, channel FROM cases WHERE id = ?"
COMMIT = "UPDATE cases SET label = ?, confidence = ? WHERE id = ?"


def handler(home: Path, file: Path, count: int) -> Callable[[int], None]:
    """What is done to one case, by its number; the first `count` of `file` lie in a database of their own.

    The model of the workspace `home` is loaded once, which is more than most would do.
    """
    champion = serving_model(enter(Workspace(home), "benchmark"))
    assert champion is not None
    connect = partial(sqlite3.connect, home / "naive.db")
    cases = pd.read_json(file, lines=True, nrows=count, dtype=False)[["text", "amount", "tier", "channel"]]
    with closing(connect()) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(TABLE)
        rows = [(number, *row) for number, row in enumerate(cases.itertuples(index=False))]
        connection.executemany("INSERT INTO cases VALUES (?, ?, ?, ?, ?, NULL, NULL)", rows)

    def handle(number: int) -> None:
        with closing(connect()) as connection, connection:
            text, amount, tier, channel = connection.execute(LOAD, (number,)).fetchone()
            case = {"text": pii.redact(text or "").text, "amount": amount, "tier": tier, "channel": channel}
            said = champion[1].predict(pd.DataFrame([case])).iloc[0]
            connection.execute(COMMIT, (said["label"], float(said["confidence"]), number))

    return handle


def naive_flow(home: Path, file: Path, count: int) -> Callable[[list[int]], None]:
    """A flow over numbers of cases, with one task for each."""
    handle = task(handler(home, file, count))

    @flow
    def one_by_one(numbers: list[int]) -> None:
        for number in numbers:
            handle(number)

    return one_by_one
