"""Rehearsal: anybody's own past, day by day through the same flows and acts as daily work.

Everything is real except people and world: who decides, who stays away and what the truth is comes from the file and
from `tasks.rehearsal`. The flows run as they do for who calls `handrail run` and `handrail watch` without a server.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.due import Ran, run_due
from flows.retraining import NotTrained, Retrained, retraining
from flows.triage import Triaged, triage
from handrail.drift.verdict import DriftVerdict
from handrail.errors import HandrailError, Refused
from handrail.rehearsed import PromotionPlayed
from handrail.store import models, rehearsals
from handrail.workspace import Workspace
from tasks.occasion import Occasion, enter
from tasks.rehearsal import played, steward
from tasks.rehearsal.people import OWNER, STEWARD, Luck, SimulatedReviewer
from tasks.rehearsal.played import LaunchTerms, Notes, Played
from tasks.rehearsal.work import People, attest_gold
from tasks.rehearsal.year import DAY, Year

DELIVERY, FIRST_SITTING, SECOND_SITTING, WATCHES = (timedelta(hours=hours) for hours in (7, 8, 10, 12))
"""On the morning after: yesterday's cases come, people decide them in two sittings, and at noon the watches look."""
AWAY = 0.05
"""Share of days on which a person is away."""
ADDED_AFTER = 5
"""Days after which the owner adds a category that the product has named."""


@dataclass(frozen=True, slots=True)
class WeekTold:
    """How far a rehearsal has come: a week's cases by queue, what waits, and what was said of it."""

    week: int
    cases: int
    queues: dict[str, int]
    waiting: int
    said: tuple[str, ...]


class Rehearsal:
    """Plays the days and writes down what happened."""

    def __init__(
        self,
        workspace: Workspace,
        year: Year,
        people: tuple[SimulatedReviewer, ...],
        *,
        seed: int,
        tell: Callable[[WeekTold], None],
    ) -> None:
        """Take a fresh workspace with the year's policy in force; `tell` hears of every finished week."""
        self._workspace, self._year, self._tell = workspace, year, tell
        self._chance = Luck(seed)
        truth = {**_truth(year.live), **_truth(year.history)}
        self._people = People(people, truth, self._chance)
        self._notes = Notes()
        self._launch = LaunchTerms(year.launch) if year.launch is not None else None
        self._added = False
        self._results: dict[str, Any] = {}

    def run(self) -> Played:
        """All days, then what is to be measured."""
        self._begin()
        week: list[Triaged] = []
        for number in range(1, self._year.days + 1):
            came = self._day(number)
            week += [came] if came is not None else []
            if number % 7 == 0 or number == self._year.days:
                self._tell(self._week(number, week))
                week = []
        evening = self._year.moment(self._year.began + self._year.days * DAY, WATCHES + timedelta(hours=1))
        occasion = self._at(evening)
        with occasion.store.read() as connection:
            self._notes.waiting = rehearsals.backlog(connection)
        return played.collect(occasion, self._year, self._notes, [person.name for person in self._people.people])

    def _at(self, moment: datetime) -> Occasion:
        return enter(self._workspace, STEWARD, moment)

    def _run(self, flow: Any, moment: datetime, **parameters: Any) -> Any:  # noqa: ANN401 - the flow and its result
        return flow.fn(**parameters, as_of=moment.isoformat(), home=str(self._workspace.home))

    def _begin(self) -> None:
        """The day before the first: people come, the history is imported, and a first version learns from it."""
        start = self._year.moment(self._year.began)
        occasion = self._at(start)
        self._people.employ(occasion)
        file = self._year.deliver(self._year.history, self._inbox("history"), with_labels=True)
        self._run(triage, start, file=str(file), mapping=str(self.mapping_file), docs=False)
        source = self._year.mapping.source
        attested = attest_gold(occasion, source, self._year.history, self._chance.of("gold"))
        passed = self._people.test_everybody(occasion)
        self._notes.say(1, f"{passed} of {len(self._people.people)} people passed their test ({attested} test cases).")
        self._train(start, "by_hand")

    @property
    def mapping_file(self) -> Path:
        """Where the mapping is kept by which everything is read."""
        return self._workspace.home / "mapping.yaml"

    def _inbox(self, name: str) -> Path:
        return self._workspace.home / "inbox" / f"{name}.jsonl"

    def _train(self, moment: datetime, cause: str) -> None:
        rows, needed = len(self._year.history), self._year.policy.model.min_labels
        if rows < needed:
            self._notes.say(1, too_few(rows, needed))
            return
        try:
            ended: Retrained | NotTrained = self._run(retraining, moment, cause=cause)
        except HandrailError as refusal:
            self._notes.say(1, f"No first model: {in_plain(str(refusal))}")
            return
        if ended.trained:
            self._notes.plain_version = ended.version
        else:
            self._notes.say(1, f"No first model: {ended.reason}")

    def _day(self, number: int) -> Triaged | None:
        """One day's cases, and the morning after it."""
        day = self._year.began + (number - 1) * DAY
        rows = self._year.live[self._year.live["day"] == day]
        morning, came = day + DAY, None
        if len(rows):
            file = self._year.deliver(rows, self._inbox(day.isoformat()))
            moment = self._year.moment(morning, DELIVERY)
            came = self._run(triage, moment, file=str(file), mapping=str(self.mapping_file), watches=True, docs=False)
            if self._launch is not None:
                self._launch.arrive(rows)
        self._work(morning, number)
        self._noon(self._year.moment(morning, WATCHES), number)
        return came

    def _work(self, morning: date, number: int) -> None:
        present = self._chance.present(self._people.people, number, AWAY)
        self._people.begin_day()
        for at in (FIRST_SITTING, SECOND_SITTING):
            occasion = self._at(self._year.moment(morning, at))
            self._people.try_again(occasion, present)
            self._people.sit(occasion, present, everything=at == SECOND_SITTING)

    def _noon(self, moment: datetime, number: int) -> None:
        """Whatever is due looks, then the steward and the owner draw their conclusions."""
        before = self._serving(moment)
        self._results = {}
        ran = run_due(self._at(moment), perform=self._perform, as_of=moment.isoformat())
        self._note_failures(ran, number)
        serving = self._serving(moment)
        if serving is not None and serving != before:
            self._notes.promotions.append(PromotionPlayed(number + 1, serving))
        self._note_drift(number)
        self._launch_if_due(moment, number)
        occasion = self._at(moment)
        resumed, resting = steward.end_pauses(occasion, OWNER)
        for name in resumed:
            self._notes.say(number + 1, f"{name or 'Everything'} came back.")
        for name, stage in steward.advance(occasion, {*resting, *resumed}, OWNER).items():
            self._notes.stages.append((number + 1, name, str(stage)))
        with occasion.store.read() as connection:
            waiting = sum(rehearsals.backlog(connection).values())
        self._notes.most_waiting = max(self._notes.most_waiting, waiting)

    def _perform(self, flow: Any, **parameters: Any) -> None:  # noqa: ANN401 - a flow and its parameters
        self._results[flow.name.replace("-", "_")] = flow.fn(**parameters)

    def _serving(self, moment: datetime) -> str | None:
        with self._at(moment).store.read() as connection:
            return models.serving(connection).model_version

    def _note_failures(self, ran: list[Ran], number: int) -> None:
        for one in ran:
            if one.outcome == "failed":
                if one.error is not None and one.said.startswith("An unexpected fault"):
                    raise Refused(f"The {one.title} failed on day {number + 1}. {one.said}")
                self._notes.say(number + 1, f"The {one.title} failed: {one.said}")

    def _note_drift(self, number: int) -> None:
        verdict = self._results.get("drift_detection")
        if not isinstance(verdict, DriftVerdict) or not verdict.drifted:
            return
        named = [term.term for term in verdict.new_terms]
        self._notes.say(number + 1, "Drift: " + ", ".join([*verdict.columns, *(f"“{term}”" for term in named[:3])]))
        if self._launch is not None and self._notes.named_day is None and self._launch.names_it(named):
            self._notes.named_day = number + 1

    def _launch_if_due(self, moment: datetime, number: int) -> None:
        named, rules, category = self._notes.named_day, self._year.launched, self._year.launch
        if self._added or named is None or rules is None or category is None or number + 1 < named + ADDED_AFTER:
            return
        steward.launch(self._at(moment), category, rules)
        self._added = True
        self._notes.say(number + 1, f"The owner added {category}.")

    def _week(self, number: int, came: list[Triaged]) -> WeekTold:
        queues = {name: sum(one.queues.get(name, 0) for one in came) for name in ("A", "B", "C")}
        week = (number - 1) // 7
        said = tuple(
            sentence for day, sentence in self._notes.said if (day - 2) // 7 == week or (day == 1 and not week)
        )
        with self._at(self._year.moment(self._year.began + number * DAY, WATCHES)).store.read() as connection:
            waiting = sum(rehearsals.backlog(connection).values())
        return WeekTold(week + 1, sum(one.received for one in came), queues, waiting, said)


def too_few(rows: int, needed: int) -> str:
    """Why no first model is trained from a history that is too short."""
    return (
        f"No first model: {rows:,} labelled rows lie before --from, and {needed:,} are needed. "
        "A later --from, or a longer file, helps."
    )


def in_plain(refusal: str) -> str:
    """What a refused first training says, without what holds only where a model serves, and without pages' addresses.

    The labels of a past are the file's: they are corrected there, and it is played anew.
    """
    text = re.sub(r"\s*\b(?:See )?file://\S+", "", refusal)
    text = text.replace(", the champion goes on serving", "")
    text = text.replace("Correct the labels, then run `handrail train`.", "Correct the file and rehearse again.")
    return re.sub(r"\s+([.;,])", r"\1", re.sub(r" {2,}", " ", text)).strip()


def _truth(rows: Any) -> dict[str, str]:  # noqa: ANN401 - a frame
    return dict(zip(rows["external_id"], rows["truth"], strict=True))
