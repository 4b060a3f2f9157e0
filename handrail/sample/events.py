"""What changes in the sample business, when, and how strongly."""

from dataclasses import dataclass
from typing import Final

OUT_OF_SCOPE: Final = "out_of_scope"
NEW_CATEGORY: Final = "subscription_upgrade"

# Zipf with exponent 0.9; threats are rarer than their rank, the newcomer starts at a steady five per cent.
_FREQUENCIES: Final[dict[str, float]] = {
    "delivery_status": 0.330,
    "refund_request": 0.177,
    "billing_question": 0.123,
    "technical_help": 0.095,
    "appointment_change": 0.078,
    "complaint": 0.066,
    "cancellation": 0.057,
    "address_change": 0.051,
    "legal_threat": 0.023,
    NEW_CATEGORY: 0.050,
}


@dataclass(frozen=True)
class SampleEvent:
    """A change that begins in `week` (1-based) and stays at a steady `share` of the cases it can touch."""

    name: str
    week: int
    share: float

    def is_on(self, week: int) -> bool:
        """Whether the event has begun in this week."""
        return week >= self.week


NEW_PRODUCT: Final = SampleEvent("new_product", week=8, share=0.30)
CATEGORY_ADDED: Final = SampleEvent("new_category", week=8, share=1.0)
TYPOS_SLANG: Final = SampleEvent("typos_slang", week=12, share=0.40)
WORDING_SHIFT: Final = SampleEvent("wording_shift", week=16, share=0.55)
LABEL_BIAS: Final = SampleEvent("label_bias", week=20, share=0.70)
EVENTS: Final = (NEW_PRODUCT, CATEGORY_ADDED, TYPOS_SLANG, WORDING_SHIFT, LABEL_BIAS)

BIAS_REGION: Final = "coast"
BIAS_FROM: Final = "refund_request"
BIAS_TO: Final = "complaint"


def categories(week: int | None = None) -> tuple[str, ...]:
    """Return the categories known in a week (1-based), most frequent first; without a week, all ten.

    >>> len(categories(7)), len(categories(8))
    (9, 10)
    """
    if week is None or CATEGORY_ADDED.is_on(week):
        return tuple(_FREQUENCIES)
    return tuple(name for name in _FREQUENCIES if name != NEW_CATEGORY)


def frequencies(week: int) -> dict[str, float]:
    """Return each known category's share of the in-scope cases of a week; the shares sum to 1."""
    shares = {name: _FREQUENCIES[name] for name in categories(week)}
    total = sum(shares.values())
    return {name: weight / total for name, weight in shares.items()}


def is_biased(label: str, region: str, week: int) -> bool:
    """Whether reviewers tend to mislabel such a case in this week."""
    return LABEL_BIAS.is_on(week) and label == BIAS_FROM and region == BIAS_REGION
