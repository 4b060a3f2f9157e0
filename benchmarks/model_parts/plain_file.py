"""`handrail train FILE`, then `handrail predict FILE`, as a user calls them: any labelled file, no policy by hand."""

import csv
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from model_parts import intents

COMMAND = (sys.executable, "-m", "console.main")
ROOT = Path(__file__).resolve().parents[2]


def train_and_predict(folder: Path, *, categories: int, each: int, seed: int = 11) -> dict[str, Any]:
    """Seconds of both commands in an empty workspace, on so many categories of so many short texts."""
    held_out = max(each // 5, 2)
    rows, _ = intents.generate(categories, each + held_out, 1, seed=seed)
    train = rows.groupby("label").head(each)
    new = rows.drop(train.index)
    train[["text", "label"]].to_csv(folder / "train.csv", index=False)
    new[["text"]].to_csv(folder / "new.csv", index=False)
    home = folder / "home"
    trained, training = _run(home, "train", "train.csv", "--text", "text", "--label", "label", "--json", folder=folder)
    _, predicting = _run(home, "predict", "new.csv", "--text", "text", "--out", "out.csv", folder=folder)
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        said = list(csv.DictReader(file))
    right = [one["label"] == truth for one, truth in zip(said, new["label"], strict=True)]
    return {
        "categories": int(train["label"].nunique()),
        "rows": len(train),
        "train_seconds": training["wall"],
        "train_cpu_seconds": training["cpu"],
        "predicted": len(said),
        "predict_seconds": predicting["wall"],
        "version": json.loads(trained)["version"],
        "accuracy": sum(right) / len(right),
        "queues": {queue: sum(one["queue"] == queue for one in said) for queue in "ABC"},
    }


def _run(home: Path, *arguments: str, folder: Path) -> tuple[str, dict[str, float]]:
    """Standard output and the seconds of one command; a refusal ends the benchmark with its sentence."""
    environment = {**os.environ, "HANDRAIL_HOME": str(home), "PYTHONPATH": str(ROOT)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, {"wall": round(wall, 1), "cpu": round(cpu, 1)}
