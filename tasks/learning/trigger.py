"""What starts a retraining, and that only one runs at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime

from handrail import retraining_triggers
from handrail.acts import leasing
from handrail.acts import retraining as acts
from handrail.errors import HandrailError, code_of
from handrail.retraining_triggers import Asked, Cause, Reading, Watched
from tasks.learning.trigger_facts import trigger_facts
from tasks.occasion import Occasion, log
from tasks.step import step

WORK = "retraining"


@dataclass(frozen=True, slots=True)
class Called:
    """What calls for a training, or None, with every trigger's reading and, if attempts are held back, until when."""

    cause: Cause | None
    readings: tuple[Reading, ...]
    held_until: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """A trigger that crossed its bound since the last training, with its figures; told once a crossing."""

    cause: Watched
    figures: dict[str, int]


@step
def read_triggers(occasion: Occasion, asked: Asked = "when_due") -> Called:
    """Read every trigger of a retraining; `asked` says which of them may call."""
    known, policy = trigger_facts(occasion), occasion.policy
    cause = retraining_triggers.called_for(known, policy, asked)
    return Called(cause, retraining_triggers.read(known, policy), retraining_triggers.held_until(known, policy))


@step
def crossed(occasion: Occasion) -> list[Told]:
    """Which of error rate and new labels call for a retraining and were not told since the last training."""
    known, policy = trigger_facts(occasion), occasion.policy
    figures: dict[Watched, dict[str, int]] = {
        "error_rate": {"audited": known.audited, "rejected": known.rejected},
        "new_labels": {"labels": known.new_labels},
    }
    return [
        Told(cause, counts)
        for cause, counts in figures.items()
        if retraining_triggers.called_for(known, policy, cause)
        and acts.tell(occasion.store, cause, counts, facts=known, policy=policy, actor=occasion.actor, now=occasion.now)
    ]


def reserve(occasion: Occasion) -> leasing.Lease:
    """Let nobody else train meanwhile; the lease runs by the real clock, whatever moment the training acts at.

    Raises:
        Conflict: somebody else trains; the sentence says since when.
    """
    return leasing.take(occasion.store, WORK, clock=lambda: datetime.now(UTC))


@step
def note_failed(occasion: Occasion, cause: Cause, error: HandrailError) -> None:
    """Record a training that failed, so that nothing but new labels, time or a person tries it again."""
    code = code_of(error)
    acts.note_failed(occasion.store, cause, code=code, actor=occasion.actor, now=occasion.now)
    log.warning("the training called for by %s failed: %s", cause, code)
