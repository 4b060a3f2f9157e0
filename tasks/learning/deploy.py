"""A challenger replaces the champion only when it has shown on fresh withheld cases that it is better."""

from dataclasses import dataclass

from handrail import baseline
from handrail.acts import authority, second_person
from handrail.acts import models as model_acts
from handrail.errors import Refused
from handrail.permissions import SYSTEM
from handrail.store import models
from models import registry
from tasks.learning.judge import judge, take_reference
from tasks.occasion import Occasion, log
from tasks.step import step

_ANEW = "Train a new one with `handrail train`."


@dataclass(frozen=True, slots=True)
class Promotion:
    """Which version serves now, and what that rests on; `missing` says what nobody could judge it by."""

    serves: str
    evidence: model_acts.Evidence
    missing: str | None = None


@step
def promote(occasion: Occasion, version: str, reason: str, proposal: int | None = None) -> Promotion:
    """Let a version serve because somebody asks for it, on the evidence that there is.

    One that its gates have passed serves. One that nothing has judged is judged now if the labels are there. Where
    they are not, the policy's `promotion.without_evidence` decides, and only a person may use its leave. `proposal` is
    the one that a second person confirms, where the policy asks for one.

    Raises:
        NotFound: the version is not registered.
        Refused: it may never serve, it was judged and refused, or nothing speaks for it; says what is missing.
        Conflict: another version came to serve meanwhile.
    """
    authority.required(reason)
    with occasion.store.read() as connection:
        authority.authorize(connection, "set_champion", occasion.actor)
        row = model_acts.may_serve(connection, version)
        basis = model_acts.evidence_for(connection, row)
        nothing_serves = models.serving(connection).model_version is None
        if basis != "first":
            second_person.admit(connection, "promote", proposal, actor=occasion.actor, now=occasion.now)
    # First: a judgement uses labels up, and none is needed of what could not serve anyway.
    registry.require_fit(occasion.store, occasion.workspace, occasion.model_name, version)
    missing = None
    if basis == "none" and nothing_serves:
        missing = baseline.shortfall(version, row.metrics)
        _permit_without_evidence(occasion, f"{missing[:1].upper()}{missing[1:]}", "Train on more labels")
    elif basis == "none":
        judgement = judge(occasion, version, reason, proposal)
        if judgement.outcome == "promoted":
            return Promotion(version, "judged")
        if judgement.outcome == "refused":
            raise Refused(f"Version {version} was judged now and refused: {'; '.join(judgement.reasons)}. {_ANEW}")
        missing = "; ".join(judgement.reasons)
        model_acts.require_judgement(row, "none", missing)
        nothing = f"Nothing has judged version {version} yet: {missing}"
        _permit_without_evidence(occasion, nothing, "Let it collect them in shadow")
    basis = registry.promote(
        occasion.store,
        occasion.workspace,
        occasion.model_name,
        version,
        actor=occasion.actor,
        reason=reason,
        now=occasion.now,
        resting_on=basis,
        under=occasion.policy.version,
        proposal=proposal,
    )
    take_reference(occasion, version)
    log.info("version %s is promoted by hand (evidence: %s)", version, basis)
    return Promotion(version, basis, missing)


def _permit_without_evidence(occasion: Occasion, nothing: str, remedy: str) -> None:
    if occasion.policy.promotion.without_evidence == "refuse":
        raise Refused(f"{nothing}. {remedy}, or let the policy say promotion.without_evidence: allow.")
    if occasion.actor.startswith(SYSTEM):
        raise Refused(f"{nothing}. The policy lets a person promote it all the same, never a flow: name the person.")
