"""A rehearsal as one self-contained HTML page for its owner: the answer first, then what it rests on."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from handrail import drafts
from handrail.kpi import NOT_MEASURED
from handrail.kpi.estimate import EstimateTerms, MonthlyEstimate, estimate
from handrail.policy import CostRules
from handrail.proportions import in_percent
from handrail.recommendation import LASTS, Lapse, Recommendation, recommend
from handrail.running import Ratio
from tasks.rehearsal import watches, worth
from tasks.rehearsal.comparison import RULES, beside, kept_together, pays_more, whole
from tasks.rehearsal.plots import owner
from tasks.rehearsal.telling import KINDS, RehearsalStory
from tasks.views.plots.figure import EMPTY, Table

BREAK_EVEN = frozenset({worth.PAYS_BELOW, worth.PAYS_FROM, worth.SPENT, worth.PAID_BACK})
"""Rows of an estimate that the report says in words."""


def write(telling: RehearsalStory, file: Path) -> Path:
    """Write the report and return its path; the page asks nothing of the network and runs no script."""
    file.parent.mkdir(parents=True, exist_ok=True)
    drafts.write_text(file, page(telling))
    return file


def page(telling: RehearsalStory) -> str:
    """The report as HTML; every text in it is escaped."""
    found, policy = telling.found, telling.policy
    month = None if found.running is None else estimate(found.running, worth.terms_of(found.running, policy))
    advice = recommend(found, policy.goal, month, sum(telling.waiting.values()), lapse(telling))
    return _template().render(
        telling=telling,
        found=found,
        answers=answers(telling, month),
        advice=advice,
        verdict=advice.verdict,
        lapse=next((one.obstacle[0].upper() + one.obstacle[1:] + "." for one in advice.unmet if one.name == LASTS), ""),
        beside=kept_together(beside(telling, month)),
        rules=RULES,
        pays_more=pays_more(telling, month),
        month=_month(month),
        break_even=[] if month is None else break_even(month, policy.goal.error_rate_at_most, _whose_goal(telling)),
        month_rests_on=()
        if month is None or found.running is None
        else [
            *worth.basis(found.running, month.terms, worth.YOUR_POLICY if telling.policy_given else worth.NO_POLICY),
            hours_sentence(telling),
        ],
        cases=owner.plot_cases(telling),
        errors=owner.plot_errors(telling, policy.certificate.max_error),
        line=owner.plot_time_line(telling),
        minutes=owner.plot_minutes(telling),
        launch=launch_sentences(telling),
        workers=_workers(telling),
        looks=looks_sentence(telling),
        watches=watches.table(telling),
        unmeasured=unmeasured(telling),
        needs=needs(advice, telling),
        stuck=_stuck(telling),
        conditions=_conditions(advice),
    )


def answers(telling: RehearsalStory, month: MonthlyEstimate | None) -> list[str]:
    """Would it have been safe, and would it have paid? A few sentences, each with its interval and its count."""
    found, goal, whose = telling.found, telling.policy.goal, _whose_goal(telling)
    share = f"{in_percent(found.automated_share)} of your {found.cases:,} cases"
    span = f"{found.days} days rehearsed"
    if found.automated_from_day is None or found.running is None or found.running.error is None or month is None:
        few = " Too few days were rehearsed to say what an ordinary month is." if found.running is None else ""
        return [
            f"In the {span}, Handrail would have settled {share} by itself"
            + (
                "; people would have decided everything."
                if found.automated_from_day is None
                else f", from day {found.automated_from_day} on."
            ),
            f"So whether that is safe is {NOT_MEASURED}.{few}" + ("" if month is None else _idle(month)),
        ]
    later, error = found.running.share, found.running.error
    safe = (
        f"That is safe by {whose}"
        if error.high <= goal.error_rate_at_most
        else f"That is not safe by {whose}"
        if error.low > goal.error_rate_at_most
        else f"Whether that is safe by {whose} cannot be said yet"
    )
    low, mid, high = month.conservative, month.expected, month.optimistic
    money = month.terms.currency
    pays = (
        "It would have paid" if low.net > 0 else "It would not have paid" if high.net <= 0 else "It may or may not pay"
    )
    return [
        (
            f"In the {span}, Handrail would have settled {share} by itself, from day {found.automated_from_day} on; "
            f"from week {found.running.first_week} on {in_percent(later.value)} ({later.low:.1%} to {later.high:.1%})."
        ),
        (
            f"Of these {error.of:,} later ones {in_percent(error.value, 2)} would have been wrong ({error.low:.2%} to "
            f"{error.high:.2%}). {safe}, which allows {in_percent(goal.error_rate_at_most)}."
        ),
        *around_launch(telling),
        (
            f"{pays}: an ordinary month saves {whole(mid.hours_saved)} hours of people's time "
            f"({whole(low.hours_saved)} to {whole(high.hours_saved)}), its errors cost "
            f"{whole(mid.parts['errors'])} {money} ({whole(high.parts['errors'])} to {whole(low.parts['errors'])}), "
            f"and {_after(month.terms)} {whole(mid.net)} {money} are left ({whole(low.net)} to {whole(high.net)})."
        ),
    ]


def around_launch(telling: RehearsalStory) -> list[str]:
    """The errors before and after the category came that was new, and whether the goal allows those after."""
    around, goal = telling.found.around_launch, telling.policy.goal.error_rate_at_most
    if around is None or around.after is None:
        return []
    name, after, whose = telling.launch or "the new category", around.after, _whose_goal(telling)
    then = f"{_errors(after)} from then on"
    rates = (
        f"From day {around.day} on, when {name}, a new category, was launched, {_errors(after)} were wrong."
        if around.before is None
        else f"{name}, a new category that was launched then, first came on day {around.day}. "
        f"Before, {_errors(around.before)} were wrong, {then}."
    )
    within = (
        f"The later errors are within {whose} too."
        if after.high <= goal
        else f"The later errors are more than {whose} allows."
        if after.low > goal
        else f"Whether the later errors are within {whose} cannot be said yet."
    )
    return [f"{rates} {within}"]


def _whose_goal(telling: RehearsalStory) -> str:
    return "your goal" if telling.policy_given else "the sample's goal"


def hours_sentence(telling: RehearsalStory) -> str:
    """Why the hours saved are not what the plot of people's minutes shows."""
    by_hand = telling.policy.costs.minutes_manual
    return (
        f"Hours saved count {by_hand:g} minutes for every case that no person has to handle, less the time of looks "
        "and test cases. The plot of people's minutes counts only how long the simulated people look at a case on the "
        "screen, which is less; so the two do not add up to each other."
    )


def _errors(rate: Ratio) -> str:
    return f"{in_percent(rate.value, 2)} of {rate.of:,} ({rate.low:.2%} to {rate.high:.2%})"


def lapse(telling: RehearsalStory) -> Lapse | None:
    """How the last certificate ended, where none stands on the last day and nothing is automatic without one."""
    day = telling.uncertified_day
    if day is None or telling.policy.queues.uncertified != "review":
        return None
    return Lapse(day, telling.missing_answers, telling.audit_minutes)


def _idle(month: MonthlyEstimate) -> str:
    mid, high = month.expected, month.conservative
    money = month.terms.currency
    if mid.net >= 0:
        return ""
    return (
        f" It would not have paid: what is there for certainty costs {whole(-mid.net)} {money} a month (up to "
        f"{whole(-high.net)}) and saves nothing."
    )


def _month(month: MonthlyEstimate | None) -> Table:
    if month is None:
        return EMPTY
    columns = "a month", *worth.COLUMNS
    return Table(columns, [row for row in worth.rows(month) if row[0] not in BREAK_EVEN], frozenset({columns[0]}))


def break_even(month: MonthlyEstimate, goal: float, whose: str = "your goal") -> list[str]:
    """From where on it pays, in words: a figure that is met in any case says so."""
    low, money = month.conservative, month.terms.currency
    rate, volume, months = low.break_even_error, low.break_even_cases_a_day, low.months_to_repay
    said = []
    if rate is not None and rate > goal:
        said.append(
            f"Only at {in_percent(rate)} errors would it cost as much as by hand, in the conservative column. "
            f"{whose[0].upper()}{whose[1:]} of {in_percent(goal)} comes long before: "
            "it is the goal, not the money, that sets the limit."
        )
    elif rate is not None:
        said.append(f"It pays while fewer than {in_percent(rate)} of the automatic cases are wrong.")
    if volume is None:
        said.append("In the conservative column it pays at no number of cases.")
    elif volume > 0:
        said.append(f"It pays from {volume:,.1f} cases a day on, in the conservative column.")
    else:
        said.append("It pays at any number of cases: the policy has no fixed costs.")
    if low.spent > 0:
        back = (
            "it never comes back in the conservative column"
            if months is None
            else "the first month pays it back"
            if months <= 1
            else f"{months:,.1f} months pay it back"
        )
        said.append(f"Before, {whole(low.spent)} {money} were spent: {back}.")
    return said


def launch_sentences(telling: RehearsalStory) -> list[str]:
    """What became of the category that came later."""
    found = telling.found.launch
    if found is None:
        return []
    name = telling.launch or "the new category"
    noticed = (
        f"No watch gave a sign of {name}."
        if found.named_day is None
        else f"A watch pointed out words of {name} on day {found.named_day}."
    )
    held = (
        "None of its cases was held back for people because it was new."
        if found.held_day is None
        else f"From day {found.held_day} on its cases were held for people."
    )
    return [noticed, held, f"{found.automated_wrong:,} of its cases went out automatically, under a wrong category."]


def looks_sentence(telling: RehearsalStory) -> str:
    """What certainty costs in time."""
    found = telling.found
    return (
        f"Audits, second looks, rechecks and deciding where people differ took {found.minutes_a_day:.1f} minutes a "
        f"day on average over all {found.days} days; test cases, which have a known answer and show who works with "
        f"care, another {found.test_minutes_a_day:.1f}. At the end {_waiting(telling)}; at most "
        f"{telling.most_waiting:,} waited on a day."
    )


def _waiting(telling: RehearsalStory) -> str:
    left = ", ".join(
        f"{count:,} for {KINDS.get(kind, kind)}" for kind, count in sorted(telling.waiting.items()) if count
    )
    return f"{sum(telling.waiting.values()):,} waited ({left})" if left else "nothing waited"


def _workers(telling: RehearsalStory) -> Table:
    columns = "person", "right (assumed)", "approves unread (assumed)", "looks", "hours", "pointed out as careless"
    rows = [
        (
            one.name,
            f"{one.accuracy:.0%}",
            f"{one.follows:.0%}",
            f"{one.looks:,}",
            f"{one.minutes / 60:,.1f}",
            "never" if one.named_day is None else f"day {one.named_day}",
        )
        for one in telling.workers
    ]
    return Table(columns, rows, frozenset({columns[0], columns[5]}))


def unmeasured(telling: RehearsalStory) -> list[str]:
    """What this rehearsal does not know, and why."""
    found, costs = telling.found, telling.policy.costs
    without = [one.week for one in found.by_week if one.automated and one.interval is None]
    blind = watches.unseeing(telling)
    said = [
        (
            "Your people: these were simulated, each as accurate and as quick as the table of your people assumes. "
            "Yours may be better or worse; a file of people with other figures can be given (`--people`)."
        ),
        "Your customers: whether they were content, complained or came back is not in the file.",
        (
            f"Your time: a case by hand counts {costs.minutes_manual:g} minutes and an error {costs.error:g} "
            f"{costs.currency}, "
            f"{'as your policy says' if telling.policy_given else worth.NO_POLICY}. Neither was measured."
        ),
        "The future: another year brings other products and other words.",
        (
            "The order within a day: each case keeps its day, but the times of day are exchanged at random among a "
            "day's cases (`--seed`)."
        ),
    ]
    if found.first_certificate_day is None:
        said.append("A certificate was never earned: nothing guarantees the errors of what is automated.")
    if without:
        said.append(f"Week {_weeks(without)}: no automatic case was audited, so that audits say nothing of them.")
    if blind:
        said.append(f"Whether all was well where {', '.join(blind)} looked: too little was there to say.")
    if nothing := _unpriced(costs):
        said.append(f"What {', '.join(nothing)} cost: the policy has no figure, and they count as nothing.")
    return said


def _after(terms: EstimateTerms) -> str:
    """Whether what is left is what is left of everything."""
    nothing = _unpriced(terms)
    return f"before the cost of {', '.join(nothing)}" if nothing else "after all costs"


def _unpriced(costs: CostRules | EstimateTerms) -> list[str]:
    """What the policy has no price for."""
    amounts = (
        ("the steward's time", costs.steward_minutes_a_week),
        ("licences", costs.licences_a_month),
        ("trainings", costs.retraining),
    )
    return [name for name, amount in amounts if not amount]


def _weeks(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def needs(advice: Recommendation, telling: RehearsalStory) -> list[str]:
    """What would have to change: the remedies of the rules that are not met, and what no watch noticed or could see."""
    said = [one.remedy for one in advice.unmet if one.remedy]
    launch, blind = telling.found.launch, watches.unseeing(telling)
    if launch is not None and launch.named_day is None and telling.found.around_launch is not None:
        said.append(
            f"A word from you before something new comes: no watch noticed {telling.launch}, and "
            f"{launch.automated_wrong:,} of its cases went out under a wrong category."
        )
    if blind:
        said.append(f"More cases or more audits: {', '.join(blind)} never had enough to say whether all was well.")
    return list(dict.fromkeys(said))


def _stuck(telling: RehearsalStory) -> Table:
    columns = "category", "what it still needs for its next stage"
    rows = [(name, "; ".join(reasons)) for name, reasons in telling.stuck.items()]
    if len(rows) > 1 and {*telling.policy.categories} <= {*telling.stuck} and len({needed for _, needed in rows}) == 1:
        rows = [("all categories", rows[0][1])]
    return Table(columns, rows, frozenset(columns))


def _conditions(advice: Recommendation) -> Table:
    columns = "rule", "wanted", "rehearsed", "met"
    rows = [(one.name, one.wanted, one.rehearsed, "yes" if one.met else "no") for one in advice.conditions]
    return Table(columns, rows, frozenset(columns))


@lru_cache(maxsize=1)
def _template() -> Template:
    pages = Environment(
        loader=ChoiceLoader([PackageLoader("tasks.rehearsal"), PackageLoader("tasks.views")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("owner.html.j2")
