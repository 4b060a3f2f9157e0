"""A term that stands out, as the drift watch and the evidence of a model review keep it."""

from dataclasses import dataclass
from typing import Self

from handrail.reading import Figures
from handrail.terms import TermDrift


@dataclass(frozen=True, slots=True, kw_only=True)
class TermFigures(Figures):
    """A term, how many times as frequent it is, in how many documents it stands, and ids of example cases."""

    term: str
    lift: float
    documents: int
    cases: tuple[str | int, ...]

    @classmethod
    def of(cls, term: TermDrift) -> Self:
        """A term with its lift to two places."""
        return cls(term=term.term, lift=round(term.lift, 2), documents=term.documents, cases=term.example_ids)
