"""Rules of the desk: undo, reasons, limits, sessions, acts that need a second person."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from handrail.policy.base import Duration, Strict

ReasonCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]

REASONS = {
    "wrong_category": "The suggested category is wrong",
    "out_of_scope": "None of our categories fits",
    "missing_information": "The customer has to tell us more first",
    "duplicate": "The same request is dealt with elsewhere",
    "suspected_fraud": "Something about the request is not honest",
    "policy": "Our policy forbids it; the escalation manager looks at it",
    "legal": "It has legal weight; the escalation manager looks at it",
}


class DeskRules(Strict):
    """How people work at the desk."""

    undo_within: Duration = Field(timedelta(seconds=10), description="the action is held back that long")
    reasons: dict[ReasonCode, str] = Field(REASONS, min_length=1, description="code: what it means, for a rejection")
    bulk_limit: Annotated[int, Field(ge=1, le=200)] = Field(25, description="cases approved at once, at most")
    most_held: Annotated[int, Field(ge=2, le=500)] = Field(30, description="claimed cases of one reviewer, at most")
    raw_views: Annotated[int, Field(ge=1)] = Field(30, description="raw texts one person may see an hour, at most")
    skip_for: Duration = Field(timedelta(minutes=30), description="until a skipped case is offered again")
    longest_snooze: Duration = timedelta(days=7)
    session: Duration = Field(timedelta(hours=12), description="signed in at the longest")
    idle: Duration = Field(timedelta(hours=2), description="signed in without a click")
    second_person: tuple[Literal["resume", "promote", "roll_back", "set_stage"], ...] = Field(
        (), description="acts that another permitted person has to confirm"
    )
    proposal_for: Duration = Field(timedelta(hours=24), description="time to confirm one")
