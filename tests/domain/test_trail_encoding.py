import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import BadInput
from handrail.trail.encoding import decode, encode

LARGEST = 2**53 - 1

keys = st.text(st.characters(max_codepoint=127), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
events = st.dictionaries(keys, values, max_size=6)


@given(events)
def test_what_is_written_is_read_back(event: dict[str, object]) -> None:
    assert decode(encode(event)) == event


@given(events)
def test_the_bytes_are_those_of_an_independent_encoder(event: dict[str, object]) -> None:
    oracle = json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert encode(event) == oracle


@given(events)
def test_the_order_in_which_keys_were_given_leaves_no_mark(event: dict[str, object]) -> None:
    assert encode(dict(reversed(event.items()))) == encode(event)


@given(st.floats(), st.sampled_from([lambda x: x, lambda x: [x], lambda x: [1, {"deep": x}], np.float64]))
def test_a_float_is_refused_wherever_it_stands(number: float, wrap: Callable[[float], object]) -> None:
    with pytest.raises(BadInput, match="parts per million"):
        encode({"confidence": wrap(number)})


@pytest.mark.parametrize("number", [LARGEST, -LARGEST])
def test_the_largest_whole_number_every_reader_keeps_is_written(number: int) -> None:
    assert decode(encode({"n": number})) == {"n": number}


@pytest.mark.parametrize("number", [LARGEST + 1, -LARGEST - 1, 2**64])
def test_a_larger_number_is_refused(number: int) -> None:
    with pytest.raises(BadInput, match="as text"):
        encode({"n": number})


@pytest.mark.parametrize("key", ["größe", "\u0430", 7, None])
def test_a_key_that_is_not_ascii_text_is_refused(key: object) -> None:
    for event in ({key: 1}, {"inner": {key: 1}}):
        with pytest.raises(BadInput, match="English names"):
            encode(event)


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), b"bytes", {1, 2}, np.int64(7), object()])
def test_a_value_json_does_not_know_is_refused_with_its_type(value: object) -> None:
    with pytest.raises(BadInput, match=type(value).__qualname__):
        encode({"value": value})


def test_a_lone_surrogate_is_refused_because_it_has_no_bytes() -> None:
    with pytest.raises(BadInput):
        encode({"text": "\ud800"})


def test_a_code_of_an_enumeration_is_written_as_its_text() -> None:
    class Queue(StrEnum):
        A = "A"

    assert encode({"queue": Queue.A}) == b'{"queue":"A"}'


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"text"', b"\xff", b'{"a":NaN}'])
def test_bytes_that_are_no_event_are_refused(body: bytes) -> None:
    with pytest.raises(BadInput, match="backup"):
        decode(body)
