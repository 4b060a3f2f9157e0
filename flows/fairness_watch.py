"""Fairness watch: approval, override, error and waiting compared across groups or proxies."""

from datetime import timedelta

from prefect import flow

from flows.parameters import AsOf, Days, Home
from handrail.fairness import GapVerdict
from handrail.figures.fairness import WAITING, FairnessRow
from handrail.reading import Verdict
from tasks import publish
from tasks.occasion import Occasion, begin
from tasks.watch.attendance import attended
from tasks.watch.fairness import Comparison, compare_groups


@flow(name="fairness-watch", persist_result=False)
@attended("fairness_watch")
def fairness_watch(days: Days = 28, as_of: AsOf = None, home: Home = None) -> list[Comparison]:
    """Compare the decisions of the last days across the policy's groups, with intervals and verdicts.

    Each group is compared with everybody else; a gap that lies beyond the policy's bound is an alarm, and emits the
    event `handrail.fairness.gap`.
    """
    occasion = begin("fairness_watch", home=home, as_of=as_of)
    compared = compare_groups(occasion, timedelta(days=days))
    rows = [row.to_json() for one in compared for row in one.rows()]
    publish.table("fairness", rows, f"Each group beside everybody else, last {days} days; waits in hours")
    publish.text("fairness-findings", findings(occasion, compared), f"What the groups show, last {days} days")
    for one in compared:
        if one.verdict is Verdict.ALARM:
            business = occasion.policy.business
            publish.event(
                "handrail.fairness.gap",
                f"handrail.business.{business}",
                {"business": business, "grouping": one.grouping, "as_of": as_of or ""},
            )
    return compared


def findings(occasion: Occasion, compared: list[Comparison]) -> str:
    """What was found, in sentences: the alarms first, then what could not have been seen."""
    rules = occasion.policy.fairness
    hours = rules.max_waiting_gap / timedelta(hours=1)
    lines = [f"Bounds: {rules.max_gap:.1%} of the cases, {hours:g} hours of waiting."]
    for one in compared:
        rows = one.rows()
        lines.append(f"\n### {one.grouping}: {str(one.verdict).replace('_', ' ')}\n")
        lines += [f"- {_sentence(row)}" for row in rows if row.verdict.shows_gap]
        weak = [row for row in rows if row.verdict is GapVerdict.UNDERPOWERED]
        lines += [f"- {len(weak)} of {len(rows)} comparisons are underpowered: {_needed(weak)}"] if weak else []
        if one.fault is not None:
            lines.append(f"- Could not be compared ({one.fault}). The log of this run says where it failed.")
        elif not rows:
            lines.append("- No decisions to compare.")
    return "\n".join(lines)


def _sentence(row: FairnessRow) -> str:
    if row.metric == WAITING:
        size = f"{row.gap:+.1f} hours [{row.gap_low:+.1f}, {row.gap_high:+.1f}]"
    else:
        size = f"{row.gap:+.1%} [{row.gap_low:+.1%}, {row.gap_high:+.1%}]"
    return f"{row.metric} of {row.group}: {size} beside everybody else, {row.cases} cases: {row.verdict}"


def _needed(weak: list[FairnessRow]) -> str:
    told = []
    for row in weak:
        more = f", {row.needed:,} are needed" if row.needed else ""
        told.append(f"{row.metric} of {row.group} ({row.cases:,} cases{more})")
    return "; ".join(told) + "."
