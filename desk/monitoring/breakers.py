"""What rejections say: the breaker by category, and the blind share of queue B."""

from desk.charts import Line, Point, over_time
from desk.monitoring.section import Plot, Scope, Section, Table, latest, number, said, share, words, worst
from handrail.figures.audits import RateFigures
from handrail.figures.blind_share import BlindShareFigures
from handrail.figures.breaker import BreakerFigures, BreakerLevel
from handrail.reading import KeptReading, Verdict

COLOURS = 6
FEW = 4
"""Series in one plot; more cannot be told apart."""
Row = tuple[KeptReading, BreakerFigures]


def breaker(look: Scope) -> Section:
    """Both rules by category, with what they can see at today's volume of audits."""
    looks = [one for one in look.newest("breaker") if one.figures(BreakerLevel).level is not None]
    title = "Breaker"
    if not looks:
        return Section("breaker", title, None, "No auto-approval has been audited yet: there is nothing to read.")
    rule = "the sequential rule" if look.policy.breaker.rule == "esr" else "the literal rule"
    tripped = [one.subject for one in looks if one.verdict is Verdict.ALARM]
    if tripped:
        sentence = f"Rejected too often: {', '.join(map(words, tripped))}. Automation pauses by {rule}."
    else:
        sentence = f"No category is rejected too often, by {rule}."
    unseen = sum(one.verdict is Verdict.UNDERPOWERED for one in looks)
    if unseen:
        sentence += (
            f" Of {unseen} of {len(looks)} categories too few approvals are audited to see a rise within the month."
        )
    rows = [(one, one.figures(BreakerFigures)) for one in looks]
    lines = _levels(look, rows)
    svg = over_time(
        "breaker",
        ("Evidence by category", "Share of the evidence that suffices for a pause, look by look."),
        lines,
        zone=look.zone,
        levels={"pause": 1.0},
        top=1.0,
    )
    caption = f"Evidence against the categories nearest to a pause, of {len(looks)}"
    plots = (Plot(caption, svg, tuple((line.style, line.name) for line in lines)),) if svg else ()
    return Section("breaker", title, worst(looks), sentence, plots, (_rules(rows), _sight(rows)), latest(looks))


def _levels(look: Scope, rows: list[Row]) -> list[Line]:
    nearest = sorted(rows, key=lambda row: -row[1].level)[:FEW]
    past = [(one, one.figures(BreakerLevel).level) for one in look.history("breaker")]
    return [
        Line(
            words(row.subject),
            [Point(one.at, min(1.0, level)) for one, level in past if one.subject == row.subject and level is not None],
            f"series-{place % COLOURS}",
        )
        for place, (row, _) in enumerate(nearest)
    ]


def _rules(rows: list[Row]) -> Table:
    columns = ("Category", "Audited", "Rejected", "Evidence", "In the window", "Error there", "Literal rule", "Verdict")
    return Table(
        "Both rules",
        "Both rules read the audits drawn at random: those since the category last began, and those in the window; the "
        "policy's one pauses. Error there: of all audits in the window, each weighted for how it was drawn.",
        columns,
        [
            (
                words(row.subject),
                str(figures.counted),
                str(figures.counted_rejected),
                share(figures.level),
                f"{figures.rejected} of {figures.reviewed}",
                _error(figures.error),
                "would pause" if figures.literal_tripped else "quiet",
                said(row.verdict),
            )
            for row, figures in rows
        ],
        frozenset(columns[1:6]),
    )


def _error(error: RateFigures | None) -> str:
    return "–" if error is None else f"{share(error.rate)} ({error.errors:,} of {error.n:,})"


def _sight(rows: list[Row]) -> Table:
    columns = ("Category", "Audits a day", "False pauses a month", "Days until seen", "What it can see")
    return Table(
        "What each breaker can see",
        "How far each breaker can be trusted at today's volume of audits, simulated.",
        columns,
        [
            (
                words(row.subject),
                number(figures.per_day, 1),
                share(figures.false_alarm_rate, 0),
                number(figures.reliability.worse_days, 0),
                " ".join(figures.warnings),
            )
            for row, figures in rows
        ],
        frozenset(columns[1:4]),
    )


def blind_share(look: Scope) -> Section:
    """Rejections on the part of queue B that is decided without the suggestion."""
    looks = [(one, one.figures(BlindShareFigures)) for one in look.newest("blind_share")]
    rows = [(one, figures) for one, figures in looks if figures.decided]
    title = "Blind share of queue B"
    if not rows:
        return Section("blind-share", title, None, "Nothing has been decided blindly in queue B yet.")
    risen = [words(row.subject) for row, _ in rows if row.verdict is Verdict.ALARM]
    sentence = (
        "People disagree with suggestions that they did not see; this monitor stays when a category is paused or only "
        "suggests. It warns and pauses nothing. "
    )
    sentence += f"Risen: {', '.join(risen)}." if risen else "No category has risen against its own past."
    columns = ("Category", "Lately", "Rate", "Before", "Rate before", "Verdict")
    table = Table(
        "Lately and before",
        "Rejections of suggestions that were hidden, lately and before; rates weigh each by the chance it was hidden "
        "with.",
        columns,
        [
            (
                words(row.subject),
                f"{figures.rejected} of {figures.reviewed}",
                share(figures.rate),
                f"{figures.rejected_before} of {figures.reviewed_before}",
                share(figures.rate_before),
                said(row.verdict),
            )
            for row, figures in rows
        ],
        frozenset(columns[1:5]),
    )
    shown = [row for row, _ in rows]
    return Section("blind-share", title, worst(shown), sentence, (), (table,), latest(shown))
