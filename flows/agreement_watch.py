"""Agreement watch: how far people agree, and what shows in how each of them works."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from prefect import flow

from flows.parameters import AsOf, Days, Home
from handrail.figures.agreement import AgreementFigures
from handrail.reading import Verdict
from handrail.reviewers import EVERYBODY
from tasks import publish
from tasks.occasion import begin
from tasks.watch.agreement import compare_people, look_at_reviewers
from tasks.watch.attendance import attended

SHARED = "shared bias"
SIGNALS = {
    "rechecks": "gives labels that random rechecks find wrong",
    "gold": "answers gold cases wrongly",
    "deceived": "takes over wrong suggestions of gold cases",
    "glances": "decides faster than anybody reads",
    "vanished": "rejects less where a suggestion is visible",
    "bias": "turns a label into another for one group",
    SHARED: "all together turn a label into another for one group: nobody's own",
}
"""What each signal would say of somebody."""


@dataclass(frozen=True, slots=True)
class SignalCount:
    """One signal with its meaning, and of how many reviewers the look said each verdict."""

    signal: str
    means: str
    reviewers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PeopleLook:
    """How far people agree, all together and by category, and how often each signal was seen."""

    agreement: tuple[AgreementFigures, ...]
    signals: tuple[SignalCount, ...]


@flow(name="agreement-watch", persist_result=False)
@attended("agreement_watch")
def agreement_watch(days: Days = 28, as_of: AsOf = None, home: Home = None) -> PeopleLook:
    """Measure agreement on blind opinions of the last days, and every reviewer's signals.

    The artifacts count and name nobody: who it is stands in the desk, for those who may read labels. A bias that all
    share is counted apart: it is nobody's own.
    """
    occasion = begin("agreement_watch", home=home, as_of=as_of)
    agreed = compare_people(occasion, timedelta(days=days))
    signals = look_at_reviewers(occasion, timedelta(days=days))
    shown = [SHARED if one.reviewer == EVERYBODY else one.name for one in signals]
    counts = Counter((name, str(one.verdict)) for name, one in zip(shown, signals, strict=True))
    counted = [
        SignalCount(name, means, {str(verdict): counts[name, str(verdict)] for verdict in Verdict})
        for name, means in SIGNALS.items()
    ]
    opinions = [one.to_json() for one in agreed]
    rows = [{"signal": one.signal, "means": one.means, **one.reviewers} for one in counted]
    publish.table("reviewer-agreement", opinions, f"Krippendorff's alpha over blind opinions, last {days} days")
    publish.table("reviewer-signals", rows, f"How many reviewers, last {days} days; who: the desk, Reviewers")
    return PeopleLook(tuple(agreed), tuple(counted))
