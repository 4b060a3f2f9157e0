"""What automation would be worth, before anything is live: a rehearsal's document or a past, and a policy's prices."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from handrail import policy as policies
from handrail.errors import BadInput
from handrail.kpi import NOT_MEASURED, written
from handrail.kpi.estimate import COLUMNS, EstimateTerms, MonthAhead, MonthlyEstimate, estimate
from handrail.policy import CostRules, Policy
from handrail.rehearsed import Rehearsed
from handrail.running import Running, impossible
from tasks.intake import read as reader

REHEARSE = "handrail rehearse FILE --text COL --label COL --time COL --json"
SAMPLE = policies.BUSINESSES / "sample" / "policy.yaml"
PAYS_BELOW, PAYS_FROM = "costs as much as by hand at an error rate of", "pays from cases a day"
SPENT, PAID_BACK = "spent before", "paid back"
YOUR_POLICY, NO_POLICY = "as your policy says, or you state", "the sample's, since no policy was given"
"""Where the prices come from."""
FEW_DAYS = 0.5
"""Months of which nobody counts the parts."""
_ROWS = 20_000

__all__ = ["COLUMNS", "Stated", "Worth", "basis", "by_hand_rows", "document", "read", "rows", "terms_of"]


@dataclass(frozen=True, slots=True)
class Stated:
    """What somebody states in place of the policy; None: as the policy has it."""

    cases_a_day: float | None = None
    minutes_manual: float | None = None
    minute: float | None = None
    error: float | None = None
    steward_minutes_a_week: float | None = None
    licences_a_month: float | None = None
    retraining: float | None = None
    set_up: float | None = None


@dataclass(frozen=True, slots=True)
class Worth:
    """An estimate with what it rests on; `found` is None where nothing was rehearsed, and `terms` all that is known."""

    terms: EstimateTerms
    found: MonthlyEstimate | None
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As one document."""
        terms = {**asdict(self.terms), "cases_a_month": self.terms.cases_a_month, "by_hand": self.terms.by_hand}
        columns = None if self.found is None else {name: asdict(one) for name, one in self.found.columns.items()}
        return {"terms": terms, "estimate": columns, "rests_on": list(self.sentences)}


def document(found: Rehearsed, policy: Policy, *, policy_given: bool = True) -> dict[str, Any]:
    """A rehearsal as one document, with prices and goal of the policy that was rehearsed, and whether it was given."""
    goal = policy.goal
    return found.to_json() | {
        "prices": {**_prices(policy.costs), "error_costs": policy.error_costs},
        "policy_given": policy_given,
        "goal": {"automation_share": goal.automation_share, "error_rate_at_most": goal.error_rate_at_most},
    }


def terms_of(running: Running, policy: Policy) -> EstimateTerms:
    """A rehearsal's own volume at its policy's prices."""
    return EstimateTerms(running.cases / running.days, **_prices(policy.costs), error_costs=policy.error_costs)


def read(
    file: Path, given: Stated, *, policy: Path | None = None, time: str | None = None, encoding: str = "utf-8"
) -> Worth:
    """Reckon from a file.

    Args:
        file: a rehearsal's document (`.json`), or requests of the past with their time.
        given: what is stated in place of the policy.
        policy: whose prices count; without one those of the rehearsal, or for a past the sample business's.
        time: column with the time of arrival, for a file of the past.
        encoding: of a file of the past.

    Returns:
        The estimate; for a past only volume and cost by hand.

    Raises:
        BadInput: neither can be read in the file; the sentence says what to give.
    """
    rules = None if policy is None else policies.read(policy)
    told = _document(file) if file.suffix.lower() == ".json" else None
    if told is None:
        return _of_past(file, given, rules, time, encoding)
    running = _running(told, file)
    if running is None:
        raise BadInput(
            f"{file} tells of {told.get('days', 'too few')} days, and an ordinary month begins with week 4. "
            "Rehearse at least 28 days, without --days; where no --from leaves them, bring a longer file."
        )
    prices = _told_prices(told, file) if rules is None else _prices(rules.costs) | {"error_costs": rules.error_costs}
    terms = _with(EstimateTerms(running.cases / running.days, **prices), given)
    source = YOUR_POLICY if rules is not None or told.get("policy_given", True) else NO_POLICY
    return Worth(terms, estimate(running, terms), (*basis(running, terms, source), *_free(terms)))


def _document(file: Path) -> dict[str, Any] | None:
    """A rehearsal's document, None where the file is another JSON."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_number)
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {file}. Give the document that `{REHEARSE}` prints.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{file} cannot be read as JSON: {error}. Give what `{REHEARSE}` prints.") from error
    if not isinstance(told, dict) or "automated_share" not in told:
        raise BadInput(f"{file} is no rehearsal's document. Give what `{REHEARSE}` prints.")
    running = told.get("running")
    if (
        "running" not in told
        or "prices" not in told
        or (isinstance(running, dict) and not {"test_minutes", "wrong"} <= {*running})
    ):
        raise BadInput(f"{file} comes from an older Handrail and lacks what an estimate needs. Rehearse again.")
    return told


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _running(told: Mapping[str, Any], file: Path) -> Running | None:
    try:
        running: Running | None = TypeAdapter(Running | None).validate_python(told["running"])
    except ValidationError as error:
        raise BadInput(f"{file} was changed: {error.errors()[0]['msg']}. Rehearse again.") from error
    wrong = [] if running is None else impossible(running)
    if wrong:
        raise BadInput(f"{file} was changed: no rehearsal says so of its {wrong[0]}. Rehearse again.")
    return running


def _told_prices(told: Mapping[str, Any], file: Path) -> dict[str, Any]:
    try:
        prices = asdict(TypeAdapter(EstimateTerms).validate_python({"cases_a_day": 0.0, **told["prices"]}))
    except (ValidationError, TypeError) as error:
        raise BadInput(f"The prices in {file} cannot be read. Rehearse again, or give --policy.") from error
    amounts = [value for value in prices.values() if isinstance(value, float)] + list(prices["error_costs"].values())
    if not prices["currency"].strip() or any(not value >= 0 for value in amounts):
        raise BadInput(f"The prices in {file} are below nothing, or of no currency. Rehearse again, or give --policy.")
    return {name: value for name, value in prices.items() if name != "cases_a_day"}


def _of_past(file: Path, given: Stated, rules: Policy | None, time: str | None, encoding: str) -> Worth:
    costs = (policies.read(SAMPLE) if rules is None else rules).costs
    sentences, volume = [], given.cases_a_day
    if volume is None:
        volume, sentence = _volume(file, time, encoding)
        sentences.append(sentence)
    terms = _with(
        EstimateTerms(volume, **_prices(costs), error_costs={} if rules is None else rules.error_costs), given
    )
    if rules is None:
        sentences.append("What is not given by option is the sample business's: --policy FILE takes your own prices.")
    sentences.append(
        f"Share automated, errors and looks are {NOT_MEASURED}: rehearse first. `handrail rehearse {file} --text COL "
        "--label COL --time COL --json > rehearsal.json`, then `handrail report estimate rehearsal.json`."
    )
    return Worth(terms, None, tuple(sentences))


def _volume(file: Path, time: str | None, encoding: str) -> tuple[float, str]:
    found = reader.check(file, encoding=encoding)
    if time is None or time not in found:
        missing = "No column of times is named" if time is None else f"{file} has no column {time!r}"
        raise BadInput(f"{missing}; it has {', '.join(found)}. Name one with --time, or give --cases-a-day.")
    cells = pd.concat([one[time] for one in reader.frames(file, found, batch_rows=_ROWS, encoding=encoding)])
    moments = pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601").dropna()
    if moments.empty:
        raise BadInput(f"No cell of {time!r} is a time such as 2026-05-25T09:30:00. Give --cases-a-day instead.")
    days = (moments.max().normalize() - moments.min().normalize()).days + 1
    left = f"; {len(cells) - len(moments):,} rows without a time are left out" if len(moments) < len(cells) else ""
    return len(moments) / days, f"{len(moments):,} requests in {days:,} days{left}."


def _prices(costs: CostRules) -> dict[str, Any]:
    return {
        "currency": costs.currency,
        "minutes_manual": costs.minutes_manual,
        "minute": costs.minute,
        "error": costs.error,
        "steward_minutes_a_week": costs.steward_minutes_a_week,
        "licences_a_month": costs.licences_a_month,
        "retraining": costs.retraining,
    }


def _with(terms: EstimateTerms, given: Stated) -> EstimateTerms:
    return replace(terms, **{name: value for name, value in asdict(given).items() if value is not None})


def whole_money(amount: float, currency: str) -> str:
    """An amount without cents, which no estimate knows.

    >>> whole_money(1234.56, "EUR")
    '1,235 EUR'
    """
    return f"{round(amount):,} {currency}"


def basis(running: Running, terms: EstimateTerms, source: str) -> list[str]:
    """What an estimate rests on, in sentences; `source` says where its prices come from."""
    weeks = running.days / 7
    error = running.error
    wrong = (
        "none of them was automated, so that there is no error rate"
        if error is None
        else f"{error.of:,} automated, {written(error.value, 'share')} of them wrong in truth"
    )
    return [
        (
            f"Prices: a case by hand takes {terms.minutes_manual:g} minutes, a minute costs {terms.minute:g} "
            f"{terms.currency}, an error {terms.error:g} {terms.currency} unless its category has its own: {source}."
        ),
        f"Rehearsed: {running.cases:,} cases in {weeks:.3g} weeks from week {running.first_week} on; {wrong}.",
        (
            "Conservative takes the lower end of the 95 % interval of the share and the upper ends of wrong cases and "
            "minutes, all together; optimistic the other ends. Wrong cases, counted among all, have a range of their "
            "own, which is not share times error. People were simulated."
        ),
        (
            f"Cases left with people take {terms.minutes_manual:g} minutes, as by hand; that suggestions help is not "
            "counted, nor are people's own errors."
        ),
        f"Spent before: what the first {running.spent_days} days took beyond the work by hand, at the "
        "rehearsal's volume"
        + (f", and {whole_money(terms.set_up, terms.currency)} to set up." if terms.set_up else "."),
    ]


def _free(terms: EstimateTerms) -> list[str]:
    nothing = {
        "the steward's time (costs.steward_minutes_a_week)": terms.steward_minutes_a_week,
        "licences (costs.licences_a_month)": terms.licences_a_month,
        "trainings (costs.retraining)": terms.retraining,
    }
    free = [name for name, amount in nothing.items() if not amount]
    return [f"Counted as nothing, for want of a figure: {', '.join(free)}."] if free else []


def rows(found: MonthlyEstimate) -> list[tuple[str, str, str, str]]:
    """A row a figure, with its three columns as people read them."""
    terms, columns = found.terms, list(found.columns.values())

    def row(name: str, shown: list[str]) -> tuple[str, str, str, str]:
        return name, shown[0], shown[1], shown[2]

    def money(amount: float | None) -> str:
        return "never" if amount is None else whole_money(amount, terms.currency)

    unpriced = {
        "steward's time": not terms.steward_minutes_a_week,
        "licences": not terms.licences_a_month,
        "trainings": not terms.retraining,
    }
    parts = [
        row(name, ["no price given"] * 3 if unpriced.get(name) else [money(one.parts[name]) for one in columns])
        for name in columns[0].parts
    ]
    return [
        row("cases a month", [f"{terms.cases_a_month:,.0f}"] * 3),
        row("automated", [written(one.share, "share") for one in columns]),
        row("of it wrong", [written(one.error, "share") for one in columns]),
        row("wrong cases a month", [f"{one.errors:,.1f}" for one in columns]),
        row("hours saved a month", [f"{one.hours_saved:,.1f}" for one in columns]),
        row("cost by hand", [money(one.by_hand) for one in columns]),
        *parts,
        row("cost with Handrail", [money(one.cost) for one in columns]),
        row("net a month", [money(one.net) for one in columns]),
        row(PAYS_BELOW, [_rate(one) for one in columns]),
        row(PAYS_FROM, [_volume_shown(one) for one in columns]),
        row(SPENT, [money(one.spent) for one in columns]),
        row(PAID_BACK, [_months(one) for one in columns]),
    ]


def _rate(one: MonthAhead) -> str:
    return "none" if one.break_even_error is None else written(one.break_even_error, "share")


def _volume_shown(one: MonthAhead) -> str:
    if one.break_even_cases_a_day is None:
        return "no volume"
    return f"{one.break_even_cases_a_day:,.1f}" if one.break_even_cases_a_day > 0 else "any volume"


def _months(one: MonthAhead) -> str:
    if one.spent <= 0:
        return "nothing to pay back"
    if one.months_to_repay is None:
        return "never"
    return "in the first weeks" if one.months_to_repay < FEW_DAYS else f"after {one.months_to_repay:,.1f} months"


def by_hand_rows(terms: EstimateTerms) -> list[tuple[str, str]]:
    """What is known without a rehearsal."""
    hours = terms.cases_a_month * terms.minutes_manual / 60
    return [
        ("cases a day", f"{terms.cases_a_day:,.1f}"),
        ("cases a month", f"{terms.cases_a_month:,.0f}"),
        ("hours by hand a month", f"{hours:,.1f}"),
        ("cost by hand a month", written(terms.by_hand, terms.currency)),
        *((name, f"{NOT_MEASURED}: rehearse first") for name in ("automated", "of it wrong", "net a month")),
    ]
