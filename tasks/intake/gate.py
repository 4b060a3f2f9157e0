"""Great Expectations look at a batch before anything of it is scored."""

from collections.abc import Iterable, Iterator

import pandas as pd

from expectations import checkpoint, suites
from handrail.acts import intake, revising
from handrail.case import State
from handrail.errors import BatchStopped
from handrail.store import batches, cases, changes, given_predictions, quarantine
from handrail.store import labels as stored_labels
from tasks.occasion import Occasion, log
from tasks.step import step

_ASKED = ("external_id", "row_digest", "received_at", "amount", "consent", "has_text", "text_length", "history")
"""What the suite and the quarantine need of a case: no text, no customer."""
_BATCHES_AT_ONCE = 4  # without the texts they are small, and each check costs the same for few rows and many


@step
def gate(occasion: Occasion, batch_id: int) -> dict[str, int]:
    """Accept the good cases of a batch and quarantine the bad ones, each with its reason.

    Raises:
        BatchStopped: too many rows are bad, by number and by share; the cases stay received until a person says more.
    """
    failures, accepted, history = inspect(occasion, received(occasion, batch_id))
    return settle(occasion, batch_id, failures, accepted, history)


def settle(
    occasion: Occasion,
    batch_id: int,
    failures: pd.DataFrame,
    accepted: list[int],
    history: list[int],
) -> dict[str, int]:
    """Act on what the inspection of a whole batch found.

    Bad rows go to quarantine and the good ones go on. Only where at least `intake.stop_at_least` rows are bad and their
    share passes `intake.max_bad_share` the batch stops, unless a person has released it.

    Raises:
        BatchStopped: see `gate`.
    """
    policy = occasion.policy
    with occasion.store.read() as connection:
        unreadable = quarantine.quarantine_count(connection, batch_id, unreadable=True)
        total = sum(cases.state_counts(connection, batch_id).values()) + changes.changed_count(connection, batch_id)
        batch = cases.batch(connection, batch_id)
    is_released = batch.state == batches.RELEASED
    bad = unreadable + len(failures)
    # Known rows were read too: a daily export of mostly known ones is no worse for a few bad among its new ones.
    total = max(total + unreadable, batch.counts.get("read", 0))
    share = bad / max(1, total)
    too_many = bad >= policy.intake.stop_at_least and share > policy.intake.max_bad_share
    if too_many and not is_released:
        _stop(occasion, batch_id, failures, bad, total)
        raise BatchStopped(
            f"{bad} of {total} rows of batch {batch_id} are bad ({share:.0%}, the policy allows "
            f"{policy.intake.max_bad_share:.0%}); nothing of it was scored. See the reasons with "
            f"`handrail quarantine list --batch {batch_id}`; correct the file and run it again, or release its good "
            f"rows with `handrail quarantine release {batch_id}`."
        )
    if len(failures):
        intake.quarantine(occasion.store, batch_id, failures, actor=occasion.actor, now=occasion.now)
    intake.accept(occasion.store, accepted, history, batch_id=batch_id, actor=occasion.actor, now=occasion.now)
    revising.apply(occasion.store, batch_id, policy=policy, actor=occasion.actor, now=occasion.now)
    intake.close_batch(
        occasion.store,
        batch_id,
        "gated",
        actor=occasion.actor,
        now=occasion.now,
        extra=_unpredicted(occasion, batch_id),
    )
    log.info("gated batch %d: %d accepted, %d bad", batch_id, len(accepted), bad)
    return {"accepted": len(accepted), "quarantined": bad}


def _unpredicted(occasion: Occasion, batch_id: int) -> dict[str, int]:
    """Where predictions arrive with the cases: how many came without one. People will decide them; none is bad."""
    if occasion.policy.model.source != "given":
        return {}
    with occasion.store.read() as connection:
        return {"unpredicted": given_predictions.unpredicted_count(connection, batch_id)}


def inspect(occasion: Occasion, chunks: Iterable[pd.DataFrame]) -> tuple[pd.DataFrame, list[int], list[int]]:
    """Hold received cases against the intake suite: those that fail with their reasons, ids of the good, of history."""
    failures: list[pd.DataFrame] = []
    accepted: list[int] = []
    history: list[int] = []
    suite = suites.intake(occasion.policy, now=occasion.now)
    for chunk in chunks:
        verdict = checkpoint.check(occasion.workspace, "intake", chunk, suite, build_docs=False)
        bad = verdict.bad_rows()
        bad_chunk = chunk[chunk["case_id"].isin(bad.index)]
        failures.append(
            bad_chunk[["case_id", "external_id", "row_digest"]].assign(
                reason=bad_chunk["case_id"].map(bad["reason"]),
                expectation=bad_chunk["case_id"].map(bad["expectation"]),
            )
        )
        good = chunk[~chunk["case_id"].isin(bad.index)]
        accepted += good["case_id"].tolist()
        history += good.loc[good["history"].astype(bool), "case_id"].tolist()
    columns = ["case_id", "external_id", "row_digest", "reason", "expectation"]
    return pd.concat([pd.DataFrame(columns=columns), *failures], ignore_index=True), accepted, history


def received(occasion: Occasion, batch_id: int) -> Iterator[pd.DataFrame]:
    """The received cases of a batch as the suite needs them, some thousand at a time."""
    after = 0
    while True:
        with occasion.store.read() as connection:
            chunk = cases.pick(
                connection,
                State.RECEIVED,
                _ASKED,
                after=after,
                limit=_BATCHES_AT_ONCE * occasion.policy.intake.batch_rows,
                batch_id=batch_id,
            )
            known = chunk.loc[chunk["history"].astype(bool), "case_id"]
            labels = stored_labels.imported_labels(connection, known.tolist())
        if chunk.empty:
            return
        after = int(chunk["case_id"].iloc[-1])
        yield chunk.assign(label=chunk["case_id"].map(labels))


def _stop(occasion: Occasion, batch_id: int, failures: pd.DataFrame, bad: int, total: int) -> None:
    intake.quarantine(occasion.store, batch_id, failures, stopped=True, actor=occasion.actor, now=occasion.now)
    intake.close_batch(
        occasion.store,
        batch_id,
        "stopped",
        actor=occasion.actor,
        now=occasion.now,
        extra={"bad": bad, "rows": total},
    )
    log.warning("stopped batch %d: %d of %d rows are bad", batch_id, bad, total)
