"""What becomes of a difference between people and a model, when others have looked: rules without a database."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

_ENOUGH = 3
"""Trained people who look before a person in charge settles what they could not."""


class NextStep(StrEnum):
    """What a difference needs next."""

    LOOK = "look"
    SETTLED = "settled"
    ADJUDICATION = "adjudication"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What opinions come to: what is needed next, and, where they settle it, the opinion that holds."""

    next: NextStep
    opinion: str | None = None


def resolve(opinions: Sequence[str], predicted: Collection[str]) -> Resolution:
    """What blind opinions of different trained people on a case make of a difference from a confident prediction.

    Two against the model are an error of it. A second person who comes to a prediction that the first contradicted
    settles it: a slip of the first. Otherwise a third looks; then the majority of the people holds, or else the one
    opinion that people and model have most in common. Where nobody agrees with anybody, a person adjudicates.

    Args:
        opinions: categories, or `labels.NO_CATEGORY`, in the order in which they were given.
        predicted: what versions surely said.

    Source: docs/decisions/0043-differences-are-settled.md.

    >>> resolve(["refund"], ["cancel"]).next.value
    'look'
    >>> resolve(["refund", "cancel"], ["cancel"]).opinion
    'cancel'
    >>> resolve(["refund", "tracking", "complaint"], ["cancel"]).next.value
    'adjudication'
    """
    if len(opinions) < 2:  # noqa: PLR2004 - one person's word
        return Resolution(NextStep.LOOK)
    people = Counter(opinions)
    most, votes = people.most_common(1)[0]
    if 2 * votes > len(opinions):
        return Resolution(NextStep.SETTLED, most)
    if len(opinions) < _ENOUGH:
        first, second = opinions
        is_slip = second in predicted and first not in predicted
        return Resolution(NextStep.SETTLED, second) if is_slip else Resolution(NextStep.LOOK)
    together = people + Counter(set(predicted).intersection(people))
    votes = max(together.values())
    leading = [opinion for opinion, count in together.items() if count == votes]
    if votes > 1 and len(leading) == 1:
        return Resolution(NextStep.SETTLED, leading[0])
    return Resolution(NextStep.ADJUDICATION)


def answered(looks: pd.DataFrame) -> pd.DataFrame:
    """The looks whose answer is known, `rejected` as plain yes and no.

    Args:
        looks: a column rejected, None while others look or nobody has looked.

    Returns:
        Those rows.

    Source: docs/decisions/0043-differences-are-settled.md.

    >>> answered(pd.DataFrame({"rejected": [True, None, False]}))["rejected"].tolist()
    [True, False]
    """
    known = looks[looks["rejected"].notna()]
    return known.assign(rejected=known["rejected"].astype(bool))
