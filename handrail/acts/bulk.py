"""Quick reviews that look alike are approved together, each as if it had been opened alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from handrail.acts import claiming, deciding
from handrail.case import Outcome
from handrail.errors import BadInput, HandrailError, RetryableError
from handrail.policy import Policy
from handrail.ruling import Ruling
from handrail.store import reviews
from handrail.store.engine import Store


@dataclass(frozen=True, slots=True)
class Approved:
    """The decisions that were made, and the cases that were left alone: somebody has taken or decided them."""

    decisions: list[int]
    cases: list[int]
    left: list[int]


def approve(
    store: Store,
    case_ids: Sequence[int],
    actor: str,
    *,
    category: str,
    policy: Policy,
    now: datetime,
    secret: bytes = b"",
    hold: timedelta = timedelta(0),
) -> Approved:
    """Claim and approve what still waits of these cases as `category`; the rest is left alone.

    Raises:
        BadInput: none, or more than the policy lets anybody approve at once.
        NotPermitted: `actor` may not decide.
    """
    wanted = list(dict.fromkeys(case_ids))
    if not wanted:
        raise BadInput("No case is ticked. Tick those that you have read and agree with.")
    if len(wanted) > policy.desk.bulk_limit:
        raise BadInput(f"At most {policy.desk.bulk_limit} cases are approved at once. Tick fewer.")
    with store.read() as connection:
        waiting = reviews.still_approvable(connection, actor, now, category=category, ids=wanted)
    claims = {}
    for case_id in wanted:
        if case_id not in waiting:
            continue
        try:
            claims[case_id] = claiming.claim_case(store, case_id, actor, policy=policy, now=now, kinds=("review",))
        except RetryableError:
            raise
        except HandrailError:  # held or decided by somebody else since the list was drawn, or one's hands are full
            continue
    rulings = [Ruling(claim.item_id, claim.fence, Outcome.APPROVE) for claim in claims.values()]
    decisions = (
        deciding.decide(store, rulings, actor, policy=policy, now=now, secret=secret, hold=hold) if rulings else []
    )
    return Approved(decisions, list(claims), [case_id for case_id in wanted if case_id not in claims])
