"""Handrail's ordinary weeks beside the naive rule and the best threshold in hindsight, in shares, hours and money."""

from dataclasses import dataclass

from handrail.kpi import NOT_MEASURED
from handrail.kpi.estimate import EstimateTerms, MonthlyEstimate, estimate, price_of_error
from handrail.proportions import in_percent, wilson
from handrail.rehearsed import AUTOMATED_FROM, NAIVE_ABOVE, ORACLE_ERROR, SETTLED, ThresholdRule
from handrail.running import DAYS_A_WEEK, Running
from tasks.rehearsal.telling import RehearsalStory
from tasks.views.plots.figure import EMPTY, Table

SETTLED_WEEKS = f"weeks {SETTLED[0]} to {SETTLED[1]}"
LATER_WEEKS = f"weeks {AUTOMATED_FROM} on"


RULES = (
    f"The naive rule settles whatever the first model is more than {NAIVE_ABOVE:.0%} sure of. Nobody checks it: that "
    "saves people's time too, and no costs are counted for it but its errors. Hindsight takes the best threshold at "
    f"{ORACLE_ERROR:.0%} errors, which is known only afterwards; it shows what was there to be had, and so stands "
    f"beside Handrail in the same weeks, {SETTLED[0]} to {SETTLED[1]}."
)
"""What the two rules are."""


def whole(value: float) -> str:
    """A number without decimals."""
    return f"{round(value):,}"


def beside(telling: RehearsalStory, month: MonthlyEstimate | None) -> Table:
    """Handrail's ordinary weeks beside the naive rule, and those that hindsight is asked of beside hindsight."""
    found = telling.found
    if found.running is None or found.settled is None or month is None:
        return EMPTY
    money = month.terms.currency
    columns = (
        "rule",
        "automatic",
        "of it wrong",
        "hours saved a month",
        "wrong cases a month",
        f"what they cost ({money})",
        f"left a month ({money})",
    )
    rows = [
        _ours(f"Handrail ({LATER_WEEKS})", found.running, month),
        _rule(f"Naive rule ({LATER_WEEKS})", found.naive, found.running, month.terms),
        _rule(f"Hindsight ({SETTLED_WEEKS})", found.oracle, found.settled, month.terms),
    ]
    if found.days > SETTLED[1] * DAYS_A_WEEK:
        of_them = estimate(found.settled, month.terms)
        rows.insert(2, _ours(f"Handrail ({SETTLED_WEEKS})", found.settled, of_them))
    return Table(columns, rows, frozenset(columns))


def kept_together(table: Table) -> Table:
    """The same, no line breaking within a range."""
    rows = [tuple(cell.replace(" to ", "\u00a0to\u00a0") for cell in row) for row in table.rows]
    return Table(table.columns, rows, table.words)


def _ours(name: str, running: Running, month: MonthlyEstimate) -> tuple[str, ...]:
    low, mid, high = month.conservative, month.expected, month.optimistic
    share, error = running.share, running.error
    return (
        name,
        f"{in_percent(share.value)} ({share.low:.1%} to {share.high:.1%})",
        NOT_MEASURED if error is None else f"{in_percent(error.value, 2)} ({error.low:.2%} to {error.high:.2%})",
        _ends(mid.hours_saved, low.hours_saved, high.hours_saved),
        _ends(mid.errors, high.errors, low.errors),
        _ends(mid.parts["errors"], high.parts["errors"], low.parts["errors"]),
        _ends(mid.net, low.net, high.net),
    )


@dataclass(frozen=True, slots=True)
class RuleMonth:
    """A threshold's month, nobody looking after it: hours saved, and wrong cases with the ends of their interval."""

    saved_hours: float
    wrong: tuple[float, float, float]
    price: float
    minute: float

    @property
    def by_time(self) -> float:
        """What the saved time is worth."""
        return self.saved_hours * 60 * self.minute

    @property
    def net(self) -> tuple[float, float, float]:
        """What is left: expected, at the most errors, at the fewest."""
        value, least, most = (self.by_time - wrong * self.price for wrong in self.wrong)
        return value, most, least


def _month_of(rule: ThresholdRule, running: Running, terms: EstimateTerms) -> RuleMonth | None:
    if rule.share is None or rule.error is None:
        return None
    automated = rule.share * terms.cases_a_month
    passed = round(rule.share * running.cases)
    low, high = wilson([rule.error * passed], [passed])
    wrong = (automated * rule.error, automated * float(low[0]), automated * float(high[0]))
    return RuleMonth(automated * terms.minutes_manual / 60, wrong, price_of_error(running, terms), terms.minute)


def _rule(name: str, rule: ThresholdRule, running: Running, terms: EstimateTerms) -> tuple[str, ...]:
    """A rule's row; its counts are those of the cases it was asked of, nobody looks after it."""
    if rule.share is None:
        return name, *[NOT_MEASURED] * 6
    passed = round(rule.share * running.cases)
    share = _range(rule.share, passed, running.cases, 1)
    month = _month_of(rule, running, terms)
    if month is None or rule.error is None:
        hours = rule.share * terms.cases_a_month * terms.minutes_manual / 60
        return name, share, NOT_MEASURED, whole(hours), *[NOT_MEASURED] * 3
    return (
        name,
        share,
        _range(rule.error, rule.error * passed, passed, 2),
        whole(month.saved_hours),
        _ends(*month.wrong),
        _ends(*(wrong * month.price for wrong in month.wrong)),
        _ends(*month.net),
    )


def _range(value: float, hits: float, of: int, digits: int) -> str:
    low, high = wilson([hits], [of])
    return f"{in_percent(value, digits)} ({float(low[0]):.{digits}%} to {float(high[0]):.{digits}%})"


def _ends(value: float, low: float, high: float) -> str:
    return f"{whole(value)} ({whole(low)} to {whole(high)})"


def pays_more(telling: RehearsalStory, month: MonthlyEstimate | None) -> list[str]:
    """Which pays more, Handrail or the naive rule, and what the difference buys where it is the naive one."""
    found = telling.found
    if found.running is None or month is None:
        return []
    naive, ours, money = _month_of(found.naive, found.running, month.terms), month.expected, month.terms.currency
    if naive is None:
        return []
    more = naive.net[0] - ours.net
    wrong = f"{whole(naive.wrong[0])} wrong cases a month instead of {whole(ours.errors)}"
    if more <= 0:
        return [f"Handrail pays {whole(-more)} {money} a month more than the naive rule, which makes {wrong}."]
    said = [
        f"The naive rule pays {whole(more)} {money} a month more than Handrail, with {wrong}.",
        (
            "What the difference buys: nothing goes out before its error rate is proven, people check a part of it "
            "every day, and it stops where the proof cannot be renewed. With the naive rule nobody looks."
            if telling.policy.queues.uncertified == "review"
            else "What the difference buys: people check a part of what goes out every day. With the naive rule nobody "
            "looks."
        ),
    ]
    if found.launch is not None and found.launch.named_day is None:
        said.append(f"It does not buy everything: in this rehearsal no watch noticed {telling.launch}.")
    fewer = naive.wrong[0] - ours.errors
    if fewer > 0:
        price = (naive.by_time - ours.net - ours.parts["errors"]) / fewer
        said.append(
            f"Counting money alone, Handrail pays more from about {whole(price)} {money} an error on; "
            f"here one counts {whole(naive.price)} {money}."
        )
    return said
