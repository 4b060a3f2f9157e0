"""How unlike the training set a case is; calibrated on in-scope cases alone."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models import vectoriser
from models.vectoriser import Hashes, Places


@dataclass(frozen=True, slots=True)
class Scored:
    """Texts and what the calibrated model said of them: confidence in (0, 1] and its largest raw score."""

    texts: Iterable[str]
    confidence: NDArray[np.float64]
    strength: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NoveltyModel:
    """Words and word pairs of the training set (as hashes, so that no text can be read back) and the scale.

    `centre` and `scale` standardise the four signs on in-scope cases: share of unseen words, share of
    unseen pairs, doubt (−ln confidence) and weakness (−largest raw score).
    """

    words: Hashes
    pairs: Hashes
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    threshold: float

    def score(self, cases: Scored) -> NDArray[np.float64]:
        """Novelty in [0, 1] of each case; above `threshold` a case is called novel. Empty gives empty."""
        signs = _signs(cases, self.words, self.pairs)
        return _squash((signs - np.asarray(self.centre)) / np.asarray(self.scale))

    def to_dict(self) -> dict[str, Any]:
        """A JSON document from which `from_dict` makes an equal model."""
        return {
            "words": _encode(self.words), "pairs": _encode(self.pairs), "centre": list(self.centre),
            "scale": list(self.scale), "threshold": self.threshold,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            words=_decode(document["words"]), pairs=_decode(document["pairs"]),
            centre=tuple(document["centre"]), scale=tuple(document["scale"]),
            threshold=float(document["threshold"]),
        )  # fmt: skip


def fit(trained_on: Iterable[str], in_scope: Scored, max_flagged: float) -> NoveltyModel:
    """Learn the vocabulary of `trained_on`, and from held-out `in_scope` cases the scale and the threshold.

    Guarantee: of new in-scope cases that are exchangeable with the held-out ones, at most
    `max_flagged` are called novel in expectation. Fewer than 1/max_flagged − 1 held-out cases cannot
    carry it: then the threshold is the largest novelty among them, which errs towards people.
    Source: the conformal quantile (Vovk, Gammerman, Shafer 2005).
    """
    parts = [vectoriser.words(vectoriser.read(chunk), kind="letter") for chunk in vectoriser.chunks(trained_on)]
    seen_words = np.unique(np.concatenate([words for words, _ in parts]))
    seen_pairs = np.unique(np.concatenate([vectoriser.pairs(words, owner)[0] for words, owner in parts]))
    signs = _signs(in_scope, seen_words, seen_pairs)
    centre, scale = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-3)
    known = np.sort(_squash((signs - centre) / scale))
    rank = int(np.ceil((len(known) + 1) * (1 - max_flagged)))
    return NoveltyModel(
        words=seen_words, pairs=seen_pairs, centre=tuple(centre.tolist()), scale=tuple(scale.tolist()),
        threshold=float(known[min(rank, len(known)) - 1]),
    )  # fmt: skip


def _signs(cases: Scored, seen_words: Hashes, seen_pairs: Hashes) -> NDArray[np.float64]:
    """Cases × four signs; each grows with novelty."""
    shares = [_shares_unseen(chunk, seen_words, seen_pairs) for chunk in vectoriser.chunks(cases.texts)]
    return np.column_stack([np.concatenate(shares), -np.log(np.clip(cases.confidence, 1e-12, 1.0)), -cases.strength])


def _shares_unseen(texts: list[str], seen_words: Hashes, seen_pairs: Hashes) -> NDArray[np.float64]:
    """Share of unseen words and of unseen pairs of each text.

    Letters only: order numbers and amounts are new in every text and say nothing of its subject.
    """
    words, owner = vectoriser.words(vectoriser.read(texts), kind="letter")
    pairs, owner_of_pair = vectoriser.pairs(words, owner)
    unseen_words = _share_unseen(words, owner, len(texts), seen_words)
    return np.column_stack([unseen_words, _share_unseen(pairs, owner_of_pair, len(texts), seen_pairs)])


def _share_unseen(hashes: Hashes, owner: Places, texts: int, seen: Hashes) -> NDArray[np.float64]:
    """Share of each text's hashes that are not in the sorted `seen`; 1 where a text has none."""
    unseen = np.ones(len(hashes), dtype=bool)
    if seen.size:
        order = np.argsort(hashes)  # a sorted search is twice as fast, its sorting included
        wanted = hashes[order]
        unseen[order] = seen[np.minimum(np.searchsorted(seen, wanted), len(seen) - 1)] != wanted
    count = np.bincount(owner, minlength=texts)
    return np.where(count > 0, np.bincount(owner, weights=unseen, minlength=texts) / np.maximum(count, 1), 1.0)


def _squash(standardised: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean sign as a number in [0, 1]; monotone, so it changes no ranking."""
    squashed: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(standardised.mean(axis=1), -30.0, 30.0)))
    return squashed


def _encode(hashes: Hashes) -> str:
    return base64.b64encode(hashes.astype("<u8").tobytes()).decode("ascii")


def _decode(text: str) -> Hashes:
    return np.frombuffer(base64.b64decode(text), dtype="<u8").astype(np.uint64)
