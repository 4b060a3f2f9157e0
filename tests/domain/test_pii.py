import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import BadInput
from handrail.pii import PiiSpan, PiiType, Redacted, find, redact, redact_many

PERSONAL = [
    ("write to jane.doe+x@mail.example.co.uk. Thanks", "write to [EMAIL]. Thanks"),
    ("call 555-123-4567 today", "call [PHONE] today"),
    ("(415) 555-0132 x 22 works", "[PHONE] works"),
    ("from abroad +44 20 7946 0958 please", "from abroad [PHONE] please"),
    ("0049 30 901820 in Berlin", "[PHONE] in Berlin"),
    ("reach me at 4155552671", "reach me at [PHONE]"),
    ("my phone 555-0132", "my phone [PHONE]"),
    ("card 4111 1111 1111 1111 123", "card [CARD] 123"),
    ("card 4111-1111-1111-1111 exp 12/27", "card [CARD] exp 12/27"),
    ("amex 378282246310005", "amex [CARD]"),
    ("DE89 3704 0044 0532 0130 00 is mine", "[IBAN] is mine"),
    ("to gb29nwbk60161331926819", "to [IBAN]"),
    ("SSN 536-90-4399", "SSN [SSN]"),
    ("ssn is 536904399", "ssn is [SSN]"),
    ("from 192.168.1.77:80", "from [IP]:80"),
    ("host 8.8.8.8", "host [IP]"),
    ("2001:db8:85a3::8a2e:370:7334 was it", "[IP] was it"),
    ("fullwidth ４１１１１１１１１１１１１１１１", "fullwidth [CARD]"),
]
HARMLESS = [
    "Order 4481-2290-11",
    "order number 4155552671",
    "SKU AB-1234-5678-90",
    "SKU-4155552671",
    "2024-01-15 10:30 to 2024-02-15",
    "paid $1,234,567.89 and $415 555 2671",
    "version 12.40.1.77",
    "2.4.1.7",
    "Chrome/120.0.60.109",
    "tracking 1Z999AA10123456784",
    "tracking 9400 1000 0000 0000 0000 00",
    "1234 5678 9012 3456",
    "card 4111 1111 1111 1112",
    "DE89 3704 0044 0532 0130 01",
    "000-12-3456, 666-12-3456, 900-12-3456, 123-00-1234, 123-45-0000, 078-05-1120",
    "300.168.1.1 and 1.2.3.4.5",
    "std::vector at 12:30:45 on aa:bb:cc:dd:ee:ff",
    "550e8400-e29b-41d4-a716-446655440000",
    "40.712776, -74.005974 at 1700000000",
    "@handle sent logo@2x.png, 2 @ 5",
    "",
]


@pytest.mark.parametrize(("text", "expected"), PERSONAL)
def test_personal_data_is_replaced_by_its_type(text: str, expected: str) -> None:
    assert redact(text).text == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_personal_stays(text: str) -> None:
    assert redact(text) == Redacted(text, ())


def test_findings_count_characters_with_the_end_excluded() -> None:
    assert find("é a@b.org 😀 +1 415 555 2671") == [
        PiiSpan(PiiType.EMAIL, 2, 9),
        PiiSpan(PiiType.PHONE, 12, 27),
    ]


def test_the_longer_finding_wins_where_two_overlap() -> None:
    assert [f.type for f in find("4155552671@txt.example.net")] == [PiiType.EMAIL]


def test_only_the_types_asked_for_are_searched() -> None:
    text = "a@b.org from 192.168.1.77"
    assert redact(text, types=["ip"]).text == "a@b.org from [IP]"
    with pytest.raises(BadInput, match="Use some of"):
        find(text, types=["PASSPORT"])


def test_a_region_brings_its_national_phone_numbers_and_keeps_its_dates() -> None:
    assert redact("Tel 0171 1234567 am 15.01.2024", region="DE").text == "Tel [PHONE] am 15.01.2024"
    with pytest.raises(BadInput, match="country code"):
        find("0171 1234567", region="ZZ")


def test_many_texts_are_redacted_in_order() -> None:
    assert [r.text for r in redact_many(["a@b.org", "none", ""])] == ["[EMAIL]", "none", ""]


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(exclude_categories=[])),
            st.sampled_from([*(text for text, _ in PERSONAL), "@", "+", "(", "4111", "::", "00", "1."]),
        )
    ).map("".join)
)
def test_any_text_gives_ordered_findings_that_do_not_overlap(text: str) -> None:
    redacted = redact(text)
    bounds = [bound for f in redacted.findings for bound in (f.start, f.end)]
    assert bounds == sorted(bounds)
    assert all(0 <= f.start < f.end <= len(text) for f in redacted.findings)
    kept, at = "", 0
    for finding in redacted.findings:
        kept, at = kept + text[at : finding.start] + f"[{finding.type.name}]", finding.end
    assert kept + text[at:] == redacted.text


@pytest.mark.parametrize("piece", ["a", "1", "@", ".", "a@", "1 ", "1.", "+1 ", "AB12 ", "1:", "(", "a.b@c.", "4111-"])
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        start = time.process_time()
        find(text)
        return time.process_time() - start

    # Quadratic growth would make the factor 64, and minutes of a text of 5 MB.
    assert seconds(320_000) < 24 * max(min(seconds(40_000) for _ in range(3)), 0.005)


NUMBERS = {
    PiiType.PHONE: "+1 415 555 2671",
    PiiType.IBAN: "DE89 3704 0044 0532 0130 00",
    PiiType.EMAIL: "ann.lee@example.org",
    PiiType.CARD: "4111 1111 1111 1111",
}


@pytest.mark.parametrize("kind", NUMBERS)
@given(
    hidden=st.lists(
        st.sampled_from(["", "", "\x7f", "\u200b", "\u00ad", "\ufeff\u200d", "\u0336"]), min_size=30, max_size=30
    )
)
def test_nothing_hidden_in_personal_data_hides_it(kind: PiiType, hidden: list[str]) -> None:
    disguised = "".join(map("".join, zip(NUMBERS[kind], hidden, strict=False)))
    text = f"Write é to {disguised} at once"
    (finding,) = find(text)
    assert finding.type is kind
    assert text[finding.start : finding.end].rstrip("\x7f\u200b\u00ad\ufeff\u200d") == disguised.rstrip(
        "\x7f\u200b\u00ad\ufeff\u200d"
    )
    assert redact(text).text.translate({0x7F: None, 0x200B: None}).startswith(f"Write é to [{kind.name}]")


@pytest.mark.parametrize("kind", NUMBERS)
def test_letters_and_digits_in_another_shape_are_what_they_are(kind: PiiType) -> None:
    wide = "".join(chr(ord(one) + 0xFEE0) if one != " " else "\u3000" for one in NUMBERS[kind])
    assert redact(f"Write to {wide} at once").text == f"Write to [{kind.name}] at once"


def test_a_control_character_in_plain_letters_hides_nothing() -> None:
    assert redact("Write to anna\x7f@exam\x00ple.org at once").text == "Write to [EMAIL] at once"


def test_what_stands_between_hidden_characters_stays_found() -> None:
    two = "4155552671\u200b4155552672"
    assert redact(two).text == "[PHONE]\u200b[PHONE]"


@given(st.text(alphabet=st.sampled_from("0123456789 -+@.aé\u200b\u0336\uff11\u00a0x"), max_size=40))
def test_spans_lie_in_the_text_as_it_came(text: str) -> None:
    for finding in find(text):
        assert 0 <= finding.start < finding.end <= len(text)
