"""What a customer wrote, cut where personal data was taken out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from handrail.pii import PiiType

NAMES = {
    PiiType.IBAN: "bank account number",
    PiiType.CARD: "card number",
    PiiType.SSN: "social security number",
    PiiType.EMAIL: "e-mail address",
    PiiType.IP: "internet address",
    PiiType.PHONE: "phone number",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the text as it stands, or the name of what was taken out there."""

    text: str
    removed: str | None = None


def parts(redacted: str | None, findings: Iterable[Sequence[object]] | None) -> list[Part]:
    """The redacted text in parts; `findings` are type, start and end in the text as it was before.

    What a customer wrote in brackets of their own stays text: a removal is known by its place.
    """
    if not redacted:
        return []
    found: list[Part] = []
    at = shift = 0
    for kind, start, end in findings or ():
        name, place = PiiType(str(kind)), int(str(start)) + shift
        mark = f"[{name.name}]"
        if redacted[place : place + len(mark)] != mark:
            return [Part(redacted)]  # redacted by other rules than these places tell of: nothing is guessed
        found += [Part(redacted[at:place]), Part(mark, NAMES[name])]
        at = place + len(mark)
        shift += len(mark) - (int(str(end)) - int(str(start)))
    return [part for part in [*found, Part(redacted[at:])] if part.text]
