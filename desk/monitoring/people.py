"""How far people agree, and what shows in how each of them works."""

from desk.charts import Row, side_by_side
from desk.monitoring.section import Plot, Scope, Section, Table, interval, latest, number, said, share, words, worst
from handrail.alerts import SEEN
from handrail.figures.agreement import AgreementFigures
from handrail.figures.reviewers import ReviewerFigures, SignalFigures
from handrail.reading import ALL, Verdict
from handrail.reviewers import EVERYBODY

SIGNALS = {**SEEN, "accuracy": "right without help"}
"""What each figure counts; of right answers, which earlier looks kept, the signal is that there are few."""


def agreement(look: Scope) -> Section:
    """Chance-corrected agreement, over all categories and for each."""
    looks = look.together("agreement")
    rows = [(one, one.figures(AgreementFigures)) for one in looks]
    measured = [(row, figures, figures.alpha) for row, figures in rows if figures.alpha is not None]
    title = "Agreement"
    if not measured:
        return Section("agreement", title, worst(looks), "Two people have not yet decided the same cases blindly.")
    least = look.policy.gates.training_set.agreement_at_least
    _, whole, _ = next((one for one in measured if one[0].subject == ALL), measured[0])
    sentence = (
        f"Krippendorff's alpha is {number(whole.alpha)} over {whole.items:,} cases with two or more blind "
        f"opinions (1 is full agreement, 0 is chance; training asks for {number(least)})."
    )
    svg = side_by_side(
        "agreement",
        ("Agreement by category", "Krippendorff's alpha with its interval."),
        [
            Row(
                "all" if row.subject == ALL else words(row.subject),
                alpha,
                alpha if figures.low is None else figures.low,
                alpha if figures.high is None else figures.high,
                f"{figures.items:,} cases",
                found=row.verdict is Verdict.ALARM,
            )
            for row, figures, alpha in measured
        ],
    )
    columns = ("Category", "Alpha", "Interval", "Same answer", "Cases", "Opinions")
    table = Table(
        "By category",
        "Agreement beyond chance; the intervals hold for all categories at once.",
        columns,
        [
            (
                "all" if row.subject == ALL else words(row.subject),
                number(figures.alpha),
                f"{number(figures.low)} to {number(figures.high)}",
                share(figures.agreement, 0),
                f"{figures.items:,}",
                f"{figures.ratings:,}",
            )
            for row, figures in rows
        ],
        frozenset(columns[1:]),
    )
    plot = Plot("Agreement by category (alpha)", svg)
    judged = worst([row for row, _, _ in measured])
    return Section("agreement", title, judged, sentence, (plot,) if svg else (), (table,), latest(looks))


def reviewers(look: Scope, *, names: bool) -> Section:
    """Each signal that stands out; only counts for those who may not know names."""
    looks = look.together("reviewers")
    title = "Reviewers"
    if not looks:
        return Section("reviewers", title, None, "Nobody's work has been looked at yet; the watch looks once a day.")
    own = [one for one in looks if one.subject != EVERYBODY]
    alarms = sum(one.verdict is Verdict.ALARM for one in own)
    sentence = f"{len(own)} looked at, {alarms} named by random rechecks or gold cases."
    if any(one.verdict is Verdict.ALARM for one in looks if one.subject == EVERYBODY):
        sentence += " All together show a bias that is nobody's own."
    if not names:
        return Section(
            "reviewers",
            title,
            worst(looks),
            f"{sentence} Names are for those who may read labels.",
            read_at=latest(looks),
        )
    columns = ("Reviewer", "Signal", "Figure", "Interval", "Of", "Verdict")
    table = Table(
        "Every signal",
        "Every signal of every reviewer; false alarms are rare over all of them together.",
        columns,
        [_cells(one.subject, signal) for one in looks for signal in one.figures(ReviewerFigures).signals],
        frozenset(columns[2:5]),
    )
    return Section("reviewers", title, worst(looks), sentence, (), (table,), latest(looks))


def _cells(person: str, signal: SignalFigures) -> tuple[str, ...]:
    name = SIGNALS.get(signal.name, words(signal.name))
    ends = interval(signal.low, signal.high) if signal.low is not None and signal.high is not None else "–"
    verdict = said(signal.verdict)
    for turn in signal.turns[:1]:
        verdict += f": {words(turn.reference)} becomes {words(turn.said)} in {turn.grouping} {turn.group}"
    return person, name, share(signal.value), ends, f"{signal.n:,}", verdict
