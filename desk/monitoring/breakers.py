"""What rejections say: the breaker by category, and the blind share of queue B."""

from typing import Any

from desk.charts import Line, Point, over_time
from desk.monitoring.section import Plot, Scope, Section, Table, latest, number, said, share, words, worst
from handrail.store.readings import Verdict

COLOURS = 6
FEW = 4
"""Series in one plot; more cannot be told apart."""


def breaker(look: Scope) -> Section:
    """Both rules by category, with what they can see at today's volume of audits."""
    rows = [row for row in look.newest("breaker") if "level" in row["body"]]
    title = "Breaker"
    if not rows:
        return Section("breaker", title, None, "No auto-approval has been audited yet: there is nothing to read.")
    rule = "the sequential rule" if look.policy.breaker.rule == "esr" else "the literal rule"
    tripped = [row["subject"] for row in rows if row["verdict"] == Verdict.ALARM]
    if tripped:
        sentence = f"Rejected too often: {', '.join(map(words, tripped))}. Automation pauses by {rule}."
    else:
        sentence = f"No category is rejected too often, by {rule}."
    unseen = sum(row["verdict"] == Verdict.UNDERPOWERED for row in rows)
    if unseen:
        sentence += (
            f" Of {unseen} of {len(rows)} categories too few approvals are audited to see a rise within the month."
        )
    lines = _levels(look, rows)
    svg = over_time(
        "breaker",
        ("Evidence by category", "Share of the evidence that suffices for a pause, look by look."),
        lines,
        zone=look.zone,
        levels={"pause": 1.0},
        top=1.0,
    )
    caption = f"Evidence against the categories nearest to a pause, of {len(rows)}"
    plots = (Plot(caption, svg, tuple((line.style, line.name) for line in lines)),) if svg else ()
    return Section("breaker", title, worst(rows), sentence, plots, (_rules(rows), _sight(rows)), latest(rows))


def _levels(look: Scope, rows: list[dict[str, Any]]) -> list[Line]:
    nearest = sorted(rows, key=lambda row: -row["body"]["level"])[:FEW]
    past = look.history("breaker")
    return [
        Line(
            words(row["subject"]),
            [
                Point(one["at"], min(1.0, one["body"]["level"]))
                for one in past
                if one["subject"] == row["subject"] and "level" in one["body"]
            ],
            f"series-{place % COLOURS}",
        )
        for place, row in enumerate(nearest)
    ]


def _rules(rows: list[dict[str, Any]]) -> Table:
    columns = ("Category", "Audited", "Rejected", "Evidence", "In the window", "Rate there", "Literal rule", "Verdict")
    return Table(
        "Both rules",
        "Audits since the category last began, and both rules side by side; the policy's one pauses.",
        columns,
        [
            (
                words(row["subject"]),
                str(body["counted"]),
                str(body["counted_rejected"]),
                share(body["level"]),
                f"{body['rejected']} of {body['reviewed']}",
                share(body["rate"]),
                "would pause" if body["literal_tripped"] else "quiet",
                said(row["verdict"]),
            )
            for row in rows
            for body in (row["body"],)
        ],
        frozenset(columns[1:6]),
    )


def _sight(rows: list[dict[str, Any]]) -> Table:
    columns = ("Category", "Audits a day", "False pauses a month", "Days until seen", "What it can see")
    return Table(
        "What each breaker can see",
        "How far each breaker can be trusted at today's volume of audits, simulated.",
        columns,
        [
            (
                words(row["subject"]),
                number(body["per_day"], 1),
                share(body["false_alarm_rate"], 0),
                number(body["reliability"]["worse_days"], 0),
                " ".join(body["warnings"]),
            )
            for row in rows
            for body in (row["body"],)
        ],
        frozenset(columns[1:4]),
    )


def blind_share(look: Scope) -> Section:
    """Rejections on the part of queue B that is decided without the suggestion."""
    rows = [row for row in look.newest("blind_share") if row["body"]["reviewed"] + row["body"]["reviewed_before"]]
    title = "Blind share of queue B"
    if not rows:
        return Section("blind-share", title, None, "Nothing has been decided blindly in queue B yet.")
    risen = [words(row["subject"]) for row in rows if row["verdict"] == Verdict.ALARM]
    sentence = (
        "People disagree with suggestions that they did not see; this monitor stays when a category is paused or only "
        "suggests. It warns and pauses nothing. "
    )
    sentence += f"Risen: {', '.join(risen)}." if risen else "No category has risen against its own past."
    columns = ("Category", "Lately", "Rate", "Before", "Rate before", "Verdict")
    table = Table(
        "Lately and before",
        "Rejections of suggestions that were hidden, lately and before.",
        columns,
        [
            (
                words(row["subject"]),
                f"{body['rejected']} of {body['reviewed']}",
                share(body["rate"]),
                f"{body['rejected_before']} of {body['reviewed_before']}",
                share(body["rate_before"]),
                said(row["verdict"]),
            )
            for row in rows
            for body in (row["body"],)
        ],
        frozenset(columns[1:5]),
    )
    return Section("blind-share", title, worst(rows), sentence, (), (table,), latest(rows))
