"""The linear classifier under the calibration: multinomial logistic regression on emphasised terms."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]

# All measured by cross-validation on complaints, on the sample business and on short requests in 100 categories,
# by log loss first; a stricter tolerance only costs time.
_INVERSE_REGULARISATION = 6.0
_TOLERANCE = 3e-3
_SWEEPS = 200
_FAVOUR_RARE = 0.75  # 0: every case weighs the same; 1: every category does
_MOST_TELLING = 3.0  # log-odds; a term that stands in a single category would otherwise have no bound
_ADDED = 0.1  # to each sum of term weights, so that an absent term is rare and not impossible


def fit(
    vectors: sparse.csr_matrix, labels: NDArray[np.object_], seed: int, weights: Floats | None = None
) -> LogisticRegression:
    """Fit to texts × terms; its coefficients apply to `vectors` as they are.

    Terms that tell categories apart are emphasised while it learns, so that the regularisation presses them
    less, and the emphasis is multiplied into the coefficients afterwards. Rows have to stand in a canonical
    order: the solver visits them by `seed`. `weights` say how many cases each row stands for; None: one each.
    """
    classifier = LogisticRegression(
        C=_INVERSE_REGULARISATION, solver="sag", tol=_TOLERANCE, max_iter=_SWEEPS, random_state=seed
    )
    factor = emphasis(vectors, labels)
    emphasised = vectors.copy()
    emphasised.data *= factor[vectors.indices]
    classifier.fit(emphasised, labels, sample_weight=_weights(labels, weights))
    classifier.coef_ *= factor
    return classifier


def raw_scores(classifier: LogisticRegression, vectors: sparse.csr_matrix) -> Floats:
    """Cases × labels; differences within a row are log-odds. Of two labels the first one's scores are 0."""
    raw = np.asarray(classifier.decision_function(vectors), dtype=np.float64)
    return np.column_stack([np.zeros(len(raw)), raw]) if raw.ndim == 1 else raw


def emphasis(vectors: sparse.csr_matrix, labels: NDArray[np.object_]) -> NDArray[np.float32]:
    """A positive factor for each term, 1 on average: the largest |log-odds| of it for a category against the others.

    Source: the log-count ratio of Wang and Manning (2012), taken over all categories.
    """
    total = np.asarray(vectors.sum(axis=0), dtype=np.float64).ravel() + _ADDED
    largest = np.zeros(vectors.shape[1])
    for label in np.unique(labels):
        inside = np.asarray(vectors[np.flatnonzero(labels == label)].sum(axis=0), dtype=np.float64).ravel()
        outside = total - inside
        inside += _ADDED
        ratio = np.abs(np.log((inside / inside.sum()) / (outside / outside.sum())))
        np.maximum(largest, ratio, out=largest)
    bounded = np.clip(largest, 1e-3, _MOST_TELLING)
    factor: NDArray[np.float32] = (bounded / bounded.mean()).astype(np.float32)
    return factor


def _weights(labels: NDArray[np.object_], weights: Floats | None = None) -> Floats:
    """Weight of each case, 1 on average: those of rare categories count more, or regularisation drowns them."""
    _, place = np.unique(labels, return_inverse=True)
    each = np.ones(len(labels)) if weights is None else weights
    favoured = each * np.bincount(place, each)[place] ** -_FAVOUR_RARE
    even: Floats = favoured / favoured.mean()
    return even
