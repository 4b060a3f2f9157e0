"""Where the rejections of a category lie: which terms and which groups hold more of them than chance explains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from handrail import terms
from handrail.drift import benjamini_hochberg
from handrail.figures.terms import TermFigures

_FALSE_DISCOVERIES = 0.05
_MIN_DOCUMENTS = 3
_GROUPS = 5  # of a column that are named


@dataclass(frozen=True, slots=True)
class GroupCount:
    """Reviews and rejections of one group of a column; `stands_out`: more rejections than chance explains."""

    column: str
    group: str
    reviewed: int
    rejected: int
    stands_out: bool


def telling_terms(
    texts: Sequence[str], rejected: NDArray[np.bool_], ids: Sequence[int], *, limit: int = 8
) -> list[TermFigures]:
    """Terms that rejected reviews hold more often than the others, the surest first.

    Args:
        texts: one for each review, redacted.
        rejected: one flag for each review.
        ids: case of each review.
        limit: most terms that are named.

    Returns:
        Terms with their lift, the rejected documents that hold them, and cases; a term stands in three rejected texts
        at least, and without both kinds of review there is none.

    Source: as `terms.new_terms`: hypergeometric test, Benjamini and Hochberg 1995.

    >>> texts = [f"parcel {chr(97 + at)}x" for at in range(20)] + [f"voucher {chr(97 + at)}y" for at in range(8)]
    >>> telling_terms(texts, np.array([False] * 20 + [True] * 8), range(28))[0].term
    'voucher'
    """
    good = [text for text, bad in zip(texts, rejected, strict=True) if not bad]
    bad = [(text, number) for text, number, bad in zip(texts, ids, rejected, strict=True) if bad]
    telling = terms.new_terms(
        terms.build(good),
        [text for text, _ in bad],
        [number for _, number in bad],
        fdr=_FALSE_DISCOVERIES,
        min_documents=_MIN_DOCUMENTS,
    )
    named = [TermFigures.of(one) for one in telling[:limit]]
    return [replace(one, cases=tuple(int(number) for number in one.cases)) for one in named]


def groups(
    fields: Sequence[Mapping[str, object]], rejected: NDArray[np.bool_], columns: Sequence[str]
) -> list[GroupCount]:
    """How many reviews and rejections each group of each column holds, the group with most rejections first.

    Args:
        fields: one mapping of columns a review; a review without a value of the column is left out of it.
        rejected: one flag for each review.
        columns: those that are looked at.

    Returns:
        A count for each group; one stands out with more rejections than chance explains, false discoveries being
        controlled over all groups.

    Source: the hypergeometric tail (Fisher 1935); Benjamini and Hochberg 1995.

    >>> counts = groups([{"region": "north"}] * 9 + [{"region": "south"}] * 9, np.arange(18) < 9, ["region"])
    >>> [(one.group, one.rejected, one.stands_out) for one in counts]
    [('north', 9, True), ('south', 0, False)]
    """
    counted = [pair for column in columns for pair in _counted(column, fields, rejected)]
    if not counted:
        return []
    adjusted = benjamini_hochberg([min(tail, 1.0) for _, tail in counted])
    return [
        replace(one, stands_out=bool(p <= _FALSE_DISCOVERIES)) for (one, _), p in zip(counted, adjusted, strict=True)
    ]


def _counted(
    column: str, fields: Sequence[Mapping[str, object]], rejected: NDArray[np.bool_]
) -> list[tuple[GroupCount, float]]:
    """The groups with most rejections, each with the chance of so many."""
    values = [row.get(column) for row in fields]
    given = pd.DataFrame(
        [(str(value), bool(bad)) for value, bad in zip(values, rejected, strict=True) if value not in (None, "")],
        columns=["group", "bad"],
    )
    table = given.groupby("group")["bad"].agg(["size", "sum"]).reset_index()
    table = table.sort_values(["sum", "size", "group"], ascending=[False, False, True]).head(_GROUPS)
    total, rejections = len(given), int(given["bad"].sum())
    return [
        (
            GroupCount(column, str(group), int(size), int(refused), stands_out=False),
            float(stats.hypergeom.sf(int(refused) - 1, total, rejections, int(size))),
        )
        for group, size, refused in table.itertuples(index=False)
    ]
