"""The champion scores accepted cases; a challenger scores the same ones in shadow."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

import pandas as pd

from expectations import checkpoint, suites
from handrail.acts import models as model_acts
from handrail.acts import routing
from handrail.case import State
from handrail.errors import GateFailed, NotFound
from handrail.store import cases, models, queue
from models import registry
from models.classifier import TrainedModel
from tasks.occasion import Occasion, log
from tasks.step import step

_BATCHES_AT_ONCE = 4  # predictions are small, and each check costs the same for few rows and many


def examples(chunk: pd.DataFrame, fields: tuple[str, ...]) -> pd.DataFrame:
    """What a model may see of cases: redacted text, amount, and the policy's fields as columns."""
    view = pd.DataFrame(
        {
            "case_id": chunk["case_id"].to_numpy(),
            "text": chunk["redacted"].fillna("").to_numpy(),
            "amount": chunk["amount"].to_numpy(),
        }
    )
    view["amount"] = pd.to_numeric(view["amount"])
    for name in fields:
        if name != "amount":
            view[name] = [str(values.get(name) or "") for values in chunk["fields"]]
    return view


def serving_model(occasion: Occasion) -> tuple[str, TrainedModel] | None:
    """The champion of the serving row, its alias put right, or None before the first model."""
    with occasion.store.read() as connection:
        version = models.serving(connection)["model_version"]
        row = models.version(connection, version) if version else None
    if row is None:
        return None
    moved = registry.reconcile(occasion.workspace, occasion.model_name, row["version"])
    if moved.moved:
        model_acts.note_alias_moved(
            occasion.store, found=moved.found, serving=row["version"], actor=occasion.actor, now=occasion.now
        )
        log.warning("the champion alias was moved by hand to version %s and put back", moved.found)
    return row["version"], load(occasion, row["version"])


def load(occasion: Occasion, version: str) -> TrainedModel:
    """One registered version, its artifact checked against the digest in the store."""
    with occasion.store.read() as connection:
        row = models.version(connection, version)
    if row is None:
        raise NotFound(f"Model version {version} is not registered. See `handrail model list`.")
    return registry.load(occasion.workspace, occasion.model_name, version, row["artifact_digest"])


@step
def score(occasion: Occasion) -> dict[str, int]:
    """Score every accepted case that may be read; the rest goes on unscored, to people.

    Raises:
        GateFailed: the predictions break an expectation; none of them is recorded, their cases stay accepted.
    """
    champion = serving_model(occasion)
    scored = _score_readable(occasion, *champion) if champion else 0
    unread = 0
    for chunk in _accepted(occasion, ["has_text", "consent"]):
        rest = chunk.loc[~_is_readable(chunk) | (champion is None), "case_id"].tolist()
        routing.pass_unscored(occasion.store, rest, actor=occasion.actor)
        unread += len(rest)
    log.info("scored %d cases, %d go to people unscored", scored, unread)
    return {"scored": scored, "unscored": unread}


def _score_readable(occasion: Occasion, version: str, model: TrainedModel) -> int:
    chunks = _accepted(occasion, ["redacted", "amount", "fields", "has_text", "consent"])
    said = (_say(model, chunk[_is_readable(chunk)]) for chunk in chunks)
    scored = 0
    while several := list(islice(said, _BATCHES_AT_ONCE)):
        scored += routing.record_predictions(
            occasion.store, _checked(occasion, model, pd.concat(several, ignore_index=True)), version=version,
            role="champion", advance=True, actor=occasion.actor, now=occasion.now,
        )  # fmt: skip
    return scored


def _accepted(occasion: Occasion, columns: list[str]) -> Iterator[pd.DataFrame]:
    after = 0
    limit = occasion.policy.intake.batch_rows
    while True:
        with occasion.store.read() as connection:
            chunk = cases.pick(connection, State.ACCEPTED, columns, after=after, limit=limit)
        if chunk.empty:
            return
        after = int(chunk["case_id"].iloc[-1])
        yield chunk


def _is_readable(chunk: pd.DataFrame) -> "pd.Series[bool]":
    return chunk["has_text"].astype(bool) & chunk["consent"].astype(bool)


def predict(occasion: Occasion, model: TrainedModel, chunk: pd.DataFrame) -> pd.DataFrame:
    """Predictions for cases, checked by the predictions suite."""
    return _checked(occasion, model, _say(model, chunk))


def _say(model: TrainedModel, chunk: pd.DataFrame) -> pd.DataFrame:
    view = examples(chunk, model.fields)
    return model.predict(view).assign(case_id=view["case_id"].to_numpy())


def _checked(occasion: Occasion, model: TrainedModel, predictions: pd.DataFrame) -> pd.DataFrame:
    if predictions.empty:
        return predictions
    verdict = checkpoint.check(
        occasion.workspace, "predictions", predictions, suites.predictions(model.labels), build_docs=False
    )
    if not verdict.passed:
        raise GateFailed(
            f"The model's predictions fail {verdict.failures[0].sentence} Nothing was recorded. "
            "Roll back with `handrail model rollback --reason …` and look at the Data Docs."
        )
    return predictions[["case_id", "label", "confidence", "novelty", "novel"]]


@step
def score_challenger(occasion: Occasion, since: datetime) -> int:
    """Let the challenger score, beside the champion, the cases received since then; returns how many."""
    with occasion.store.read() as connection:
        version = models.serving(connection)["challenger"]
    if version is None:
        return 0
    model = load(occasion, version)
    done = 0
    while True:
        with occasion.store.read() as connection:
            chunk = queue.unscored_by(connection, version, since=since, limit=occasion.policy.intake.batch_rows)
        if chunk.empty:
            break
        done += routing.record_predictions(
            occasion.store, predict(occasion, model, chunk), version=version, role="challenger", advance=False,
            actor=occasion.actor, now=occasion.now,
        )  # fmt: skip
    log.info("challenger %s scored %d cases in shadow", version, done)
    return done
