"""Deployment: the challenger's gate and promotion; by hand also promote, rollback, pause, resume, stage."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from prefect import flow
from pydantic import Field

from flows.parameters import AsOf, Described, Home, Reason
from handrail.acts import pausing
from handrail.errors import BadInput
from handrail.policy import Stage
from tasks import publish
from tasks.learning.deploy import promote
from tasks.learning.judge import judge
from tasks.learning.roll_back import roll_back
from tasks.occasion import Occasion, begin, enter
from tasks.routing.score import score_challenger
from tasks.watch.attendance import attended
from tasks.watch.drift import WINDOW

Act = Annotated[
    Literal["judge", "promote", "rollback", "pause", "resume", "stage"],
    Described("judge: gate and promote the challenger; promote: the version named below; the others act at once"),
]
Version = Annotated[
    str | None,
    Described("Version to promote, a number of the registry; for the act promote only"),
    Field(max_length=32),
]
Category = Annotated[str | None, Described("Category to pause, resume or stage; empty: all (pause, resume)")]
NewStage = Annotated[Stage | None, Described("New stage; for the act stage only")]
Person = Annotated[
    str | None,
    Described("Who decides; needed for resume, stage and a promotion without evidence, which no flow may do by itself"),
]


@flow(name="deployment", persist_result=False)
@attended("deployment", counts=lambda given: given["act"] == "judge")
def deployment(
    act: Act = "judge",
    version: Version = None,
    category: Category = None,
    stage: NewStage = None,
    reason: Reason = "",
    person: Person = None,
    as_of: AsOf = None,
    home: Home = None,
) -> dict[str, Any]:
    """Promote the challenger if it passes its gate, or withhold, give back and widen automation."""
    occasion = begin("deployment", home=home, as_of=as_of)
    if person:
        occasion = enter(occasion.workspace, person, occasion.now)
    if act == "judge":
        result = _judge(occasion)
    elif act == "promote":
        result = _promote(occasion, version, reason)
    elif act == "rollback":
        result = {"serves": roll_back(occasion, reason)}
    else:
        result = _hold(occasion, act, category, stage, reason)
    publish.table("deployment", [{"act": act, **{key: str(value) for key, value in result.items()}}], "What was done")
    return result


def _judge(occasion: Occasion) -> dict[str, Any]:
    # Its shadow is completed first: the drift watch compares the next weeks with what it said of this one.
    score_challenger(occasion, occasion.now - WINDOW)
    judgement = judge(occasion)
    figures: dict[str, Any] = {}
    if judgement.verdict is not None:
        verdict = judgement.verdict
        figures = {"gain": verdict.gain, "low": verdict.low, "high": verdict.high, "cases": verdict.cases}
    return {"outcome": judgement.outcome, "version": judgement.version, "reasons": list(judgement.reasons), **figures}


def _promote(occasion: Occasion, version: str | None, reason: str) -> dict[str, Any]:
    if version is None:
        raise BadInput("The act promote needs a version. Fill it in; `handrail model list` shows them.")
    return asdict(promote(occasion, version, reason))


def _hold(occasion: Occasion, act: str, category: str | None, stage: Stage | None, reason: str) -> dict[str, Any]:
    known: dict[str, Any] = {"reason": reason, "policy": occasion.policy, "actor": occasion.actor, "now": occasion.now}
    if act == "pause":
        return {"returned": pausing.pause(occasion.store, category, **known)}
    if act == "resume":
        pausing.resume(occasion.store, category, **known)
        return {"resumed": category or "all"}
    if category is None or stage is None:
        raise BadInput("The act stage needs a category and a stage. Fill both in.")
    before = pausing.set_stage(occasion.store, category, stage, **known)
    return {"category": category, "from": before, "to": stage}
