"""Which blind labels another person repeats: drawn by chance alone, and the chance of each draw is kept."""

from collections.abc import Sequence
from datetime import datetime

from handrail import rechecks
from handrail.policy import Policy
from handrail.store import rechecks as rows
from handrail.store.engine import Connection
from handrail.store.rechecks import NewRecheck


def drawn(
    connection: Connection, secret: bytes, case_ids: Sequence[int], person: str, *, policy: Policy, now: datetime
) -> dict[int, float]:
    """The cases whose first blind label by `person` is to be repeated today, each with the chance of its draw.

    The chance is the same for every label of a day: it rests on the numbers of earlier days alone.

    Raises:
        BadInput: the policy asks for second labels, and the secret is empty.
    """
    if not policy.labels.second_share or not case_ids:
        return {}
    today = rechecks.begin_of_day(now)
    chance = rechecks.chance(
        policy.labels,
        pace=rechecks.a_day(rows.blind_labels(connection, person, until=today, days=rechecks.PACE.days)),
        lately=rows.drawn(connection, person, since=today - rechecks.LATELY, until=today),
    )
    return {case_id: chance for case_id in case_ids if rechecks.is_drawn(secret, case_id, chance)}


def keep(
    connection: Connection,
    places: Sequence[tuple[int, int, float]],
    numbers: Sequence[int],
    person: str,
    *,
    now: datetime,
) -> None:
    """Write draws down, in the transaction of the decisions; each is a place among `numbers`, a case, its chance."""
    drawn = [NewRecheck(numbers[place], case_id, person, chance, now) for place, case_id, chance in places]
    rows.insert(connection, drawn)
