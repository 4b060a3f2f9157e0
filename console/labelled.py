"""Training and predicting on plain files."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from console.answer import warn
from handrail import cells, flags, given, mapping, pii, policy
from handrail.acts import publishing
from handrail.errors import BadInput, NotFound
from handrail.policy import Stage
from handrail.queues import Situation, route_many
from handrail.store import certificates
from handrail.store import models as model_rows
from handrail.store import situation as situations
from handrail.store.engine import Store
from handrail.store.frames import records
from handrail.workspace import Workspace
from models import classifier
from models.external import GivenModel, Model
from tasks import occasion as occasions
from tasks.intake import read
from tasks.learning import retrain, trigger
from tasks.routing import score

_LONGEST_NAME = 40  # characters of a label in a refusal: whoever names the wrong column is not to print its texts


def train_file(
    file: Path, *, text: str, label: str, time: str | None, encoding: str, as_of: str | None
) -> dict[str, Any]:
    """Train on a labelled file; only the text is a feature. An empty workspace gets a policy of one entry per label.

    Raises:
        BadInput: a column is missing, a time cannot be read, labels are twins, or there is too little to learn from.
    """
    from console.answer import who

    rows = _columns(file, [name for name in (text, label, time) if name], encoding)
    texts, labels = rows[text].tolist(), rows[label].tolist()
    now = occasions.moment(as_of)
    times = pd.to_datetime(rows[time], utc=True, errors="coerce", format="mixed") if time else None
    if times is not None and times.isna().any():
        raise BadInput(f"{file}, row {int(times.isna().argmax()) + 1}: the time cannot be read. Write it as ISO 8601.")
    known = [name for name in labels if name.strip()]
    if not known:
        raise BadInput(f"{file} holds no label in column {label!r}. Give the column with the categories.")
    workspace = Workspace.from_environment()
    rules = _policy_in_force(workspace, now) or policy.for_labels(known, business="file")
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
    publishing.found(store, rules, founder=who(None), now=now, made=made)
    occasion = occasions.enter(workspace, "flow:train_file", now)
    with trigger.reserve(occasion):
        registered = retrain.register(occasion, trained, labelled, "by_hand")
    metrics = registered.metrics
    return {
        "version": registered.version,
        "accuracy": metrics["accuracy"],
        "ece": metrics["ece"],
        "certificates": {},
        "labels": registered.labels,
        "imported": registered.labels,
        "serves": registered.serves,
        "metrics": metrics,
        "n_test": int(metrics["n_test"]),
        "notes": [*left_out, *registered.notes],
        "cause": "by_hand",
    }


def _policy_in_force(workspace: Workspace, now: datetime) -> policy.Policy | None:
    try:
        return occasions.enter(workspace, "flow:train_file", now).policy
    except NotFound:
        return None


def predict_file(
    file: Path, *, text: str, version: str | None, mapping_file: Path | None, encoding: str
) -> pd.DataFrame:
    """Label, confidence, novelty, queue and reason for each row, in order; nothing is stored.

    It routes by policy, model and certificate alone: every category counts as if its stage were auto.

    Raises:
        BadInput: a column is missing, or there is no model.
    """
    occasion = occasions.begin("predict")
    with occasion.store.read() as connection:
        serving = model_rows.serving(connection)
        chosen, waiting = version or serving.model_version, serving.challenger
        if chosen is None and waiting is not None:
            raise BadInput(
                f"No version serves. Version {waiting} waits: `handrail model show {waiting}` says why. To ask it all "
                f"the same, add --model {waiting}."
            )
        if chosen is None or model_rows.version(connection, chosen) is None:
            raise BadInput(f"There is no model {version or 'yet'}. Train one with `handrail train`.")
        valid = certificates.certificates(connection, chosen, occasion.now, rules=occasion.policy.certificate)
        # A file is routed by the policy, the model and the certificate alone: of what was altered, the policy counts.
        altered = tuple(one for one in situations.altered(connection, occasion.policy) if one.what == "policy")
    model = score.load(occasion, chosen)
    known = mapping.read(mapping_file) if mapping_file else None
    if altered:
        warn(altered[0].sentence)
    # The stage is a matter of trust in a category's rollout, like a pause, and not of what the model says of a row.
    situation = Situation(
        stages=dict.fromkeys(occasion.policy.categories, Stage.AUTO),
        altered=altered,
        certified={row["category"]: float(row["threshold"]) for row in records(valid)},
    )
    parts = [
        _predict(occasion, model, chunk, text, known, situation)
        for chunk in read.read(file, batch_rows=occasion.policy.intake.batch_rows, encoding=encoding)
    ]
    return pd.concat(parts, ignore_index=True)


def _predict(
    occasion: occasions.Occasion,
    model: Model,
    chunk: pd.DataFrame,
    text: str,
    known: mapping.Mapping | None,
    situation: Situation,
) -> pd.DataFrame:
    if text not in chunk.columns:
        raise BadInput(f"The file has no column {text!r}; it has {', '.join(chunk.columns)}. Correct --text.")
    texts = chunk[text].fillna("").astype(str).tolist()
    privacy = occasion.policy.privacy
    view = pd.DataFrame(
        {"text": [found.text for found in pii.redact_many(texts, privacy.redact, region=privacy.phone_region)]}
    )
    view["amount"] = _amounts(chunk, known)
    extra = dict(known.fields.extra) if known else {}
    for name in model.fields:
        if name != "amount":
            view[name] = chunk[extra[name]].to_numpy() if name in extra else ""
    if isinstance(model, GivenModel):
        view = view.assign(**_given(occasion, chunk, known).columns)
    consent = np.array(_consents(chunk, known), dtype=bool)
    # Of a row without consent nothing is shown to the model, and so it has no label and no confidence.
    said = model.predict(view[consent]).reindex(view.index)
    has_text = [bool(value.strip()) for value in texts]
    frame = said.assign(
        consent=consent,
        has_text=has_text,
        amount=view["amount"],
        flags=pd.Series(flags.find_flags(texts, occasion.policy), dtype=object, index=said.index),
    )
    # A draw of 0 puts every row into the partial share: predict shows the policy, not the lot.
    routes = route_many(frame, situation, occasion.policy, [0.0] * len(frame))
    return said[["label", "confidence", "novelty"]].assign(
        queue=routes["queue"].to_numpy(), reason=routes["reason"].to_numpy()
    )


def _given(occasion: occasions.Occasion, chunk: pd.DataFrame, known: mapping.Mapping | None) -> given.Given:
    """What somebody else's model said of each row, as its mapping says."""
    rule = known.fields.prediction if known else None
    if rule is None:
        raise BadInput(
            "The model calibrates predictions that arrive with the rows: name their columns under "
            "`fields.prediction` in a mapping and give it with --mapping."
        )
    missing = [column for column in (rule.label, rule.confidence) if column not in chunk.columns]
    if missing:
        raise BadInput(f"The file has no column {', '.join(map(repr, missing))}. Correct the mapping.")
    labels, confidences = (cells.texts(chunk[column]) for column in (rule.label, rule.confidence))
    return given.interpret(labels, confidences, rule, list(occasion.policy.categories))


def _amounts(chunk: pd.DataFrame, known: mapping.Mapping | None) -> pd.Series:
    column = known.fields.amount if known else None
    if column is None:
        return pd.Series(float("nan"), index=range(len(chunk)))
    return pd.Series(cells.numbers(cells.texts(chunk[column])))


def _consents(chunk: pd.DataFrame, known: mapping.Mapping | None) -> list[bool]:
    consent = known.fields.consent if known else None
    if consent is None:
        return [True] * len(chunk)
    if consent.column not in chunk.columns:
        raise BadInput(f"The file has no column {consent.column!r}. Correct `fields.consent` in the mapping.")
    return [consent.is_given(cell) is True for cell in cells.texts(chunk[consent.column])]


def _columns(file: Path, names: list[str], encoding: str) -> pd.DataFrame:
    chunks = list(read.read(file, batch_rows=50_000, encoding=encoding))
    rows = pd.concat(chunks, ignore_index=True)
    missing = [name for name in names if name not in rows.columns]
    if missing:
        raise BadInput(
            f"{file} has no column {', '.join(missing)}; it has {', '.join(rows.columns)}. Correct the option."
        )
    return rows
