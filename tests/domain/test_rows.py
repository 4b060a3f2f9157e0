from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail import given as given_predictions
from handrail import rows, typed_yaml
from handrail.errors import BadInput
from handrail.mapping import GivenPrediction, Mapping
from handrail.policy import Policy, for_labels
from handrail.rows import Parsed

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
POLICY = for_labels(["refund", "billing"])
MAPPING = typed_yaml.parse(
    """
source: desk
timezone: Europe/Vienna
fields:
  {external_id: id, received_at: day, text: body, amount: worth, customer_id: who, consent: agreed,
   label: kind, extra: {channel: via}}
history: {all: [{column: day, at_most: 2026-01-02}, {column: kind, present: true}]}
""",
    Mapping,
)
ROW = {
    "id": "1",
    "day": "2026-01-03",
    "body": "Hello",
    "worth": "10",
    "who": "c1",
    "agreed": "yes",
    "kind": "",
    "via": "web",
}


def delivered(*changes: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame([{**ROW, "id": str(at), **change} for at, change in enumerate(changes, start=1)])


def parse(frame: pd.DataFrame, policy: Policy = POLICY, mapping: Mapping = MAPPING, **options: object) -> Parsed:
    return rows.parse(frame, mapping, policy, **{"default_received_at": NOW, "first_row": 1, **options})


def only_reason(change: dict[str, object], policy: Policy = POLICY) -> tuple[str, str]:
    parsed = parse(delivered(change), policy)
    assert parsed.good.empty
    assert parsed.bad["row_number"].tolist() == [1]
    return parsed.bad["expectation"].item(), parsed.bad["reason"].item()


def test_a_good_row_becomes_a_typed_one() -> None:
    parsed = parse(delivered({"worth": "$1,234.50", "day": "2026-01-03T09:30:00"}), first_row=41)
    row = parsed.good.iloc[0]
    assert parsed.bad.empty
    assert (row["row_number"], row["external_id"], row["text"], row["amount"]) == (41, "1", "Hello", 1234.5)
    assert row["received_at"] == datetime(2026, 1, 3, 8, 30, tzinfo=UTC)
    assert (row["customer_id"], row["consent"], row["label"], row["history"]) == ("c1", True, None, False)
    assert row["fields"] == {"channel": "web"}
    assert len(row["row_digest"]) == 64


def test_no_rows_give_empty_tables_with_their_columns() -> None:
    parsed = parse(delivered({})[:0])
    assert tuple(parsed.good.columns) == rows.GOOD_COLUMNS
    assert tuple(parsed.bad.columns) == ("row_number", "external_id", "reason", "expectation", "row", "row_digest")
    assert (len(parsed.good), len(parsed.bad), parsed.repeats) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "expectation", "words"),
    [
        ({"id": " \ufeff"}, "external_id_present", "blank"),
        ({"id": "a\x00b"}, "external_id_printable", "invisible"),
        ({"id": "a\u2028b"}, "external_id_printable", "invisible"),
        ({"id": "a\u200bb"}, "external_id_printable", "invisible"),
        ({"id": "x" * 201}, "external_id_length", "201 characters"),
        ({"day": "04/09/2019"}, "received_at_parses", "ISO 8601"),
        ({"day": "2026-02-30"}, "received_at_parses", "'2026-02-30'"),
        ({"day": "9999-01-01"}, "received_at_parses", "ISO 8601"),
        ({"day": ""}, "received_at_parses", "ISO 8601"),
        ({"worth": "ten"}, "amount_parses", "'ten'"),
        ({"worth": "1.234,50"}, "amount_parses", "point is the decimal sign"),
        ({"worth": "1,5"}, "amount_parses", "group three digits"),
        ({"worth": "inf"}, "amount_parses", "finite"),
        ({"worth": "1e999"}, "amount_parses", "finite"),
        ({"worth": "-0.01"}, "amount_not_negative", "negative"),
        ({"worth": "-$5"}, "amount_not_negative", "negative"),
        ({"worth": "1e13"}, "amount_plausible", "above"),
        ({"agreed": "maybe"}, "consent_readable", "'maybe'"),
        ({"via": "v" * 201}, "channel_length", "201 characters"),
        ({"day": "2026-01-02", "kind": "refnd"}, "label_known", "Did you mean 'refund'"),
        ({"day": "2026-01-02", "kind": "x" * 201}, "label_length", "201 characters"),
    ],
)
def test_a_bad_row_is_put_aside_with_its_reason(change: dict[str, object], expectation: str, words: str) -> None:
    found, reason = only_reason(change)
    assert found == expectation
    assert words in reason
    assert reason.endswith(".")


@pytest.mark.parametrize(("length", "is_good"), [(100, True), (101, False)])
def test_a_text_may_be_as_long_as_the_policy_says(length: int, is_good: bool) -> None:
    policy = POLICY.model_copy(update={"intake": POLICY.intake.model_copy(update={"max_text_characters": 100})})
    parsed = parse(delivered({"body": "x" * length}), policy)
    assert len(parsed.good) == is_good
    if not is_good:
        assert "101 characters, 100 are allowed" in parsed.bad["reason"].item()
        assert len(parsed.bad["row"].item()["body"]) == 100


@pytest.mark.parametrize(
    ("written", "amount"),
    [("", None), ("  ", None), ("0", 0.0), ("$ 5", 5.0), ("1,234,567.8", 1234567.8), ("12.", 12.0), ("1e3", 1e3)],
)
def test_amounts_are_understood_as_written(written: str, amount: float | None) -> None:
    found = parse(delivered({"worth": written})).good["amount"].item()
    assert np.isnan(found) if amount is None else found == amount


@given(st.decimals(0, 10**9, places=2))
def test_an_amount_with_grouped_digits_is_the_same_amount(amount: Decimal) -> None:
    frame = delivered({"worth": f"{amount:,}"}, {"worth": str(amount)})
    assert parse(frame).good["amount"].tolist() == [float(amount)] * 2


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("20260701", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01 12:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-07-01T12:00:00Z", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("2026-07-01T12:00:00.250+05:30", datetime(2026, 7, 1, 6, 30, 0, 250_000, tzinfo=UTC)),
        ("2026-03-29T02:30:00", datetime(2026, 3, 29, 1, tzinfo=UTC)),  # clocks skip it
        ("2026-10-25T02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # clocks repeat it
    ],
)
def test_dates_are_local_unless_they_say_otherwise(written: str, instant: datetime) -> None:
    assert parse(delivered({"day": written})).good["received_at"].item() == instant


def test_a_date_format_replaces_iso_8601() -> None:
    mapping = MAPPING.model_copy(update={"date_format": "%d.%m.%Y"})
    parsed = parse(delivered({"day": "02.01.2026", "kind": "refund"}, {"day": "2026-01-02"}), mapping=mapping)
    assert parsed.good["received_at"].tolist() == [datetime(2026, 1, 1, 23, tzinfo=UTC)]
    assert parsed.good["history"].tolist() == [True]
    assert "%d.%m.%Y" in parsed.bad["reason"].item()


def test_without_a_date_column_the_case_is_received_at_the_given_time() -> None:
    mapping = typed_yaml.parse("source: desk\nfields: {external_id: id, text: body}\n", Mapping)
    parsed = parse(delivered({}), mapping=mapping)
    assert parsed.good["received_at"].tolist() == [NOW]


@pytest.mark.parametrize(
    ("answer", "consent"),
    [("YES", True), (" Yes ", True), ("1", True), ("true", True), ("no", False), ("0", False), (" ", False)],
)
def test_consent_is_given_only_by_an_answer_that_says_so(answer: str, consent: bool) -> None:
    assert parse(delivered({"agreed": answer})).good["consent"].tolist() == [consent]


@pytest.mark.parametrize("absent", [True, False])
def test_without_a_consent_column_the_policy_decides(absent: bool) -> None:
    mapping = typed_yaml.parse("source: desk\nfields: {external_id: id}\n", Mapping)
    policy = POLICY.model_copy(update={"privacy": POLICY.privacy.model_copy(update={"consent_when_absent": absent})})
    assert parse(delivered({}), policy, mapping).good["consent"].tolist() == [absent]


def test_history_includes_its_last_day_and_only_history_has_a_label() -> None:
    frame = delivered(
        {"day": "2026-01-02", "kind": "refund"},
        {"day": "2026-01-02T23:59:59", "kind": "billing"},
        {"day": "2026-01-03", "kind": "refund"},
        {"day": "2026-01-02", "kind": ""},
        {"day": "2026-01-03", "kind": "no category at all"},
    )
    good = parse(frame).good
    assert good["history"].tolist() == [True, True, False, False, False]
    assert good["label"].tolist() == ["refund", "billing", None, None, None]


@pytest.mark.parametrize(
    ("test", "values", "expected"),
    [
        ("at_least: 2026-01-02", ["2026-01-01", "2026-01-02", "2026-01-03", "?"], [False, True, True, False]),
        ("at_most: 10.5", ["10.5", "10.6", "", "x"], [True, False, False, False]),
        ("at_least: 10.5", ["10.4", "10.5", "", "x"], [False, True, False, False]),
        ("at_least: 2, at_most: 3", ["1", "2", "3", "4"], [False, True, True, False]),
        ("equals: closed", ["closed", " closed ", "Closed", ""], [True, True, False, False]),
        ("present: false", ["", " ", "x", "0"], [True, True, False, False]),
    ],
)
def test_history_tests_compare_days_numbers_and_texts(test: str, values: list[str], expected: list[bool]) -> None:
    mapping = typed_yaml.parse(
        f"source: desk\nfields: {{external_id: id, label: kind}}\nhistory: {{all: [{{column: test, {test}}}]}}\n",
        Mapping,
    )
    frame = delivered(*({"test": value, "kind": "refund"} for value in values))
    assert parse(frame, mapping=mapping).good["history"].tolist() == expected


def test_a_history_row_without_a_label_is_put_aside() -> None:
    mapping = typed_yaml.parse(
        "source: desk\nfields: {external_id: id, label: kind}\nhistory: {all: [{column: day, at_most: 2026-01-02}]}\n",
        Mapping,
    )
    parsed = parse(delivered({"day": "2026-01-02"}, {"day": "2026-01-03"}), mapping=mapping)
    assert parsed.bad["expectation"].tolist() == ["label_present"]
    assert parsed.good["external_id"].tolist() == ["2"]


def test_word_for_word_repeats_are_counted_and_contradictions_put_aside() -> None:
    frame = delivered({"id": "a"}, {"id": "a"}, {"id": "a", "body": "Other"}, {"id": "b"})
    parsed = parse(frame)
    assert parsed.good["row_number"].tolist() == [1, 4]
    assert parsed.repeats == 1
    assert parsed.bad["row_number"].tolist() == [3]
    assert "'a' came in row 1 already" in parsed.bad["reason"].item()


def test_repeats_are_found_across_chunks() -> None:
    seen: rows.Seen = {}
    parse(delivered({"id": "a"}), seen=seen)
    again = parse(delivered({"id": "a"}, {"id": "a", "worth": "11"}), seen=seen, first_row=2)
    assert (len(again.good), again.repeats, again.bad["row_number"].tolist()) == (0, 1, [3])


def test_a_corrected_row_is_good_after_a_bad_one_of_the_same_id() -> None:
    parsed = parse(delivered({"id": "a", "worth": "?"}, {"id": "a"}))
    assert parsed.good["row_number"].tolist() == [2]
    assert parsed.bad["row_number"].tolist() == [1]


def test_ids_are_composed_and_trimmed_and_texts_stay_as_they_are() -> None:
    good = parse(delivered({"id": "\ufeff Cafe\u0301 ", "body": "Cafe\u0301\u2028line\x0c"})).good
    assert good["external_id"].item() == "Café"
    assert good["text"].item() == "Cafe\u0301\u2028line\x0c"


def test_a_text_of_blanks_is_no_text_and_nul_is_replaced() -> None:
    good = parse(delivered({"body": " \n\t"}, {"body": "a\x00b"})).good
    assert good["text"].tolist() == ["", "a\ufffdb"]


def test_typed_cells_say_the_same_as_texts() -> None:
    typed = pd.DataFrame(
        {
            "id": [1.0, 2.0],
            "day": [date(2026, 1, 3), pd.Timestamp("2026-01-03 10:00", tz="UTC")],
            "body": ["Hello", None],
            "worth": [Decimal("10.50"), float("nan")],
            "who": [None, 7],
            "agreed": [True, np.False_],
            "kind": [None, None],
            "via": ["web", {"by": "form"}],
        },
        dtype=object,
    )
    text = delivered(
        {"id": "1", "worth": "10.50", "who": "", "agreed": "true"},
        {
            "id": "2",
            "day": "2026-01-03T10:00:00+00:00",
            "body": "",
            "worth": "",
            "who": "7",
            "agreed": "false",
            "via": '{"by": "form"}',
        },
    )
    pd.testing.assert_frame_equal(parse(typed).good, parse(text).good)
    assert parse(typed).good["customer_id"].tolist() == [None, "7"]


def test_a_digest_depends_on_mapped_cells_only_and_on_where_each_ends() -> None:
    plain = parse(delivered({"body": "ab", "worth": "1"}).assign(other="x")).good["row_digest"].item()
    assert plain == parse(delivered({"body": "ab", "worth": "1"}).assign(other="y")).good["row_digest"].item()
    assert plain != parse(delivered({"body": "a", "worth": "1"})).good["row_digest"].item()
    first = parse(delivered({"who": "1", "via": ""})).good["row_digest"].item()
    assert first != parse(delivered({"who": "", "via": "1"})).good["row_digest"].item()


def test_rows_without_a_mapped_column_are_refused() -> None:
    with pytest.raises(BadInput, match="no column 'worth'"):
        parse(delivered({}).drop(columns="worth"))


@given(st.lists(st.fixed_dictionaries({"id": st.text(max_size=5), "worth": st.text(max_size=6)}), max_size=12))
def test_every_row_is_good_bad_or_a_repeat(changes: list[dict[str, str]]) -> None:
    frame = pd.DataFrame([{**ROW, **change} for change in changes], columns=list(ROW), dtype=object)
    parsed = parse(frame)
    assert len(parsed.good) + len(parsed.bad) + parsed.repeats == len(changes)
    assert parsed.good["external_id"].is_unique


class TestGivenPredictions:
    """What somebody else's model said of the rows."""

    MAPPING = MAPPING.model_copy(
        update={
            "fields": MAPPING.fields.model_copy(
                update={"prediction": GivenPrediction(label="said", confidence="sure", labels={"Money back": "refund"})}
            )
        }
    )

    def parse(self, *changes: dict[str, object], **options: object) -> Parsed:
        frame = delivered(*({"said": "billing", "sure": "0.75", **change} for change in changes))
        return parse(frame, **{"mapping": self.MAPPING, **options})

    def percent(self) -> Mapping:
        given = self.MAPPING.fields.prediction.model_copy(update={"confidence_scale": "percent"})
        fields = self.MAPPING.fields.model_copy(update={"prediction": given})
        return self.MAPPING.model_copy(update={"fields": fields})

    def test_label_and_confidence_come_with_the_row_under_our_names(self) -> None:
        parsed = self.parse({"said": " Money back ", "sure": " 0.9 "}, {"said": "refund", "sure": 1})
        assert tuple(parsed.good.columns) == (*rows.GOOD_COLUMNS, *given_predictions.COLUMNS)
        assert parsed.good["given_label"].tolist() == ["refund", "refund"]
        assert parsed.good["given_confidence"].tolist() == [0.9, 1.0]
        assert parsed.unpredicted == {}

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"said": ""}, "label_missing"),
            ({"said": "parking"}, "label_unknown"),
            ({"said": "Refund"}, "label_unknown"),
            ({"sure": ""}, "confidence_missing"),
            ({"sure": None}, "confidence_missing"),
            ({"sure": float("nan")}, "confidence_missing"),
            ({"sure": "NaN"}, "confidence_unreadable"),
            ({"sure": "0,9"}, "confidence_unreadable"),
            ({"sure": "90%"}, "confidence_unreadable"),
            ({"sure": "inf"}, "confidence_unreadable"),
            ({"sure": "1.0001"}, "confidence_out_of_range"),
            ({"sure": "-0.0001"}, "confidence_out_of_range"),
        ],
    )
    def test_a_row_whose_prediction_cannot_be_used_is_good_goes_without_one_and_is_counted(
        self, change: dict[str, object], problem: str
    ) -> None:
        parsed = self.parse(change, {})
        assert parsed.bad.empty
        assert parsed.good["given_label"].isna().tolist() == [True, False]
        assert parsed.good["given_confidence"].isna().tolist() == [True, False]
        assert parsed.unpredicted == {problem: 1}

    @pytest.mark.parametrize("sure", ["0", "1", "0.0", "1e-3"])
    def test_both_ends_of_the_scale_belong_to_it(self, sure: str) -> None:
        assert self.parse({"sure": sure}).good["given_confidence"].tolist() == [float(sure)]

    @pytest.mark.parametrize(("sure", "read"), [("93", 0.93), ("93.5 %", 0.935), ("100%", 1.0), ("0", 0.0)])
    def test_a_percentage_becomes_a_share(self, sure: str, read: float) -> None:
        parsed = self.parse({"sure": sure}, mapping=self.percent())
        assert parsed.good["given_confidence"].tolist() == [pytest.approx(read)]

    def test_a_percentage_above_a_hundred_is_out_of_range(self) -> None:
        assert self.parse({"sure": "100.1"}, mapping=self.percent()).unpredicted == {"confidence_out_of_range": 1}

    def test_bad_and_repeated_rows_are_not_counted_twice(self) -> None:
        parsed = self.parse({"said": "", "worth": "-1"}, {"said": ""}, {"said": "", "id": "2"})
        assert (len(parsed.bad), len(parsed.good), parsed.repeats) == (1, 1, 1)
        assert parsed.unpredicted == {"label_missing": 1}

    def test_another_prediction_makes_another_row(self) -> None:
        first, second = (self.parse({"sure": sure}).good["row_digest"].item() for sure in ("0.7", "0.8"))
        assert first != second

    def test_a_name_that_the_policy_does_not_have_is_refused_before_any_row(self) -> None:
        given = GivenPrediction(label="said", confidence="sure", labels={"Money back": "refnd"})
        fields = self.MAPPING.fields.model_copy(update={"prediction": given})
        with pytest.raises(BadInput, match=r"'Money back' to 'refnd'.*Did you mean 'refund'"):
            self.parse({}, mapping=self.MAPPING.model_copy(update={"fields": fields}))

    def test_no_rows_have_the_columns_too(self) -> None:
        frame = delivered({"said": "billing", "sure": "0.5"})[:0]
        assert tuple(parse(frame, mapping=self.MAPPING).good.columns[-2:]) == given_predictions.COLUMNS

    @given(sure=st.text(max_size=8) | st.floats().map(str), said=st.sampled_from(["refund", "billing", "x", ""]))
    def test_whatever_was_delivered_a_row_has_both_or_neither(self, sure: str, said: str) -> None:
        good = self.parse({"said": said, "sure": sure}).good
        assert good["given_label"].isna().tolist() == good["given_confidence"].isna().tolist()
        assert good["given_confidence"].dropna().between(0, 1).all()
