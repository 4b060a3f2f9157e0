"""Random rechecks: with which chance another person repeats a blind label, and what that says of both of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pandas as pd

from handrail import keyed_draws
from handrail.labels import opinion
from handrail.policy import LabelRules

PACE: Final = timedelta(days=7)
"""Time over which a person's blind labels a day are counted."""
LATELY: Final = timedelta(days=56)
"""Time in which a recheck counts as known: people change, and the draw grows dense again."""
MOST: Final = 0.5
"""No draw repeats more than every second label: an even chance is still a surprise to whoever gave it."""


def begin_of_day(now: datetime) -> datetime:
    """The moment up to which a day's chances look back: midnight, UTC.

    What is labelled today changes no chance of today: it is known before the first label is.
    """
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def a_day(counts: Sequence[int]) -> float:
    """A person's blind labels a day, over those of the last days on which they gave any; 0 without one.

    Args:
        counts: labels of each day.

    Returns:
        A mean, at least 1 where there is one.

    Source: docs/decisions/0044-people-by-rechecks.md.

    >>> a_day([0, 20, 30, 0])
    25.0
    """
    worked = [count for count in counts if count]
    return sum(worked) / len(worked) if worked else 0.0


def chance(rules: LabelRules, *, pace: float, lately: int) -> float:
    """The chance with which each of a person's blind labels of a day is repeated by another person.

    It is the policy's share, and while fewer than `rechecks_known` were drawn lately as much as makes `rechecks_a_day`
    of them. It rests on numbers of earlier days alone: neither the case, nor its label, nor who was right touches it.

    Args:
        rules: `second_share` 0 switches rechecks off.
        pace: blind labels a day that the person gives; 0 where nobody knows.
        lately: how many of theirs were drawn within `LATELY`.

    Returns:
        A chance in [0, 1].

    Source: docs/decisions/0044-people-by-rechecks.md.

    >>> rules = LabelRules(second_share=0.05, rechecks_a_day=6, rechecks_known=120)
    >>> chance(rules, pace=24, lately=0), chance(rules, pace=24, lately=120), chance(rules, pace=0, lately=0)
    (0.25, 0.05, 0.5)
    """
    share = rules.second_share
    if not share or not rules.rechecks_a_day or lately >= rules.rechecks_known:
        return share
    wanted = rules.rechecks_a_day / pace if pace else MOST
    return max(share, min(MOST, wanted))


def is_drawn(secret: bytes, case_id: int, chance: float) -> bool:
    """Whether another person repeats the first blind label of a case: its keyed draw lies below the chance.

    Args:
        secret: the workspace's key.
        case_id: the case.
        chance: of its draw; 0 needs no secret.

    Returns:
        The same for the same arguments.

    Raises:
        BadInput: the secret is empty.

    Source: Krawczyk, Bellare and Canetti, HMAC, RFC 2104 (1997).

    >>> is_drawn(b"secret", 1, 1.0), is_drawn(b"", 1, 0.0)
    (True, False)
    """
    return chance > 0 and keyed_draws.draw(secret, case_id, keyed_draws.RECHECK_SALT) < chance


def trials(draws: pd.DataFrame, opinions: pd.DataFrame, escalating: Collection[str]) -> pd.DataFrame:
    """What the rechecked labels say of those who gave them, and of those who repeated them.

    A case is settled by whoever settled it as a third, else by two who said the same. Until then nobody is wrong. The
    second person is judged as the first is: chance chose the case for both. Who came third is not: they were asked
    because two differed. Who was not trained is held to the word of the trained person who looked, and judges nobody.

    Args:
        draws: columns case_id, person, chance, drawn_at, outcome, label, reason_code, trained, counts; what does not
            count bears no witness against others.
        opinions: columns case_id, person, outcome, label, reason_code, at, settles, counts, in order.
        escalating: reasons of a denial that say nothing of the category.

    Returns:
        Columns person, at, wrong (None: not settled), chance; a label that nobody has repeated yet has no row.

    Source: docs/decisions/0044-people-by-rechecks.md.

    >>> first = {"case_id": [1], "person": "ada", "chance": 0.25, "drawn_at": 0, "outcome": "override", "label": "a"}
    >>> again = {"case_id": 1, "person": ["ben", "cy"], "at": [1, 2], "outcome": "override", "label": ["b", "b"]}
    >>> more = {"reason_code": None, "counts": True}
    >>> given = pd.DataFrame(first | more | {"trained": True})
    >>> said = trials(given, pd.DataFrame(again | more | {"settles": False}), ())
    >>> said[["person", "wrong"]].to_numpy().tolist()
    [['ada', True], ['ben', False]]
    """
    by_case = _opinions(opinions.assign(at=opinions["at"].astype(object)), escalating)
    first = draws.assign(at=draws["drawn_at"].astype(object), settles=False)
    rows: list[tuple[str, object, bool | None, float]] = []
    whose = zip(_each(first, escalating), draws["chance"].tolist(), draws["trained"].tolist(), strict=True)
    for mine, chance, trained in whose:
        others = [] if mine is None else [one for one in by_case.get(mine.case_id, ()) if one.person != mine.person]
        again = next((one for one in others if one.counts and not one.settles), None)
        if mine is None or (again is None and not any(one.settles for one in others)):
            continue
        if not trained:
            truth = _settled([one for one in others if one.settles]) or (None if again is None else again.text)
            rows.append((mine.person, mine.at, None if truth is None else mine.text != truth, chance))
            continue
        truth = _settled([mine, *others])
        rows.append((mine.person, mine.at, None if truth is None else mine.text != truth, chance))
        if again is not None:
            rows.append((again.person, again.at, None if truth is None else again.text != truth, 1.0))
    return pd.DataFrame(rows, columns=["person", "at", "wrong", "chance"])


@dataclass(frozen=True, slots=True)
class _Opinion:
    case_id: int
    person: str
    text: str
    at: object
    settles: bool
    counts: bool


def _each(rows: pd.DataFrame, escalating: Collection[str]) -> list[_Opinion | None]:
    """One opinion a row; None where it says nothing of the category."""
    each: list[_Opinion | None] = []
    for row in rows.to_dict("records"):
        text = opinion(row["outcome"], _text(row["label"]), _text(row["reason_code"]), escalating)
        whose = row["case_id"], row["person"]
        stated = None if text is None else _Opinion(*whose, text, row["at"], bool(row["settles"]), bool(row["counts"]))
        each.append(stated)
    return each


def _opinions(rows: pd.DataFrame, escalating: Collection[str]) -> dict[int, list[_Opinion]]:
    by_case: dict[int, list[_Opinion]] = {}
    for one in _each(rows, escalating):
        if one is not None:
            by_case.setdefault(one.case_id, []).append(one)
    return by_case


def _settled(opinions: Sequence[_Opinion]) -> str | None:
    """The last word of a third person, else what two of them said first; None while it is open."""
    last = [one.text for one in opinions if one.settles and one.counts]
    if last:
        return last[-1]
    votes: dict[str, set[str]] = {}
    for one in opinions:
        if one.counts:
            votes.setdefault(one.text, set()).add(one.person)
            if len(votes[one.text]) > 1:
                return one.text
    return None


def _text(value: object) -> str | None:
    """A missing text of a frame is NaN."""
    return value if isinstance(value, str) else None
