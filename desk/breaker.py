"""The breaker on the operator's pages: what both rules say of a category, and the evidence of a model review."""

from zoneinfo import ZoneInfo

from markupsafe import Markup

from desk.pages import in_words, percent, templates
from handrail.figures.breaker import BreakerEvidence, BreakerFigures
from handrail.policy import Policy
from tasks.views.operations import CategoryView


def breaker_in_words(view: CategoryView, policy: Policy) -> str:
    """Both rules with what they rest on, the one that pauses first, and what it can see at this volume of audits."""
    reading = view.reading
    if view.unread:
        return (
            "Could not be read, so nobody watches this category: nothing of it is approved automatically until a look "
            "succeeds. The log of the quality watch's last run says where it failed."
        )
    if reading is None:
        rules = policy.breaker
        return f"No audit in the last {in_words(rules.window)}. It looks from {rules.min_reviewed} on."
    rules_said = [_sequential(reading), _literal(reading, policy)]
    if policy.breaker.rule == "literal":
        rules_said.reverse()
    return " ".join([*rules_said, *_error(reading, policy), *reading.warnings])


def evidence_shown(view: CategoryView, zone: ZoneInfo) -> Markup:
    """What the open model review of a category rests on, drawn; nothing without a review."""
    if view.review is None:
        return Markup()
    found = BreakerEvidence.from_json(view.review.evidence)
    drawn: str = templates.get_template("operations_evidence.html").module.evidence(found, zone)  # type: ignore[attr-defined]
    return Markup(drawn)  # noqa: S704 - escaped by the template


def _sequential(reading: BreakerFigures) -> str:
    head = "Sequential rule (pauses)" if reading.rule == "esr" else "Sequential rule (shown only)"
    if reading.since is None:
        return f"{head}: no audit counted yet."
    found = f"{reading.counted_rejected} of {reading.counted} audits rejected since {reading.since[:10]}"
    if reading.alarm_at:
        return f"{head}: tripped {reading.alarm_at[:16].replace('T', ' ')} UTC, {found}."
    return f"{head}: {found}, {percent(reading.level)} of the evidence that suffices."


def _error(reading: BreakerFigures, policy: Policy) -> list[str]:
    """What all audits of the window show of its approvals."""
    error = reading.error
    if error is None or error.low is None or error.high is None:
        return []
    sure = f"95 % sure between {percent(error.low)} and {percent(error.high)}"
    pending = f"; {error.pending:,} more wait for another person" if error.pending else ""
    within = f"in the last {in_words(policy.breaker.window)}"
    found = f"{error.errors:,} of all {error.n:,} audits {within} found an error{pending}"
    return [f"{found}; weighted for how they were drawn: {percent(error.rate)}, {sure}."]


def _literal(reading: BreakerFigures, policy: Policy) -> str:
    """The literal rule against the limit: counts of the audits that it reads."""
    rules = policy.breaker
    head = "Literal rule (pauses)" if reading.rule == "literal" else "Literal rule (shown only)"
    within = f"in the last {in_words(rules.window)}"
    if not reading.reviewed:
        return f"{head}: no audit {within}."
    found = f"{reading.rejected} of {reading.reviewed} audits rejected {within}, of those drawn at random"
    if reading.literal_tripped:
        return f"{head}. Tripped: {found}; the limit is {percent(rules.limit)}."
    if reading.reviewed < rules.min_reviewed:
        return (
            f"{head}. Not enough to say: {found}. It looks from {rules.min_reviewed} audits on, "
            f"limit {percent(rules.limit)}."
        )
    return f"{head}. Holds: {found}; the limit is {percent(rules.limit)}."
