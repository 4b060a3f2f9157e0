"""The demo: weeks of the sample business through the same flows as in production, only faster.

Everything is real except the people and the outcomes, which `tasks.rehearsal.simulate` plays. The steward's decisions
(stages, reviews, resumes, the rehearsed rollback) follow the plan below.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from flows.agreement_watch import agreement_watch
from flows.audit_sampling import audit_sampling
from flows.deployment import deployment
from flows.drift_detection import drift_detection
from flows.due import run_due
from flows.fairness_watch import fairness_watch
from flows.kpi_report import kpi_report
from flows.quality_watch import quality_watch
from flows.queue_assignment import queue_assignment
from flows.retraining import NotTrained, Retrained, retraining
from flows.shadow_scoring import Shadowed, shadow_scoring
from flows.sla_watch import sla_watch
from flows.triage import Triaged, triage
from handrail import settlement
from handrail.acts import pausing
from handrail.drift.verdict import DriftVerdict
from handrail.errors import Refused
from handrail.estimates import Estimate, hajek
from handrail.policy import Consequence, Stage
from handrail.sample import EVENTS, SampleBusiness, generate_weeks, reviewers
from handrail.store import audits as stored_audits
from handrail.store import cases, decisions, models, trail
from handrail.store import escalations as stored_escalations
from handrail.store import labels as label_rows
from handrail.store import pauses as stored_pauses
from handrail.store import stages as stored_stages
from handrail.store.frames import records
from handrail.window import Window
from handrail.workspace import Workspace
from tasks.intake.outcomes import import_outcomes
from tasks.learning.certificate_accounts import certified
from tasks.learning.judge import Judgement
from tasks.occasion import Occasion, enter
from tasks.rehearsal import simulate, steward
from tasks.rehearsal.simulate import OWNER, STEWARD
from tasks.rehearsal.story import (
    Afterwards,
    Gap,
    Judged,
    Planted,
    ReviewOutcome,
    Story,
    Training,
    Version,
    Week,
    WeekDrift,
)
from tasks.routing.receiver import Ledger
from tasks.watch.fairness import Comparison

PLAN = {3: Stage.SUGGEST, 4: Stage.PARTIAL, 6: Stage.AUTO}
"""Week → stage that the steward gives to every category of low consequence which is not paused."""
RETRAINED_EVERY = 4
TESTED_EVERY = 24
"""Weeks after which everybody labels gold cases again; a training counts a little longer."""
EARLY_SHIFT = timedelta(hours=7)
NEXT_WEEK = 800
"""Cases of the week whose first day is left at the desk."""
FIRST_HOUR = 24
"""Cases that the first to come decides."""
REHEARSAL = 24
"""Week of the rehearsed rollback: an operator who never did it will not do it well."""
WEEK = timedelta(weeks=1)
CLOSED = timedelta(hours=8)
"""How long after its last day a week is closed: by then the last delivery is decided. Each closing ends a window."""
CAPACITY = 90
"""Work items that one reviewer can do in one sitting; two sittings a day."""


class SampleRehearsal:
    """Runs the weeks and writes down what happened."""

    def __init__(
        self, workspace: Workspace, business: SampleBusiness, mapping: str, *, tell: Callable[[Week], None]
    ) -> None:
        """Take a fresh workspace with the sample policy; `tell` hears of every finished week."""
        self._workspace = workspace
        self._business = business
        self._mapping = mapping
        self._tell = tell
        self._rng = np.random.default_rng([business.seed, 99])
        self._staff = simulate.Staff(business, reviewers(), self._rng)
        self._inbox = workspace.home / "inbox"
        self._error_limit = self._at(business.start).policy.retraining.error_rate_above
        self.story = Story(business.seed, business.start.date().isoformat())

    def run(self) -> Story:
        """All weeks, then the closing figures."""
        began = time.monotonic()
        self._begin()
        for number in range(1, int(self._business.cases["week"].max()) + 1):
            self.story.weeks.append(self._week(number))
            self._tell(self.story.weeks[-1])
        self._close()
        self._leave_work()
        self.story.seconds = time.monotonic() - began
        return self.story

    def _at(self, moment: datetime) -> Occasion:
        return enter(self._workspace, STEWARD, moment)

    def _run(self, flow: Callable[..., Any], moment: datetime, **parameters: Any) -> Any:  # noqa: ANN401
        self.story.flow_runs += 1
        return flow(**parameters, as_of=moment.isoformat(), home=str(self._workspace.home))

    def _begin(self) -> None:
        start = self._business.start
        simulate.staff(self._at(start), reviewers())
        self._test_people(start, 1)
        history = self._inbox / "history.jsonl"
        simulate.deliver_file(self._business.history, history)
        self._run(triage, start, file=str(history), mapping=self._mapping)
        self._run(retraining, start, cause="by_hand")

    def _test_people(self, moment: datetime, number: int) -> None:
        """Gold cases, before the last training runs out; with chance of their own, so that weeks stay comparable."""
        rng = np.random.default_rng([self._business.seed, 98, number])
        simulate.qualify(self._at(moment), self._business.gold, reviewers(), rng)

    def _week(self, number: int) -> Week:
        week = Week(number)
        first = self._business.start + timedelta(weeks=number - 1)
        if number > 1 and number % TESTED_EVERY == 1:
            self._test_people(first, number)
        self._plan(week, first)
        for day in range(7):
            self._day(week, first + timedelta(days=day))
        self._close_week(week, first, first + timedelta(weeks=1))
        return week

    def _plan(self, week: Week, moment: datetime) -> None:
        """The steward's Monday: reviews are closed, paused categories resume, stages move."""
        occasion = self._at(moment)
        resumed, paused = steward.end_pauses(occasion, OWNER)
        week.resumed += [str(category) for category in resumed]
        with occasion.store.read() as connection:
            stages = stored_stages.stages(connection, occasion.policy)
        wanted = [stage for begins, stage in PLAN.items() if begins <= week.number]
        if not wanted:
            return
        moved = 0
        for category, rules in occasion.policy.categories.items():
            behind = list(Stage).index(stages[category]) < list(Stage).index(wanted[-1])
            resting = category in paused or category in week.resumed
            if rules.consequence is not Consequence.HIGH and behind and not resting:
                pausing.set_stage(
                    occasion.store,
                    category,
                    wanted[-1],
                    reason="rollout plan",
                    policy=occasion.policy,
                    actor=STEWARD,
                    now=moment,
                )
                moved += 1
        if moved:
            week.stages.append(f"{moved} categories → {wanted[-1]}")

    def _day(self, week: Week, midnight: datetime) -> None:
        received = self._business.cases["received_at"]
        today = self._business.cases[(received >= midnight) & (received < midnight + timedelta(days=1))]
        file = self._inbox / f"{midnight:%Y-%m-%d}.jsonl"
        simulate.deliver_file(today, file)
        evening = midnight + timedelta(days=1)
        last = evening.weekday() == self._business.start.weekday()
        result: Triaged = self._run(triage, evening, file=str(file), mapping=self._mapping, watches=True, docs=last)
        week.cases += result.received
        week.quarantined += result.quarantined
        for queue, count in result.queues.items():
            week.queues[queue] = week.queues.get(queue, 0) + count
        for reason, count in result.reasons.items():
            week.reasons[reason] = week.reasons.get(reason, 0) + count
        for hours in (2, 6):
            self._staff.work(self._at(evening + timedelta(hours=hours)), week.number, CAPACITY)

    def _close_week(self, week: Week, first: datetime, end: datetime) -> None:
        evening = end + CLOSED
        occasion, window = self._at(evening), Window.last(WEEK, evening)
        with occasion.store.read() as connection:
            week.audited = estimate(settlement.answered(stored_audits.audits(connection, window)))
            week.reviewed = int((decisions.decided(connection, window)["kind"] != "automatic").sum())
        self._import_outcomes(occasion, first, end)
        week.automatic, week.wrong_automatic = simulate.automatic_errors(occasion, self._business, window)
        verdict: DriftVerdict = self._run(drift_detection, end)
        if verdict.drifted:
            week.drift = WeekDrift(verdict.columns, tuple(term.term for term in verdict.new_terms))
        self._learn(week, evening)
        week.certified = self._shadow(week, evening)
        self._run(agreement_watch, evening)
        compared: list[Comparison] = self._run(fairness_watch, evening)
        week.gaps = [Gap.of(one.grouping, seen) for one in compared for seen in one.shares if seen.metric == "approval"]
        week.kpis = self._run(kpi_report, evening)
        with occasion.store.read() as connection:
            escalations = stored_escalations.escalations_in(connection, window)
            pauses = stored_pauses.pauses(connection)
        week.breaches = int((escalations["cause"] == "sla_breach").sum())
        week.paused = pauses.loc[pauses["since"] >= window.since, "category"].tolist()

    def _import_outcomes(self, occasion: Occasion, first: datetime, end: datetime) -> None:
        file = self._inbox / f"outcomes-{end:%Y-%m-%d}.csv"
        if simulate.write_outcomes(occasion, self._business, Window(first, end), file, self._rng):
            import_outcomes(occasion, file, None)

    def _learn(self, week: Week, moment: datetime) -> None:
        """The challenger's gate, then retraining: on the drift's event, on the error rate, or by the month."""
        with self._at(moment).store.read() as connection:
            waiting = models.serving(connection).challenger
        if waiting is not None:
            week.judged.append(_judged(self._run(deployment, moment, act="judge")))
        if week.drift or week.number % RETRAINED_EVERY == 0 or self._error_is_high(week):
            ended: Retrained | NotTrained = self._run(retraining, moment, cause="drift" if week.drift else "when_due")
            if ended.trained:
                week.retrained.append(Training(ended.version, ended.cause))
        if week.number == REHEARSAL:
            self._rehearse(week, moment)

    def _rehearse(self, week: Week, moment: datetime) -> None:
        with self._at(moment).store.read() as connection:
            previous = models.serving(connection).previous
        if previous is not None:
            reason = "rehearsal: the operator returns to the earlier version"
            week.rolled_back = self._run(deployment, moment, act="rollback", reason=reason).serves

    def _error_is_high(self, week: Week) -> bool:
        """Would the daily look at the calendar and the error rate be worth a flow run this week?"""
        return week.audited is not None and week.audited.rate > self._error_limit

    def _shadow(self, week: Week, moment: datetime) -> list[str]:
        """Agreement and certificates: while a challenger scores in shadow, before a stage, else by the month."""
        with self._at(moment).store.read() as connection:
            challenger = models.serving(connection).challenger
        if challenger is None and week.number + 1 not in PLAN and week.number % RETRAINED_EVERY:
            return []
        result: Shadowed = self._run(shadow_scoring, moment)
        week.agreement = result.agreement
        return list(result.issued)

    def _close(self) -> None:
        story = self.story
        evening = self._business.start + WEEK * len(story.weeks) + CLOSED
        occasion, window = self._at(evening), Window.last(WEEK * len(story.weeks), evening)
        with occasion.store.read() as connection:
            story.versions = [
                Version(row["version"], row["status"], row["cause"], int(row["labels"]), row["metrics"] or {})
                for row in records(models.versions(connection))
            ]
            story.reviews = [
                ReviewOutcome(**{name: row[name] for name in ReviewOutcome.__slots__})
                for row in records(stored_pauses.reviews(connection, only_open=False))
            ]
            audits = settlement.answered(stored_audits.audits(connection, window))
            verified = trail.verify(connection)
            states = cases.state_counts(connection)
            story.gold = len(label_rows.gold(connection))
        story.window, story.history = window, len(self._business.history)
        story.certificates = certified(occasion)
        story.audited = estimate(audits)
        story.auditor_error = 1 - max(reviewer.accuracy for reviewer in reviewers())
        # Of the whole time at once, not the weeks' sum: that the two agree is for the tests to see.
        story.automatic, story.wrong_automatic = simulate.automatic_errors(occasion, self._business, window)
        story.trail_events, story.trail_valid = verified.events, verified.valid
        story.effects = Ledger(self._workspace.actions_path).effects()
        story.states = states
        drifted = [week.number for week in story.weeks if week.drift]
        story.planted = [
            Planted(event.week, event.name, next((seen for seen in drifted if seen == event.week), None))
            for event in EVENTS
            if event.week <= len(story.weeks)
        ]

    def _leave_work(self) -> None:
        """What the next early shift finds at the desk: a day's cases, of which the first to come has decided some."""
        night = self._business.start + timedelta(weeks=len(self.story.weeks), days=1)
        morning = night + EARLY_SHIFT
        self._run(queue_assignment, night)
        cases, _ = generate_weeks(
            [len(self.story.weeks) + 1], seed=self._business.seed, start=self._business.start, per_week=NEXT_WEEK
        )
        arrived = cases[cases["received_at"] < morning]
        file = self._inbox / f"{night:%Y-%m-%d}.jsonl"
        simulate.deliver_file(arrived, file)
        for watch in (sla_watch, audit_sampling, quality_watch):
            self._run(watch, night)
        self._run(triage, morning, file=str(file), mapping=self._mapping, watches=True)
        first = simulate.Staff(replace(self._business, cases=arrived), reviewers()[:1], self._rng)
        self.story.morning = morning + timedelta(hours=1)
        first.review(self._at(self.story.morning - timedelta(minutes=20)), len(self.story.weeks) + 1, FIRST_HOUR)
        self._look_at_all(self.story.morning)
        self.story.afterwards = self._afterwards(len(arrived))

    def _look_at_all(self, moment: datetime) -> None:
        """What the schedules would have done by now, so that the morning at the desk begins watched."""

        def perform(flow: Callable[..., Any], **parameters: Any) -> None:  # noqa: ANN401 - the flow's own
            self.story.flow_runs += 1
            flow(**parameters)

        for one in run_due(self._at(moment), perform=perform, as_of=moment.isoformat()):
            if one.outcome == "failed":
                raise Refused(f"The {one.title} failed. {one.said}")

    def _afterwards(self, arrived: int) -> Afterwards:
        occasion, closed = self._at(self.story.morning or self._business.start), self.story.window
        with occasion.store.read() as connection:
            since = occasion.now if closed is None else closed.until
            kinds = decisions.decided(connection, Window.up_to(occasion.now, since=since))["kind"]
        automatic = int((kinds == "automatic").sum())
        return Afterwards(arrived, automatic, len(kinds) - automatic)


def _judged(judgement: Judgement) -> Judged:
    verdict = judgement.verdict
    figures = (None, 0) if verdict is None else (verdict.gain, verdict.cases)
    return Judged(judgement.version, judgement.outcome, judgement.reasons, *figures)


def estimate(audits: pd.DataFrame) -> Estimate:
    """Error rate of auto-approvals with its interval, over the whole audit sample by its inclusion probabilities."""
    return hajek(audits["rejected"].to_numpy(dtype=bool), audits["inclusion_probability"].to_numpy(dtype=float))
