"""What the agreement watch keeps of a look at one category, or at all together."""

from dataclasses import dataclass

from handrail.reading import Figures, Verdict


@dataclass(frozen=True, slots=True)
class AgreementFigures(Figures):
    """How far people agree on one category against all others, or on all categories together.

    `alpha` is Krippendorff's, within [`low`, `high`]; None where it is not defined.
    """

    subject: str
    items: int
    ratings: int
    agreement: float | None
    alpha: float | None
    low: float | None
    high: float | None
    verdict: Verdict
