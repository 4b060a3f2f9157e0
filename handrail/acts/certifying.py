"""A look at the blind labels and the certificate that may come of it: one transaction with its trail events."""

from datetime import datetime

from handrail.acts.authority import authorize
from handrail.alpha_spending import Look
from handrail.certificate import CONTRADICTED, Certificate
from handrail.errors import Conflict
from handrail.ppm import PPM
from handrail.store import certificates, drifts, models, trail
from handrail.store.engine import Connection, Store
from handrail.store.trail import Event


def record_look(store: Store, look: Look, *, actor: str, now: datetime) -> int | None:
    """Write down a look, and the certificate when it found one; returns the certificate's id.

    The certificate takes the place of an earlier one of the same version and category. A look that certifies
    nothing, or no more than the earlier one does, leaves it as it is; a renewal takes its place in any case.

    Raises:
        Conflict: another run has looked meanwhile, a drift was found, or the version neither serves nor is in shadow:
            this look was not the one it says.
        NotPermitted: `actor` may not certify.
    """
    terms = look.terms
    with store.write() as connection:
        authorize(connection, "certify", actor)
        trail.lock(connection)
        before = certificates.count_attempts(connection, terms.model_version, terms.category)
        serving = models.serving(connection)
        is_current = terms.model_version in (serving.model_version, serving.challenger)
        if before != look.number - 1 or not is_current or drifts.newest_shift(connection) != look.shift:
            raise Conflict(
                f"The labels of version {terms.model_version} were looked at, a drift was found, or another version "
                "was promoted in the meantime. Run the shadow scoring again."
            )
        issued = _issue(connection, look, now) if _adds(connection, look, now) else None
        certificates.insert_attempt(
            connection,
            model_version=terms.model_version,
            category=terms.category,
            at=now,
            delta=look.spent,
            labels=look.looked_at,
            errors=look.certification.errors,
            threshold=look.certification.threshold,
            coverage=look.certification.coverage,
            needed=look.certification.needed,
            certificate_id=issued,
            renews=look.renews,
        )
        events = [
            Event("certificate.looked", data={**_named(look), "look": look.number, "needed": look.certification.needed})
        ]
        if issued is not None:
            replaced = {"replaced": certificates.supersede(connection, terms, issued, now)}
            events.append(Event("certificate.issued", data={**_named(look), "certificate": issued, **replaced}))
        trail.append(connection, events, at=now, actor=actor)
    return issued


def void(store: Store, certificate: Certificate, *, wrong: int, audited: int, actor: str, now: datetime) -> bool:
    """Void a certificate that its own audits contradict; False where it was void already.

    Raises:
        NotPermitted: `actor` may not certify.
    """
    with store.write() as connection:
        authorize(connection, "certify", actor)
        trail.lock(connection)
        if not certificates.void_one(connection, certificate.id, CONTRADICTED, now):
            return False
        data = {
            "model": certificate.model_version,
            "category": certificate.category,
            "certificate": certificate.id,
            "max_error_ppm": round(certificate.max_error * PPM),
            "audited": audited,
            "wrong": wrong,
        }
        trail.append(connection, [Event("certificate.voided", data=data)], at=now, actor=actor)
    return True


def _adds(connection: Connection, look: Look, now: datetime) -> bool:
    """Whether a certificate of this look would allow more than the one that stands."""
    found, terms = look.certification.threshold, look.terms
    if found is None or look.renews is not None:
        return found is not None
    standing = certificates.loosest(connection, terms, now)
    return standing is None or found < standing


def _issue(connection: Connection, look: Look, now: datetime) -> int | None:
    if look.certification.threshold is None:
        return None
    terms = look.terms
    return certificates.insert_certificate(
        connection,
        model_version=terms.model_version,
        category=terms.category,
        threshold=look.certification.threshold,
        max_error=terms.max_error,
        delta=terms.delta,
        labels=look.certification.n,
        errors=look.certification.errors,
        window_from=look.window[0],
        window_to=look.window[1],
        issued_at=now,
        expires_at=terms.expires_at,
        voided_at=None,
        void_reason=None,
        cases_from=look.population[0],
        cases_until=look.population[1],
        outside=look.outside,
    )


def _named(look: Look) -> dict[str, str | int | None]:
    threshold = look.certification.threshold
    return {
        "model": look.terms.model_version,
        "category": look.terms.category,
        "threshold_ppm": None if threshold is None else round(threshold * PPM),
        "max_error_ppm": round(look.terms.max_error * PPM),
        "delta_ppm": round(look.terms.delta * PPM),
        "spent_ppm": round(look.spent * PPM),
        "looked_at": look.looked_at,
        "labels": look.certification.n,
        "errors": look.certification.errors,
        "pending": look.pending,
        "cases_from": look.population[0].isoformat(),
        "cases_until": look.population[1].isoformat(),
        "outside": look.outside,
        "renews": look.renews,
    }
