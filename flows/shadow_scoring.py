"""Shadow scoring: accepted cases get predictions, the challenger's too, and all are compared with people."""

from dataclasses import asdict, dataclass
from datetime import timedelta

from prefect import flow

from flows.parameters import AsOf, Days, Home
from tasks import publish
from tasks.intake.redact import redact
from tasks.learning.certificate_accounts import CertificateStatus, certified
from tasks.learning.certify import certify
from tasks.learning.evaluate import AgreementRow, agreement
from tasks.learning.shadow import never_learnt
from tasks.occasion import begin
from tasks.routing.score import score, score_challenger
from tasks.watch.attendance import attended

ARTIFACT = ("certificate", "threshold", "labels", "errors", "until", "needed", "note")


@dataclass(frozen=True, slots=True)
class Shadowed:
    """How many cases the champion scored and could not, and the challenger scored; agreement, certificates, new ones.

    `issued` names whose certificates are new: a category, or *overall*.
    """

    scored: int
    unscored: int
    challenger: int
    agreement: tuple[AgreementRow, ...]
    issued: tuple[str, ...]
    certificates: tuple[CertificateStatus, ...]


@flow(name="shadow-scoring", persist_result=False)
@attended("shadow_scoring")
def shadow_scoring(days: Days = 7, as_of: AsOf = None, home: Home = None) -> Shadowed:
    """Score every accepted case with the champion and the last days' cases with the challenger beside it.

    Reports how often champion, challenger and people agree, and issues the certificates that blind labels allow.
    """
    occasion = begin("shadow_scoring", home=home, as_of=as_of)
    redact(occasion)
    counts = score(occasion)
    shadowed = score_challenger(occasion, occasion.now - timedelta(days=days), never_learnt(occasion))
    agreed = agreement(occasion, timedelta(days=days))
    issued = certify(occasion)
    standing = certified(occasion)
    shown = [
        {name: getattr(status, name) for name in ARTIFACT} | {"until": status.until and status.until.isoformat()}
        for status in standing
    ]
    publish.table("certificates", shown, "What blind labels certify of the serving version, and what is missing")
    rows = [asdict(row) for row in agreed]
    publish.table("agreement", rows, f"Agreement of each model with people's rulings, last {days} days")
    return Shadowed(counts["scored"], counts["unscored"], shadowed, tuple(agreed), tuple(issued), tuple(standing))
