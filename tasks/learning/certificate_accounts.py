"""What is known for each certificate: cases, labels that count, looks spent; what is certified and what is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pandas as pd

from handrail import blind
from handrail.alpha_spending import first_look, first_renewal, growth, spent
from handrail.certificate import CONTRADICTED, Certificate
from handrail.certificate_outlook import Forecast, Obstacle, outlook
from handrail.certification import Certification, evidence, sequence
from handrail.certification import certify as find_threshold
from handrail.policy import CertificateRules, Consequence
from handrail.store import certificates, drifts, models
from handrail.store.engine import Connection
from handrail.store.evidence import settled
from handrail.store.frames import records
from handrail.store.models import ModelVersion
from tasks.occasion import Occasion

OVERALL = "overall"
NO_SINGLE_CATEGORY = "guarantees no single category"


@dataclass(frozen=True, slots=True)
class SpentLook:
    """A look that was spent on a category (None: overall): how much of delta, and what it would have renewed."""

    category: str | None
    at: datetime
    delta: float
    renews: int | None


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """What is certified overall or of one category, and what is missing.

    `certificate` is the category, or *overall* where `category` is None. `threshold`, `errors`, `until` and
    `population` (its cases in words) are None while nothing is certified; `needed` counts further blind labels and is 0
    while something is, `obstacle` and `remedy` say what is in the way. `pending` contradictions wait to be settled.
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
    version: str
    population: str | None = None
    pending: int = 0
    obstacle: Obstacle | None = None
    remedy: str | None = None

    @property
    def is_certified(self) -> bool:
        """Does a valid certificate stand?"""
        return self.threshold is not None

    @property
    def way(self) -> str | None:
        """What would bring it, in words without the obstacle's name; None where it stands."""
        return None if self.remedy is None else self.remedy.removeprefix(f"{self.obstacle}: ")


@dataclass(frozen=True)
class Account:
    """What is known of one version and one category (None: overall): cases, looks, certificate.

    `known` are all cases it would automate, `since` is the moment from which they and the looks count where nothing is
    to be renewed, `looks` are all of them.
    """

    rules: CertificateRules
    now: datetime
    version: str
    serves: bool
    category: str | None
    since: datetime
    shift: datetime | None
    known: pd.DataFrame
    looks: list[SpentLook]
    valid: Certificate | None

    @property
    def renews(self) -> Certificate | None:
        """The certificate that it is time to renew."""
        due = self.valid is not None and self.now >= self.valid.expires_at - self.rules.renew_before
        return self.valid if due else None

    @cached_property
    def cases(self) -> pd.DataFrame:
        """The cases that the next look speaks of: for a renewal those that came under the certificate.

        Its threshold was fixed before any of their labels, so that the search may begin there.
        """
        at = self.known["assigned_at"]
        # Whether a case is left out rests on its age alone: on what was said of it, it would choose the evidence.
        mine = (at >= pd.Timestamp(self.since)) & (at <= pd.Timestamp(self.now - self.rules.settles_within))
        return self.known[mine if self.renews is None else mine & (at > pd.Timestamp(self.renews.issued_at))]

    @cached_property
    def labels(self) -> pd.DataFrame:
        """The labels that stand for these cases."""
        return blind.evidence_for(self.cases)

    @cached_property
    def counted(self) -> list[SpentLook]:
        """The looks that share delta with the next one: at the same renewal, or at cases that still count."""
        of = None if self.renews is None else self.renews.id
        return [look for look in self.looks if look.renews == of and (of is not None or look.at >= self.since)]

    @property
    def number(self) -> int:
        """The number of the next look."""
        return len(self.looks) + 1

    @property
    def part(self) -> float:
        """What the next look spends of delta."""
        before = sum(look.delta for look in self.counted)
        return spent(self.rules.delta, before, renewal=self.renews is not None)

    @property
    def due_after(self) -> int:
        """Labels until the next look is worth what it spends; 0 when it is due."""
        if not self.counted:
            return max(0, self._wanted - self._worth)
        last = self.counted[-1].at
        since = self.labels["labelled_at"] > last
        since |= self.labels["assigned_at"] > pd.Timestamp(last - self.rules.settles_within)
        new = int(since.sum())
        little = self.valid is not None or self._is_late
        asked = growth(len(self.labels) - new, self.rules.retry_after_growth, renewal=little)
        return max(0, asked - new)

    @property
    def _is_late(self) -> bool:
        """Is it time for the second look, which has most of delta, though labels are few?"""
        begun = self.labels["labelled_at"].min()
        return len(self.counted) == 1 and begun <= pd.Timestamp(self.now - self.rules.decide_within)

    @property
    def is_due(self) -> bool:
        """Is a look worth what it spends?"""
        return self.due_after == 0

    @property
    def start(self) -> float | None:
        """The threshold to begin at: the certified one to renew, the next below it to loosen; else none is fixed.

        What stands was rejected before any later label came, so that a search may go on from there: the first false
        promise of the sequence is made at some look, and all of them together spend no more than delta.
        """
        if self.valid is None or self.renews is not None:
            return None if self.renews is None else self.renews.threshold
        thresholds = sequence(self.cases.loc[~self.cases["outside"], "confidence"])
        below = thresholds[thresholds < self.valid.threshold]
        return float(below[0]) if len(below) else self.valid.threshold

    def certification(self, *, settled_for_the_model: bool = False) -> Certification:
        """What the labels certify, at what the next look may spend; pending contradictions count as errors."""
        labels, cases = self.labels, self.cases
        right = labels["correct"] | labels["pending"] if settled_for_the_model else labels["correct"]
        return find_threshold(
            labels["confidence"],
            right,
            chances=labels["chance"],
            unseen=cases.loc[cases["unseen"], "confidence"],
            scores=cases.loc[~cases["outside"], "confidence"],
            start=self.start,
            max_error=self.rules.max_error,
            delta=self.part,
            next_delta=self.part,
        )

    @cached_property
    def outlook(self) -> Forecast:
        """What is in the way of a certificate."""
        seen = self.certification()
        trial = self.certification(settled_for_the_model=True) if self.labels["pending"].any() else seen
        return outlook(
            self.labels,
            seen,
            trial,
            due_after=self.due_after,
            enough=bool(self.counted) or self.is_due,
            max_error=self.rules.max_error,
            delta=self.part,
            now=self.now,
        )

    @property
    def _wanted(self) -> int:
        if self.renews is not None:
            left = self.renews.expires_at - self.now
            return first_renewal(self.rules.max_error, self.part, left, self.rules.renew_before)
        return first_look(self.rules.max_error, self.rules.delta)

    @property
    def _worth(self) -> int:
        """Labels of equal chances that would say as much as these."""
        start = 0.0 if self.renews is None else self.renews.threshold
        labels = self.labels[self.labels["confidence"] >= start]
        shown = evidence(labels["chance"], ~labels["correct"], max_error=self.rules.max_error)
        return int(shown.expected / self.rules.max_error + 1e-9)


def accounts(occasion: Occasion) -> Iterator[Account]:
    """The serving version, then the challenger in shadow: overall, then by category that may be automated."""
    with occasion.store.read() as connection:
        serving = models.serving(connection)
    for version in (serving.model_version, serving.challenger):
        if version is not None:
            yield from accounts_of(occasion, version, serves=version == serving.model_version)


def accounts_of(occasion: Occasion, version: str, *, serves: bool = False) -> Iterator[Account]:
    """Any version: overall, then by category that may be automated; nothing where it is not known."""
    rules, policy, now = occasion.policy.certificate, occasion.policy, occasion.now
    with occasion.store.read() as connection:
        row = models.version(connection, version)
        if row is None:
            return
        shift = drifts.newest_shift(connection)
        since = now - rules.valid_for if shift is None else max(now - rules.valid_for, shift)
        cases = _ruled(connection, occasion, row, since)
        held = certificates.certificates(connection, version, now, rules=rules)
        newest = certificates.newest_certificates(connection)
        looks = certificates.attempts(connection, version)
    valid = {one.category: one for one in (Certificate(**row) for row in records(held))}
    mine = [one for one in (Certificate(**row) for row in records(newest)) if one.model_version == version]
    ended = {one.category: one.voided_at for one in mine if one.void_reason == CONTRADICTED and one.voided_at}
    spent_looks = [SpentLook(one["category"], one["at"], one["delta"], one["renews"]) for one in records(looks)]
    population = blind.population(cases, policy)
    low = [name for name, known in policy.categories.items() if known.consequence is Consequence.LOW]
    for category in (None, *low):
        yield Account(
            rules,
            now,
            version,
            serves,
            category,
            max(since, ended.get(category, since)),  # what audits have contradicted certifies nothing again
            shift,
            population if category is None else population[population["predicted"] == category],
            [look for look in spent_looks if look.category == category],
            valid.get(category),
        )


def _ruled(connection: Connection, occasion: Occasion, row: ModelVersion, since: datetime) -> pd.DataFrame:
    """The version's cases with their rulings; of those that it may have learnt from only the withheld ones.

    A case is withheld by a keyed hash, whatever became of it, so that these stand for the stream as the later ones do.
    What resembles a withheld label of its day was left out of the training; one that came after it may be a copy of
    something learnt, and does not count.
    """
    # A model that learnt from cases without a time may have learnt from any that came before it.
    learnt_until = row.trained_until or row.registered_at
    cases = certificates.population(connection, row.version, since=since)
    joined = ruled(cases, settled(connection, since=since))
    after = joined["received_at"] > pd.Timestamp(learnt_until)
    withheld = occasion.withholding.draws(joined["case_id"].tolist())
    labelled_later = joined["labelled_at"] > pd.Timestamp(row.registered_at)
    return joined[after | (withheld & ~labelled_later)]


def ruled(cases: pd.DataFrame, rulings: pd.DataFrame) -> pd.DataFrame:
    """Cases with their day and whether the prediction was right: None where no blind ruling says so.

    A contradiction that is `pending` counts as an error until it is settled.
    """
    waiting = rulings["pending"] if "pending" in rulings else pd.Series(data=False, index=rulings.index)
    joined = cases.merge(rulings.assign(pending=waiting), on="case_id", how="left", validate="one_to_one")
    pending = joined["pending"].eq(True)  # noqa: FBT003 - nulls are not
    right = ((joined["label"] == joined["predicted"]) & ~pending).astype(object)
    days = pd.to_datetime(joined["assigned_at"], utc=True).dt.date
    return joined.assign(correct=right.where(joined["labelled_at"].notna(), None), pending=pending, day=days)


def certified(occasion: Occasion) -> list[CertificateStatus]:
    """What is certified of the serving version and what is missing: overall, then of each category of low consequence.

    Empty without a serving version.
    """
    return [_status(account) for account in accounts(occasion) if account.serves]


def nearest(statuses: Sequence[CertificateStatus], category: str) -> CertificateStatus | None:
    """The one to be had first of a category's own certificate and that over all; None where one stands, or none can.

    One that more labels alone bring comes before one that errors are in the way of.
    """
    mine = [one for one in statuses if one.category in (None, category)]
    if any(one.is_certified for one in mine):
        return None
    return min(mine, key=lambda one: (one.obstacle == "error", one.needed), default=None)


def certified_in_shadow(occasion: Occasion) -> list[CertificateStatus]:
    """The same of the challenger in shadow; empty without one."""
    return [_status(account) for account in accounts(occasion) if not account.serves]


def _status(account: Account) -> CertificateStatus:
    valid = account.valid
    ahead = account.outlook if valid is None else None
    return CertificateStatus(
        certificate=account.category or OVERALL,
        category=account.category,
        threshold=None if valid is None else valid.threshold,
        labels=len(account.labels) if valid is None else valid.labels,
        errors=None if valid is None else valid.errors,
        until=None if valid is None else valid.expires_at,
        needed=0 if ahead is None else ahead.needed,
        max_error=account.rules.max_error if valid is None else valid.max_error,
        delta=account.rules.delta if valid is None else valid.delta,
        looks=len(account.looks),
        note=_note(account),
        version=account.version,
        population=None if valid is None else valid.population,
        pending=int(account.labels["pending"].sum()),
        obstacle=None if ahead is None else ahead.obstacle,
        remedy=None if ahead is None else ahead.sentence,
    )


def _note(account: Account) -> str:
    if account.valid is None:
        more = "" if len(account.cases) else "; no case that it could cover has come yet"
        return f"not certifiable yet, in the way: {account.outlook.sentence}{more}"
    held = "certified" if account.renews is None else "renewal is due"
    return f"{held}, {NO_SINGLE_CATEGORY}" if account.category is None else held
