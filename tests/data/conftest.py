"""A small labelled inbox with four clear categories, a model trained on it, and a workspace."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handrail.policy import ModelRules
from handrail.workspace import Workspace
from models import classifier
from models.classifier import TrainedModel

NOW = datetime(2025, 3, 1, tzinfo=UTC)
SUBJECTS = {
    "parcel": ["parcel", "delivery", "courier", "tracking", "doorstep", "shipment", "depot", "driver", "late", "route"],
    "refund": [
        "refund",
        "money",
        "returned",
        "purchase",
        "credited",
        "bank",
        "receipt",
        "broken",
        "exchange",
        "voucher",
    ],
    "login": ["password", "account", "login", "reset", "email", "locked", "browser", "code", "access", "username"],
    "invoice": [
        "invoice",
        "billing",
        "charge",
        "tariff",
        "meter",
        "monthly",
        "amount",
        "payment",
        "overdue",
        "statement",
    ],
}
FILLERS = [
    "please",
    "could",
    "you",
    "tell",
    "me",
    "why",
    "my",
    "the",
    "is",
    "was",
    "not",
    "yet",
    "since",
    "yesterday",
    "thank",
    "you",
]


def inbox(cases: int, seed: int = 1, noise: float = 0.05) -> pd.DataFrame:
    """Labelled examples, oldest first; a share of `noise` carries another category's words."""
    rng = np.random.default_rng(seed)
    names = sorted(SUBJECTS)
    rows = []
    for case_id in range(cases):
        label = names[rng.integers(len(names))]
        subject = names[rng.integers(len(names))] if rng.random() < noise else label
        words = [*rng.choice(SUBJECTS[subject], 5), *rng.choice(FILLERS, 8)]
        text = " ".join(rng.permutation(words)) + f" {rng.integers(10_000)}"
        rows.append((case_id, text, label, NOW - timedelta(hours=cases - case_id), rng.choice(["web", "mail"])))
    frame = pd.DataFrame(rows, columns=["case_id", "text", "label", "received_at", "channel"])
    return frame.assign(amount=rng.choice([np.nan, 10.0, 250.0], cases), provenance="history", labelled_at=NOW)


@pytest.fixture(scope="session")
def make_inbox() -> Callable[..., pd.DataFrame]:
    return inbox


@pytest.fixture(scope="session")
def trained() -> TrainedModel:
    return classifier.train(inbox(600), ModelRules(min_labels=100), ("amount", "channel"))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    home = Workspace(tmp_path / "home")
    home.create()
    return home
