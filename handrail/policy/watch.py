"""Rules of the watch: breaker, audit sample, drift, fairness, alerts, dead-man's switch, goals."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from handrail.policy.base import Duration, Money, Share, Strict


class BreakerRules(Strict):
    """When rejections of audited auto-approvals pause a category.

    `literal` pauses at the rate `limit` over the `window`. `esr` pauses as soon as the rejections can hardly come from
    a rate of `healthy_rate` or less: over the `horizon` it pauses a healthy category with probability `budget` at most.
    """

    rule: Literal["literal", "esr"] = "esr"
    limit: Annotated[float, Field(gt=0, le=1)] = 0.05
    window: Duration = timedelta(hours=48)
    min_reviewed: Annotated[int, Field(ge=1)] = 30
    healthy_rate: Annotated[float, Field(gt=0, lt=1, description="rate of rejections that is no alarm")] = 0.03
    budget: Annotated[float, Field(gt=0, lt=1, description="false pauses of a category within the horizon")] = 0.05
    horizon: Duration = timedelta(days=30)

    @model_validator(mode="after")
    def _limit_above_healthy(self) -> Self:
        if self.limit <= self.healthy_rate:
            raise ValueError("the breaker's limit must lie above its healthy_rate")
        return self


AT_LEAST_A_DAY = 8
"""Enough to renew the certificate of a version with a quarter of the allowed error, in more than eight looks of ten."""


def _is_usual(number: int) -> bool:
    return number == AT_LEAST_A_DAY


class StratumRules(Strict):
    """The audit's strata beside the simple-random draw."""

    low_confidence_below: Share = 0.97
    low_confidence_rate: Share = 0.05
    high_value_above: Money = 200
    high_value_rate: Share = 0.10
    new_segment_days: Annotated[int, Field(ge=1)] = 14
    new_segment_rate: Share = 0.10
    watched_rate: Share = Field(0.20, description="of a category under watch: resumed or with a rising breaker")
    watched_for: Duration = timedelta(days=14)


class SamplingPolicy(Strict):
    """Which auto-approvals people look at again: a share of them, and so many a business day at least."""

    at_least_a_day: Annotated[int, Field(ge=0, le=500)] = Field(
        AT_LEAST_A_DAY,
        # Left out where it is the usual one: what was published before it existed keeps its version.
        exclude_if=_is_usual,
        description="audits drawn at random a business day, where the share comes to fewer",
    )
    random_rate: Annotated[float, Field(ge=0.01, le=0.05)] = 0.03
    strata: StratumRules = StratumRules()
    minutes_a_day: Annotated[float, Field(gt=0)] | None = Field(
        None, description="reviewer minutes for audits; the strata give way first, then the share, the number last"
    )


class DriftRules(Strict):
    """When an input shift counts, and how much more is audited then."""

    min_cases: Annotated[int, Field(ge=1)] = 100
    psi_at_least: Annotated[float, Field(gt=0)] = 0.1
    min_new_terms: Annotated[int, Field(ge=1)] = 5
    false_discovery_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    audit_factor: Annotated[float, Field(ge=1, le=20)] = 3
    audit_factor_for: Duration = timedelta(days=7)


class FairnessRules(Strict):
    """The groups or proxies that are compared."""

    groups: tuple[str, ...] = ()
    max_gap: Share = 0.05
    max_waiting_gap: Duration = timedelta(hours=4)


class AlertRules(Strict):
    """Who hears of trouble outside the desk; the channels' addresses are secrets and stand in the environment."""

    at_least: Literal["info", "warning", "critical"] = "warning"
    repeat_after: Duration = Field(timedelta(hours=24), description="an alert that still stands is told again")


class WatchRules(Strict):
    """The dead-man's switch: without a living watch nothing is approved by itself."""

    silent_for: Duration = timedelta(hours=30)


class KpiGoal(Strict):
    """The 90-day goal of the business case."""

    automation_share: Share = 0.30
    error_rate_at_most: Share = 0.03
    horizon: Duration = timedelta(days=90)
