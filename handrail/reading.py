"""A reading: what one look of a watch saw of a subject, with its verdict and figures."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, Self, TypeVar, get_args, get_origin, get_type_hints

ALL = "all"
"""The subject of a look at everything together."""


class Verdict(StrEnum):
    """What a look says; silence of a watch that could not have seen anything is no good news."""

    QUIET = "quiet"
    ALARM = "alarm"
    UNDERPOWERED = "underpowered"
    NOT_MEASURED = "not_measured"
    UNREADABLE = "unreadable"
    """The look itself failed: nobody watches the subject until a later one succeeds."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a watch keeps of one look: a frozen dataclass whose JSON holds its fields in their order.

    A field with a default is one that readings of an earlier release may lack, or that no face shows.
    """

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON can: dataclasses as objects, tuples as arrays."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The figures that `to_json` wrote; what a later or earlier release wrote beside them is left alone.

        Raises:
            KeyError: a figure without a default is missing.
        """
        return _built(cls, body)


F = TypeVar("F", bound=Figures)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """One look of one watch at one subject; `body` holds figures, names and case ids as JSON can, no NaN, no text."""

    watch: str
    subject: str
    window: tuple[datetime, datetime]
    verdict: Verdict
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def fault(self) -> str | None:
        """The kind of what went wrong where the look failed; None where it did not."""
        found = self.body.get("fault")
        return None if found is None else str(found)

    def figures(self, kind: type[F]) -> F:
        """The figures of the look, or those of them that `kind` names.

        Raises:
            KeyError: a figure without a default is missing.
        """
        return kind.from_json(self.body)


@dataclass(frozen=True, slots=True)
class KeptReading(Reading):
    """A reading as it stands in the store: under its number, read `at` that moment."""

    id: int = field(kw_only=True)
    at: datetime = field(kw_only=True)


def unreadable(watch: str, subject: str, window: tuple[datetime, datetime], fault: str, **body: Any) -> Reading:  # noqa: ANN401 - as JSON can
    """A look that failed; `fault` is the kind of what went wrong."""
    return Reading(watch, subject, window, Verdict.UNREADABLE, {**body, "fault": fault})


def _plain(value: object) -> object:
    if isinstance(value, Figures):
        return value.to_json()
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return str(value) if isinstance(value, StrEnum) else value


def _built(kind: type[T], body: Any) -> T:  # noqa: ANN401 - JSON
    kinds = _kinds(kind)  # type: ignore[arg-type]  # a class has a hash
    return kind(
        **{
            one.name: _typed(kinds[one.name], body[one.name])
            for one in fields(kind)  # type: ignore[arg-type]  # a dataclass, as are all that are read
            if one.name in body or (one.default is MISSING and one.default_factory is MISSING)
        }
    )


def _typed(kind: Any, value: Any) -> Any:  # noqa: ANN401 - a type and a value of it as JSON has it
    if value is None:
        return None
    if isinstance(kind, UnionType):
        (kind, *_) = (one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is tuple:
        return tuple(_typed(get_args(kind)[0], one) for one in value)
    if get_origin(kind) is dict:
        return {name: _typed(get_args(kind)[1], one) for name, one in value.items()}
    if not isinstance(kind, type):
        return value
    if issubclass(kind, Figures):
        return kind.from_json(value)
    if is_dataclass(kind):
        return _built(kind, value)
    return kind(value) if issubclass(kind, StrEnum) else value


@cache
def _kinds(kind: type) -> dict[str, object]:
    return get_type_hints(kind)
