"""The sections of the monitoring page, the most urgent question first."""

from desk.monitoring.breakers import blind_share, breaker
from desk.monitoring.drift import drift
from desk.monitoring.fairness import fairness
from desk.monitoring.figures import audits, kpis
from desk.monitoring.people import agreement, reviewers
from desk.monitoring.section import Look, Section


def sections(look: Look, *, names: bool) -> list[Section]:
    """Every watch's section; `names`: reviewers are named."""
    return [
        audits(look), breaker(look), blind_share(look), drift(look), fairness(look), agreement(look),
        reviewers(look, names=names), kpis(look),
    ]  # fmt: skip
