"""How unlike the training set a case is; calibrated on in-scope cases alone."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from models import vectoriser
from models.vectoriser import Hashes, Places

Floats = NDArray[np.float64]
Keys = NDArray[np.uint32]

# The same on short requests of many and of few categories, on letters and on long complaints; halving or doubling
# any weight costs less than a point of AUC. Unseen words weigh half because `surprise` has counted them already.
_WEIGHTS = np.array([1.0, 1.0, 1.0, 0.5])
_UNSEEN = 0.1  # texts that a term counts for in a category where it never stood; 0.02 to 0.5 do as well
_SMALLEST_SCALE = 1e-3
_MOST_TEXTS = 65_535  # counted for one term: beyond it no term is any less surprising
_STEP = np.uint64(0xD1B54A32D192ED03)  # odd; between the hashes of one term in neighbouring categories


@dataclass(frozen=True, slots=True)
class Scored:
    """Texts and the classifier's raw scores of them: cases × labels, differences are log-odds."""

    texts: Iterable[str]
    raw: Floats


class Document(TypedDict):
    """A novelty model as JSON; arrays of hashes and counts are base64 of little-endian numbers."""

    words: str
    terms: str
    counts: str
    sizes: list[int]
    centre: list[float]
    scale: list[float]
    threshold: float


@dataclass(frozen=True, slots=True)
class NoveltyModel:
    """What stood in the training set, as hashes from which no text can be read back, and the scale.

    `words`: every word. `terms` and `counts`: every word and word pair of each category, and how many of
    its texts hold it; `sizes`: texts of each category. `centre` and `scale` standardise the four signs on
    in-scope cases: uncertainty (−log-odds of the predicted category), weakness (−its raw score), surprise
    (mean −ln share of the predicted category's texts that hold a term) and the share of unseen words.
    """

    words: Keys
    terms: Keys
    counts: NDArray[np.uint16]
    sizes: Places
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    threshold: float

    def score(self, cases: Scored) -> Floats:
        """Novelty in [0, 1] of each case; above `threshold` a case is called novel. Empty gives empty."""
        return _combined(self.signs(cases), self.centre, self.scale)

    def signs(self, cases: Scored) -> Floats:
        """Cases × four signs, not standardised; each grows with novelty.

        A text without words has a single unseen one. Digits do not count: order numbers and amounts are new in
        every text and say nothing of its subject.
        """
        predicted = cases.raw.argmax(axis=1)
        parts, start = [], 0
        for chunk in vectoriser.chunks(cases.texts):
            parts.append(self._wording(chunk, predicted[start : start + len(chunk)]))
            start += len(chunk)
        return np.column_stack([_doubts(cases.raw), np.concatenate(parts)])

    def _wording(self, texts: list[str], predicted: Places) -> Floats:
        """Surprise and share of unseen words of each text."""
        words, owner = _words(texts)
        terms, owner_of_term = _with_pairs(words, owner)
        place, found = _find(_in_category(terms, predicted[owner_of_term]), self.terms)
        held = np.full(len(terms), _UNSEEN)
        held[found] = self.counts[place[found]]
        room = np.log(self.sizes[predicted] + 1.0)
        surprise = room - _mean(np.log(held), owner_of_term, len(texts), empty=np.log(_UNSEEN))
        unseen = ~_find(_short(words), self.words)[1]
        return np.column_stack([surprise, _mean(unseen.astype(np.float64), owner, len(texts), empty=1.0)])

    def to_dict(self) -> Document:
        """A JSON document from which `from_dict` makes an equal model."""
        return {
            "words": _encode(self.words, "<u4"),
            "terms": _encode(self.terms, "<u4"),
            "counts": _encode(self.counts, "<u2"),
            "sizes": self.sizes.tolist(),
            "centre": list(self.centre),
            "scale": list(self.scale),
            "threshold": self.threshold,
        }

    @classmethod
    def from_dict(cls, document: Document) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            words=_decode(document["words"], "<u4").astype(np.uint32),
            terms=_decode(document["terms"], "<u4").astype(np.uint32),
            counts=_decode(document["counts"], "<u2").astype(np.uint16),
            sizes=np.asarray(document["sizes"], dtype=np.int64),
            centre=tuple(document["centre"]),
            scale=tuple(document["scale"]),
            threshold=float(document["threshold"]),
        )


def fit(
    trained_on: Iterable[str],
    categories: Places,
    in_scope: Scored,
    max_flagged: float,
    weights: Floats | None = None,
) -> NoveltyModel:
    """Learn the wording of `trained_on`, and from held-out `in_scope` cases the scale and the threshold.

    `categories` is the place of each training text's label among the columns of the raw scores.
    Guarantee: of new in-scope cases that are exchangeable with the held-out ones, at most `max_flagged` are
    called novel in expectation. Fewer than 1/max_flagged − 1 held-out cases cannot carry it: then the
    threshold is the largest novelty among them, and without any everything is novel: both err towards people.
    `weights` say how many cases each held-out one stands for; None: one each.
    Source: the conformal quantile (Vovk, Gammerman, Shafer 2005); weighted, Tibshirani and others (2019).
    """
    wording = _learnt(trained_on, np.asarray(categories, dtype=np.int64), labels=in_scope.raw.shape[1])
    signs = wording.signs(in_scope)
    if not len(signs):
        return wording
    centre, scale = _centre_and_scale(signs)
    known = _combined(signs, *_of_the_others(signs))
    return NoveltyModel(
        wording.words,
        wording.terms,
        wording.counts,
        wording.sizes,
        tuple(centre.tolist()),
        tuple(scale.tolist()),
        threshold=_quantile(known, np.ones(len(known)) if weights is None else weights, max_flagged),
    )


def _quantile(scores: Floats, weights: Floats, max_flagged: float) -> float:
    """The least of the values that all but `max_flagged` of the weight reaches, that of one case to come included."""
    order = np.argsort(scores, kind="stable")
    if (weights == weights[0]).all():
        rank = int(np.ceil((len(scores) + 1) * (1 - max_flagged)))
        return float(scores[order[min(max(rank, 1), len(scores)) - 1]])
    reached = np.cumsum(weights[order])
    coming = float((weights**2).sum() / weights.sum())
    place = int(np.searchsorted(reached, (reached[-1] + coming) * (1 - max_flagged), side="left"))
    return float(scores[order[min(place, len(scores) - 1)]])


def _learnt(texts: Iterable[str], categories: Places, labels: int) -> NoveltyModel:
    """The wording of `texts`, not yet standardised, with a threshold above which every case lies."""
    words, terms, start = [], [], 0
    for chunk in vectoriser.chunks(texts):
        found, owner = _words(chunk)
        words.append(np.unique(_short(found)))
        both, owner_of_term = _with_pairs(found, owner)
        keys = _in_category(both, categories[start + owner_of_term])
        # Once a text: the upper half is the text, the lower half the term.
        once = np.unique(owner_of_term.astype(np.uint64) << np.uint64(32) | keys)
        terms.append(once.astype(np.uint32))
        start += len(chunk)
    held, counts = np.unique(np.concatenate(terms), return_counts=True)
    return NoveltyModel(
        np.unique(np.concatenate(words)),
        held,
        np.minimum(counts, _MOST_TEXTS).astype(np.uint16),
        np.bincount(categories, minlength=labels),
        (0.0,) * len(_WEIGHTS),
        (1.0,) * len(_WEIGHTS),
        threshold=-1.0,
    )


def _doubts(raw: Floats) -> Floats:
    """Uncertainty and weakness of each case; what is added to a whole row of raw scores changes neither."""
    others = raw - raw.mean(axis=1, keepdims=True)
    row, best = np.arange(len(raw)), raw.argmax(axis=1)
    highest = others[row, best]
    others[row, best] = -np.inf
    return np.column_stack([logsumexp(others, axis=1) - highest, -highest])


def _words(texts: list[str]) -> tuple[Hashes, Places]:
    return vectoriser.words(vectoriser.read(texts), kind="letter")


def _with_pairs(words: Hashes, owner: Places) -> tuple[Hashes, Places]:
    pairs, owner_of_pair = vectoriser.pairs(words, owner)
    return np.concatenate([words, pairs]), np.concatenate([owner, owner_of_pair])


def _short(hashes: Hashes) -> Keys:
    """The better half of each hash: of a million terms, one in four thousand shares it with another."""
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _in_category(terms: Hashes, categories: Places) -> Keys:
    """Another hash for each category that a term stands in."""
    return _short(terms + (categories.astype(np.uint64) + np.uint64(1)) * _STEP)


def _find(wanted: Keys, keys: Keys) -> tuple[Places, NDArray[np.bool_]]:
    """Place of each key in the sorted `known` (any, where it is not there), and whether it is there."""
    place = np.zeros(len(wanted), dtype=np.int64)
    if not keys.size:
        return place, np.zeros(len(wanted), dtype=bool)
    order = np.argsort(wanted)  # a sorted search is twice as fast, its sorting included
    place[order] = np.minimum(np.searchsorted(keys, wanted[order]), len(keys) - 1)
    return place, keys[place] == wanted


def _mean(values: Floats, owner: Places, texts: int, *, empty: float) -> Floats:
    """Mean value of each text; `empty` where it has none."""
    count = np.bincount(owner, minlength=texts)
    mean: Floats = np.bincount(owner, weights=values, minlength=texts) / np.maximum(count, 1)
    return np.where(count > 0, mean, empty)


def _centre_and_scale(signs: Floats) -> tuple[Floats, Floats]:
    return signs.mean(axis=0), np.maximum(signs.std(axis=0), _SMALLEST_SCALE)


def _of_the_others(signs: Floats) -> tuple[Floats, Floats]:
    """Centre and scale of all rows but each one: a case that sets its own scale looks more ordinary than a new one."""
    cases = len(signs)
    if cases == 1:
        return _centre_and_scale(signs)
    centred = signs - signs.mean(axis=0)
    shift = centred / (cases - 1)
    variance = ((centred**2).sum(axis=0) - centred**2) / (cases - 1) - shift**2
    return signs.mean(axis=0) - shift, np.maximum(np.sqrt(np.maximum(variance, 0.0)), _SMALLEST_SCALE)


def _combined(signs: Floats, centre: Sequence[float] | Floats, scale: Sequence[float] | Floats) -> Floats:
    """The weighted mean of the standardised signs as a number in [0, 1]; monotone, so it changes no ranking."""
    standardised = (signs - np.asarray(centre)) / np.asarray(scale)
    novelty: Floats = expit(standardised @ _WEIGHTS / _WEIGHTS.sum())
    return novelty


def _encode(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode("ascii")


def _decode(text: str, kind: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), dtype=kind)
