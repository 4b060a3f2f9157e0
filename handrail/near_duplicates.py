"""Texts that say the same in nearly the same words.

No such pair may train a model and judge it (`twins`), and none counts twice where words are counted (`distinct_rows`).
"""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handrail import normal

SHINGLE = 3
"""Words in a row that two texts are compared by."""
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
_PAIRS_AT_ONCE = 2_000_000
_ROUNDING = 1e-9
_LONG = 20  # distinct words from which two texts can be near-duplicates by accident no more
_SAME = 0.9  # share of words (Jaccard) that near-duplicates have in common
_HASHES, _BAND = 16, 4
_PRIME = (1 << 61) - 1

Integers = NDArray[np.int64]


def normalise(text: str) -> list[str]:
    """The words of a text as it is read: upper and lower case alike, without punctuation, every number the same.

    A letter that comes again with another order number, date or amount is the same letter to a model of words, and to
    this rule. Where numbers are all that a text says, they tell it apart.

    Args:
        text: any text.

    Returns:
        Its words in order.

    Source: docs/decisions/0005-withheld-labels-and-references.md.

    >>> normalise("Order 4711 is LATE!"), normalise("4711")
    (['order', '0', 'is', 'late'], ['4711'])
    """
    folded = normal.normalise(text).text.casefold()
    words = _WORD.findall(_NUMBER.sub("0", folded))
    return _WORD.findall(folded) if set(words) == {"0"} else words


def twins(texts: Sequence[str], among: Sequence[str], at_least: float) -> NDArray[np.bool_]:
    """Whether each text has a near-duplicate among others.

    Two texts are near-duplicates when the Jaccard similarity of their sets of word triples is at least `at_least`;
    texts of fewer than three words, when their words are equal. A text without a word has none. Exact: candidates come
    from an index of rare triples that no such pair escapes, and each is verified.

    Args:
        texts: those that are asked about.
        among: those that they are compared with.
        at_least: similarity from which two are near-duplicates, in (0, 1].

    Returns:
        One boolean for each of `texts`, in order.

    Source: Bayardo, Ma and Srikant, Scaling Up All Pairs Similarity Search (2007), prefix filter.

    >>> twins(["My parcel 12 is late today", "Refund me"], ["my parcel 99 is late today!"], 0.9).tolist()
    [True, False]
    """
    keys = [tuple(normalise(text)) for text in (*texts, *among)]
    places: dict[tuple[str, ...], int] = {}
    which = np.fromiter((places.setdefault(key, len(places)) for key in keys), dtype=np.int64, count=len(keys))
    mine, others = np.unique(which[: len(texts)]), np.unique(which[len(texts) :])
    distinct = list(places)
    spoken = np.array([bool(words) for words in distinct], dtype=bool)
    has_twin = np.zeros(len(distinct), dtype=bool)
    has_twin[np.intersect1d(mine, others)] = True
    open_ones = mine[~has_twin[mine]]
    if len(open_ones) and len(others):
        has_twin[open_ones] = _has_similar(_shingles(distinct), open_ones, others, at_least)
    mask: NDArray[np.bool_] = (has_twin & spoken)[which[: len(texts)]]
    return mask


def distinct_rows(texts: Sequence[str], terms: Sequence[set[str]]) -> list[int]:
    """Rows left when every text that repeats an earlier one, or nearly does, is dropped.

    Only long texts can be near-duplicates: short ones resemble each other by nature. MinHash signatures propose pairs,
    and those that share 90 % of their terms are near-duplicates.

    Args:
        texts: in order; upper and lower case alike.
        terms: the distinct terms of each text.

    Returns:
        Positions of the texts that stay, ascending.

    Source: Broder, On the Resemblance and Containment of Documents (1997).

    >>> distinct_rows(["Hello", "hello ", "Bye"], [{"hello"}, {"hello"}, {"bye"}])
    [0, 2]
    """
    exact: dict[str, int] = {}
    first = [row for row, text in enumerate(texts) if exact.setdefault(text.strip().lower(), row) == row]
    long = [row for row in first if len(terms[row]) >= 2 * _LONG]
    repeated = _repeated(long, terms)
    return [row for row in first if row not in repeated]


def _repeated(rows: list[int], terms: Sequence[set[str]]) -> set[int]:
    """Rows that share nearly all terms with an earlier one: MinHash bands propose, exact overlap decides."""
    numbering: dict[str, int] = {}
    shingles = [np.array([numbering.setdefault(t, len(numbering)) for t in sorted(terms[row])]) for row in rows]
    table = np.random.default_rng(0).integers(
        0, _PRIME, (_HASHES, max(len(numbering), 1))
    )  # fixed: no chance enters a result
    buckets: dict[tuple[int, bytes], list[int]] = {}
    repeated = set()
    for row, shingle in zip(rows, shingles, strict=True):
        signature = table[:, shingle].min(axis=1)
        keys = [(band, signature[band : band + _BAND].tobytes()) for band in range(0, _HASHES, _BAND)]
        proposed = {earlier for key in keys for earlier in buckets.get(key, ())}
        if any(len(terms[row] & terms[e]) >= _SAME * len(terms[row] | terms[e]) for e in proposed):
            repeated.add(row)
            continue
        for key in keys:
            buckets.setdefault(key, []).append(row)
    return repeated


def _shingles(texts: Sequence[tuple[str, ...]]) -> sparse.csr_matrix:
    """Which triple of words stands in which text: texts × triples, 0 or 1. A shorter text is one triple of its own."""
    lengths = np.array([len(words) for words in texts], dtype=np.int64)
    vocabulary: dict[str, int] = {}
    flat = np.fromiter(
        (vocabulary.setdefault(word, len(vocabulary)) for words in texts for word in words),
        dtype=np.int64,
        count=int(lengths.sum()),
    )
    text = np.repeat(np.arange(len(texts)), lengths)
    triple = flat[:-2] if len(flat) > SHINGLE - 1 else flat[:0]
    for step in range(1, SHINGLE):
        following = flat[step : len(triple) + step]
        triple = np.unique(triple * len(vocabulary) + following, return_inverse=True)[1]
    inside = text[: len(triple)] == text[SHINGLE - 1 :][: len(triple)]
    rows, columns = text[: len(triple)][inside], triple[inside]
    short = np.flatnonzero(lengths < SHINGLE)
    width = int(triple.max()) + 1 if len(triple) else 0
    rows, columns = np.concatenate([rows, short]), np.concatenate([columns, width + np.arange(len(short))])
    shape = (len(texts), width + len(short))
    matrix = sparse.csr_matrix((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=shape)
    matrix.data[:] = 1  # a triple that a text repeats counts once
    return matrix


def _has_similar(shingles: sparse.csr_matrix, mine: Integers, others: Integers, at_least: float) -> NDArray[np.bool_]:
    """For each row of `mine`, whether some row of `others` reaches the similarity."""
    sizes = np.diff(shingles.indptr)
    rare_mine, rare_others = (_rarest(shingles, rows, at_least) for rows in (mine, others))
    order = np.argsort(rare_others[1], kind="stable")
    listed_rows, listed_shingles = rare_others[0][order], rare_others[1][order]
    first = np.searchsorted(listed_shingles, rare_mine[1], side="left")
    count = np.searchsorted(listed_shingles, rare_mine[1], side="right") - first
    similar = np.zeros(shingles.shape[0], dtype=bool)
    for part in _portions(count):
        left = np.repeat(rare_mine[0][part], count[part])
        offset = np.arange(len(left)) - np.repeat(np.cumsum(count[part]) - count[part], count[part])
        right = listed_rows[np.repeat(first[part], count[part]) + offset]
        # Two sets of which one is much larger cannot be similar, whatever they share.
        fitting = np.minimum(sizes[left], sizes[right]) >= at_least * np.maximum(sizes[left], sizes[right]) - _ROUNDING
        fitting &= ~similar[left]
        pairs = np.unique(left[fitting] * shingles.shape[0] + right[fitting])
        left, right = pairs // shingles.shape[0], pairs % shingles.shape[0]
        similar[left[_jaccard(shingles, left, right) >= at_least - _ROUNDING]] = True
    return similar[mine]


def _rarest(shingles: sparse.csr_matrix, rows: Integers, at_least: float) -> tuple[Integers, Integers]:
    """Of each row as many of its rarest shingles as a similar row must share one of: rows, shingles."""
    frequency = np.bincount(shingles.indices, minlength=shingles.shape[1])
    chosen = shingles[rows]
    sizes = np.diff(chosen.indptr)
    row = np.repeat(np.arange(len(rows)), sizes)
    order = np.lexsort((chosen.indices, frequency[chosen.indices], row))
    rank = np.arange(len(row)) - np.repeat(chosen.indptr[:-1], sizes)
    prefix = sizes - np.ceil(at_least * sizes - _ROUNDING).astype(np.int64) + 1
    kept = rank < prefix[row]
    return rows[row[kept]], chosen.indices[order][kept].astype(np.int64)


def _portions(counts: Integers) -> list[slice]:
    """Cut entries into runs of about `_PAIRS_AT_ONCE` pairs, so that memory stays bounded."""
    if not len(counts):
        return []
    ends = np.flatnonzero(np.diff(np.cumsum(counts) // _PAIRS_AT_ONCE)) + 1
    edges = [0, *ends.tolist(), len(counts)]
    return [slice(low, high) for low, high in pairwise(edges)]


def _jaccard(shingles: sparse.csr_matrix, left: Integers, right: Integers) -> NDArray[np.float64]:
    if not len(left):
        return np.zeros(0)
    sizes = np.diff(shingles.indptr)
    common = np.asarray(shingles[left].multiply(shingles[right]).sum(axis=1), dtype=np.float64).ravel()
    similarity: NDArray[np.float64] = common / (sizes[left] + sizes[right] - common)
    return similarity
