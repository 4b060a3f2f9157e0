"""The linear classifier: weights of cases, emphasis of terms, and scores that need no emphasis."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from models import linear

LABELS = np.array(["common"] * 81 + ["rare"], dtype=object)


def vectors(cases: int, labels: np.ndarray) -> sparse.csr_matrix:
    """Term 0 stands in every case, term 1 in the last label's alone, terms 2 to 5 by chance."""
    rng = np.random.default_rng(1)
    dense = np.zeros((cases, 6), dtype=np.float32)
    dense[:, 0] = 1
    dense[labels == max(set(labels)), 1] = 1
    dense[:, 2:] = rng.random((cases, 4)) < 0.5
    return sparse.csr_matrix(dense)


def test_cases_of_rare_categories_weigh_more_but_their_category_less() -> None:
    weights = linear._weights(LABELS)
    assert weights.mean() == pytest.approx(1)
    assert weights[-1] / weights[0] == pytest.approx(81**0.75)


def test_a_term_of_one_category_is_emphasised_and_one_of_all_is_not() -> None:
    labels = np.array(["a", "b", "c"] * 30, dtype=object)
    factor = linear.emphasis(vectors(90, labels), labels)
    assert factor.mean() == pytest.approx(1)
    assert factor.min() > 0
    assert factor.argmax() == 1
    assert factor.argmin() == 0


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_scores_are_those_of_a_regression_on_emphasised_terms_one_column_a_label(names: str) -> None:
    labels = np.array(list(names) * 30, dtype=object)
    texts = vectors(len(labels), labels)
    emphasised = sparse.csr_matrix(texts.multiply(linear.emphasis(texts, labels)))
    plain = LogisticRegression(C=6.0, solver="sag", tol=3e-3, max_iter=200, random_state=7).fit(emphasised, labels)
    scores = linear.raw_scores(linear.fit(texts, labels, seed=7), texts)
    assert scores.shape == (len(labels), len(names))
    theirs = linear.raw_scores(plain, emphasised)
    np.testing.assert_allclose(scores - scores[:, :1], theirs - theirs[:, :1], atol=1e-3)
