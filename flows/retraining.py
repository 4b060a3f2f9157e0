"""Retraining: by the calendar, on the audited error rate, a drift or enough new labels, or by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from prefect import flow

from flows.parameters import AsOf, Described, Home
from handrail.errors import Conflict, PermanentError
from handrail.retraining_triggers import Asked, Cause, Reading
from tasks import publish
from tasks.intake.redact import redact
from tasks.learning.retrain import Trained, train
from tasks.learning.shadow import never_learnt
from tasks.learning.trigger import Called, note_failed, read_triggers, reserve
from tasks.occasion import Occasion, begin
from tasks.routing.score import score_challenger
from tasks.watch.attendance import attended

CalledBy = Annotated[
    Asked,
    Described(
        "when_due: if calendar, error rate, a drift or new labels call for it; drift, error_rate, new_labels: only if "
        "that one still does, for the first training after it answers it; by_hand: at once"
    ),
]


@dataclass(frozen=True, slots=True)
class Retrained:
    """A version that was trained, by what cause, from how many labels, and how good it is (figures to four digits).

    `shadow_scored` counts the cases that it has scored beside the champion since.
    """

    trained: ClassVar[Literal[True]] = True
    version: str
    cause: Cause
    labels: int
    metrics: Mapping[str, float]
    notes: tuple[str, ...]
    serves: bool
    shadow_scored: int


@dataclass(frozen=True, slots=True)
class NotTrained:
    """Why nothing was trained."""

    trained: ClassVar[Literal[False]] = False
    reason: str


@flow(name="retraining", persist_result=False)
@attended("retraining", counts=lambda given: given["cause"] != "by_hand")
def retraining(cause: CalledBy = "when_due", as_of: AsOf = None, home: Home = None) -> Retrained | NotTrained:
    """Train a challenger from the labels that count, through the training set's gate, and register it in MLflow.

    The first version serves at once if it is better than the commonest category; every later one waits in shadow for
    the deployment flow. Only one trains at a time, on whatever machine: a second one ends without training and says
    why.
    """
    occasion = begin("retraining", home=home, as_of=as_of)
    try:
        lease = reserve(occasion)
    except Conflict as taken:
        return _not_trained(str(taken))
    with lease:
        called = read_triggers(occasion, cause)
        publish.table("retraining-triggers", trigger_rows(called.readings), _decided(called))
        if called.cause is None:
            return _not_trained(_decided(called))
        return _train(occasion, called.cause)


def trigger_rows(readings: Sequence[Reading]) -> list[dict[str, str]]:
    """One row a trigger with its figure beside the policy's bound."""
    return [
        {"trigger": reading.cause, "calls": "yes" if reading.calls else "no", "reading": reading.sentence}
        for reading in readings
    ]


def _decided(called: Called) -> str:
    if called.cause is not None:
        return f"Called for by: {called.cause}."
    if called.held_until is not None:
        return (
            f"The last attempt failed: the next one waits for new labels, or for {called.held_until:%Y-%m-%d %H:%M} "
            "UTC; by hand at any time."
        )
    return "Nothing calls for a retraining."


def _not_trained(reason: str) -> NotTrained:
    publish.text("retraining", reason)
    return NotTrained(reason)


def _train(occasion: Occasion, cause: Cause) -> Retrained:
    try:
        redact(occasion)
        trained = train(occasion, cause)
    except PermanentError as error:
        note_failed(occasion, cause, error)
        publish.text("retraining", f"Called for by: {cause}. The training failed, the champion serves on. {error}")
        raise
    shadowed = score_challenger(
        occasion, occasion.now - occasion.policy.retraining.error_window, never_learnt(occasion)
    )
    figures = {name: round(value, 4) for name, value in trained.metrics.items() if isinstance(value, float)}
    _show(trained, cause, figures)
    return Retrained(trained.version, cause, trained.labels, figures, trained.notes, trained.serves, shadowed)


def _show(trained: Trained, cause: Cause, figures: Mapping[str, float]) -> None:
    publish.table(
        "retraining",
        [{"version": trained.version, "cause": cause, "labels": trained.labels, **figures}],
        f"Version {trained.version}: {'serves' if trained.serves else 'challenger in shadow'}",
    )
