"""Quick reviews that look alike are approved together, each as if it had been opened alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from handrail.acts import claiming, deciding
from handrail.acts.claiming import Claim, HandsFull
from handrail.bulk_approval import Fate, fate_of
from handrail.case import Outcome
from handrail.errors import BadInput, Conflict, NotFound
from handrail.policy import Policy
from handrail.ruling import Ruling
from handrail.store import reviews
from handrail.store.engine import Store


@dataclass(frozen=True, slots=True)
class Approved:
    """The decisions that were made, of which cases, and why each of the others was left alone."""

    decisions: list[int]
    cases: list[int]
    left: Mapping[int, Fate]


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
    """Claim and approve what still waits of these cases as `category`; of the rest it is told why not.

    Raises:
        BadInput: none, or more than the policy lets anybody approve at once.
        NotFound: the policy has no such category.
        NotPermitted: `actor` may not decide.
        Refused: `actor` is on leave.
    """
    wanted = list(dict.fromkeys(case_ids))
    if not wanted:
        raise BadInput("No case is chosen. Choose those that you have read and agree with.")
    if len(wanted) > policy.desk.bulk_limit:
        raise BadInput(f"At most {policy.desk.bulk_limit} cases are approved at once. Choose fewer.")
    policy.category(category)
    fates = _fates(store, wanted, actor, category, now)
    claims: dict[int, Claim] = {}
    left: dict[int, Fate] = {}
    for case_id in wanted:
        fate = fates[case_id]
        if fate is None:
            try:
                claims[case_id] = claiming.claim_case(store, case_id, actor, policy=policy, now=now, kinds=("review",))
                continue
            except HandsFull:
                fate = Fate.FULL
            except (Conflict, NotFound):  # somebody was faster, or it is outside their skills
                fate = _fates(store, [case_id], actor, category, now)[case_id] or Fate.NOT_YOURS
        left[case_id] = fate
    rulings = [Ruling(claim.item_id, claim.fence, Outcome.APPROVE) for claim in claims.values()]
    decisions = (
        deciding.decide(store, rulings, actor, policy=policy, now=now, secret=secret, hold=hold) if rulings else []
    )
    return Approved(decisions, list(claims), left)


def _fates(store: Store, ids: Sequence[int], actor: str, category: str, now: datetime) -> dict[int, Fate | None]:
    with store.read() as connection:
        standings = reviews.standings(connection, actor, now, ids)
    return {case_id: fate_of(standings.get(case_id), category) for case_id in ids}
