"""What a challenger would automate, and what is missing where that is nothing."""

from handrail import blind, certification
from handrail.alpha_spending import spent
from handrail.certification import Certification
from handrail.store import certificates, drifts, models
from tasks.learning.certificate_accounts import ruled
from tasks.occasion import Occasion


def would_automate_nothing(occasion: Occasion, version: str) -> str:
    """Why the version has no threshold, and how many more labels without an error would give it one."""
    found = reckoned(occasion, version)
    if found.threshold is not None:
        return (
            f"version {version} would automate nothing yet: its {found.n} withheld labels would certify a threshold, "
            "and the next shadow scoring looks at them"
        )
    return (
        f"version {version} would automate nothing: its {found.n} withheld labels certify no threshold; "
        f"{found.needed} more without an error would"
    )


def reckoned(occasion: Occasion, version: str) -> Certification:
    """What the labels that a version has not learnt would certify overall at its next look; no look is spent on it."""
    rules, policy, now = occasion.policy.certificate, occasion.policy, occasion.now
    with occasion.store.read() as connection:
        row, shift = models.version(connection, version), drifts.newest_shift(connection)
        since = now - rules.valid_for if shift is None else max(now - rules.valid_for, shift)
        learnt_until = None if row is None else row.trained_until or row.registered_at
        cases = certificates.population(connection, version, since=since, received_after=None)
        later = certificates.population(connection, version, since=since, received_after=learnt_until)
        rulings = certificates.blind_rulings(connection, since=since)
        looks = 0
        if row is not None:
            counted = row.registered_at if shift is None else max(row.registered_at, shift)
            looks = certificates.count_attempts(connection, version, None, since=counted)
    # What is drawn and labelled blindly never trains: it is evidence from before the training, too.
    unlearnt = cases["case_id"].isin(later["case_id"]) | occasion.withholding.draws(cases["case_id"].tolist())
    cases = cases[unlearnt]
    population = blind.population(ruled(cases, rulings), policy)
    labels = blind.evidence_for(population)
    return certification.certify(
        labels["confidence"],
        labels["correct"],
        scores=population["confidence"],
        floors=labels["floor"],
        max_error=rules.max_error,
        delta=spent(rules.delta, looks + 1),
    )
