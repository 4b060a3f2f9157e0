"""The sections of the monitoring page, the most urgent question first."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from desk.monitoring.breakers import blind_share, breaker
from desk.monitoring.drift import drift
from desk.monitoring.fairness import fairness
from desk.monitoring.figures import audits, kpis
from desk.monitoring.people import agreement, reviewers
from desk.monitoring.section import Scope, Section, words
from handrail import bulkhead
from handrail.policy import Policy
from handrail.reading import Verdict
from handrail.store.engine import Store

WATCH_OF = {
    "audits": "audit_sampling",
    "breaker": "quality_watch",
    "blind-share": "quality_watch",
    "drift": "drift_detection",
    "fairness": "fairness_watch",
    "agreement": "agreement_watch",
    "reviewers": "agreement_watch",
    "kpis": "kpi_report",
}
"""Which watch writes what a section shows, by the section's key."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A section as the page knows it, also where it cannot be drawn: address, title, the watch whose looks it shows."""

    key: str
    title: str
    watch: str
    draw: Callable[[Scope], Section]


def sections(store: Store, policy: Policy, zone: ZoneInfo, since: datetime, *, names: bool) -> list[Section]:
    """Every watch's section; `names`: reviewers are named.

    Each is drawn from a snapshot of its own. One that cannot be drawn says so, and so does one whose watch could not
    read everything.
    """
    parts = {
        one.key: one
        for one in (
            _Part("audits", "Error of auto-approvals", "audits", audits),
            _Part("breaker", "Breaker", "breaker", breaker),
            _Part("blind-share", "Blind share of queue B", "blind_share", blind_share),
            _Part("drift", "Drift", "drift", drift),
            _Part("fairness", "Fairness", "fairness", fairness),
            _Part("agreement", "Agreement", "agreement", agreement),
            _Part("reviewers", "Reviewers", "reviewers", lambda look: reviewers(look, names=names)),
            _Part("kpis", "KPIs", "kpi", kpis),
        )
    }

    def draw(key: str) -> Section:
        with store.read() as connection:
            return _drawn(parts[key], Scope(connection, policy, zone, since), names=names)

    drawn = bulkhead.each(parts, draw, what="drawing a section")
    return [drawn.results.get(key) or _undrawn(part, drawn.failed[key]) for key, part in parts.items()]


def _drawn(part: _Part, look: Scope, *, names: bool) -> Section:
    section, unread = part.draw(look), look.unread(part.watch)
    if not unread:
        return section
    told = ", ".join(map(words, unread))
    if part.watch == "reviewers" and not names:
        told = f"{len(unread)} of the reviewers"
    missing = f"The last look could not read: {told}. Nothing is known of it until a look succeeds."
    return replace(section, verdict=Verdict.UNREADABLE, sentence=f"{missing} {section.sentence}")


def _undrawn(part: _Part, fault: str) -> Section:
    sentence = f"This part cannot be shown ({fault}). The desk's log says where it failed; the other parts are right."
    return Section(part.key, part.title, Verdict.UNREADABLE, sentence)
