"""Label weights: a label weighs as much as it is likely to be right."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from handrail.label_weights import Accuracy, weights


def given(*rows: tuple[str | None, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["reviewer", "status"])


def test_who_is_known_to_err_weighs_less_and_a_newcomer_as_most_people_do() -> None:
    known = {"careless": Accuracy(48, 12), "careful": Accuracy(59, 1)}
    careless, careful, newcomer = weights(
        given(("careless", "accepted"), ("careful", "accepted"), ("new", "accepted")), known
    )
    assert careless < newcomer < careful < 1
    assert newcomer == stats.beta(19, 1).mean()
    assert careless == pytest.approx(stats.beta(19 + 48, 1 + 12).mean())


def test_a_settled_label_and_a_known_past_weigh_one_whoever_gave_them() -> None:
    known = {"careless": Accuracy(0, 60)}
    assert weights(given(("careless", "adjudicated"), (None, "adjudicated"), (None, "imported")), known).tolist() == [
        1.0,
        1.0,
        1.0,
    ]


def test_what_is_withdrawn_or_not_settled_weighs_nothing() -> None:
    assert weights(given(("ada", "withdrawn"), ("ada", "provisional")), {"ada": Accuracy(60, 0)}).tolist() == [0, 0]


def test_no_labels_have_no_weights_and_an_unknown_status_is_refused() -> None:
    assert weights(given(), {}).shape == (0,)
    with pytest.raises(ValueError, match="settled"):
        weights(given(("ada", "settled")), {})


def test_a_weight_is_the_share_of_such_labels_that_are_right() -> None:
    rng = np.random.default_rng(3)
    accuracy = rng.beta(19, 1, 4000)
    right = rng.binomial(60, accuracy)
    estimated = np.array([Accuracy(k, 60 - k).posterior for k in right])
    low = estimated < np.quantile(estimated, 0.1)
    for part in (low, ~low):
        assert estimated[part].mean() == pytest.approx(accuracy[part].mean(), abs=0.003)
