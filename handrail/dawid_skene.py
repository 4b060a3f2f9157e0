"""Consensus of several reviewers by Dawid and Skene: what is true, and whom to believe when."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

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
        row = self.posterior[self._places[item]]
        best = int(row.argmax())
        return self.labels[best], float(row[best])

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.items)}

    def accuracy(self) -> dict[str, float]:
        """Each reviewer's probability of being right on an item drawn at random."""
        right = np.einsum("k,rkk->r", self.prevalence, self.confusion)
        return dict(zip(self.reviewers, right.tolist(), strict=True))


def estimate(
    ratings: Ratings,
    *,
    attested: Mapping[str, str] | None = None,
    smoothing: float = 1.0,
    most_rounds: int = _MOST_ROUNDS,
) -> Consensus:
    """Truth and confusion matrices together, by expectation maximisation from the majority vote on.

    Missing ratings say nothing; equal input gives equal output. A single reviewer is taken at their word, a single
    label is certain, no ratings give empty arrays. Two reviewers who always differ cannot be told apart: the posterior
    then stays divided.

    Args:
        ratings: who gave which label to which item.
        attested: the true label of some items; one that is not among the labels is left out.
        smoothing: ratings (> 0) that were right, and as many spread over all labels, with which every row of a
            confusion matrix begins: who has rated little is believed to be more often right than wrong.
        most_rounds: rounds after which the search ends even if the likelihood still grows.

    Returns:
        Posterior of each item, confusion matrix of each reviewer, prevalence of each label.

    Source: Dawid and Skene, Maximum Likelihood Estimation of Observer Error-Rates (1979).

    >>> import pandas as pd
    >>> from handrail.agreement import collect
    >>> rows = [(item, rater, "a" if (item, rater) != (1, "z") else "b") for item in range(5) for rater in "xyz"]
    >>> consensus = estimate(collect(pd.DataFrame(rows, columns=["item", "rater", "label"])))
    >>> consensus.of("1")[0], consensus.accuracy()["x"] > consensus.accuracy()["z"]
    ('a', True)
    """
    if not len(ratings.item):
        empty, nothing = np.zeros((0, 0)), np.zeros((len(ratings.raters), 0, 0))
        return Consensus((), ratings.raters, ratings.labels, empty, nothing, np.zeros(0), (), converged=True)
    model = _Model(ratings, smoothing, _certain(ratings, attested or {}))
    posterior = model.fixed(majority(ratings))
    objective: list[float] = []
    converged = False
    for _ in range(most_rounds):
        prevalence, confusion = model.maximise(posterior)
        posterior, gained = model.expect(prevalence, confusion)
        objective.append(gained)
        if len(objective) > 1 and objective[-1] - objective[-2] < _TOLERANCE * len(ratings.item):
            converged = True
            break
    return Consensus(
        ratings.items, ratings.raters, ratings.labels, posterior, confusion, prevalence, tuple(objective), converged
    )


def majority(ratings: Ratings) -> Floats:
    """Share of each label among each item's ratings.

    Args:
        ratings: who gave which label to which item.

    Returns:
        Items × labels, each row sums to 1; an item without a rating gets equal shares.

    Source: Dawid and Skene 1979, the starting point of their algorithm.

    >>> from handrail.agreement import Ratings
    >>> majority(Ratings.of_codes(["1"], ["x", "y", "z"], ["a", "b"], [[0, 1, 1]])).round(2).tolist()
    [[0.33, 0.67]]
    """
    shape = len(ratings.items), len(ratings.labels)
    votes = np.bincount(ratings.item * shape[1] + ratings.label, minlength=shape[0] * shape[1]).reshape(shape)
    total = votes.sum(axis=1, keepdims=True)
    shares: Floats = np.where(total > 0, votes / np.maximum(total, 1), 1 / max(shape[1], 1))
    return shares


def _certain(ratings: Ratings, attested: Mapping[str, str]) -> Floats:
    """The logarithm of what is possible for each item: 0, and minus infinity for all but the known label."""
    place = {name: at for at, name in enumerate(ratings.labels)}
    possible = np.zeros((len(ratings.items), len(ratings.labels)))
    for at, name in enumerate(ratings.items):
        truth = place.get(attested[name]) if name in attested else None
        if truth is not None:
            possible[at] = -np.inf
            possible[at, truth] = 0.0
    return possible


class _Model:
    """The two steps of one set of ratings, on sums over its ratings that are laid out once."""

    def __init__(self, ratings: Ratings, smoothing: float, possible: Floats) -> None:
        self.ratings, self.possible = ratings, possible
        self.labels = len(ratings.labels)
        self.pseudo = smoothing * (np.eye(self.labels) + 1 / self.labels)
        self.spread = smoothing / self.labels
        # What a reviewer can say is a column: one sparse product sums over an item's ratings, its transpose over items.
        answer = ratings.rater * self.labels + ratings.label
        shape = len(ratings.items), len(ratings.raters) * self.labels
        self.by_item = sparse.csr_matrix((np.ones(len(answer)), (ratings.item, answer)), shape=shape)
        self.by_answer = self.by_item.T.tocsr()

    def fixed(self, posterior: Floats) -> Floats:
        """The posterior with what is known."""
        is_attested = np.isneginf(self.possible).any(axis=1, keepdims=True)
        return np.where(is_attested, np.exp(self.possible), posterior)

    def maximise(self, posterior: Floats) -> tuple[Floats, Floats]:
        """Prevalence of the labels and confusion matrices that fit the posterior best."""
        said_of = np.asarray(self.by_answer @ posterior).reshape(-1, self.labels, self.labels)
        counts = said_of.transpose(0, 2, 1) + self.pseudo
        confusion: Floats = counts / counts.sum(axis=2, keepdims=True)
        mass = posterior.sum(axis=0) + self.spread
        prevalence: Floats = mass / mass.sum()
        return prevalence, confusion

    def expect(self, prevalence: Floats, confusion: Floats) -> tuple[Floats, float]:
        """The posterior under these, and its objective."""
        log_confusion = np.log(confusion)
        of_answer = log_confusion.transpose(0, 2, 1).reshape(-1, self.labels)
        joint = np.log(prevalence) + self.by_item @ of_answer + self.possible
        highest = joint.max(axis=1, keepdims=True)
        evidence = highest[:, 0] + np.log(np.exp(joint - highest).sum(axis=1))
        belief = (self.pseudo * log_confusion).sum() + self.spread * np.log(prevalence).sum()
        return np.exp(joint - evidence[:, None]), float(evidence.sum() + belief)
