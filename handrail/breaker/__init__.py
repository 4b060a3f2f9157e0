"""The breaker: when rejections say that a category should stop deciding by itself."""

from handrail.breaker.hours import Bins, by_hour
from handrail.breaker.literal import BreakerReading, detectable, false_alarm_rate, first_trip, literal
from handrail.breaker.power import delays
from handrail.breaker.sequential import Detector, DetectorState, Step, advance, is_stale, level, path

__all__ = [
    "Bins",
    "BreakerReading",
    "Detector",
    "DetectorState",
    "Step",
    "advance",
    "by_hour",
    "delays",
    "detectable",
    "false_alarm_rate",
    "first_trip",
    "is_stale",
    "level",
    "literal",
    "path",
]
