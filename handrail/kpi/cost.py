"""What a case costs: people's minutes and the errors of machine and people, beside the work by hand."""

from collections.abc import Mapping
from math import hypot
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from handrail.kpi.before import Before
from handrail.kpi.figure import Estimated, Kpi, weighted
from handrail.kpi.spending import spending
from handrail.kpi.trace import ENOUGH, Trace
from handrail.policy import CostRules

NO_OWN: Mapping[str, float] = MappingProxyType({})
"""No category has a price of its own for an error."""
MACHINE, PEOPLE = "errors of auto-approvals", "errors of people"
"""Parts of the cost that are errors."""


def audited(trace: Trace) -> Estimated:
    """Share of the auto-approvals that audits come to another category about, each weighted for how it was drawn.

    Args:
        trace: what happened in a span of time.

    Returns:
        The share with its interval; None without an audit.

    Source: docs/concepts.md, *error-rate reduction*; docs/decisions/0041-weights.md.

    >>> import pandas as pd
    >>> work = pd.DataFrame({"case_id": [1, 2, 3], "chance": [0.5, 0.25, float("nan")], "differs": [True, False, True]})
    >>> round(audited(Trace(work, work, work, work)).value, 3)
    0.333
    """
    drawn = trace.work[trace.work["chance"].notna()].drop_duplicates("case_id", keep="last")
    return weighted(drawn["differs"], drawn["chance"], drawn["case_id"])


def mean_price(
    categories: "pd.Series[str]", weights: ArrayLike, costs: CostRules, own: Mapping[str, float] = NO_OWN
) -> float:
    """What one error costs, on the weighted mean over some cases.

    Args:
        categories: of each case.
        weights: of each case, positive.
        costs: the policy's prices.
        own: price of an error in the categories that have one of their own.

    Returns:
        The price in the policy's currency; `costs.error` without cases.

    Source: own definition.

    >>> mean_price(pd.Series(["a", "b"]), [3, 1], CostRules(error=10.0), {"b": 50.0})
    20.0
    """
    if not own or categories.empty:
        return costs.error
    prices = np.array([own.get(name, costs.error) for name in categories], dtype=np.float64)
    return float(np.average(prices, weights=np.asarray(weights, dtype=np.float64)))


def machine_price(trace: Trace, costs: CostRules, own: Mapping[str, float] = NO_OWN) -> float:
    """What a wrong auto-approval costs: the mean over the audits that rejected, over all audits where none did.

    Args:
        trace: what happened in a span of time.
        costs: the policy's prices.
        own: price of an error in the categories that have one of their own.

    Returns:
        The price in the policy's currency, each audit weighted for how it was drawn.

    Source: docs/concepts.md, *cost per case*.

    >>> work = pd.DataFrame({"case_id": [1, 2], "chance": [0.5, 0.25], "differs": [True, True], "category": ["a", "b"]})
    >>> machine_price(Trace(work, work, work, work), CostRules(error=10.0), {"b": 40.0})
    30.0
    """
    if not own:
        return costs.error
    drawn = trace.work[trace.work["chance"].notna()].drop_duplicates("case_id", keep="last")
    wrong = drawn[drawn["differs"].astype(bool)]
    of = wrong if len(wrong) else drawn
    return mean_price(of["category"], 1 / of["chance"].to_numpy(dtype=float), costs, own)


def _people_price(trace: Trace, costs: CostRules, own: Mapping[str, float]) -> float:
    """Over all cases settled, now as before: who decides them is another question."""
    if not own:
        return costs.error
    settled = trace.work[trace.work["first"].astype(bool)]
    return mean_price(settled["category"], np.ones(len(settled)), costs, own)


def cost_per_case(trace: Trace, before: Before, costs: CostRules, own: Mapping[str, float] = NO_OWN) -> Kpi:
    """(People's minutes × price of a minute + expected errors × price of an error) ÷ cases settled in the span.

    Errors of auto-approvals at their audited rate, unmeasured where nobody audited; errors of people at their rechecked
    rate of shadow, now as before, or, with too few rechecks, left out of both. Whoever looks again slips as well, which
    raises both costs and leaves their difference as it is. The interval adds up those of its parts.

    Args:
        trace: what happened in the span, with minutes (see `trace.timed`).
        before: the work by hand.
        costs: the policy's prices.
        own: price of an error in the categories that have one of their own.

    Returns:
        The figure in the policy's currency, in parts that add up.

    Source: docs/concepts.md, *cost per case*.

    >>> import pandas as pd
    >>> row = {"kind": "review", "first": True, "assumed": False, "minutes": 2.0, "chance": None, "differs": False}
    >>> work = pd.DataFrame([{**row, "case_id": 1}, {**row, "case_id": 2}])
    >>> trace, costs = Trace(work, work, work, work), CostRules(minute=0.5)
    >>> before = Before(trace, "shadow", Estimated(5.0, None, None, ()), Estimated(None, None, None, ()), "shadow")
    >>> cost_per_case(trace, before, costs).value, cost_per_case(trace, before, costs).before
    (1.0, 2.5)
    """
    spent, by_hand = spending(trace.work), before.minutes
    wrong = _errors(trace, before, spent.automatic)
    formula = "minutes × price + errors of auto-approvals and people × price"
    past_error = past_people_error(before)
    people_price = _people_price(trace, costs, own)
    past = (by_hand.value or 0.0) * costs.minute + (past_error or 0.0) * people_price
    basis = before.basis + ("" if past_error is not None else "; people's errors are left out: too few rechecks")
    if not spent.cases or wrong is None:
        return Kpi("cost per case", None, costs.currency, 0, formula, None, None, past, by_hand.n, basis)
    parts = {name: minutes * costs.minute for name, minutes in spent.parts.items()}
    price = {MACHINE: machine_price(trace, costs, own), PEOPLE: people_price}
    parts |= {name: (rate.value or 0.0) * weight * price[name] for name, (rate, weight) in wrong.items()}
    value, low, high = sum(parts.values()), None, None
    if spent.reach is not None:
        # The parts are summed in another order than the ends, so that without a reach the last digits may differ.
        low = min(value, (spent.minutes - spent.reach) * costs.minute + _bound(wrong, price, "low"))
        high = max(value, (spent.minutes + spent.reach) * costs.minute + _bound(wrong, price, "high"))
    return Kpi(
        "cost per case",
        value,
        costs.currency,
        len(spent.cases),
        formula,
        low,
        high,
        past,
        by_hand.n,
        basis,
        parts,
        spent.cases,
    )


def saving_per_case(
    trace: Trace, before: Before, costs: CostRules, own: Mapping[str, float] = NO_OWN
) -> tuple[float, float | None, float | None] | None:
    """Cost by hand − cost of the span, per case, with its interval.

    The ends take the worse and the better ends of all rates at once, so that they hold at 95 % and more. Errors of
    cases that people decide are on both sides and drop out.

    Args:
        trace: what happened in the span, with minutes (see `trace.timed`).
        before: the work by hand.
        costs: the policy's prices.
        own: price of an error in the categories that have one of their own.

    Returns:
        Value, low end, high end; None where the cost is not measured.

    Source: docs/concepts.md, *Business case*.

    >>> import pandas as pd
    >>> row = {"kind": "review", "first": True, "assumed": False, "minutes": 2.0, "chance": None, "differs": False}
    >>> work = pd.DataFrame([{**row, "case_id": 1}, {**row, "case_id": 2}])
    >>> trace, costs = Trace(work, work, work, work), CostRules(minute=0.5)
    >>> before = Before(trace, "shadow", Estimated(5.0, None, None, ()), Estimated(None, None, None, ()), "shadow")
    >>> saving_per_case(trace, before, costs)
    (1.5, 1.5, 1.5)
    """
    cost, spent = cost_per_case(trace, before, costs, own), spending(trace.work)
    if cost.value is None or cost.before is None:
        return None
    value, machine = cost.before - cost.value, audited(trace)
    if spent.reach is None:
        return value, None, None
    by_hand = before.minutes
    past = 0.0 if by_hand.high is None else by_hand.high - (by_hand.value or 0.0)
    reach = hypot(spent.reach, past) * costs.minute
    people = before.errors if past_people_error(before) is not None else Estimated(0.0, 0.0, 0.0, ())
    machines, peoples = (
        spent.automatic * price for price in (machine_price(trace, costs, own), _people_price(trace, costs, own))
    )
    below = peoples * ((people.value or 0.0) - (people.low or 0.0))
    below += machines * ((machine.high or 0.0) - (machine.value or 0.0))
    above = peoples * ((people.high or 0.0) - (people.value or 0.0))
    above += machines * ((machine.value or 0.0) - (machine.low or 0.0))
    return value, value - reach - below, value + reach + above


def past_people_error(before: Before) -> float | None:
    """People's rechecked error rate in shadow.

    Args:
        before: the work by hand.

    Returns:
        The rate; None where too few were rechecked to count it.

    Source: docs/concepts.md, *Before*.

    >>> import pandas as pd
    >>> nothing = pd.DataFrame()
    >>> rechecked, trace = Estimated(0.05, 0.01, 0.1, tuple(range(40))), Trace(nothing, nothing, nothing, nothing)
    >>> past_people_error(Before(trace, "shadow", rechecked, rechecked, "shadow"))
    0.05
    """
    return before.errors.value if before.errors.n >= ENOUGH else None


def _errors(trace: Trace, before: Before, automatic: float) -> Mapping[str, tuple[Estimated, float]] | None:
    """Error rates with the share of cases they hold for; None where auto-approvals went out that nobody audited."""
    machine = audited(trace)
    if automatic and not machine.n:
        return None  # approvals whose errors nobody has looked for are not free
    rates = {MACHINE: (machine, automatic)} if automatic else {}
    if past_people_error(before) is not None:
        # Later rechecks are of other cases, drawn where people decide blindly still: they compare with nothing.
        rates[PEOPLE] = (before.errors, 1 - automatic)
    return rates


def _bound(wrong: Mapping[str, tuple[Estimated, float]], price: Mapping[str, float], end: str) -> float:
    return sum((getattr(rate, end) or 0.0) * weight * price[name] for name, (rate, weight) in wrong.items())
