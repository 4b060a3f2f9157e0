"""Which words and fields made the model say this and not its second choice."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from models import classifier, vectoriser
from models.classifier import AMOUNT, TrainedModel
from models.vectoriser import Characters, Hashes, Places

Floats = NDArray[np.float64]

_ROW_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a term or field adds to the log-odds; below 0 it spoke for the second choice."""

    term: str
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why `label` and not `against`, the second choice, in log-odds before calibration.

    `terms` are the strongest of the text, `fields` all of the model's; `rest` is what the terms that are not
    listed add up to. All of it and `intercept` make the difference between the two raw scores.
    """

    label: str
    against: str
    terms: tuple[Contribution, ...]
    fields: tuple[Contribution, ...]
    rest: float
    intercept: float

    @property
    def log_odds(self) -> float:
        """The difference between the two raw scores, 0 or more."""
        return sum(part.weight for part in (*self.terms, *self.fields)) + self.rest + self.intercept


@dataclass(frozen=True, slots=True)
class _Parts:
    """Occurrences of terms: the case, what names the term, where it stands, and what it adds."""

    case: Places
    name: Hashes
    start: Places
    end: Places
    weight: Floats

    def merged(self) -> Self:
        """One row per case and term."""
        key = self.name ^ (self.case.astype(np.uint64) * _ROW_MIX)
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        weight = np.bincount(group, weights=self.weight, minlength=len(first)).astype(np.float64)
        return type(self)(self.case[first], self.name[first], self.start[first], self.end[first], weight)

    def strongest(self, top: int) -> Self:
        """The `top` of each case, by size, the largest first."""
        order = np.lexsort((self.start, -np.abs(self.weight), self.case))
        case = self.case[order]
        rank = np.arange(len(case)) - np.searchsorted(case, case)
        kept = order[rank < top]
        return type(self)(self.case[kept], self.name[kept], self.start[kept], self.end[kept], self.weight[kept])


def explain(model: TrainedModel, frame: pd.DataFrame, top: int = 8, *, label: str | None = None) -> list[Explanation]:
    """One explanation per row of `frame` (`text` and the model's fields), in order; an empty frame gives none.

    With `label`, one of the model's, it is told what speaks for that one, against the best of those that the model
    did not put first.

    A word's weight holds that of the character n-grams inside it. The second choice is the opponent because
    that is what the reviewer decides on: the sum over it is the odds between the two, while against the mean of
    all others a term that fits both would seem to decide. Meant for cases that a person will see.
    """
    if frame.empty:
        return []
    inputs = classifier.features(frame, model.fields)
    texts = inputs["text"].tolist()
    transformer, calibrated = model.estimator[0], model.estimator[1]
    vectors = sparse.csr_matrix(transformer.transform(inputs))
    vectors.sort_indices()
    best = _compared(calibrated.raw_scores(vectors), None if label is None else model.labels.index(label))
    added, intercept = _added(vectors, calibrated.estimator_, best)
    characters = vectoriser.read(texts)
    parts = _parts(characters, transformer, added).merged()
    shown = _shown(parts.strongest(top), characters, len(texts))
    fields = _fields(transformer, added, model.fields)
    from_terms = np.bincount(parts.case, weights=parts.weight, minlength=len(texts))
    return [
        Explanation(
            label=model.labels[best[case, 0]],
            against=model.labels[best[case, 1]],
            terms=shown[case],
            fields=fields[case],
            rest=float(from_terms[case] - sum(part.weight for part in shown[case])),
            intercept=float(intercept[case]),
        )
        for case in range(len(texts))
    ]


def _compared(scores: Floats, wanted: int | None) -> Places:
    """Per row the two labels that are weighed against each other, by number."""
    order = np.argsort(-scores, axis=1, kind="stable")
    if wanted is None:
        return order[:, :2]
    rivals = [next((one for one in row[1:] if one != wanted), row[0]) for row in order.tolist()]
    return np.column_stack([np.full(len(order), wanted), rivals])


def _added(vectors: sparse.csr_matrix, linear: Any, best: Places) -> tuple[sparse.csr_matrix, Floats]:  # noqa: ANN401 - untyped
    """What each entry of `vectors` adds to the log-odds of the first label against the second; the intercepts."""
    weights, intercepts = linear.coef_, linear.intercept_
    if len(weights) == 1:  # of two labels the first one's score is 0
        weights, intercepts = np.vstack([np.zeros_like(weights), weights]), np.append(0.0, intercepts)
    first, second = np.repeat(best, np.diff(vectors.indptr), axis=0).T
    gap = weights[first, vectors.indices].astype(np.float64) - weights[second, vectors.indices]
    added = sparse.csr_matrix((vectors.data * gap, vectors.indices, vectors.indptr), shape=vectors.shape)
    return added, intercepts[best[:, 0]].astype(np.float64) - intercepts[best[:, 1]]


def _parts(characters: Characters, transformer: Any, added: sparse.csr_matrix) -> _Parts:  # noqa: ANN401 - untyped
    """Every occurrence of a known word, pair or n-gram with its share of what its column adds."""
    in_word = characters.are("word")
    start, end = characters.runs(in_word, shortest=2)
    single, double = vectoriser.words(characters)[0], vectoriser.pairs(*vectoriser.words(characters))[0]
    inner = characters.owner[start[:-1]] == characters.owner[start[1:]]
    starts, ends = np.concatenate([start, start[:-1][inner]]), np.concatenate([end, end[1:][inner]])
    names = np.concatenate([single, double])
    words = _shared(transformer, "words", names, characters.owner[starts], added)
    gram_start, gram_end = vectoriser.gram_places(characters, *vectoriser.GRAM_LENGTHS)
    hashes, owner = characters.hashes(gram_start, gram_end), characters.owner[gram_start]
    grams = _shared(transformer, "characters", hashes, owner, added)
    word_start, word_end = _words_around(characters, in_word, gram_start + 1)
    return _Parts(
        case=np.concatenate([characters.owner[starts], owner]),
        name=np.concatenate([names, characters.hashes(word_start, word_end)]),
        start=np.concatenate([starts, word_start]),
        end=np.concatenate([ends, word_end]),
        weight=np.concatenate([words, grams]),
    )


def _shared(
    transformer: Any,  # noqa: ANN401 - untyped
    name: str,
    hashes: Hashes,
    case: Places,
    added: sparse.csr_matrix,
) -> Floats:
    """What each occurrence adds: equal shares of its column, whose bucket two terms may have in common."""
    column = transformer.named_transformers_[name].places(hashes)
    known = column >= 0
    wide = added.shape[1]
    entry = np.repeat(np.arange(added.shape[0]), np.diff(added.indptr)) * wide + added.indices
    at = np.searchsorted(entry, case[known] * wide + column[known] + transformer.output_indices_[name].start)
    weight = np.zeros(len(hashes))
    weight[known] = added.data[at] / np.bincount(at, minlength=len(entry))[at]
    return weight


def _words_around(characters: Characters, in_word: NDArray[np.bool_], inside: Places) -> tuple[Places, Places]:
    """Where the words stand that hold the characters at `inside`, without the punctuation at their ends."""
    start, end = characters.runs(characters.codes != vectoriser.SPACE, shortest=1)
    around = np.searchsorted(start, inside, side="right") - 1
    known = np.flatnonzero(in_word)
    low, high = np.searchsorted(known, start), np.searchsorted(known, end)
    spelt = low < high  # others are punctuation throughout and stay whole
    start[spelt], end[spelt] = known[low[spelt]], known[high[spelt] - 1] + 1
    return start[around], end[around]


def _shown(parts: _Parts, characters: Characters, cases: int) -> list[tuple[Contribution, ...]]:
    shown: list[list[Contribution]] = [[] for _ in range(cases)]
    for case, start, end, weight in zip(parts.case, parts.start, parts.end, parts.weight, strict=True):
        shown[case].append(Contribution("".join(map(chr, characters.codes[start:end].tolist())), float(weight)))
    return [tuple(one) for one in shown]


def _fields(
    transformer: Any,  # noqa: ANN401 - untyped
    added: sparse.csr_matrix,
    fields: tuple[str, ...],
) -> list[tuple[Contribution, ...]]:
    """Each field's part, the strongest first."""
    columns = {}
    if AMOUNT in fields:
        columns[AMOUNT] = transformer.output_indices_[AMOUNT]
    categories = [name for name in fields if name != AMOUNT]
    if categories:
        sizes = [len(known) for known in transformer.named_transformers_["fields"].categories_]
        ends = transformer.output_indices_["fields"].start + np.cumsum(sizes)
        columns |= {name: slice(end - size, end) for name, size, end in zip(categories, sizes, ends, strict=True)}
    weights = {name: np.asarray(added[:, where].sum(axis=1)).ravel() for name, where in columns.items()}
    return [
        tuple(sorted((Contribution(name, float(w[case])) for name, w in weights.items()), key=lambda c: -abs(c.weight)))
        for case in range(added.shape[0])
    ]
