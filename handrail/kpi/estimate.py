"""What automation would cost and save in a month, reckoned from a rehearsal before anything is live."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from handrail.running import Ratio, Running

DAYS_A_MONTH = 365.25 / 12
WEEKS_A_MONTH = DAYS_A_MONTH / 7
COLUMNS = ("conservative", "expected", "optimistic")
NOTHING = Ratio(0.0, 0.0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class EstimateTerms:
    """Volume and prices, in `currency`; `error_costs` are prices of an error in categories that have their own.

    `set_up` is money spent once, beside what the first weeks cost.
    """

    cases_a_day: float
    minutes_manual: float
    minute: float
    error: float
    currency: str
    error_costs: Mapping[str, float] = field(default_factory=dict)
    steward_minutes_a_week: float = 0.0
    licences_a_month: float = 0.0
    retraining: float = 0.0
    set_up: float = 0.0

    @property
    def cases_a_month(self) -> float:
        """Cases of a month of average length."""
        return self.cases_a_day * DAYS_A_MONTH

    @property
    def by_hand(self) -> float:
        """What a month costs when people do everything; their own errors are not counted, here or later."""
        return self.cases_a_month * self.minutes_manual * self.minute


@dataclass(frozen=True, slots=True)
class MonthAhead:
    """One column: a month with Handrail beside the same month by hand, money in the terms' currency.

    `hours_saved` are people's hours by hand less all hours with Handrail. `parts` add up to `cost`. `break_even_error`
    is the error rate above which the month costs more than by hand, `break_even_cases_a_day` the volume below which it
    does (None: at no volume, or at no error rate). `months_to_repay`: until `spent` is back; None: never.
    """

    share: float
    error: float | None
    hours_saved: float
    errors: float
    parts: Mapping[str, float]
    cost: float
    by_hand: float
    net: float
    break_even_error: float | None
    break_even_cases_a_day: float | None
    spent: float
    months_to_repay: float | None


@dataclass(frozen=True, slots=True)
class MonthlyEstimate:
    """Three columns, from the worse ends of all intervals at once, their values, and their better ends."""

    terms: EstimateTerms
    conservative: MonthAhead
    expected: MonthAhead
    optimistic: MonthAhead

    @property
    def columns(self) -> dict[str, MonthAhead]:
        """The columns by name."""
        return {"conservative": self.conservative, "expected": self.expected, "optimistic": self.optimistic}


def price_of_error(running: Running, terms: EstimateTerms) -> float:
    """What one wrong automatic case costs, as the rehearsal's errors fell on the categories.

    Args:
        running: a rehearsal's ordinary weeks.
        terms: the prices.

    Returns:
        The mean over its errors; where it had none over its automatic cases, and without these `terms.error`.

    Source: own definition.

    >>> from handrail.running import CategoryPlayed, Ratio
    >>> one = Ratio(0.5, 0.4, 0.6, 10)
    >>> outcomes = {"a": CategoryPlayed(4, 1), "b": CategoryPlayed(1, 1)}
    >>> terms = EstimateTerms(10, 6, 0.5, 20.0, "EUR", error_costs={"b": 40.0})
    >>> price_of_error(Running(4, 7, 10, one, one, one, 0, outcomes), terms)
    30.0
    """
    weights = {name: one.errors for name, one in running.outcomes.items()}
    if not sum(weights.values()):
        weights = {name: one.automated for name, one in running.outcomes.items()}
    whole = sum(weights.values())
    if not whole:
        return terms.error
    return sum(count * terms.error_costs.get(name, terms.error) for name, count in weights.items()) / whole


def estimate(running: Running, terms: EstimateTerms) -> MonthlyEstimate:
    """A month with Handrail in three columns.

    Cases left with people take as long as by hand: that a suggestion helps is not counted. *Conservative* takes the
    lower end of the share and the upper ends of wrong cases and minutes together, and so holds with more than 95 %.

    Args:
        running: a rehearsal's ordinary weeks.
        terms: volume and prices.

    Returns:
        The columns.

    Source: docs/concepts.md, *Estimate*.

    >>> from handrail.running import Ratio
    >>> share, error, minutes = Ratio(0.5, 0.4, 0.6, 100), Ratio(0.02, 0.0, 0.04, 50), Ratio(0.5, 0.4, 0.6, 100)
    >>> terms = EstimateTerms(100 / DAYS_A_MONTH, 6.0, 0.5, 20.0, "EUR")
    >>> found = estimate(Running(4, 28, 100, share, error, minutes, 0), terms)
    >>> round(found.expected.net, 2), round(found.conservative.net, 2)
    (105.0, 58.0)
    """
    share, error, minutes, tests = running.share, running.error, running.minutes, running.test_minutes or NOTHING

    def column(share: float, errors: tuple[float | None, float | None], minutes: float, tests: float) -> MonthAhead:
        return _month(running, terms, share, errors, (minutes, tests))

    # Share and error move together: the wrong cases have a range of their own, not the product of two ends.
    wrong = running.wrong
    worst = (None if error is None else error.high, None if wrong is None else wrong.high)
    mean = (None if error is None else error.value, None if wrong is None else wrong.value)
    best = (None if error is None else error.low, None if wrong is None else wrong.low)
    return MonthlyEstimate(
        terms,
        column(share.low, worst, minutes.high, tests.high),
        column(share.value, mean, minutes.value, tests.value),
        column(share.high, best, minutes.low, tests.low),
    )


def _month(
    running: Running,
    terms: EstimateTerms,
    share: float,
    errors: tuple[float | None, float | None],
    certainty: tuple[float, float],
) -> MonthAhead:
    """A column.

    `errors` are the wrong ones among the automatic cases and among all; `certainty` are the minutes of looks and of
    test cases for each case that comes.
    """
    error, of_all = errors
    minutes, tests = certainty
    if of_all is None:
        of_all = share * (error or 0.0)
    cases, minute, price = terms.cases_a_month, terms.minute, price_of_error(running, terms)
    automated = cases * share
    wrong = cases * of_all
    trainings = running.trainings / running.days * DAYS_A_MONTH if running.days else 0.0
    steward = terms.steward_minutes_a_week * WEEKS_A_MONTH
    fixed = {
        "steward's time": steward * minute,
        "licences": terms.licences_a_month,
        "trainings": trainings * terms.retraining,
    }
    parts = {
        "cases that people decide": (cases - automated) * terms.minutes_manual * minute,
        "audits, second looks and rechecks": cases * minutes * minute,
        "test cases": cases * tests * minute,
        "errors": wrong * price,
        **fixed,
    }
    cost, beside = sum(parts.values()), sum(fixed.values())
    net = terms.by_hand - cost
    saved_minutes = automated * terms.minutes_manual - cases * (minutes + tests) - steward
    # Of a case: what it saves when nothing it does is wrong, and what its errors cost.
    gain = share * terms.minutes_manual * minute - (minutes + tests) * minute
    lost = of_all * price
    at_most = (gain * cases - beside) / (automated * price) if automated * price > 0 else None
    spent = _spent(running, terms)
    return MonthAhead(
        share,
        error,
        saved_minutes / 60,
        wrong,
        parts,
        cost,
        terms.by_hand,
        net,
        None if at_most is None or at_most < 0 else min(1.0, at_most),
        beside / (gain - lost) / DAYS_A_MONTH if gain > lost else None,
        spent,
        spent / net if net > 0 else None,
    )


def _spent(running: Running, terms: EstimateTerms) -> float:
    """What the weeks before the ordinary ones cost beyond the work by hand, at the rehearsal's own volume."""
    weeks = running.spent_days / 7
    time = running.spent_minutes + running.spent_test_minutes + weeks * terms.steward_minutes_a_week
    licences = terms.licences_a_month * running.spent_days / DAYS_A_MONTH
    return terms.set_up + time * terms.minute + licences + running.spent_trainings * terms.retraining
