"""Where the rejections of a category lie: which terms and which groups hold more of them than chance explains."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from handrail import terms
from handrail.drift import benjamini_hochberg

_FALSE_DISCOVERIES = 0.05
_MIN_DOCUMENTS = 3
_GROUPS = 5  # of a column that are named


def telling_terms(
    texts: Sequence[str], rejected: NDArray[np.bool_], ids: Sequence[int], *, limit: int = 8
) -> list[dict[str, Any]]:
    """Terms that rejected reviews hold more often than the others, the surest first.

    `texts` are redacted. A term stands in three rejected texts at least; without both kinds of review there is none.
    Each entry: term, lift, documents (rejected ones that hold it), cases.
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
    return [
        {
            "term": one.term,
            "lift": round(one.lift, 2),
            "documents": one.documents,
            "cases": [int(number) for number in one.example_ids],
        }
        for one in telling[:limit]
    ]


def groups(
    fields: Sequence[Mapping[str, Any]], rejected: NDArray[np.bool_], columns: Sequence[str]
) -> list[dict[str, Any]]:
    """How many reviews and rejections each group of each column holds, the group with most rejections first.

    Each entry: column, group, reviewed, rejected, stands_out (more than chance explains, by the hypergeometric tail
    with false discoveries controlled over all groups). Reviews without a value of the column are left out.
    """
    counted = [entry for column in columns for entry in _counted(column, fields, rejected)]
    if not counted:
        return []
    tails = [
        stats.hypergeom.sf(one["rejected"] - 1, one.pop("total"), one.pop("refused"), one["reviewed"])
        for one in counted
    ]
    adjusted = benjamini_hochberg([min(float(tail), 1.0) for tail in tails])
    for one, p in zip(counted, adjusted, strict=True):
        one["stands_out"] = bool(p <= _FALSE_DISCOVERIES)
    return counted


def _counted(column: str, fields: Sequence[Mapping[str, Any]], rejected: NDArray[np.bool_]) -> list[dict[str, Any]]:
    values = [row.get(column) for row in fields]
    given = pd.DataFrame(
        [(str(value), bool(bad)) for value, bad in zip(values, rejected, strict=True) if value not in (None, "")],
        columns=["group", "bad"],
    )
    table = given.groupby("group")["bad"].agg(["size", "sum"]).reset_index()
    table = table.sort_values(["sum", "size", "group"], ascending=[False, False, True]).head(_GROUPS)
    return [
        {
            "column": column,
            "group": str(group),
            "reviewed": int(size),
            "rejected": int(refused),
            "total": len(given),
            "refused": int(given["bad"].sum()),
        }
        for group, size, refused in table.itertuples(index=False)
    ]
