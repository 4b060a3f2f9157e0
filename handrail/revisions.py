"""A known case that comes again: the same content, another one, or an earlier one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from handrail.case import State

STATED = "stated_amount"
"""The field that keeps an amount in another currency as it was written."""
CURRENCY_MARK = "currency"
"""The flag of an amount that cannot be compared with the policy's."""
MADE_HERE = "external_id_free"
"""The rule that a row breaks whose id Handrail made for a case that it opened again."""
REOPENED_MARK = "reopened"
"""The flag of a case whose request changed after a decision."""
MARKS = (CURRENCY_MARK, REOPENED_MARK)
"""Flags that are set where a case comes in; no pattern of the policy finds them."""


def kept_marks(came: Sequence[str], before: Collection[str]) -> list[str]:
    """The marks of a row that replaces what a case said: that it was reopened stays true, whatever the row says."""
    is_reopened = REOPENED_MARK in before and REOPENED_MARK not in came
    return [*came, REOPENED_MARK] if is_reopened else list(came)


class Arrival(StrEnum):
    """What a row of a known case is."""

    DUPLICATE = "duplicate"
    CHANGED = "changed"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class Content:
    """What a case says, as far as a decision rests on it; `text` is None where it has been erased."""

    text: str | None
    amount: float | None
    fields: Mapping[str, str] = field(default_factory=dict)
    consent: bool = True
    customer_id: str | None = None


def is_same_request(one: Content, other: Content) -> bool:
    """Whether two contents, perhaps of two sources, ask for the same: text, and without one amount and customer."""
    if one.text is None or other.text is None or one.text.strip() != other.text.strip():
        return False
    return bool(one.text.strip()) or (one.amount, one.customer_id) == (other.amount, other.customer_id)


def differs(came: Content, before: Content, relevant: Collection[str]) -> bool:
    """Whether a decision could rest on the difference: text, amount, a `relevant` field, or consent that is refused.

    A field that only one of them has is the mapping's difference and not the customer's. Consent that comes back is
    none either: the file of an earlier day may come a second time.
    """
    if before.text is None or came.text is None:
        return False
    fields = {*relevant, STATED} & came.fields.keys() & before.fields.keys()
    return (
        came.text.strip() != before.text.strip()
        or came.amount != before.amount
        or any(came.fields[name] != before.fields[name] for name in fields)
        or (before.consent and not came.consent)
    )


def asks_anew(came: Content, before: Content) -> bool:
    """Whether a decided request has changed: another text, or another amount where both name one.

    A customer's tier or region changes without a new wish: that never opens what is decided.
    """
    if before.text is None or came.text is None:
        return False
    amounts = (came.amount, before.amount)
    return came.text.strip() != before.text.strip() or (None not in amounts and came.amount != before.amount)


def arrival(
    came: Content, versions: Sequence[Content], state: State, *, relevant: Collection[str], history: bool
) -> Arrival:
    """What a row of a known case is; `versions` are its contents, the current one first, then those before it.

    An earlier content is no change: an older file that comes again turns nothing back.
    """
    if not versions or not differs(came, versions[0], relevant):
        return Arrival.DUPLICATE
    if any(not differs(came, earlier, relevant) for earlier in versions[1:]):
        return Arrival.DUPLICATE
    if state not in {State.DECIDED, State.DONE} or history:
        return Arrival.CHANGED
    return Arrival.REOPENED if asks_anew(came, versions[0]) else Arrival.DUPLICATE


def made_here(external_id: str) -> str:
    """Why a row with an id that Handrail made for a case that it opened again is put aside, and the remedy."""
    return (
        f"Handrail made the id {external_id[:60]!r} for a case that it opened again, so this row is another case. "
        "Send it under another id."
    )
