"""What the blind labels certify: looks at them when they have grown, and the certificates that come of it."""

from handrail.acts import certifying
from handrail.alpha_spending import Look, Terms, spent
from handrail.certificate import Certificate
from handrail.certification import certify as find_threshold
from handrail.errors import Conflict
from handrail.store import certificates
from handrail.store.frames import records
from models import certificate_tags
from tasks.learning.certificate_accounts import OVERALL, Account, accounts
from tasks.occasion import Occasion, log
from tasks.step import step


@step
def certify(occasion: Occasion) -> list[str]:
    """Look where labels have grown and issue what they allow; returns whose certificates are new.

    A look whose place another run has taken is left out: that run has looked.
    """
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
    rules, labels, delta = account.rules, account.labels, spent(account.rules.delta, account.number)
    found = find_threshold(
        labels["confidence"],
        labels["correct"],
        scores=account.scores,
        floors=labels["floor"],
        max_error=rules.max_error,
        delta=delta,
        next_delta=spent(rules.delta, account.number + 1),
    )
    terms = Terms(account.version, account.category, rules.max_error, rules.delta, account.now + rules.valid_for)
    window = (labels["labelled_at"].min().to_pydatetime(), labels["labelled_at"].max().to_pydatetime())
    return Look(terms, account.number, delta, found, len(labels), window, account.since, account.shift)
