"""What leaves a trace although it changes nothing: raw texts that are read, lists that are taken away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from handrail.acts.authority import authorize
from handrail.errors import BadInput, NotFound, Refused
from handrail.policy import Policy
from handrail.store import dossier, trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event, Sought

REASONS = (
    "I need it to answer the customer",
    "What was redacted matters for the decision",
    "I have to tell who the customer is",
    "The customer asked what we know of them",
    "I suspect fraud",
)
"""What people mostly need a raw text for."""
LONGEST_REASON = 300
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Raw:
    """What the customer wrote and who it was; `findings` are (type, start, end) of personal data, in characters."""

    case_id: int
    text: str
    findings: tuple[tuple[str, int, int], ...]
    customer_id: str | None


def view(store: Store, case_id: int, reason: str, *, policy: Policy, actor: str, now: datetime) -> Raw:
    """Read what a customer wrote, unredacted; the view is an event of the trail, with the reason beside it.

    Show it only after this has returned from its commit: what is not in the trail has not been seen.

    Raises:
        BadInput: there is no reason, or one of more than 300 characters.
        NotFound: there is no such case, or its text has been deleted.
        Refused: the actor has seen as many raw texts within the hour as the policy allows.
    """
    because = _because(reason)
    with store.write() as connection:
        authorize(connection, "read_raw", actor)
        trail.lock(connection)  # two views at once count one after the other
        _require_measure(connection, actor, policy, now)
        found = dossier.raw(connection, case_id)
        if found is None:
            raise NotFound(
                f"The text of case {case_id} has been deleted, as the policy's retention asks. The trail keeps what "
                "was decided and why; ask the customer if you need their words."
            )
        seq = trail.append(connection, [Event("input.viewed", case_id)], at=now, actor=actor)
        trail.give_reason(connection, seq, because)
    findings = tuple((str(kind), int(start), int(end)) for kind, start, end in found.findings or ())
    return Raw(case_id, found.text, findings, found.customer_id)


def record_export(store: Store, case_ids: Sequence[int], *, actor: str, now: datetime) -> None:
    """Write down that a list of cases was taken away, before it is handed over."""
    with store.write() as connection:
        authorize(connection, "read_cases", actor)
        taken = Event("cases.exported", data={"cases": list(case_ids)})
        trail.append(connection, [taken], at=now, actor=actor)


def _because(reason: str) -> str:
    because = " ".join(reason.split())
    if not because or "\0" in because:
        raise BadInput("Every view of a raw text needs a reason. Choose one, or say what you need it for.")
    if len(because) > LONGEST_REASON:
        raise BadInput(f"The reason is longer than {LONGEST_REASON} characters. Say it in one sentence.")
    return because


def _require_measure(connection: Connection, actor: str, policy: Policy, now: datetime) -> None:
    most = policy.desk.raw_views
    seen = trail.newest(connection, Sought(kind="input.viewed", actor=actor, since=now - HOUR), limit=most)
    if len(seen) >= most:
        raise Refused(
            f"You have seen {most} raw texts within the hour, and nobody sees more. Wait until the hour is over; the "
            "redacted text of every case stays readable."
        )
