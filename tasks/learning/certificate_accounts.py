"""What is known for each certificate: cases, labels that count, looks spent; what is certified and what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from handrail import blind
from handrail.alpha_spending import is_due, spent
from handrail.certificate import Certificate
from handrail.certification import labels_without_error
from handrail.policy import CertificateRules, Consequence
from handrail.store import certificates, drifts, models
from handrail.store.frames import records
from tasks.occasion import Occasion

OVERALL = "overall"
NO_SINGLE_CATEGORY = "guarantees no single category"


@dataclass(frozen=True, slots=True)
class SpentLook:
    """A look that was spent on a category (None: overall), and how many further labels it said were missing."""

    category: str | None
    at: datetime
    needed: int


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """What is certified overall or of one category, and what is missing.

    `certificate` is the category, or *overall* where `category` is None. `threshold`, `errors` and `until` are None
    while nothing is certified; `needed` counts further blind labels, at least, and is 0 while something is.
    """

    certificate: str
    category: str | None
    threshold: float | None
    labels: int
    errors: int | None
    until: datetime | None
    needed: int
    max_error: float
    delta: float
    looks: int
    note: str

    @property
    def is_certified(self) -> bool:
        """Does a valid certificate stand?"""
        return self.threshold is not None


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of the serving version and one category (None: overall): cases, labels, looks, certificate."""

    rules: CertificateRules
    now: datetime
    version: str
    category: str | None
    since: datetime
    shift: datetime | None
    scores: pd.Series
    labels: pd.DataFrame
    looks: list[SpentLook]
    valid: Certificate | None

    @property
    def number(self) -> int:
        """The number of the next look."""
        return len(self.looks) + 1

    @property
    def new(self) -> int:
        """Labels that came since the last look."""
        return int((self.labels["labelled_at"] > self.looks[-1].at).sum()) if self.looks else len(self.labels)

    @property
    def too_few(self) -> int:
        """Labels missing until a look could certify at all."""
        return max(
            0, labels_without_error(self.rules.max_error, spent(self.rules.delta, self.number)) - len(self.labels)
        )

    @property
    def held_firmly(self) -> bool:
        """Is there a certificate that need not be renewed yet?"""
        return self.valid is not None and self.now < self.valid.expires_at - self.rules.renew_before

    @property
    def is_due(self) -> bool:
        """Is a look worth what it spends?"""
        if self.too_few:
            return False
        seen = len(self.labels) - self.new
        growth = self.rules.retry_after_growth
        return not self.looks or is_due(self.new, seen, growth, certified=self.held_firmly)

    @property
    def needed(self) -> int:
        """Further labels, at least, until the next certificate; 0 while one is valid."""
        if self.valid is not None:
            return 0
        after_last = self.looks[-1].needed - self.new if self.looks else 0
        return max(1, self.too_few, int(after_last))


def accounts(occasion: Occasion) -> Iterator[Account]:
    """The serving version overall, then by category that may be automated; nothing without a version."""
    with occasion.store.read() as connection:
        version = models.serving(connection).model_version
    if version is not None:
        yield from _accounts_of(occasion, version)


def _accounts_of(occasion: Occasion, version: str) -> Iterator[Account]:
    rules, policy, now = occasion.policy.certificate, occasion.policy, occasion.now
    with occasion.store.read() as connection:
        row = models.version(connection, version)
        if row is None:
            return
        shift = drifts.newest_shift(connection)
        counted = row.registered_at if shift is None else max(row.registered_at, shift)
        since = now - rules.valid_for if shift is None else max(now - rules.valid_for, shift)
        # A model that learnt from cases without a time may have learnt from any that came before it.
        learnt_until = row.trained_until or row.registered_at
        every = certificates.population(connection, version, since=since, received_after=None)
        later = certificates.population(connection, version, since=since, received_after=learnt_until)
        rulings = certificates.blind_rulings(connection, since=since)
        held = certificates.certificates(connection, version, now, rules=rules)
        looks = certificates.attempts(connection, version, since=counted)
    # What is drawn and labelled blindly never trains: it is evidence from before the training, too.
    unlearnt = every["case_id"].isin(later["case_id"]) | occasion.withholding.draws(every["case_id"].tolist())
    cases = every[unlearnt]
    valid = {one.category: one for one in (Certificate(**row) for row in records(held))}
    spent_looks = [SpentLook(row["category"], row["at"], int(row["needed"])) for row in records(looks)]
    population = blind.population(ruled(cases, rulings), policy)
    low = [name for name, known in policy.categories.items() if known.consequence is Consequence.LOW]
    for category in (None, *low):
        part = population if category is None else population[population["predicted"] == category]
        yield Account(
            rules,
            now,
            version,
            category,
            counted,
            shift,
            part["confidence"],
            blind.evidence_for(part),
            [look for look in spent_looks if look.category == category],
            valid.get(category),
        )


def ruled(cases: pd.DataFrame, rulings: pd.DataFrame) -> pd.DataFrame:
    """Cases with their day and whether the prediction was right: None where no blind ruling says so."""
    joined = cases.merge(rulings, on="case_id", how="left", validate="one_to_one")
    right = (joined["label"] == joined["predicted"]).astype(object).where(joined["labelled_at"].notna(), None)
    return joined.assign(correct=right, day=pd.to_datetime(joined["assigned_at"], utc=True).dt.date)


def certified(occasion: Occasion) -> list[CertificateStatus]:
    """What is certified and what is missing: overall, then of each category of low consequence.

    Empty without a serving version.
    """
    return [_status(account) for account in accounts(occasion)]


def certified_in_shadow(occasion: Occasion) -> list[CertificateStatus]:
    """The same of the challenger in shadow; empty without one."""
    with occasion.store.read() as connection:
        challenger = models.serving(connection).challenger
    return [] if challenger is None else [_status(account) for account in _accounts_of(occasion, challenger)]


def _status(account: Account) -> CertificateStatus:
    valid = account.valid
    return CertificateStatus(
        certificate=account.category or OVERALL,
        category=account.category,
        threshold=None if valid is None else valid.threshold,
        labels=len(account.labels) if valid is None else valid.labels,
        errors=None if valid is None else valid.errors,
        until=None if valid is None else valid.expires_at,
        needed=account.needed,
        max_error=account.rules.max_error if valid is None else valid.max_error,
        delta=account.rules.delta if valid is None else valid.delta,
        looks=len(account.looks),
        note=_note(account),
    )


def _note(account: Account) -> str:
    if account.valid is None:
        more = "" if account.scores.size else "; no case that it could cover has come yet"
        return f"not certifiable yet: {account.needed} more blind labels are needed{more}"
    held = "renewal is due" if not account.held_firmly else "certified"
    return f"{held}, {NO_SINGLE_CATEGORY}" if account.category is None else held
