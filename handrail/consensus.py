"""Consensus of several reviewers by Dawid and Skene: what is true, and whom to believe when."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handrail.agreement import Ratings

Floats = NDArray[np.float64]

_MOST_ROUNDS = 500
_TOLERANCE = 1e-7  # gain in log likelihood per rating below which nothing more is learnt


@dataclass(frozen=True)
class Consensus:
    """What the ratings say together.

    `posterior[i, k]`: probability that item i is label k, each row sums to 1. `confusion[r, k, c]`: how often
    reviewer r says c where k is true. `prevalence[k]`: share of label k. `objective`: log posterior density (up to a
    constant) after each round, never falling; `converged` is false where the rounds ran out first.
    """

    items: tuple[str, ...]
    reviewers: tuple[str, ...]
    labels: tuple[str, ...]
    posterior: Floats
    confusion: Floats
    prevalence: Floats
    objective: tuple[float, ...]
    converged: bool

    def of(self, item: str) -> tuple[str, float]:
        """The most probable label of an item, the first of equals, and its probability."""
        row = self.posterior[self.items.index(item)]
        best = int(row.argmax())
        return self.labels[best], float(row[best])

    def accuracy(self) -> dict[str, float]:
        """Each reviewer's probability of being right on an item drawn at random."""
        right = np.einsum("k,rkk->r", self.prevalence, self.confusion)
        return dict(zip(self.reviewers, right.tolist(), strict=True))


def estimate(ratings: Ratings, *, smoothing: float = 1.0, most_rounds: int = _MOST_ROUNDS) -> Consensus:
    """Estimate truth and confusion matrices together by expectation maximisation, from the majority vote on.

    Every row of a confusion matrix begins with `smoothing` (> 0) ratings that were right and as many spread over all
    labels: who has said little is believed to be more often right than wrong. Missing ratings say nothing; equal
    input gives equal output. A single reviewer is taken at their word, a single label is certain, no ratings give
    empty arrays. Two reviewers who always differ cannot be told apart: the posterior then stays divided.
    Source: Dawid and Skene, Maximum Likelihood Estimation of Observer Error-Rates (1979).
    """
    labels, reviewers = len(ratings.labels), len(ratings.raters)
    item, reviewer = np.nonzero(ratings.codes >= 0)
    said = ratings.codes[item, reviewer]
    if not len(item):
        empty = np.zeros((0, 0))
        nothing = np.zeros((reviewers, 0, 0))
        return Consensus((), ratings.raters, ratings.labels, empty, nothing, np.zeros(0), (), converged=True)
    every = np.arange(len(item))
    by_item = sparse.csr_matrix((np.ones(len(item)), (item, every)), shape=(len(ratings.items), len(item)))
    answer = reviewer * labels + said
    by_answer = sparse.csr_matrix((np.ones(len(item)), (answer, every)), shape=(reviewers * labels, len(item)))
    pseudo = smoothing * (np.eye(labels) + 1 / labels)
    spread = smoothing / labels
    posterior = _majority(np.asarray(by_item @ np.eye(labels)[said]))
    objective: list[float] = []
    converged = False
    for _ in range(most_rounds):
        prevalence, confusion = _maximise(posterior, by_answer, item, pseudo, spread)
        log_confusion = np.log(confusion)
        joint = np.log(prevalence) + by_item @ log_confusion[reviewer, :, said]
        highest = joint.max(axis=1, keepdims=True)
        evidence = highest[:, 0] + np.log(np.exp(joint - highest).sum(axis=1))
        posterior = np.exp(joint - evidence[:, None])
        belief = (pseudo * log_confusion).sum() + spread * np.log(prevalence).sum()
        objective.append(float(evidence.sum() + belief))
        if len(objective) > 1 and objective[-1] - objective[-2] < _TOLERANCE * len(item):
            converged = True
            break
    return Consensus(
        ratings.items, ratings.raters, ratings.labels, posterior, confusion, prevalence, tuple(objective), converged
    )


def majority(ratings: Ratings) -> Floats:
    """Share of each label among each item's ratings, items × labels; an item without a rating gets equal shares."""
    said = ratings.codes[:, :, np.newaxis] == np.arange(len(ratings.labels))
    return _majority(said.sum(axis=1).astype(np.float64))


def _majority(votes: Floats) -> Floats:
    total = votes.sum(axis=1, keepdims=True)
    shares: Floats = np.where(total > 0, votes / np.maximum(total, 1), 1 / max(votes.shape[1], 1))
    return shares


def _maximise(
    posterior: Floats, by_answer: sparse.csr_matrix, item: NDArray[np.int64], pseudo: Floats, spread: float
) -> tuple[Floats, Floats]:
    """Prevalence of the labels and confusion matrices that fit the posterior best."""
    said_of = np.asarray(by_answer @ posterior[item]).reshape(-1, *pseudo.shape)
    counts = said_of.transpose(0, 2, 1) + pseudo
    confusion: Floats = counts / counts.sum(axis=2, keepdims=True)
    mass = posterior.sum(axis=0) + spread
    prevalence: Floats = mass / mass.sum()
    return prevalence, confusion
