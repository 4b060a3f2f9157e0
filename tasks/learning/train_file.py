"""Training on a plain labelled file, before there is any delivery."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from handrail import pii, policy
from handrail.acts import publishing
from handrail.errors import BadInput, NotFound, Refused
from handrail.store.engine import Store
from handrail.workspace import Workspace
from models import classifier
from tasks import occasion as occasions
from tasks.intake import read
from tasks.learning import retrain, trigger
from tasks.learning.retrain import Trained

_LONGEST_NAME = 40  # characters of a label in a refusal: whoever names the wrong column is not to print its texts


@dataclass(frozen=True, slots=True)
class FileTraining:
    """The version that came of a file, and what is to be said of its rows."""

    registered: Trained
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON can; a file brings no blind labels, so nothing is certified."""
        one = self.registered
        return {
            "version": one.version,
            "accuracy": one.metrics["accuracy"],
            "ece": one.metrics["ece"],
            "certificates": {},
            "labels": one.labels,
            "imported": one.labels,
            "serves": one.serves,
            "metrics": one.metrics,
            "n_test": int(one.metrics["n_test"]),
            "notes": list(self.notes),
            "cause": "by_hand",
        }


def train_file(
    file: Path, *, text: str, label: str, time: str | None, encoding: str, founder: str, as_of: datetime | None = None
) -> FileTraining:
    """Train on a labelled file; only the text is a feature. An empty workspace gets a policy of one entry per label.

    `text`, `label` and `time` name columns; `founder` is the first person of a workspace that this founds.

    Raises:
        BadInput: a column is missing, a time cannot be read, labels are twins, or there is too little to learn from.
        Refused: `as_of` is given, and the workspace is live, as one that this founds is.
    """
    rows = _columns(file, [name for name in (text, label, time) if name], encoding)
    texts, labels = rows[text].tolist(), rows[label].tolist()
    times = pd.to_datetime(rows[time], utc=True, errors="coerce", format="mixed") if time else None
    if times is not None and times.isna().any():
        raise BadInput(f"{file}, row {int(times.isna().argmax()) + 1}: the time cannot be read. Write it as ISO 8601.")
    known = [name for name in labels if name.strip()]
    if not known:
        raise BadInput(f"{file} holds no label in column {label!r}. Give the column with the categories.")
    workspace = Workspace.from_environment()
    rules = _policy_in_force(workspace, as_of) or policy.for_labels(known, business="file")
    if rules.model.source == "given":
        raise BadInput(
            "The policy in force calibrates somebody else's model (model.source: given) and trains none on a file. "
            "Import the labelled cases with `handrail run --mapping`, then run `handrail train` alone."
        )
    unknown = sorted(set(known) - set(rules.categories))
    if unknown:
        named = ", ".join(name[:_LONGEST_NAME] for name in unknown[:5])
        raise BadInput(
            f"{file} has labels that the policy does not know: {named}. "
            "Add them to the policy, or train in an empty workspace (HANDRAIL_HOME)."
        )
    privacy = rules.privacy
    redacted = [found.text for found in pii.redact_many(texts, privacy.redact, region=privacy.phone_region)]
    frame = pd.DataFrame({"case_id": range(len(rows)), "text": redacted, "amount": float("nan"), "label": labels})
    frame["provenance"] = "imported"
    frame["received_at"] = pd.NaT if times is None else times
    labelled = frame[frame["label"].str.strip() != ""]
    left_out = [f"{len(frame) - len(labelled)} rows without a label left out"] if len(labelled) < len(frame) else []
    trained = classifier.train(
        labelled, rules.model, (), rules.novelty, near_duplicate_from=rules.gates.training_set.near_duplicate_from
    )
    # Only now: a file that teaches nothing must not leave a workspace with its labels behind.
    workspace.create()
    store = Store(workspace.database_url)
    store.upgrade()
    made = publishing.Made("labels", file.name)
    publishing.found(store, rules, founder=founder, now=store.clock(), made=made)
    occasion = occasions.enter(workspace, "flow:train_file", as_of)
    with trigger.reserve(occasion):
        registered = retrain.register(occasion, trained, labelled, "by_hand")
    return FileTraining(registered, (*left_out, *registered.notes))


def _policy_in_force(workspace: Workspace, as_of: datetime | None) -> policy.Policy | None:
    try:
        return occasions.enter(workspace, "flow:train_file", as_of).policy
    except NotFound:
        if as_of is not None:  # what a file begins is live; refused before anything is made
            raise Refused(occasions.CLOCK_STANDS) from None
        return None


def _columns(file: Path, names: list[str], encoding: str) -> pd.DataFrame:
    chunks = list(read.read(file, batch_rows=50_000, encoding=encoding))
    rows = pd.concat(chunks, ignore_index=True)
    missing = [name for name in names if name not in rows.columns]
    if missing:
        raise BadInput(
            f"{file} has no column {', '.join(missing)}; it has {', '.join(rows.columns)}. Correct the option."
        )
    return rows
