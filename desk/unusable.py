"""What is wrong with a value of a request, in words: where it stands, and what it should be."""

from collections.abc import Mapping, Sequence
from typing import Any

_LONGEST = 100
"""Characters of a name or of a bound."""
_TAGS = frozenset({"int", "float", "str", "bool", "bytes", "date", "datetime", "none"})
_NO = {
    "int": "no whole number",
    "float": "no number",
    "bool": "neither true nor false",
    "string": "no text",
    "list": "no list",
    "tuple": "no list",
    "dict": "no object",
    "model": "no object",
    "model_attributes": "no object",
    "datetime": "no time, such as 2026-03-02T09:00:00Z",
    "timezone": "a time without its zone",
    "date": "no day, such as 2026-03-02",
    "json": "no JSON",
}
"""What a value is not, by how its fault's code begins."""
_BOUNDS = {
    "greater_than_equal": "smaller than {ge}",
    "greater_than": "not above {gt}",
    "less_than_equal": "larger than {le}",
    "less_than": "not below {lt}",
    "string_too_long": "longer than {max_length} characters",
    "string_too_short": "shorter than {min_length} characters",
    "too_long": "longer than {max_length} entries",
    "too_short": "shorter than {min_length} entries",
    "finite_number": "no finite number",
    "literal_error": "none of {expected}",
    "enum": "none of {expected}",
}
_EMPTY = frozenset({"string_too_short", "too_short"})


def unusable(fault: Mapping[str, Any]) -> str:
    """One fault as its checker tells it, in words: ``cases[0].text is missing``."""
    kind, bounds = str(fault["type"]), fault.get("ctx") or {}
    name = _path(fault["loc"][1:])
    if kind == "missing":
        return f"{name} is missing"
    if kind == "extra_forbidden":
        return f"{name} is not known here"
    if kind in _EMPTY and bounds.get("min_length") == 1:
        return f"{name} is empty"
    if kind in _BOUNDS:
        return f"{name} is {_BOUNDS[kind].format(**bounds)}"[: 3 * _LONGEST]
    if kind == "value_error" and "error" in bounds:
        return f"{name} cannot be used: {bounds['error']}"[: 3 * _LONGEST]
    wanted = next((words for start, words in _NO.items() if kind.startswith(f"{start}_")), None)
    return f"{name} is {wanted}" if wanted else f"{name} cannot be used"


def _path(parts: Sequence[int | str]) -> str:
    """Where a value stands, as whoever sent it would write it; *the body* for the whole."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part in _TAGS or "constrained-" in part or "[" in part or "(" in part:
            break  # which of several forms was tried is no part of the request
        else:
            path += f".{part}" if path else part
    return path[:_LONGEST] or "the body"
