"""What a challenger would automate, and what is missing where that is nothing."""

from handrail.certification import Certification
from tasks.learning.certificate_accounts import accounts_of
from tasks.occasion import Occasion


def would_automate_nothing(occasion: Occasion, version: str) -> str:
    """Why the version has no threshold, and how many more labels without an error would give it one."""
    reckoned = prospect(occasion, version)
    if reckoned.threshold is not None:
        return (
            f"version {version} would automate nothing yet: its {reckoned.n} withheld labels would certify a "
            "threshold, and the next shadow scoring looks at them"
        )
    return (
        f"version {version} would automate nothing: its {reckoned.n} withheld labels certify no threshold; "
        f"{reckoned.needed} more without an error would"
    )


def prospect(occasion: Occasion, version: str) -> Certification:
    """What the labels that a version has not learnt would certify overall at its next look; no look is spent on it."""
    (account,) = (one for one in accounts_of(occasion, version) if one.category is None)
    return account.certification()
