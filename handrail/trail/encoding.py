"""The bytes of an event: written once, hashed as they stand, never encoded again.

The encoding is a subset of RFC 8785: sorted ASCII keys, no white space, no floats, integers that every JSON
reader keeps.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from handrail.errors import BadInput

PLAIN = frozenset({str})
SCALARS = frozenset({str, int, bool, type(None)})
OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_DATETIME


def encode(event: Mapping[str, Any]) -> bytes:
    """Write an event as one line of UTF-8 JSON.

    Values are texts, whole numbers within ±(2⁵³ - 1), true, false, null, and lists and mappings of these.

    Raises:
        BadInput: names the key of the value that does not fit.
    """
    _check(event)
    try:
        return orjson.dumps(event, option=OPTIONS)
    except TypeError as error:
        raise BadInput(f"The event cannot be written: {error}. Pass larger numbers and other values as text.") from None


def decode(body: bytes) -> dict[str, Any]:
    """Read the bytes of one event.

    Raises:
        BadInput: they are not a JSON object.
    """
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"The bytes of an event are not JSON: {error}. Compare with an export or a backup.") from None
    if not isinstance(event, dict):
        raise BadInput("The bytes of an event are JSON but not an object. Compare with an export or a backup.")
    return event


def _check(event: Mapping[Any, Any]) -> None:
    # One look at all keys and one at all values: events are many and mostly flat.
    if not PLAIN.issuperset(map(type, event)) or not "".join(event).isascii():
        raise BadInput(f"The keys {list(event)} of an event are not all plain ASCII text. Choose English names.")
    if not SCALARS.issuperset(map(type, event.values())):
        for key, value in event.items():
            if type(value) not in SCALARS:
                _check_value(key, value)


def _check_value(key: str, value: object) -> None:
    match value:
        case float():
            raise BadInput(
                f"`{key}` is the float {value!r}. Write shares as whole parts per million, amounts in cents."
            )
        case dict():
            _check(value)
        case list() | tuple():
            if not PLAIN.issuperset(map(type, value)):
                for item in value:
                    _check_value(key, item)
        case str() | int() | None:
            pass
        case _:
            name = f"{type(value).__module__}.{type(value).__qualname__}"
            raise BadInput(f"`{key}` is of type {name}. Convert it to a text or a Python int first.")
