"""The sample business keeps its promises about its tables, its texts and its truth."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from stdnum import iban, luhn
from stdnum.us import ssn

from handrail.errors import BadInput
from handrail.sample import OUT_OF_SCOPE, SampleBusiness, categories, generate, generate_weeks
from handrail.sample.templates import templates

START = datetime(2026, 1, 5, tzinfo=UTC)
FLAG_WORDS = re.compile(
    r"\b(?:lawyer|attorney|sue|lawsuit|ombudsman)\b|gift card code|wire transfer|bypass"
    r"|\binjur|\bburn|electric shock|\bsmoke\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def business() -> SampleBusiness:
    return generate(weeks=7)


@pytest.fixture(scope="module")
def outside_spans(business: SampleBusiness) -> list[str]:
    texts = business.cases.set_index("external_id")["text"].to_dict()
    last_first = business.pii.sort_values("start", ascending=False)
    for name, start, end in zip(last_first["external_id"], last_first["start"], last_first["end"], strict=True):
        texts[name] = texts[name][:start] + "◻" + texts[name][end:]
    return list(texts.values())


@pytest.fixture(scope="module")
def late_cases() -> pd.DataFrame:
    return generate_weeks([7, 8, 12, 16, 20], seed=11)[0]


def test_the_same_seed_gives_the_same_business_and_another_seed_another() -> None:
    first, again, other = (generate(weeks=2, seed=seed, per_week=120) for seed in (5, 5, 6))
    for table in ("cases", "pii", "history", "gold"):
        pd.testing.assert_frame_equal(getattr(first, table), getattr(again, table))
    assert not first.cases["text"].equals(other.cases["text"])


def test_more_weeks_only_add_rows() -> None:
    short, long = (generate(weeks=weeks, per_week=90) for weeks in (2, 4))
    head = long.cases[long.cases["week"] <= 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(short.cases, head)


def test_cases_are_unique_in_order_of_time_and_inside_their_week(business: SampleBusiness) -> None:
    cases = business.cases
    assert cases["external_id"].is_unique
    assert cases["received_at"].is_monotonic_increasing
    since = (cases["received_at"] - pd.Timestamp(START)) // pd.Timedelta(weeks=1) + 1
    assert (since == cases["week"]).all()
    assert (cases.groupby("week").size() >= 1500).all()


def test_mornings_and_mondays_are_busier_than_nights_and_sundays(business: SampleBusiness) -> None:
    moments = business.cases["received_at"].dt
    assert (moments.hour == 10).sum() > 10 * (moments.hour == 3).sum()
    assert (moments.day_of_week == 0).sum() > 2 * (moments.day_of_week == 6).sum()


def test_every_column_holds_only_the_values_it_promises(business: SampleBusiness) -> None:
    cases = business.cases
    assert set(cases["truth_label"]) == {*categories(1), OUT_OF_SCOPE}
    assert set(cases["truth_flag"]) == {"", "policy", "legal", "safety"}
    assert set(cases["channel"]) == {"web", "email", "phone", "chat", "app"}
    assert set(cases["tier"]) == {"basic", "plus", "premium"}
    assert cases["region"].nunique() == 5
    assert 0 < (~cases["consent"]).mean() < 0.01
    assert cases["amount"].dropna().gt(0).all()
    assert cases["amount"].isna().any()
    frequency = cases["truth_label"].value_counts(normalize=True)
    assert frequency["delivery_status"] > 1.5 * frequency["refund_request"] > 2 * frequency["technical_help"]


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("empty", 0.007, 0.014),
        ("long", 0.0008, 0.004),
        ("non_latin", 0.004, 0.010),
        ("injection", 0.003, 0.008),
        ("out_of_scope", 0.016, 0.025),
        ("duplicate", 0.006, 0.013),
    ],
)
def test_the_unusual_kinds_come_in_their_shares(business: SampleBusiness, kind: str, low: float, high: float) -> None:
    assert low < business.cases["truth_kind"].eq(kind).mean() < high


def test_unusual_bodies_are_what_their_kind_says(business: SampleBusiness) -> None:
    by_kind = business.cases.groupby("truth_kind")["text"]
    assert by_kind.get_group("empty").eq("").all()
    assert by_kind.get_group("long").str.len().between(20_000, 21_500).all()
    assert by_kind.get_group("non_latin").str.contains(r"[\u0370-\u9fff]", regex=True).all()
    assert by_kind.get_group("normal").str.len().between(20, 1_500).all()
    assert 150 < by_kind.get_group("normal").str.len().mean() < 500


def test_a_duplicate_repeats_an_earlier_case_of_the_same_customer(business: SampleBusiness) -> None:
    cases = business.cases.set_index("external_id")
    repeats = cases[cases["truth_kind"].eq("duplicate")]
    originals = cases.loc[repeats["truth_duplicate_of"]]
    for column in ("text", "customer_id", "truth_label", "truth_template"):
        assert (repeats[column].to_numpy() == originals[column].to_numpy()).all()
    assert (repeats["received_at"].to_numpy() > originals["received_at"].to_numpy()).all()
    assert cases.loc[cases["truth_kind"].ne("duplicate"), "truth_duplicate_of"].eq("").all()


def test_the_texts_are_seldom_identical(business: SampleBusiness) -> None:
    normal = business.cases[business.cases["truth_kind"].eq("normal")]
    assert normal["text"].duplicated().mean() < 0.001


@pytest.mark.parametrize("label", categories())
def test_every_category_has_at_least_25_templates(label: str) -> None:
    assert len(templates(label, "core")) >= 25


FORMS = {
    "email": re.compile(r"[a-z_.+0-9]+@(?:mail\.)?example\.(?:com|org|net)"),
    "phone": re.compile(
        r"(?:\+1 )?\(?\d{3}\)?[- ]555-01\d\d|\+44 20 7946 0\d{3}|\+49 30 23125 \d{3}"
        r"|\+33 1 99 00 \d\d \d\d|\+61 491 570 15\d"
    ),
    "ip": re.compile(r"(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}|2001:db8::[0-9a-f]+:[0-9a-f]+"),
}


def test_every_span_cuts_out_exactly_one_valid_piece_of_personal_data(business: SampleBusiness) -> None:
    texts = business.cases.set_index("external_id")["text"]
    valid: dict[str, Callable[[str], object]] = {
        "card": lambda piece: luhn.is_valid(re.sub("[ -]", "", piece)),
        "iban": iban.is_valid,
        "ssn": ssn.is_valid,
        **{kind: form.fullmatch for kind, form in FORMS.items()},
    }
    assert set(business.pii["type"]) == set(valid)
    pii = business.pii
    for name, kind, start, end in zip(pii["external_id"], pii["type"], pii["start"], pii["end"], strict=True):
        piece = texts.loc[name][start:end]
        assert piece == piece.strip()
        assert valid[kind](piece), piece


def test_nothing_outside_the_spans_is_personal_data(outside_spans: list[str]) -> None:
    for case in outside_spans:
        for form in FORMS.values():
            assert not form.search(case)
        for digits in re.findall(r"\b\d{16}\b", case):
            assert not luhn.is_valid(digits)
        for shape in re.findall(r"\b\d{3}-\d{2}-\d{4}\b", case):
            assert not ssn.is_valid(shape)


def test_hard_negatives_stand_in_the_texts(outside_spans: list[str]) -> None:
    rest = " ".join(outside_spans)
    for shape in (
        r"FH-\d{6}",
        r"\b\d{16}\b",
        r"\b9\d\d-\d\d-\d{4}\b",
        r"\b10\d{8}\b",
        r"\d+\.\d+\.\d+\.\d{3}\b",
    ):
        assert len(re.findall(shape, rest)) > 100


def test_policy_words_find_most_flags_and_few_other_cases(business: SampleBusiness) -> None:
    cases = business.cases[business.cases["truth_kind"].isin(["normal", "duplicate"])]
    hit = cases["text"].str.contains(FLAG_WORDS)
    flagged = cases["truth_flag"].ne("")
    assert 0.03 < flagged.mean() < 0.05
    assert 0.70 < hit[flagged].mean() < 0.97
    assert hit[~flagged].mean() < 0.003


def test_history_lies_before_the_start_and_its_labels_are_nearly_all_right(business: SampleBusiness) -> None:
    history = business.history
    assert len(history) == 1500
    assert history["received_at"].max() < pd.Timestamp(START)
    assert list(history.columns) == [*business.cases.columns, "label"]
    assert set(history["label"]) == set(categories(1))
    assert 0.98 < (history["label"] == history["truth_label"]).mean() < 1
    assert not set(history["external_id"]) & set(business.cases["external_id"])


def test_gold_cases_cover_each_first_category_alike(business: SampleBusiness) -> None:
    assert business.gold["label"].value_counts().to_dict() == dict.fromkeys(categories(1), 7)
    assert business.gold["text"].ne("").all()


def test_the_new_category_begins_in_week_8(late_cases: pd.DataFrame) -> None:
    assert (len(categories(7)), len(categories(8)), len(categories())) == (9, 10, 10)
    share = late_cases["truth_label"].eq("subscription_upgrade").groupby(late_cases["week"]).mean()
    assert share[7] == 0
    assert 0.03 < share[8] < 0.07


@pytest.mark.parametrize(
    ("event", "week"),
    [("new_product", 8), ("new_category", 8), ("typos_slang", 12), ("wording_shift", 16), ("label_bias", 20)],
)
def test_an_event_marks_cases_from_its_week_on(late_cases: pd.DataFrame, event: str, week: int) -> None:
    marked = late_cases["truth_event"].eq(event).groupby(late_cases["week"]).mean()
    assert (marked[marked.index < week] == 0).all()
    assert (marked[marked.index >= week] > 0.02).all()


def test_a_linear_baseline_reaches_80_to_90_per_cent_on_templates_it_never_saw(
    business: SampleBusiness,
) -> None:
    cases = business.cases[business.cases["truth_label"].ne(OUT_OF_SCOPE) & business.cases["text"].ne("")]
    names = np.sort(cases["truth_template"].unique())
    held_out = cases["truth_template"].isin(np.random.default_rng(0).permutation(names)[: len(names) // 3])
    train, test = cases[cases["week"].le(3) & ~held_out], cases[cases["week"].ge(4) & held_out]
    assert not set(train["truth_template"]) & set(test["truth_template"])
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = SGDClassifier(loss="log_loss", alpha=3e-5, max_iter=30, random_state=0)
    model.fit(words.fit_transform(train["text"].str[:4000]), train["truth_label"])
    right = model.predict(words.transform(test["text"].str[:4000])) == test["truth_label"]
    assert 0.80 < right.mean() < 0.90


@pytest.mark.parametrize("wrong", [{"weeks": 0}, {"per_week": 0}, {"start": datetime(2026, 1, 5)}])  # noqa: DTZ001 - naive on purpose
def test_an_impossible_business_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        generate(**wrong)  # type: ignore[arg-type]


def test_the_smallest_business_and_a_start_on_any_weekday_work() -> None:
    start = START + timedelta(days=3, hours=5)
    business = generate(weeks=1, per_week=1, start=start)
    assert len(business.cases) == 1
    assert business.cases["received_at"].min() >= pd.Timestamp(start)
    assert np.isin(business.cases["week"], [1]).all()
