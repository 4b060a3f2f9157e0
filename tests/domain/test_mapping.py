from pathlib import Path

import pytest

from handrail import mapping as mappings
from handrail import typed_yaml
from handrail.errors import BadInput, BadPolicy
from handrail.mapping import Mapping

ROOT = Path(__file__).parents[2]

MINIMAL = "source: desk\nfields:\n  external_id: number\n  text: body\n"


GIVEN = f"{MINIMAL}  prediction: {{label: said, confidence: sure"


def parsed(text: str) -> Mapping:
    return typed_yaml.parse(text, Mapping, name="mapping.yaml")


@pytest.mark.parametrize("business", ["sample", "complaints"])
def test_the_mappings_that_come_along_can_be_read(business: str) -> None:
    assert mappings.read(ROOT / "policy" / business / "mapping.yaml").history is not None


def test_the_complaints_mapping_places_every_column_of_the_export() -> None:
    mapping = mappings.read(ROOT / "policy" / "complaints" / "mapping.yaml")
    head = "complaint_id,date_received,date_sent,product,product_original,sub_product,issue,sub_issue"
    middle = "narrative,company,company_public_response,state,zip3,tags,submitted_via"
    end = "company_response,timely_response,amount_max,amount_n"
    export = [*head.split(","), *middle.split(","), *end.split(",")]
    unread = mapping.check(export)
    assert len(export) == len(mapping.columns) + len(unread) == 19
    told = {"product_original", "sub_product", "issue", "sub_issue", "company_response"}
    assert told <= set(unread)


def test_the_sample_mapping_places_every_column_that_the_business_delivers() -> None:
    from handrail.sample.business import COLUMNS

    mapping = mappings.read(ROOT / "policy" / "sample" / "mapping.yaml")
    unread = mapping.check([*COLUMNS, "label"])
    assert {column for column in COLUMNS if column.startswith("truth_")} <= set(unread)


def test_an_unmapped_column_is_refused_by_name_and_ignored_when_listed() -> None:
    with pytest.raises(BadInput, match=r"'mood'.*list it under `ignored`"):
        parsed(MINIMAL).check(["number", "body", "mood"])
    assert parsed(f"{MINIMAL}ignored: [mood]\n").check(["number", "body", "mood"]) == ["mood"]
    assert parsed(f"{MINIMAL}unmapped: ignore\n").check(["mood", "number", "body"]) == ["mood"]


def test_a_listed_column_may_be_absent() -> None:
    assert parsed(f"{MINIMAL}ignored: [mood]\n").check(["number", "body"]) == []


def test_a_missing_mapped_column_is_named_with_its_near_matches() -> None:
    with pytest.raises(BadInput, match=r"no column 'body'\. Did you mean 'Body'") as caught:
        parsed(MINIMAL).check(["numbr", "Body"])
    assert "'number'. Did you mean 'numbr'" in str(caught.value)


def test_columns_used_by_history_and_consent_count_as_mapped() -> None:
    mapping = parsed(
        "source: desk\n"
        "fields: {external_id: number, label: kind, consent: agreed, extra: {channel: via}}\n"
        "history: {all: [{column: closed, present: true}, {column: kind, present: true}]}\n"
    )
    assert mapping.columns == ("number", "kind", "via", "agreed", "closed")


def test_the_columns_of_a_given_prediction_count_as_mapped_and_come_last() -> None:
    mapping = parsed(f"{GIVEN}, labels: {{Money back: refund}}, confidence_scale: percent}}\n")
    assert mapping.columns == ("number", "body", "said", "sure")
    assert mapping.fields.prediction == mappings.GivenPrediction(
        label="said", confidence="sure", labels={"Money back": "refund"}, confidence_scale="percent"
    )


def test_a_given_confidence_is_a_share_and_its_labels_are_ours_unless_the_mapping_says_otherwise() -> None:
    prediction = parsed(f"{GIVEN}}}\n").fields.prediction
    assert prediction is not None
    assert (prediction.confidence_scale, prediction.labels) == ("share", {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{GIVEN}, confidence_scale: permille}}\n", "'share' or 'percent'"),
        (f"{GIVEN.replace('sure', 'said')}}}\n", "said cannot hold both the label and the confidence"),
        (f"{MINIMAL}  label: said\n  prediction: {{label: said, confidence: sure}}\n", "the prediction that it judges"),
        (f"{MINIMAL}  prediction: {{label: said}}\n", "fields.prediction.confidence' is missing"),
        ("source: desk\nfields: {text: body}\n", "fields.external_id' is missing"),
        (
            f"{MINIMAL}history: {{all: [{{column: day, at_most: 2019-04-09}}]}}\n",
            "history needs fields.label",
        ),
        (
            "source: d\nfields: {external_id: n, label: k}\nhistory: {all: [{column: day}]}\n",
            "one of at_most, at_least",
        ),
        (f"{MINIMAL}ignored: [body]\n", "body cannot be both mapped and ignored"),
        (f"{MINIMAL}timezone: Mars/Base\n", "not an IANA time zone"),
        (f"{MINIMAL}unmaped: ignore\n", "Did you mean 'unmapped'"),
        ("source: d\nfields: {external_id: n, consent: {column: c, given: [yes]}}\n", "in quotes"),
        (
            "source: d\nfields: {external_id: n, consent: {column: c, given: ['No']}}\n",
            "both given and refused",
        ),
    ],
)
def test_an_impossible_mapping_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(BadPolicy, match=r"mapping\.yaml, line \d+") as caught:
        parsed(text)
    assert sentence in str(caught.value)


def test_without_a_mapping_file_columns_are_known_by_their_names() -> None:
    mapping = mappings.from_columns(["id", "text", "tier", "mood", "label"], source="desk")
    assert (mapping.fields.external_id, mapping.fields.text, mapping.fields.label) == ("id", "text", "label")
    assert mapping.fields.extra == {"tier": "tier"}
    assert (mapping.source, mapping.history, mapping.ignored) == ("desk", None, ("mood",))
    assert mapping.check(["id", "text", "tier", "mood", "label"]) == ["mood"]


def test_external_id_is_preferred_to_id_and_one_of_them_is_needed() -> None:
    assert mappings.from_columns(["id", "external_id"]).fields.external_id == "external_id"
    with pytest.raises(BadInput, match=r"'external_id' or 'id'.*--mapping"):
        mappings.from_columns(["text"])
