"""What is known at the moment when it is asked whether to train again: trainings, drifts, audits, labels."""

from handrail import settlement
from handrail.estimates import of_audits
from handrail.retraining_triggers import TriggerFacts
from handrail.store import audits as stored_audits
from handrail.store import drifts as stored_drifts
from handrail.store import models, retraining
from handrail.window import Window
from tasks.occasion import Occasion


def trigger_facts(occasion: Occasion) -> TriggerFacts:
    """Read from the store everything that the triggers of a retraining ask."""
    rules, now = occasion.policy.retraining, occasion.now
    with occasion.store.read() as connection:
        versions = models.versions(connection)
        drifts = stored_drifts.drifts(connection, 1)
        audits = settlement.answered(stored_audits.audits(connection, Window.last(rules.error_window, now)))
        failed_at = retraining.last_failure(connection)
        trained_at = None if versions.empty else versions["registered_at"].max().to_pydatetime()
        labels = retraining.labels_since(connection, trained_at)
        serving = models.serving(connection)
        champion, challenger = (
            models.version(connection, one) if one else None for one in (serving.model_version, serving.challenger)
        )
    found = of_audits(audits)
    held = occasion.withholding.holds(labels)
    training = labels[labels["label"].isin(list(occasion.policy.categories)).to_numpy() & ~held]
    return TriggerFacts(
        now=now,
        trained_at=trained_at,
        failed_at=failed_at,
        drift_at=None if drifts.empty else drifts["found_at"].iloc[0].to_pydatetime(),
        audited=found.n,
        rejected=found.errors,
        error_rate=found.rate,
        effective=found.effective,
        pending=found.pending,
        new_labels=len(training),
        learnt=0 if champion is None else champion.labels,
        judged_until=None if challenger is None else challenger.registered_at + occasion.policy.promotion.withheld,
        labels_since_failure=0 if failed_at is None else int((training["labelled_at"] > failed_at).sum()),
    )
