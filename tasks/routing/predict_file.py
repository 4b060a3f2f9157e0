"""Predicting on a plain file: what the policy, the model and its certificates would make of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from handrail import cells, flags, given, mapping, pii
from handrail.errors import BadInput
from handrail.policy import Stage
from handrail.queues import Situation, route_many
from handrail.store import certificates
from handrail.store import models as model_rows
from handrail.store import situation as situations
from handrail.store.frames import records
from models.external import GivenModel, Model
from models.features import model_input
from tasks import occasion as occasions
from tasks.intake import read
from tasks.routing import score


@dataclass(frozen=True, slots=True)
class FilePredictions:
    """Label, confidence, novelty, queue and reason for each row of a file, in order, and what is wrong besides."""

    rows: pd.DataFrame
    warnings: tuple[str, ...]


def predict_file(
    file: Path, *, text: str, version: str | None, mapping_file: Path | None, encoding: str
) -> FilePredictions:
    """Score a file's rows and route them; nothing is stored.

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
    return FilePredictions(pd.concat(parts, ignore_index=True), tuple(one.sentence for one in altered[:1]))


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
    seen = pd.DataFrame(
        {
            "case_id": range(len(chunk)),
            "text": [one.text for one in pii.redact_many(texts, privacy.redact, region=privacy.phone_region)],
            "amount": _amounts(chunk, known),
            "fields": _fields(chunk, known, model.fields),
        }
    )
    if isinstance(model, GivenModel):
        seen = seen.assign(**_given(occasion, chunk, known).columns)
    consent = np.array(_consents(chunk, known), dtype=bool)
    # Of a row without consent nothing is shown to the model, and so it has no label and no confidence.
    said = model.predict(model_input(seen[consent], model.fields)).set_axis(seen.index[consent]).reindex(seen.index)
    has_text = [bool(value.strip()) for value in texts]
    frame = said.assign(
        consent=consent,
        has_text=has_text,
        amount=seen["amount"],
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
    return given.interpret(labels, confidences, rule, occasion.policy.names_now({}))


def _fields(chunk: pd.DataFrame, known: mapping.Mapping | None, wanted: Sequence[str]) -> list[dict[str, str]]:
    """What the mapping names of the wanted fields, for each row."""
    extra = {name: column for name, column in (known.fields.extra if known else {}).items() if name in wanted}
    missing = [name for name in extra.values() if name not in chunk.columns]
    if missing:
        raise BadInput(
            f"The file has no column {', '.join(map(repr, missing))}. Correct `fields.extra` in the mapping."
        )
    columns = [map(cells.identifier, cells.texts(chunk[column])) for column in extra.values()]
    return [dict(zip(extra, row, strict=True)) for row in zip(*columns, strict=True)] or [{}] * len(chunk)


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
