"""The champion scores accepted cases; a challenger scores the same ones in shadow."""

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import islice

import pandas as pd

from expectations import checkpoint, suites
from handrail.acts import incidents, routing
from handrail.acts import models as model_acts
from handrail.case import State
from handrail.errors import GateFailed, NotFound
from handrail.store import cases, changes, models, readable
from handrail.store import predictions as stored_predictions
from models import copies, features, registry, signature
from models.copies import ModelUnavailable
from models.external import GIVEN_CONFIDENCE, GIVEN_LABEL, GivenModel, Model
from tasks.occasion import Occasion, log
from tasks.step import step

_SAID = ("case_id", "label", "confidence", "novelty", "novel")
_BATCHES_AT_ONCE = 4  # predictions are small, and each check costs the same for few rows and many


def permitted(occasion: Occasion, model: Model) -> tuple[str, ...]:
    """The fields of a model that the policy in force still lets it read; it reads the others as blank."""
    return tuple(name for name in model.fields if name in occasion.policy.model.fields)


def with_given(occasion: Occasion, chunk: pd.DataFrame) -> pd.DataFrame:
    """The same cases with what somebody else's model said of them, as columns given_label and given_confidence."""
    with occasion.store.read() as connection:
        said = readable.given(connection, chunk["case_id"].tolist())
    return chunk.assign(**{name: said[name].to_numpy() for name in (GIVEN_LABEL, GIVEN_CONFIDENCE)})


def serving_model(occasion: Occasion) -> tuple[str, Model] | None:
    """The champion of the serving row, its alias put right; None before the first model and while it cannot be read."""
    with occasion.store.read() as connection:
        version = models.serving(connection).model_version
    if version is None:
        return None
    try:
        model = load(occasion, version)
    except ModelUnavailable as error:
        _give_up(occasion, version, error.cause, str(error))
        return None
    follow_alias(occasion, version)
    return version, model


def follow_alias(occasion: Occasion, version: str) -> None:
    """Put the champion alias back to the serving version; what was found otherwise is recorded once."""
    actor, now = occasion.actor, occasion.now
    found = registry.reconcile(occasion.workspace, occasion.model_name, version)
    if found.moved:
        model_acts.note_alias_moved(occasion.store, found=found.stood_at, serving=version, actor=actor, now=now)
        log.warning("the champion alias was moved by hand to version %s; version %s goes on", found.stood_at, version)
    if found.deleted and incidents.note_deleted(occasion.store, version, actor=actor, now=now):
        log.warning(
            "version %s was deleted from the registry; it goes on serving from its local copy. Train anew with "
            "`handrail train`: without that copy nothing could bring it back.",
            version,
        )


def load(occasion: Occasion, version: str) -> Model:
    """One registered version, its artifact checked against the digest in the store and repaired from the registry.

    Raises:
        NotFound: the version is not registered.
        ModelUnavailable: its files cannot be read, or are not those that were registered.
    """
    with occasion.store.read() as connection:
        row = models.version(connection, version)
    if row is None:
        raise NotFound(f"Model version {version} is not registered. See `handrail model list`.")
    got = copies.obtain(occasion.workspace, occasion.model_name, version, row.artifact_digest)
    if got.repaired:
        incidents.note_refetched(occasion.store, version, actor=occasion.actor, now=occasion.now)
        log.warning("the local copy of version %s was damaged and came anew from the registry", version)
    return got.model


def _give_up(occasion: Occasion, version: str, cause: incidents.Cause, why: str) -> None:
    """Record that a model cannot be used, once an incident; the warning comes with every batch that it costs."""
    incidents.note_unavailable(occasion.store, version, cause, actor=occasion.actor, now=occasion.now)
    log.warning("version %s cannot be used, its cases go to people unscored: %s", version, why)


@step
def score(occasion: Occasion) -> dict[str, int]:
    """Score every accepted case that may be read; the rest goes on unscored, to people.

    A champion that cannot be read, or whose predictions are none, scores nothing: the inbox never waits for it.
    """
    with occasion.store.read() as connection:
        version = models.serving(connection).model_version
    champion = serving_model(occasion)
    scored, unread, trusted = _score_readable(occasion, *champion) if champion else (0, 0, False)
    version = champion[0] if champion else version
    for chunk in _accepted(occasion):
        readable_ones = chunk["has_text"].astype(bool) & chunk["consent"].astype(bool)
        rest = chunk.loc[~readable_ones | (not trusted), "case_id"].tolist()
        routing.pass_unscored(occasion.store, rest, version=version, actor=occasion.actor)
        unread += len(rest)
    log.info("scored %d cases, %d go to people unscored", scored, unread)
    return {"scored": scored, "unscored": unread}


def _score_readable(occasion: Occasion, version: str, model: Model) -> tuple[int, int, bool]:
    """How many cases were scored, of how many it said nothing, and whether what it says can be used at all."""
    said = (
        say(occasion, model, chunk.drop(columns="salt")).assign(salt=chunk["salt"].to_numpy())
        for chunk in _readable(occasion)
    )
    scored = silent = 0
    while several := list(islice(said, _BATCHES_AT_ONCE)):
        rows = pd.concat(several, ignore_index=True)
        try:
            predictions = _checked(occasion, model, rows[~rows["silent"]])
        except GateFailed as error:
            # Not the rows but the model is in doubt: none of the rest is scored by it either.
            _give_up(occasion, version, "predictions", str(error))
            return scored, silent, False
        scored += routing.record_predictions(
            occasion.store,
            predictions,
            version=version,
            role="champion",
            advance=True,
            salts=dict(zip(rows["case_id"].tolist(), rows["salt"].tolist(), strict=True)),
            actor=occasion.actor,
            now=occasion.now,
        )
        # Of these somebody else's model said nothing that can be used: they go on to people.
        untold = rows.loc[rows["silent"], "case_id"].tolist()
        routing.pass_unscored(occasion.store, untold, version=version, actor=occasion.actor)
        silent += len(untold)
    if scored:
        incidents.note_available(occasion.store, version, actor=occasion.actor, now=occasion.now)
    return scored, silent, True


def _readable(occasion: Occasion) -> Iterator[pd.DataFrame]:
    """The accepted cases that a model may see, a batch at a time."""
    after = 0
    while True:
        with occasion.store.read() as connection:
            chunk = readable.accepted(connection, occasion.policy, after=after, limit=occasion.policy.intake.batch_rows)
            salts = changes.salts(connection, chunk["case_id"].tolist())
        if chunk.empty:
            return
        after = int(chunk["case_id"].iloc[-1])
        yield chunk.assign(salt=chunk["case_id"].map(salts))


def _accepted(occasion: Occasion) -> Iterator[pd.DataFrame]:
    """Whether each accepted case has a text and consent, and nothing of its content."""
    after = 0
    limit = occasion.policy.intake.batch_rows
    while True:
        with occasion.store.read() as connection:
            columns = ["has_text", "consent", "is_redacted"]
            chunk = cases.pick(connection, State.ACCEPTED, columns, after=after, limit=limit)
        if chunk.empty:
            return
        after = int(chunk["case_id"].iloc[-1])
        # What another run has let in since the last redaction waits for its own.
        redacted = chunk[chunk["is_redacted"].astype(bool)]
        if len(redacted):
            yield redacted


def predict(occasion: Occasion, model: Model, chunk: pd.DataFrame) -> pd.DataFrame:
    """Predictions for cases in their order, checked by the predictions suite; none for those that are silent."""
    said = say(occasion, model, chunk)
    return _checked(occasion, model, said[~said["silent"]])


def say(occasion: Occasion, model: Model, chunk: pd.DataFrame) -> pd.DataFrame:
    """What a model says of cases, one row a case in their order, not checked yet.

    `silent` are those that came without a prediction where somebody else's model serves: no label, confidence 0.
    """
    is_given = isinstance(model, GivenModel)
    view = features.model_input(with_given(occasion, chunk) if is_given else chunk, permitted(occasion, model))
    said = model.predict(view).assign(case_id=view["case_id"].to_numpy())
    silent = said["label"].isna() & is_given
    return said.assign(silent=silent, confidence=said["confidence"].mask(silent, 0.0))


def _checked(occasion: Occasion, model: Model, predictions: pd.DataFrame) -> pd.DataFrame:
    if predictions.empty:
        return predictions
    verdict = checkpoint.check(
        occasion.workspace, "predictions", predictions, suites.predictions(model.labels), build_docs=False
    )
    if not verdict.passed:
        raise GateFailed(
            f"The model's predictions fail {verdict.failures[0].sentence} They were not recorded. "
            "Roll back with `handrail model rollback --reason …` and look at the Data Docs."
        )
    return predictions[list(_SAID)]


@step
def score_challenger(occasion: Occasion, since: datetime, also: Collection[int] = ()) -> int:
    """Let the challenger score, beside the champion, the cases received since then and `also` these; returns how many.

    One that does not fit the policy, or whose predictions are none, is refused; one that cannot be read scores nothing.
    """
    with occasion.store.read() as connection:
        version = models.serving(connection).challenger
        row = models.version(connection, version) if version else None
    if row is None:
        return 0
    try:
        model = load(occasion, row.version)
        unlike = signature.differences(row.kind, model.fields, model.labels, occasion.policy)
        if unlike:
            _refuse(occasion, row.version, "signature", unlike)
            return 0
        done = sum(
            routing.record_predictions(
                occasion.store,
                predict(occasion, model, chunk),
                version=row.version,
                role="challenger",
                advance=False,
                actor=occasion.actor,
                now=occasion.now,
            )
            for chunk in _for_shadow(occasion, row.version, since, also)
        )
    except ModelUnavailable as error:
        _give_up(occasion, row.version, error.cause, str(error))
        return 0
    except GateFailed as error:
        _refuse(occasion, row.version, "predictions", [str(error)])
        return 0
    log.info("challenger %s scored %d cases in shadow", row.version, done)
    return done


def _for_shadow(occasion: Occasion, version: str, since: datetime, also: Collection[int]) -> Iterator[pd.DataFrame]:
    """In chunks what the version has not scored: the cases received since then, then `also`."""
    after, limit = 0, occasion.policy.intake.batch_rows
    while True:
        with occasion.store.read() as connection:
            chunk = stored_predictions.unscored_by(
                connection, version, occasion.policy, since=since, after=after, limit=limit
            )
        if chunk.empty:
            break
        after = int(chunk["case_id"].iloc[-1])
        yield chunk
    with occasion.store.read() as connection:
        left = sorted(set(also) - stored_predictions.scored_by(connection, sorted(also), version))
    for start in range(0, len(left), limit):
        with occasion.store.read() as connection:
            chunk = readable.of(connection, left[start : start + limit], occasion.policy)
        if len(chunk):
            yield chunk


def _refuse(occasion: Occasion, version: str, gate: str, why: list[str]) -> None:
    """Let a challenger leave its place before it is judged; the champion goes on serving."""
    actor, now = occasion.actor, occasion.now
    told = {"outcome": "refused", "cases": 0, "reasons": why, "judged_at": now.isoformat()}
    model_acts.record_failed_gate(
        occasion.store, gate, broken={gate: len(why)}, case_ids=[], version=version, told=told, actor=actor, now=now
    )
    model_acts.refuse(occasion.store, version, reasons=(gate,), actor=actor, now=now)
    log.warning("challenger %s is refused: %s", version, "; ".join(why))
