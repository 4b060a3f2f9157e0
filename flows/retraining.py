"""Retraining: monthly, on the audited error rate, on a drift, or by hand."""

from typing import Annotated, Any, Literal

from prefect import flow

from flows.parameters import AsOf, Described, Home
from tasks import publish
from tasks.occasion import begin
from tasks.redact import redact
from tasks.retrain import due, train
from tasks.score import score_challenger

WhenDue = Annotated[
    Literal["when_due", "drift", "by_hand"],
    Described("when_due: only if the calendar or the audited error rate calls for it; else at once"),
]


@flow(name="retraining", persist_result=False)
def retraining(cause: WhenDue = "when_due", as_of: AsOf = None, home: Home = None) -> dict[str, Any]:
    """Train a challenger from the labels that count, through the training set's gate, and register it in MLflow.

    The first version serves at once; every later one waits in shadow for the deployment flow.
    """
    occasion = begin("retraining", home=home, as_of=as_of)
    called_for = due(occasion) if cause == "when_due" else cause
    if called_for is None:
        publish.text("retraining", "Nothing calls for a retraining.")
        return {"trained": False}
    redact(occasion)
    trained = train(occasion, called_for)
    shadowed = score_challenger(occasion, occasion.now - occasion.policy.retraining.error_window)
    figures = {name: round(value, 4) for name, value in trained.metrics.items() if isinstance(value, float)}
    publish.table(
        "retraining",
        [{"version": trained.version, "cause": called_for, "labels": trained.labels, **figures}],
        f"Version {trained.version}: {'serves' if trained.serves else 'challenger in shadow'}",
    )
    return {
        "trained": True,
        "version": trained.version,
        "cause": called_for,
        "labels": trained.labels,
        "metrics": figures,
        "notes": list(trained.notes),
        "serves": trained.serves,
        "shadow_scored": shadowed,
    }
