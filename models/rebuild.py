"""What one needs to rebuild a version, and by what a rebuilt one is recognised: the digest of its predictions."""

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Collection, Sequence
from functools import lru_cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
import pandas as pd

from handrail import labels
from handrail.policy import Policy
from handrail.ppm import PPM
from models import weighing

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements.lock"
_PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "skops")
_GIT_SECONDS = 5

Composition = TypedDict(
    "Composition",
    {
        "labels": int,
        "provenance": dict[str, int],
        "categories": dict[str, int],
        "from": str | None,
        "to": str | None,
    },
)
"""How many labels a training set has, by provenance and by category, and its window (ISO 8601, or None)."""


class Surroundings(TypedDict):
    """Code, lock, Python, processor and packages that a training ran with; `code_is` says what `code` names."""

    code_is: str
    code: str
    lock_digest: str | None
    python: str
    machine: str
    packages: dict[str, str]


class Recipe(Surroundings):
    """All that a rebuild starts from and is compared with, as it stands beside the version.

    `weights` are those of `models.weighing.packed`, `new_categories` what the champion of that time had not learnt;
    versions from before labels were weighed have neither.
    """

    seed: int
    rules: dict[str, Any]
    novelty: dict[str, Any]
    fields: list[str]
    predictions_digest: str
    data: Composition
    weights: NotRequired[dict[str, str]]
    new_categories: NotRequired[list[str]]


def recipe(
    policy: Policy,
    fields: Sequence[str],
    rows: pd.DataFrame,
    predictions: str,
    new_categories: Collection[str] = (),
) -> Recipe:
    """What a training with these rules, fields and rows starts from.

    `rows` are the examples (`label`, and `provenance` and `received_at` where known), `predictions` the
    digest of what the model said of its newest ones.
    """
    return {
        "seed": policy.model.seed,
        "rules": policy.model.model_dump(mode="json"),
        "novelty": policy.novelty.model_dump(mode="json"),
        "fields": list(fields),
        "predictions_digest": predictions,
        "data": composition(rows),
        "weights": weighing.packed(rows),
        "new_categories": sorted(new_categories),
        **surroundings(),
    }


def surroundings() -> Surroundings:
    """Code, lock, Python, processor and packages that a training runs with here and now."""
    return {
        "code_is": code()["code_is"],
        "code": code()["code"],
        "lock_digest": lock_digest(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": packages(),
    }


def composition(rows: pd.DataFrame) -> Composition:
    """What a training set is made of."""
    received = pd.to_datetime(rows["received_at"], utc=True, format="mixed") if "received_at" in rows else pd.Series()
    known = received.dropna()
    return {
        "labels": len(rows),
        "provenance": _provenance(rows),
        "categories": _counts(rows["label"]),
        "from": None if known.empty else known.min().isoformat(),
        "to": None if known.empty else known.max().isoformat(),
    }


def _provenance(rows: pd.DataFrame) -> dict[str, int]:
    """With status and blind labels where they are known; a file's labels say no more than where they are from."""
    if {"provenance", "status", "blind"} <= set(rows):
        return labels.provenance_counts(rows)
    return _counts(rows["provenance"]) if "provenance" in rows else {}


@lru_cache(maxsize=1)
def code(root: Path = ROOT) -> dict[str, str]:
    """The code's version: `code` and, in `code_is`, whether that is a git commit or a package's version.

    A commit with changes that were never committed ends in `-dirty`: nobody can rebuild from it.
    """
    git = shutil.which("git")
    if git is not None and (root / ".git").exists():
        words = [git, "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        told = subprocess.run(words, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)  # noqa: S603 - our own words
        if told.returncode == 0:
            return {"code_is": "git commit", "code": told.stdout.strip()}
    return {"code_is": "package", "code": f"handrail {installed('handrail')}"}


@lru_cache(maxsize=1)
def lock_digest(root: Path = ROOT) -> str | None:
    """SHA-256 of the requirements lock, or None where none lies beside the code."""
    file = root / LOCK
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


@lru_cache(maxsize=1)
def packages() -> dict[str, str]:
    """Versions of the libraries whose arithmetic the model is."""
    return {name: installed(name) for name in _PACKAGES}


def predictions_digest(predicted: pd.DataFrame, identity: "pd.Series[str]") -> str:
    """SHA-256 over `label`, `confidence`, `novelty` and `novel` of each case, in the order of `identity`.

    Both scores count in millionths: processors may differ in the last bits of a logarithm. Rows in
    another order give the same digest, one changed prediction gives another. Empty input has one too.
    """
    scores = (predicted[["confidence", "novelty"]].to_numpy(dtype=np.float64) * PPM).round().astype(np.int64)
    rows = zip(identity.astype(str), predicted["label"].astype(str), scores.tolist(), predicted["novel"], strict=True)
    digest = hashlib.sha256()
    for case, label, (confidence, novelty), novel in sorted(rows):
        digest.update(f"{len(case)}:{case}{len(label)}:{label}{confidence},{novelty},{int(novel)};".encode())
    return digest.hexdigest()


def _counts(values: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in values.value_counts().sort_index().items()}
