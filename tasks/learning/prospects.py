"""What a challenger would automate, and what is missing where that is nothing."""

from tasks.learning.certificate_accounts import certified_in_shadow
from tasks.occasion import Occasion


def would_automate_nothing(occasion: Occasion, version: str) -> str:
    """Why the version has no threshold, and how many more labels without an error would give it one."""
    overall = next((one for one in certified_in_shadow(occasion) if one.category is None), None)
    if overall is None:
        return f"version {version} would automate nothing: it is not in shadow, where certificates are earned"
    return (
        f"version {version} would automate nothing: its {overall.labels} withheld labels certify no threshold; "
        f"{overall.needed} more without an error would"
    )
