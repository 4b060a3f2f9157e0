"""Texts as weighted words, word pairs and character n-grams: whole batches at once, in numpy.

scikit-learn's vectorisers walk through every text in Python and keep a dictionary of terms, which a safe
model file stores entry by entry. Here a term is the hash of its characters, taken for all terms of a batch in
a few array operations, and the vocabulary is one array of integers.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_BITS = 22  # four million buckets: two of 100,000 terms rarely share one
_MANY = 50_000  # terms; fewer are searched for, which costs less than filling a table of all buckets
_CHUNK = 200_000  # characters hashed together; small enough for the processor's cache
_BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2^64
_MIX = 0xBF58476D1CE4E5B9
SPACE = 32
GRAM_LENGTHS = (3, 5)


@dataclass(frozen=True, slots=True)
class Characters:
    """Lower-cased texts end to end, each word between single spaces, with what hashes any stretch at once.

    `codes` are code points, `owner` is the text of each, `prefix` the running polynomial hash and
    `undo` the inverse powers of its base.
    """

    codes: NDArray[np.uint32]
    owner: Places
    prefix: Hashes
    undo: Hashes

    def hashes(self, start: Places, end: Places) -> Hashes:
        """One 64-bit hash per stretch [start, end): equal stretches, equal hashes."""
        return _mixed((self.prefix[end] - self.prefix[start]) * self.undo[start])

    def runs(self, member: NDArray[np.bool_], shortest: int) -> tuple[Places, Places]:
        """Starts and ends of the unbroken runs of `member` characters that are at least `shortest` long."""
        edges = np.diff(np.concatenate([[0], member.view(np.int8), [0]]))
        start, end = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        long = end - start >= shortest
        return start[long], end[long]

    def are(self, kind: Literal["word", "letter"]) -> NDArray[np.bool_]:
        """Which characters stand in a word (letters, digits, underscore), or are letters."""
        present = np.bincount(self.codes)
        known = np.flatnonzero(present)
        letters = map(chr, known.tolist())
        of_kind = (c.isalpha() if kind == "letter" else c.isalnum() or c == "_" for c in letters)
        table = np.zeros(len(present), dtype=bool)
        table[known] = np.fromiter(of_kind, dtype=bool, count=len(known))
        return table[self.codes]


def read(texts: Iterable[str]) -> Characters:
    """Lay texts end to end and prepare them for hashing."""
    spaced = [f" {' '.join(text.lower().split())} " for text in texts]
    # A lone surrogate can come from a broken export; it is a character like any other.
    codes = np.frombuffer("".join(spaced).encode("utf-32-le", errors="surrogatepass"), dtype="<u4").astype(np.uint32)
    owner = np.repeat(np.arange(len(spaced)), np.fromiter(map(len, spaced), dtype=np.int64, count=len(spaced)))
    powers = _powers(_BASE, len(codes))
    prefix = np.concatenate(
        [np.zeros(1, dtype=np.uint64), np.cumsum(_mixed(codes.astype(np.uint64) + 1) * powers[:-1])]
    )
    return Characters(codes, owner, prefix, _powers(pow(_BASE, -1, 2**64), len(codes)))


def words(characters: Characters, kind: Literal["word", "letter"] = "word") -> tuple[Hashes, Places]:
    """Hash and text of every word of at least two characters, in order."""
    start, end = characters.runs(characters.are(kind), shortest=2)
    return characters.hashes(start, end), characters.owner[start]


def pairs(hashes: Hashes, owner: Places) -> tuple[Hashes, Places]:
    """Hash and text of every two neighbouring words of one text."""
    together = owner[:-1] == owner[1:]
    return _mixed(hashes[:-1][together] * np.uint64(3) + hashes[1:][together]), owner[:-1][together]


def gram_places(characters: Characters, shortest: int, longest: int) -> tuple[Places, Places]:
    """Starts and ends of every run of `shortest` to `longest` characters inside a word and its two spaces."""
    spaces = np.concatenate([[0], np.cumsum(characters.codes == SPACE)])
    found = []
    for length in range(shortest, longest + 1):
        start = np.arange(max(len(characters.codes) - length + 1, 0))
        inside = start[spaces[start + length - 1] == spaces[start + 1]]
        found.append((inside, inside + length))
    return np.concatenate([start for start, _ in found]), np.concatenate([end for _, end in found])


def grams(characters: Characters, shortest: int, longest: int) -> tuple[Hashes, Places]:
    """Hash and text of each of `gram_places`."""
    start, end = gram_places(characters, shortest, longest)
    return characters.hashes(start, end), characters.owner[start]


class TermVectoriser(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """TF-IDF of words and word pairs, or of character n-grams of three to five; rows have length one.

    A term's weight in a text is (1 + ln count) · (1 + ln((1 + texts) / (1 + texts with it))), as in
    scikit-learn's `TfidfVectorizer(sublinear_tf=True)`, which is the oracle in its tests. Kept are terms that
    stand in at least `fewest_texts`, of those the `most_terms` commonest.
    """

    def __init__(self, unit: str = "word", fewest_texts: int = 2, most_terms: int = 100_000) -> None:
        self.unit = unit
        self.fewest_texts = fewest_texts
        self.most_terms = most_terms

    def fit(self, texts: Iterable[str], y: object = None) -> Self:
        """Learn the vocabulary.

        Raises:
            ValueError: no term stands in enough texts.
        """
        self.fit_transform(texts, y)
        return self

    def fit_transform(self, texts: Iterable[str], y: object = None) -> sparse.csr_matrix:  # noqa: ARG002 - scikit-learn's form
        """Learn the vocabulary and return texts × terms in float32."""
        counts = self._counted(texts, _buckets, columns=2**_BITS)
        frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        common = np.flatnonzero(frequency >= self.fewest_texts)
        if not common.size:
            raise ValueError("no term stands in enough texts")
        if len(common) > self.most_terms:
            common = np.sort(common[np.argsort(-frequency[common], kind="stable")[: self.most_terms]])
        self.vocabulary_ = common.astype(np.int32)
        self.weights_ = (1 + np.log((1 + counts.shape[0]) / (1 + frequency[common]))).astype(np.float32)
        return self._weighted(counts[:, common])

    def transform(self, texts: Iterable[str]) -> sparse.csr_matrix:
        """Texts × terms in float32; a text without known terms is a row of zeros."""
        return self._weighted(self._counted(texts, self.places, columns=len(self.vocabulary_)))

    def places(self, hashes: Hashes) -> Places:
        """The column of each term, −1 where the vocabulary does not have it."""
        bucket = _buckets(hashes)
        if len(bucket) > _MANY:
            column = np.full(2**_BITS, -1, dtype=np.int64)
            column[self.vocabulary_] = np.arange(len(self.vocabulary_))
            table: Places = column[bucket]
            return table
        nearest = np.minimum(np.searchsorted(self.vocabulary_, bucket), len(self.vocabulary_) - 1)
        return np.where(self.vocabulary_[nearest] == bucket, nearest, -1)

    def _counted(self, texts: Iterable[str], places: Callable[[Hashes], Places], columns: int) -> sparse.csr_matrix:
        """How often each term stands in each text; `places` says in which column it counts, −1 in none."""
        parts = []
        for chunk in chunks(texts):
            hashes, owner = self._terms(read(chunk))
            place = places(hashes)
            known = place >= 0
            entries = (np.ones(known.sum(), dtype=np.float32), (owner[known], place[known]))
            parts.append(sparse.coo_matrix(entries, shape=(len(chunk), columns)).tocsr())
        return sparse.csr_matrix(sparse.vstack(parts, format="csr"))

    def _terms(self, characters: Characters) -> tuple[Hashes, Places]:
        if self.unit == "character":
            return grams(characters, *GRAM_LENGTHS)
        single, owner = words(characters)
        double, owner_of_pair = pairs(single, owner)
        return np.concatenate([single, double]), np.concatenate([owner, owner_of_pair])

    def _weighted(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        weights = (1 + np.log(counts.data)) * self.weights_[counts.indices]
        squares = np.bincount(_rows(counts), weights=weights**2, minlength=counts.shape[0])
        length = np.sqrt(np.where(squares > 0, squares, 1.0))
        data = (weights / length[_rows(counts)]).astype(np.float32)
        return sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


def _buckets(hashes: Hashes) -> Places:
    return (hashes >> np.uint64(64 - _BITS)).astype(np.int64)


def _rows(matrix: sparse.csr_matrix) -> Places:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Lists of whole texts of about `_CHUNK` characters; the last one may be empty."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size >= _CHUNK:
            yield chunk
            chunk, size = [], 0
    # Also when there is no text at all: no text is a matrix without rows.
    yield chunk


def _mixed(hashes: Hashes) -> Hashes:
    """Spread every bit over the high ones, from which the bucket is taken."""
    spread = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(_MIX)
    return (spread ^ (spread >> np.uint64(29))) * np.uint64(_BASE)


def _powers(base: int, count: int) -> Hashes:
    """`base` to the power of 0 … count, modulo 2^64."""
    return _many_powers(base, 1 << count.bit_length())[: count + 1]


@lru_cache(maxsize=8)
def _many_powers(base: int, count: int) -> Hashes:
    factors = np.full(count + 1, base, dtype=np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)
