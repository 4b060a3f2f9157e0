"""How far people agree, and what shows in how each of them works."""

from typing import Any

from desk.charts import Row, side_by_side
from desk.monitoring.section import Plot, Scope, Section, Table, interval, latest, number, said, share, words, worst
from handrail.alerts import SEEN
from handrail.reviewers import EVERYBODY
from handrail.store.readings import ALL, Verdict

SIGNALS = {**SEEN, "accuracy": "right without help"}
"""What each figure counts; of right answers the signal is that there are few."""


def agreement(look: Scope) -> Section:
    """Chance-corrected agreement, over all categories and for each."""
    rows = look.together("agreement")
    measured = [row for row in rows if row["body"]["alpha"] is not None]
    title = "Agreement"
    if not measured:
        return Section("agreement", title, worst(rows), "Two people have not yet decided the same cases blindly.")
    least = look.policy.gates.training_set.agreement_at_least
    whole = next((row for row in measured if row["subject"] == ALL), measured[0])["body"]
    sentence = (
        f"Krippendorff's alpha is {number(whole['alpha'])} over {whole['items']:,} cases with two or more blind "
        f"opinions (1 is full agreement, 0 is chance; training asks for {number(least)})."
    )
    svg = side_by_side(
        "agreement",
        ("Agreement by category", "Krippendorff's alpha with its interval."),
        [
            Row(
                "all" if row["subject"] == ALL else words(row["subject"]),
                body["alpha"],
                body["alpha"] if body["low"] is None else body["low"],
                body["alpha"] if body["high"] is None else body["high"],
                f"{body['items']:,} cases",
                found=row["verdict"] == Verdict.ALARM,
            )
            for row in measured
            for body in (row["body"],)
        ],
    )
    columns = ("Category", "Alpha", "Interval", "Same answer", "Cases", "Opinions")
    table = Table(
        "By category",
        "Agreement beyond chance; the intervals hold for all categories at once.",
        columns,
        [
            (
                "all" if row["subject"] == ALL else words(row["subject"]),
                number(body["alpha"]),
                f"{number(body['low'])} to {number(body['high'])}",
                share(body["agreement"], 0),
                f"{body['items']:,}",
                f"{body['ratings']:,}",
            )
            for row in rows
            for body in (row["body"],)
        ],
        frozenset(columns[1:]),
    )
    plot = Plot("Agreement by category (alpha)", svg)
    return Section("agreement", title, worst(measured), sentence, (plot,) if svg else (), (table,), latest(rows))


def reviewers(look: Scope, *, names: bool) -> Section:
    """Each signal that stands out; only counts for those who may not know names."""
    rows = look.together("reviewers")
    title = "Reviewers"
    if not rows:
        return Section("reviewers", title, None, "Nobody's work has been looked at yet; the watch looks once a week.")
    own = [row for row in rows if row["subject"] != EVERYBODY]
    alarms = sum(row["verdict"] == Verdict.ALARM for row in own)
    sentence = f"{len(own)} looked at, {alarms} with a signal that stands out."
    if any(row["verdict"] == Verdict.ALARM for row in rows if row["subject"] == EVERYBODY):
        sentence += " All together show a bias that is nobody's own."
    if not names:
        return Section(
            "reviewers",
            title,
            worst(rows),
            f"{sentence} Names are for those who may read labels.",
            read_at=latest(rows),
        )
    columns = ("Reviewer", "Signal", "Figure", "Interval", "Of", "Verdict")
    table = Table(
        "Every signal",
        "Every signal of every reviewer; false alarms are rare over all of them together.",
        columns,
        [_cells(row["subject"], one) for row in rows for one in row["body"]["signals"]],
        frozenset(columns[2:5]),
    )
    return Section("reviewers", title, worst(rows), sentence, (), (table,), latest(rows))


def _cells(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    signal = SIGNALS.get(one["name"], words(one["name"]))
    ends = interval(one["low"], one["high"]) if one["low"] is not None and one["high"] is not None else "–"
    verdict = said(one["verdict"])
    for turn in one.get("turns", ())[:1]:
        verdict += f": {words(turn['reference'])} becomes {words(turn['said'])} in {turn['grouping']} {turn['group']}"
    return name, signal, share(one["value"]), ends, f"{one['n']:,}", verdict
