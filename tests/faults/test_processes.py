"""As a shell sees it: the same one sentence, and nothing else on stderr."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from tests.deliveries import CASES, ONE_TOO_MANY, bad_date, write
from tests.workspaces import MAPPING, MORNING, ROOT, Answer, Handrail, deliver


def test_a_process_of_its_own_says_the_same_one_sentence(begun: Handrail, cases: pd.DataFrame, file: Path) -> None:
    command = [sys.executable, "-m", "console.main", "run", str(file), "--mapping", str(MAPPING), "--as-of", MORNING]
    surroundings = {**os.environ, "HANDRAIL_HOME": str(begun.home)}
    surroundings.pop("HANDRAIL_DATABASE_URL", None)

    def in_a_process() -> Answer:
        found = subprocess.run(command, env=surroundings, cwd=ROOT, capture_output=True, text=True, check=False)
        return Answer(found.returncode, found.stdout, found.stderr)

    write(bad_date(cases, ONE_TOO_MANY), file)
    assert f"{ONE_TOO_MANY} of {CASES} rows" in in_a_process().refusal
    deliver(cases, file)
    answer = in_a_process()
    assert (answer.code, answer.err) == (0, "")
    assert f"{CASES} rows: {CASES} accepted" in answer.out
    assert begun.rows("PRAGMA integrity_check") == [("ok",)]
