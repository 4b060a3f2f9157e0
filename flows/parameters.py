"""The parameters that flows share, described and bounded: Prefect makes the steward's form of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field


@dataclass(frozen=True)
class Described:
    """A parameter's line in the steward's form.

    `Field(description=…)` in an annotation never reaches it: Prefect puts a field of its own over ours, with the
    description of the docstring's `Args`, and no description where there is none.
    """

    text: str

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:  # noqa: ANN401 - pydantic's own
        """Add the text to the schema."""
        return {**handler(schema), "description": self.text}


Home = Annotated[
    str | None,
    Described("Workspace folder; empty: HANDRAIL_HOME, else .handrail in the working folder"),
]
AsOf = Annotated[
    str | None,
    Described("In a rehearsal the moment at which its clock is set, ISO 8601; empty: now"),
    Field(max_length=40),
]
Reason = Annotated[str, Described("One sentence; it stands beside the audit trail"), Field(max_length=500)]
Days = Annotated[int, Described("Length of the window in days, 1 to 366"), Field(ge=1, le=366)]
