"""What a rehearsal tells its owner, gathered from what was played and from its store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pandas as pd

from handrail.acts.qualifying import LOST
from handrail.policy import Policy
from handrail.rehearsed import Rehearsed
from handrail.running import DAYS_A_WEEK, worked_for
from handrail.store import chronicle, models, rehearsals, trail
from tasks.learning.readiness import readiness
from tasks.occasion import Occasion
from tasks.rehearsal.certificates import EVERYTHING, Certificates
from tasks.rehearsal.happening import Happening
from tasks.rehearsal.people import SimulatedReviewer
from tasks.rehearsal.played import Played
from tasks.rehearsal.year import Year

LANES = ("certificate", "stage", "drift", "other watch", "pause", "person", "model")
KINDS = {
    "review": "deciding cases",
    "second": "second looks",
    "escalation": "escalations",
    "dispute": "disputes",
    "audit": "audits",
    "recheck": "rechecks",
    "doubt": "second looks where people and model differ",
    "adjudication": "deciding where people differ",
    "gold": "test cases",
}
"""Kinds of work in words."""
_NAMED = 4
_EVENTS = 100_000
TESTS = ("person.tested", LOST)
"""Events of the trail that tell of tests."""
CAUSES = {
    "monthly": "a month had passed",
    "new_labels": "enough new answers had come",
    "drift": "the cases had changed",
    "error_rate": "audits found more errors",
    "by_hand": "by hand",
}
"""What called for a training, in words."""
LEFT = {
    "challenger": "; on trial at the end, so that it decided nothing yet",
    "superseded": "; it never took over: a newer one came before its trial had ended",
}
"""What became of a version without a verdict."""
REJECTED = {"refused": "did not take over", "rolled_back": "was taken back"}
_OWN_LANE = ("drift", "reviewers", "kpi")
"""Watches whose alarms stand in another lane, or that have none."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A simulated person: what was assumed of them, and what they did, test cases among it."""

    name: str
    accuracy: float
    follows: float
    looks: int
    minutes: float
    named_day: int | None


@dataclass(frozen=True, slots=True)
class WatchedSubject:
    """What a watch came to about one subject: how often each verdict, and the day of the first alarm; None: never."""

    watch: str
    subject: str
    verdicts: Mapping[str, int]
    alarm_day: int | None = None

    def came_to(self, *verdicts: str) -> bool:
        """Was it ever one of these?"""
        return any(self.verdicts.get(verdict) for verdict in verdicts)


@dataclass(frozen=True)
class RehearsalStory:
    """All that the report of a rehearsal says.

    `minutes` are people's, by kind of work and week. `stuck` are the product's sentences of what each category still
    needs at the end. `uncertified_day`: since when no certificate has stood at the end, None where one does or none
    ever did; `missing_answers` is what its renewal lacked, `audit_minutes` what one audit took.
    """

    found: Rehearsed
    policy: Policy
    began: date
    launch: str | None = None
    happenings: tuple[Happening, ...] = ()
    workers: tuple[Worker, ...] = ()
    minutes: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    watched: tuple[WatchedSubject, ...] = ()
    stuck: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    most_waiting: int = 0
    sentences: tuple[str, ...] = ()
    uncertified_day: int | None = None
    missing_answers: int | None = None
    audit_minutes: float | None = None
    policy_given: bool = True


def gather(occasion: Occasion, played: Played, people: Sequence[SimulatedReviewer]) -> RehearsalStory:
    """Read what the played days left in the store; the occasion is the evening after the last."""
    year, found = played.year, played.measured()
    with occasion.store.read() as connection:
        paused, alarms = chronicle.pauses(connection), chronicle.alarms(connection)
        verdicts = chronicle.verdicts(connection)
        rulings = pd.concat([rehearsals.rulings(connection), rehearsals.test_answers(connection)], ignore_index=True)
        tested = [event for kind in TESTS for event in trail.search(connection, kind=kind, limit=_EVENTS)]
        certificates = Certificates.of(connection, year)
        versions = chronicle.versions(connection)
    happened = [
        *certificates.happenings(occasion.policy, found.promotions, played.notes.plain_version),
        *retested(tested, year),
        *(Happening(day, "stage", f"{name}: {stage}") for day, name, stage in played.notes.stages),
        *_spoken(played.notes.said, played.year.launch),
        *_alarms(alarms, year),
        *(
            Happening(
                year.day_of(row["since"].to_pydatetime()),
                "pause",
                f"{_of(row['category'])} paused ({row['kind']}): {row['reason']}",
            )
            for row in paused.to_dict("records")
        ),
        *(
            Happening(one.named_day, "person", f"the watch over people's work pointed out {name}", bad=True)
            for name, one in found.people.items()
            if one.named_day is not None
        ),
        *(Happening(one.day, "model", f"model {one.version} took over") for one in found.promotions),
        *trained(versions, year),
    ]
    return RehearsalStory(
        found,
        occasion.policy,
        year.began,
        year.launch,
        together(happened),
        _workers(rulings, people, found),
        _minutes(rulings, year),
        watched(verdicts, year),
        _stuck(occasion),
        dict(played.notes.waiting),
        played.notes.most_waiting,
        year.sentences,
        certificates.uncertified_day(occasion.now),
        certificates.missing_answers(occasion.now),
        _minutes_an_audit(rulings),
        year.policy_given,
    )


def together(happened: Iterable[Happening]) -> tuple[Happening, ...]:
    """One entry a day and lane, in order, good and bad apart; of many alike the first few and how many more."""
    of: dict[tuple[int, str, bool], list[str]] = {}
    for one in happened:
        words = of.setdefault((one.day, one.lane, one.bad), [])
        if one.words not in words:
            words.append(one.words)
    return tuple(
        Happening(day, lane, "; ".join(words[:_NAMED]) + _more(len(words) - _NAMED), bad)
        for (day, lane, bad), words in sorted(
            of.items(), key=lambda item: (item[0][0], LANES.index(item[0][1]), item[0][2])
        )
    )


def _more(count: int) -> str:
    return f"; and {count} more" if count > 0 else ""


def _of(category: Any) -> str:  # noqa: ANN401 - a cell, missing for all categories
    return category if isinstance(category, str) else EVERYTHING


def _spoken(said: Iterable[tuple[int, str]], launch: str | None) -> list[Happening]:
    lanes = {"Drift": "drift", "came back.": "pause", "passed their test": "person", "No first model": "model"}
    happened = []
    for day, sentence in said:
        lane = next((lane for mark, lane in lanes.items() if mark in sentence), "other watch")
        if launch is not None and sentence == f"The owner added {launch}.":
            lane = "stage"
        happened.append(Happening(day, lane, sentence.rstrip(".")))
    return happened


def _alarms(alarms: pd.DataFrame, year: Year) -> list[Happening]:
    """The first day of each run of alarms of one watch and subject, looks on following days being the same alarm."""
    happened: list[Happening] = []
    last: dict[tuple[str, str], int] = {}
    for row in alarms.to_dict("records"):
        key, day = (row["watch"], row["subject"]), year.day_of(row["at"].to_pydatetime())
        if key[0] not in _OWN_LANE and day > last.get(key, -9) + 7:
            happened.append(Happening(day, "other watch", f"{key[0].replace('_', ' ')} watch: {key[1]}"))
        last[key] = day
    return happened


def retested(events: Iterable[Mapping[str, Any]], year: Year) -> list[Happening]:
    """Who was tested again, and whose training ended: events of `TESTS`; the tests before the first day count none."""
    happened = []
    for event in events:
        day, score = year.day_of(datetime.fromisoformat(event["at"])), f"{event['right']} of {event['cases']} right"
        if event["kind"] == LOST:
            words = f"{event['person']} missed test cases among the work ({score}) and has to pass a new test"
        elif day > 1:
            words = f"{event['person']} {'passed' if event['passed'] else 'failed'} another test ({score})"
        else:
            continue
        happened.append(Happening(day, "person", words, bad="passed another" not in words))
    return happened


def trained(versions: pd.DataFrame, year: Year) -> list[Happening]:
    """Every version trained after the first, and what became of it where it did not take over."""
    happened = []
    for at, row in enumerate(versions.to_dict("records")):
        judged = row["judgement"] if isinstance(row["judgement"], dict) else {}
        why = ", ".join(str(one).partition(":")[0] for one in judged.get("reasons", [])[:2])
        name, status = f"model {row['version']}", row["status"]
        if at:
            cause = CAUSES.get(row["cause"], row["cause"].replace("_", " "))
            words = f"{name} trained ({cause}){LEFT.get(status, '')}"
            happened.append(Happening(year.day_of(row["registered_at"].to_pydatetime()), "model", words))
        if status in REJECTED:
            moment = judged.get("judged_at")
            day = year.day_of(datetime.fromisoformat(moment) if moment else row["registered_at"].to_pydatetime())
            happened.append(
                Happening(
                    day, "model", f"{name} {REJECTED[status]}" + (f": {why}" if why else ""), status == "rolled_back"
                )
            )
    return happened


def watched(verdicts: pd.DataFrame, year: Year) -> tuple[WatchedSubject, ...]:
    """What each watch came to, a subject each; from watch, subject, verdict, looks and first."""
    seen = []
    for (watch, subject), part in verdicts.groupby(["watch", "subject"], sort=True):
        alarms = part.loc[part["verdict"] == "alarm", "first"]
        day = None if alarms.empty else year.day_of(alarms.iloc[0].to_pydatetime())
        looks = {str(name): int(count) for name, count in zip(part["verdict"], part["looks"], strict=True)}
        seen.append(WatchedSubject(str(watch), str(subject), looks, day))
    return tuple(seen)


def _workers(rulings: pd.DataFrame, people: Sequence[SimulatedReviewer], found: Rehearsed) -> tuple[Worker, ...]:
    minutes = rulings["seconds"].fillna(0.0).astype(float) / 60
    spent, looks = minutes.groupby(rulings["actor"]).sum(), rulings.groupby("actor").size()
    return tuple(
        Worker(
            one.name,
            one.accuracy,
            one.follows,
            int(looks.get(one.name, 0)),
            float(spent.get(one.name, 0.0)),
            found.people[one.name].named_day if one.name in found.people else None,
        )
        for one in people
    )


def _minutes(rulings: pd.DataFrame, year: Year) -> dict[str, dict[int, float]]:
    last = max(1, -(-year.days // 7))
    minutes: dict[str, dict[int, float]] = {}
    for row in rulings.to_dict("records"):
        day = worked_for(year.day_of(row["decided_at"].to_pydatetime()))
        week = min(-(-day // DAYS_A_WEEK), last)
        seconds = 0.0 if pd.isna(row["seconds"]) else float(row["seconds"])
        weeks = minutes.setdefault(KINDS.get(row["kind"], str(row["kind"])), {})
        weeks[week] = weeks.get(week, 0.0) + seconds / 60
    return minutes


def _minutes_an_audit(rulings: pd.DataFrame) -> float | None:
    seconds = rulings.loc[rulings["kind"] == "audit", "seconds"].dropna().astype(float)
    return None if seconds.empty else float(seconds.mean()) / 60


def _stuck(occasion: Occasion) -> dict[str, tuple[str, ...]]:
    """What the product says is missing, by category."""
    steps = [one for one in readiness(occasion) if one.next_stage is not None and not one.ready]
    with occasion.store.read() as connection:
        serves = models.serving(connection).model_version is not None
    # Without a version there is nothing that further answers could certify.
    return {one.category: tuple(why for why in one.reasons if serves or "blind label" not in why) for one in steps}
