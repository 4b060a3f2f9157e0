"""Terms of whole batches, against scikit-learn's vectoriser as the independent oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from models import vectoriser
from models.vectoriser import TermVectoriser

TEXTS = [
    "The parcel was late, the courier left it at the wrong door.",
    "My parcel is late again: order_77 and nobody answers!",
    "Wo ist das Päckchen? Straße, Größe und ÄRGER.",
    "refund refund refund, please refund my money",
    "",
    "a",
    "Где моя посылка? Посылка не пришла.",
]


@pytest.mark.parametrize(
    ("unit", "oracle"),
    [
        ("word", {"ngram_range": (1, 2)}),
        ("character", {"analyzer": "char_wb", "ngram_range": (3, 5)}),
    ],
)
def test_similarities_of_texts_equal_those_of_scikit_learns_vectoriser(unit: str, oracle: dict[str, object]) -> None:
    # Words of one and two letters are left out: scikit-learn counts their padded form once per length.
    texts = [" ".join(word for word in text.split() if len(word) > 3) for text in TEXTS]
    ours = TermVectoriser(unit, fewest_texts=1).fit_transform(texts)
    theirs = TfidfVectorizer(sublinear_tf=True, **oracle).fit_transform(texts)
    assert ours.nnz == theirs.nnz
    np.testing.assert_allclose((ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), atol=1e-6)


def test_words_and_pairs_of_short_and_repeated_words_equal_scikit_learns() -> None:
    ours = TermVectoriser("word", fewest_texts=2).fit_transform(TEXTS)
    theirs = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2).fit_transform(TEXTS)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose((ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), atol=1e-6)


def test_a_text_without_known_terms_is_a_row_of_zeros_and_no_text_a_matrix_without_rows() -> None:
    fitted = TermVectoriser("word", fewest_texts=1).fit(TEXTS)
    assert fitted.transform(["", "unheard of", "\ud800"]).nnz == 0
    assert fitted.transform([]).shape == (0, len(fitted.vocabulary_))


def test_no_more_than_the_permitted_number_of_terms_is_kept_and_they_are_the_commonest() -> None:
    texts = ["parcel late"] * 3 + ["refund soon"] * 2 + ["login"]
    kept = TermVectoriser("word", fewest_texts=1, most_terms=3).fit(texts)
    assert len(kept.vocabulary_) == 3
    assert kept.transform(["parcel late"]).nnz == 3
    assert kept.transform(["refund soon login"]).nnz == 0


def test_texts_in_which_no_term_is_common_enough_are_refused() -> None:
    with pytest.raises(ValueError, match="no term"):
        TermVectoriser("word", fewest_texts=2).fit(["alpha", "beta"])


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TermVectoriser("character", fewest_texts=1).fit_transform(TEXTS)
    monkeypatch.setattr(vectoriser, "_CHUNK", 10)
    parts = TermVectoriser("character", fewest_texts=1).fit_transform(TEXTS)
    np.testing.assert_allclose(whole.toarray()[:, whole.getnnz(axis=0) > 0], parts.toarray())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_text_is_vectorised_alone_as_it_is_in_a_batch(texts: list[str]) -> None:
    fitted = TermVectoriser("character", fewest_texts=1).fit(TEXTS)
    batch = fitted.transform(texts)
    assert batch.shape[0] == len(texts)
    for row, text in enumerate(texts):
        assert abs(batch[row] - fitted.transform([text])).sum() == 0
