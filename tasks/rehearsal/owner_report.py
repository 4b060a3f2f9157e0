"""A rehearsal as one self-contained HTML page for its owner: the answer first, then what it rests on."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from handrail import drafts
from handrail.kpi import NOT_MEASURED
from handrail.kpi.estimate import EstimateTerms, MonthlyEstimate, estimate, price_of_error
from handrail.policy import CostRules
from handrail.proportions import in_percent, wilson
from handrail.recommendation import Recommendation, recommend
from handrail.rehearsed import AUTOMATED_FROM, NAIVE_ABOVE, ORACLE_ERROR, SETTLED, ThresholdRule
from tasks.rehearsal import worth
from tasks.rehearsal.plots import owner
from tasks.rehearsal.telling import KINDS, RehearsalStory
from tasks.views.plots.figure import EMPTY, Table

WATCHES = {
    "agreement": "do people follow suggestions blindly?",
    "audits": "are audits done in time, and do they agree?",
    "blind_share": "do enough people decide without seeing a suggestion?",
    "breaker": "do audits reject too much of a category?",
    "drift": "has the wording of the cases changed?",
    "fairness": "do groups fare differently?",
    "kpi": "what is it worth?",
    "reviewers": "does a person's work look careless?",
}
"""What each watch asks."""
VERDICTS = ("alarm", "quiet", "underpowered", "not_measured", "unreadable")


def write(telling: RehearsalStory, file: Path) -> Path:
    """Write the report and return its path; the page asks nothing of the network and runs no script."""
    file.parent.mkdir(parents=True, exist_ok=True)
    drafts.write_text(file, page(telling))
    return file


def page(telling: RehearsalStory) -> str:
    """The report as HTML; every text in it is escaped."""
    found, policy = telling.found, telling.policy
    month = None if found.running is None else estimate(found.running, worth.terms_of(found.running, policy))
    advice = recommend(found, policy.goal, month, sum(telling.waiting.values()))
    return _template().render(
        telling=telling,
        found=found,
        answers=answers(telling, month),
        advice=advice,
        verdict="Switch on" if advice.switch_on else "Not yet",
        beside=beside(telling, month),
        month=_month(month),
        month_rests_on=() if month is None or found.running is None else worth.basis(found.running, month.terms),
        cases=owner.plot_cases(telling),
        errors=owner.plot_errors(telling, policy.certificate.max_error),
        line=owner.plot_time_line(telling),
        minutes=owner.plot_minutes(telling),
        launch=launch_sentences(telling),
        workers=_workers(telling),
        looks=looks_sentence(telling),
        watches=_watches(telling),
        unmeasured=unmeasured(telling),
        needs=needs(advice),
        stuck=_stuck(telling),
        conditions=_conditions(advice),
    )


def answers(telling: RehearsalStory, month: MonthlyEstimate | None) -> list[str]:
    """Would it have been safe, and would it have paid? Three sentences, each with its interval and its count."""
    found, goal = telling.found, telling.policy.goal
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
        "That is safe by your goal"
        if error.high <= goal.error_rate_at_most
        else "That is not safe by your goal"
        if error.low > goal.error_rate_at_most
        else "Whether that is safe by your goal cannot be said yet"
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
        (
            f"{pays}: an ordinary month saves {_whole(mid.hours_saved)} hours of people's time "
            f"({_whole(low.hours_saved)} to {_whole(high.hours_saved)}), its errors cost "
            f"{_whole(mid.parts['errors'])} {money} ({_whole(high.parts['errors'])} to {_whole(low.parts['errors'])}), "
            f"and {_after(month.terms)} {_whole(mid.net)} {money} are left ({_whole(low.net)} to {_whole(high.net)})."
        ),
    ]


def _idle(month: MonthlyEstimate) -> str:
    mid, high = month.expected, month.conservative
    money = month.terms.currency
    if mid.net >= 0:
        return ""
    return (
        f" It would not have paid: what is there for certainty costs {_whole(-mid.net)} {money} a month (up to "
        f"{_whole(-high.net)}) and saves nothing."
    )


def beside(telling: RehearsalStory, month: MonthlyEstimate | None) -> Table:
    """Handrail's ordinary weeks beside the naive rule and the best threshold in hindsight."""
    found = telling.found
    if found.running is None or month is None:
        return EMPTY
    low, mid, high = month.conservative, month.expected, month.optimistic
    share, error = found.running.share, found.running.error
    settled = sum(one.cases for one in found.by_week if SETTLED[0] <= one.week <= SETTLED[1])
    ours = (
        f"Handrail (weeks {AUTOMATED_FROM} on)",
        f"{in_percent(share.value)} ({share.low:.1%} to {share.high:.1%})",
        NOT_MEASURED if error is None else f"{in_percent(error.value, 2)} ({error.low:.2%} to {error.high:.2%})",
        f"{_whole(mid.hours_saved)} ({_whole(low.hours_saved)} to {_whole(high.hours_saved)})",
        f"{_whole(mid.errors)} ({_whole(high.errors)} to {_whole(low.errors)})",
        f"{_whole(mid.parts['errors'])} ({_whole(high.parts['errors'])} to {_whole(low.parts['errors'])})",
    )
    naive = f"Naive: whatever the first model is more than {NAIVE_ABOVE:.0%} sure of (weeks {AUTOMATED_FROM} on)"
    best = (
        f"Hindsight: the best threshold at {ORACLE_ERROR:.0%} errors, known only afterwards "
        f"(weeks {SETTLED[0]} to {SETTLED[1]})"
    )
    columns = (
        "who decides what is automatic",
        "automatic",
        "of it wrong",
        "hours saved a month",
        "wrong cases a month",
        f"what they cost ({month.terms.currency})",
    )
    rows = [
        ours,
        _rule(naive, found.naive, found.running.cases, telling, month),
        _rule(best, found.oracle, settled, telling, month),
    ]
    return Table(columns, rows, frozenset({columns[0]}))


def _whole(value: float) -> str:
    return f"{round(value):,}"


def _rule(
    name: str, rule: ThresholdRule, cases: int, telling: RehearsalStory, month: MonthlyEstimate
) -> tuple[str, ...]:
    """A rule's row; its counts are those of the cases it was asked of, nobody looks after it."""
    running, terms = telling.found.running, month.terms
    if rule.share is None or running is None or not cases:
        return name, *[NOT_MEASURED] * 5
    passed = round(rule.share * cases)
    share = _range(rule.share, passed, cases, 1)
    hours = rule.share * terms.cases_a_month * terms.minutes_manual / 60
    if rule.error is None:
        return name, share, NOT_MEASURED, f"{hours:,.0f}", NOT_MEASURED, NOT_MEASURED
    ends = wilson([rule.error * passed], [passed])
    of = [rule.share * terms.cases_a_month * rate for rate in (rule.error, float(ends[0][0]), float(ends[1][0]))]
    price = price_of_error(running, terms)
    wrong, cost = (f"{unit * of[0]:,.0f} ({unit * of[1]:,.0f} to {unit * of[2]:,.0f})" for unit in (1.0, price))
    return name, share, _range(rule.error, rule.error * passed, passed, 2), f"{hours:,.0f}", wrong, cost


def _range(value: float, hits: float, of: int, digits: int) -> str:
    low, high = wilson([hits], [of])
    return f"{in_percent(value, digits)} ({float(low[0]):.{digits}%} to {float(high[0]):.{digits}%})"


def _month(month: MonthlyEstimate | None) -> Table:
    if month is None:
        return EMPTY
    columns = "a month", *worth.COLUMNS
    return Table(columns, worth.rows(month), frozenset({columns[0]}))


def launch_sentences(telling: RehearsalStory) -> list[str]:
    """What became of the category that came later."""
    found = telling.found.launch
    if found is None:
        return []
    name = telling.launch or "the new category"
    noticed = (
        f"No watch gave a sign of {name}."
        if found.named_day is None
        else f"A watch named {name} on day {found.named_day}."
    )
    held = (
        "None of its cases was held back for people because it was new."
        if found.held_day is None
        else f"From day {found.held_day} on its cases were held for people."
    )
    return [noticed, held, f"{found.automated_wrong:,} of its cases went out automatically, under a wrong category."]


def looks_sentence(telling: RehearsalStory) -> str:
    """What certainty costs in time."""
    return (
        f"Audits, second looks and rechecks took {telling.found.minutes_a_day:.1f} minutes a day, on the mean over all "
        f"{telling.found.days} days. At the end {_waiting(telling)}; at most {telling.most_waiting:,} waited on a day."
    )


def _waiting(telling: RehearsalStory) -> str:
    left = ", ".join(f"{count:,} × {KINDS.get(kind, kind)}" for kind, count in sorted(telling.waiting.items()) if count)
    return f"{left} waited" if left else "nothing waited"


def _workers(telling: RehearsalStory) -> Table:
    columns = "person", "right (assumed)", "approves unread (assumed)", "looks", "hours", "named as careless"
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


def _watches(telling: RehearsalStory) -> Table:
    names = sorted({watch for watch, _ in telling.verdicts})
    columns = "watch", "it asks", "alarms", "quiet", "too little to say", "nothing to look at", "could not look"
    rows = [
        (
            name.replace("_", " "),
            WATCHES.get(name, ""),
            *(f"{telling.verdicts.get((name, verdict), 0):,}" for verdict in VERDICTS),
        )
        for name in names
    ]
    return Table(columns, rows, frozenset(columns[:2]))


def unmeasured(telling: RehearsalStory) -> list[str]:
    """What this rehearsal does not know, and why."""
    found, costs = telling.found, telling.policy.costs
    without = [one.week for one in found.by_week if one.automated and one.interval is None]
    blind = [
        name.replace("_", " ")
        for name in sorted({watch for watch, _ in telling.verdicts})
        if not any(telling.verdicts.get((name, verdict)) for verdict in ("alarm", "quiet"))
    ]
    said = [
        (
            "Your people: these were simulated, each as accurate and as quick as the table of your people assumes. "
            "Yours may be better or worse; `--people FILE` takes other assumptions."
        ),
        "Your customers: whether they were content, complained or came back is not in the file.",
        (
            f"Your time: a case by hand counts {costs.minutes_manual:g} minutes and an error {costs.error:g} "
            f"{costs.currency}, as the policy says. Neither was measured here."
        ),
        "The future: another year brings other products and other words.",
    ]
    if found.first_certificate_day is None:
        said.append("A certificate was never earned: nothing guarantees the errors of what is automated.")
    if without:
        said.append(f"Week {_weeks(without)}: no automatic case was audited, so that audits say nothing of them.")
    if blind:
        said.append(
            f"What these watches look for: {', '.join(blind)}. They never had enough to say *quiet* or *alarm*."
        )
    if nothing := _unpriced(costs):
        said.append(f"What {', '.join(nothing)} cost: the policy has no figure (`costs`), and they count as nothing.")
    return [sentence.replace("*", "") for sentence in said]


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


def needs(advice: Recommendation) -> list[str]:
    """What would have to change: the remedies of the rules that are not met."""
    return list(dict.fromkeys(one.remedy for one in advice.unmet if one.remedy))


def _stuck(telling: RehearsalStory) -> Table:
    columns = "category", "what it still needs for its next stage"
    rows = [(name, "; ".join(reasons)) for name, reasons in telling.stuck.items()]
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
