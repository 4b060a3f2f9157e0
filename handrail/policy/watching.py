"""Rules of the watch: breaker, audit sample, drift, fairness, dead-man's switch, goals."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from handrail.policy.base import Duration, Money, Share, Strict


class BreakerRules(Strict):
    """When rejections of audited auto-approvals pause a category."""

    rule: Literal["literal"] = "literal"
    limit: Annotated[float, Field(gt=0, le=1)] = 0.05
    window: Duration = timedelta(hours=48)
    min_reviewed: Annotated[int, Field(ge=1)] = 30
    healthy_rate: Share = Field(0.02, description="true rate for which the false-alarm rate is computed")


class StratumRules(Strict):
    """The audit's strata beside the simple-random draw."""

    low_confidence_below: Share = 0.97
    low_confidence_rate: Share = 0.05
    high_value_above: Money = 200
    high_value_rate: Share = 0.10
    new_segment_days: Annotated[int, Field(ge=1)] = 14
    new_segment_rate: Share = 0.10


class SamplingPolicy(Strict):
    """Which share of auto-approvals people look at again."""

    random_rate: Annotated[float, Field(ge=0.01, le=0.05)] = 0.03
    strata: StratumRules = StratumRules()


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


class WatchRules(Strict):
    """The dead-man's switch: without a living watch nothing is approved by itself."""

    silent_for: Duration = timedelta(hours=30)


class KpiGoal(Strict):
    """The 90-day goal of the business case."""

    automation_share: Share = 0.30
    error_rate_at_most: Share = 0.03
    horizon: Duration = timedelta(days=90)
