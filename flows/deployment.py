"""Deployment: the challenger's gate and promotion; by hand also promote, rollback, pause, resume, stage."""

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal

from prefect import flow
from pydantic import Field

from flows.parameters import AsOf, Described, Home, Reason
from handrail.acts import pausing
from handrail.errors import BadInput
from handrail.policy import Stage
from tasks import publish
from tasks.learning import readiness
from tasks.learning.deploy import Promotion, promote
from tasks.learning.judge import Judgement, judge
from tasks.learning.roll_back import roll_back
from tasks.occasion import Occasion, begin
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
Rehearsal = Annotated[
    bool, Described("Is the rollback only rehearsed? Then the version left is not barred; for the act rollback only")
]
NewStage = Annotated[Stage | None, Described("New stage; for the act stage only")]
Person = Annotated[
    str | None,
    Described("Who decides; needed for resume, stage and a promotion without evidence, which no flow may do by itself"),
]


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The version that serves again; in a rehearsal the one left is not barred."""

    serves: str
    rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """How many automatic actions came back to people."""

    returned: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The category that runs again, or *all*."""

    resumed: str


@dataclass(frozen=True, slots=True)
class Staged:
    """A category's stages before and after, and what the checks said of the step."""

    category: str
    before: Stage
    to: Stage
    checks: str


Done = Judgement | Promotion | RolledBack | Paused | Resumed | Staged


@flow(name="deployment", persist_result=False)
@attended("deployment", counts=lambda given: given["act"] == "judge")
def deployment(  # noqa: PLR0913, PLR0917 - the form of six acts
    act: Act = "judge",
    version: Version = None,
    category: Category = None,
    stage: NewStage = None,
    reason: Reason = "",
    person: Person = None,
    rehearsal: Rehearsal = False,
    as_of: AsOf = None,
    home: Home = None,
) -> Done:
    """Promote the challenger if it passes its gate, or withhold, give back and widen automation."""
    occasion = begin("deployment", home=home, as_of=as_of)
    if person:
        occasion = replace(occasion, actor=person)
    done: Done
    if act == "judge":
        done = _judge(occasion)
    elif act == "promote":
        done = _promote(occasion, version, reason)
    elif act == "rollback":
        done = RolledBack(roll_back(occasion, reason, rehearsal=rehearsal), rehearsal)
    else:
        done = _hold(occasion, act, category, stage, reason)
    publish.table("deployment", [{"act": act, **row_of(done)}], "What was done")
    return done


def row_of(done: Done) -> dict[str, str]:
    """What was done, as the cells of a table's row."""
    if isinstance(done, Judgement):
        cells = {"outcome": done.outcome, "version": done.version, "reasons": list(done.reasons)}
        if done.verdict is not None:
            cells |= {name: getattr(done.verdict, name) for name in ("gain", "low", "high", "cases")}
    elif isinstance(done, Staged):
        cells = {"category": done.category, "from": done.before, "to": done.to, "checks": done.checks}
    else:
        cells = asdict(done)
    return {name: str(cell) for name, cell in cells.items()}


def _judge(occasion: Occasion) -> Judgement:
    # Its shadow is completed first: the drift watch compares the next weeks with what it said of this one.
    score_challenger(occasion, occasion.now - WINDOW)
    return judge(occasion)


def _promote(occasion: Occasion, version: str | None, reason: str) -> Promotion:
    if version is None:
        raise BadInput("The act promote needs a version. Fill it in; `handrail model list` shows them.")
    return promote(occasion, version, reason)


def _hold(
    occasion: Occasion, act: str, category: str | None, stage: Stage | None, reason: str
) -> Paused | Resumed | Staged:
    store, policy, actor, now = occasion.store, occasion.policy, occasion.actor, occasion.now
    if act == "pause":
        return Paused(pausing.pause(store, category, reason=reason, policy=policy, actor=actor, now=now))
    if act == "resume":
        pausing.resume(store, category, reason=reason, policy=policy, actor=actor, now=now)
        return Resumed(category or "all")
    if category is None or stage is None:
        raise BadInput("The act stage needs a category and a stage. Fill both in.")
    checks = readiness.step(occasion, category, stage)
    before = pausing.set_stage(
        store, category, stage, reason=reason, policy=policy, actor=actor, now=now, checks=checks
    )
    return Staged(category, before, stage, checks.sentence)
