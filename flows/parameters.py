"""The parameters that flows share, described and bounded: Prefect makes the steward's form of them."""

from typing import Annotated

from pydantic import Field

Home = Annotated[
    str | None,
    Field(description="Workspace folder; empty: HANDRAIL_HOME, else .handrail in the working folder"),
]
AsOf = Annotated[
    str | None, Field(description="Moment to act at, ISO 8601, for imported pasts; empty: now", max_length=40)
]
Reason = Annotated[str, Field(description="One sentence; it stands in the audit trail", max_length=500)]
Days = Annotated[int, Field(description="Length of the window in days, 1 to 366", ge=1, le=366)]
