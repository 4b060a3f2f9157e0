"""What the blind labels certify: looks at them when they have grown, and the certificates that come of it."""

from datetime import datetime

import pandas as pd

from handrail.acts import certifying
from handrail.alpha_spending import Look, Terms
from handrail.certificate import Certificate, contradiction
from handrail.errors import Conflict
from handrail.store import audits, certificates, models
from handrail.store.frames import records
from handrail.window import Window
from models import certificate_tags
from tasks.learning.certificate_accounts import OVERALL, Account, accounts
from tasks.occasion import Occasion, log
from tasks.step import step


@step
def certify(occasion: Occasion) -> list[str]:
    """Look where labels have grown and issue what they allow; returns whose certificates are new.

    A look whose place another run has taken is left out: that run has looked.
    """
    void_contradicted(occasion)
    issued = []
    for account in accounts(occasion):
        if not account.is_due:
            continue
        try:
            found = certifying.record_look(occasion.store, look(account), actor=occasion.actor, now=occasion.now)
        except Conflict as conflict:
            log.warning("%s", conflict)
            continue
        if found is not None:
            issued.append(account.category or OVERALL)
    log.info("certificates issued: %s", ", ".join(issued) or "none")
    with occasion.store.read() as connection:
        newest = [Certificate(**row) for row in records(certificates.newest_certificates(connection))]
    if newest:
        certificate_tags.reconcile(occasion.workspace, occasion.model_name, newest)
    return issued


def look(account: Account) -> Look:
    """Look at the labels of an account; nothing is written."""
    rules, labels, cases = account.rules, account.labels, account.cases
    renews = account.renews
    return Look(
        Terms(account.version, account.category, rules.max_error, rules.delta, account.now + rules.valid_for),
        account.number,
        account.part,
        account.certification(),
        len(labels),
        _span(labels["labelled_at"]),
        _span(labels["received_at"]),
        account.shift,
        outside=int(cases["outside"].sum()),
        pending=int(labels["pending"].sum()),
        renews=None if renews is None else renews.id,
    )


def void_contradicted(occasion: Occasion) -> list[str]:
    """Void what its own audits contradict; returns whose certificates ended so.

    The audits of a certificate are those drawn at random, and settled, of what was approved under it.
    """
    now, rules = occasion.now, occasion.policy.certificate
    with occasion.store.read() as connection:
        serving = models.serving(connection)
        held = certificates.certificates(connection, serving.model_version, now)
        standing = [Certificate(**row) for row in records(held)]
        begun = min((one.issued_at for one in standing), default=now)
        looked_at = audits.looked_at(connection, Window.up_to(now, since=begun), only_audited=True)
    ended = []
    for certificate in standing:
        since = max(certificate.issued_at, serving.since or certificate.issued_at)
        wrong, audited = settled_audits(looked_at, certificate, since=since, old=now - occasion.policy.sla.audit)
        if contradiction(wrong, audited, certificate.max_error) < 1 / rules.voided_wrongly:
            continue
        if certifying.void(
            occasion.store, certificate, wrong=wrong, audited=audited, actor=occasion.actor, now=occasion.now
        ):
            ended.append(certificate.category or OVERALL)
    if ended:
        log.warning("certificates contradicted by their audits: %s", ", ".join(ended))
    return ended


def settled_audits(
    looked_at: pd.DataFrame, certificate: Certificate, *, since: datetime, old: datetime
) -> tuple[int, int]:
    """Errors and audits that test a certificate; a contradiction that waits counts from the age of the audit's SLA on.

    `looked_at` has the columns of `handrail.store.audits.looked_at`, and `pending` where it is known.
    """
    mine = looked_at["random"] & looked_at["drawn"] & (looked_at["approved_at"] >= pd.Timestamp(since))
    mine &= looked_at["confidence"] >= certificate.threshold
    if certificate.category is not None:
        mine &= looked_at["category"] == certificate.category
    if "pending" in looked_at:
        mine &= ~looked_at["pending"].eq(True) | (looked_at["audited_at"] <= pd.Timestamp(old))  # noqa: FBT003
    rejected = looked_at.loc[mine, "rejected"]
    return int(rejected.sum()), len(rejected)


def _span(moments: pd.Series) -> tuple[datetime, datetime]:
    return moments.min().to_pydatetime(), moments.max().to_pydatetime()
