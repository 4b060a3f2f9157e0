"""What a rehearsal tells its owner, gathered from what was played and from its store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from handrail.policy import Policy
from handrail.rehearsed import Rehearsed
from handrail.store import chronicle, rehearsals
from tasks.learning.readiness import readiness
from tasks.occasion import Occasion
from tasks.rehearsal.people import SimulatedReviewer
from tasks.rehearsal.played import Played
from tasks.rehearsal.year import Year

LANES = ("certificate", "stage", "drift", "other watch", "pause", "person", "version")
KINDS = {
    "review": "deciding cases",
    "second": "second looks",
    "escalation": "escalations",
    "dispute": "disputes",
    "audit": "audits",
    "recheck": "rechecks",
    "adjudication": "settling differences",
}
"""Kinds of work in words."""
RENEWED = "renewed"
"""Why a certificate ends that a newer one replaces: nothing that an owner need hear of."""
_EVERYTHING = "everything"
_NAMED = 4
_OWN_LANE = ("drift", "reviewers", "kpi")
"""Watches whose alarms stand in another lane, or that have none."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something on one day, in one lane of the time line; the first day is 1."""

    day: int
    lane: str
    words: str

    @property
    def week(self) -> int:
        """The week in which it lies."""
        return max(1, -(-self.day // 7))


@dataclass(frozen=True, slots=True)
class Worker:
    """A simulated person: what was assumed of them, and what they did."""

    name: str
    accuracy: float
    follows: float
    looks: int
    minutes: float
    named_day: int | None


@dataclass(frozen=True)
class RehearsalStory:
    """All that the report of a rehearsal says.

    `minutes` are people's, by kind of work and week. `verdicts` count what each watch came to. `stuck` are the
    product's sentences of what each category still needs at the end.
    """

    found: Rehearsed
    policy: Policy
    began: date
    launch: str | None = None
    happenings: tuple[Happening, ...] = ()
    workers: tuple[Worker, ...] = ()
    minutes: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    verdicts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    stuck: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    most_waiting: int = 0
    sentences: tuple[str, ...] = ()


def gather(occasion: Occasion, played: Played, people: Sequence[SimulatedReviewer]) -> RehearsalStory:
    """Read what the played days left in the store; the occasion is the evening after the last."""
    year, found = played.year, played.measured()
    with occasion.store.read() as connection:
        issued, paused = chronicle.certificates(connection), chronicle.pauses(connection)
        versions, alarms = chronicle.versions(connection), chronicle.alarms(connection)
        verdicts, rulings = chronicle.verdicts(connection), rehearsals.rulings(connection)
    happened = [
        *_certificates(issued, year),
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
            Happening(one.named_day, "person", f"{name} named")
            for name, one in found.people.items()
            if one.named_day is not None
        ),
        *(Happening(one.day, "version", f"version {one.version} serves") for one in found.promotions),
        *_refused(versions, year),
    ]
    return RehearsalStory(
        found,
        occasion.policy,
        year.began,
        year.launch,
        together(happened),
        _workers(rulings, people, found),
        _minutes(rulings, year),
        verdicts,
        _stuck(occasion),
        dict(played.notes.waiting),
        played.notes.most_waiting,
        year.sentences,
    )


def together(happened: Iterable[Happening]) -> tuple[Happening, ...]:
    """One entry a day and lane, in order; of many that say the like, the first few and how many more."""
    of: dict[tuple[int, str], list[str]] = {}
    for one in happened:
        words = of.setdefault((one.day, one.lane), [])
        if one.words not in words:
            words.append(one.words)
    return tuple(
        Happening(day, lane, "; ".join(words[:_NAMED]) + _more(len(words) - _NAMED))
        for (day, lane), words in sorted(of.items(), key=lambda item: (item[0][0], LANES.index(item[0][1])))
    )


def _more(count: int) -> str:
    return f"; and {count} more" if count > 0 else ""


def _of(category: Any) -> str:  # noqa: ANN401 - a cell, missing for all categories
    return category if isinstance(category, str) else _EVERYTHING


def _certificates(issued: pd.DataFrame, year: Year) -> list[Happening]:
    """The first of each version and category, and every end before its time but by a newer one."""
    happened, seen = [], set()
    for row in issued.to_dict("records"):
        name, version = _of(row["category"]), row["model_version"]
        if (name, version) not in seen:
            seen.add((name, version))
            of = "all cases together" if name == _EVERYTHING else name
            words = f"version {version} certified for {of} ({row['errors']} errors in {row['labels']:,} labels)"
            happened.append(Happening(year.day_of(row["issued_at"].to_pydatetime()), "certificate", words))
        if not pd.isna(row["voided_at"]) and row["void_reason"] != RENEWED:
            words = f"certificate of version {version} for {name} ended: {row['void_reason']}"
            happened.append(Happening(year.day_of(row["voided_at"].to_pydatetime()), "certificate", words))
    return happened


def _spoken(said: Iterable[tuple[int, str]], launch: str | None) -> list[Happening]:
    lanes = {"Drift": "drift", "came back.": "pause", "passed their test": "person", "first version": "version"}
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


def _refused(versions: pd.DataFrame, year: Year) -> list[Happening]:
    happened = []
    for row in versions[versions["status"].isin(["refused", "rolled_back"])].to_dict("records"):
        judged = row["judgement"] if isinstance(row["judgement"], dict) else {}
        why = ", ".join(str(one) for one in judged.get("reasons", [])[:2])
        words = f"version {row['version']} {row['status'].replace('_', ' ')}" + (f": {why}" if why else "")
        happened.append(Happening(year.day_of(row["registered_at"].to_pydatetime()), "version", words))
    return happened


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
        week = min(max(1, -(-year.day_of(row["decided_at"].to_pydatetime()) // 7)), last)
        seconds = 0.0 if pd.isna(row["seconds"]) else float(row["seconds"])
        weeks = minutes.setdefault(KINDS.get(row["kind"], str(row["kind"])), {})
        weeks[week] = weeks.get(week, 0.0) + seconds / 60
    return minutes


def _stuck(occasion: Occasion) -> dict[str, tuple[str, ...]]:
    """What the product says is missing, by category."""
    return {one.category: one.reasons for one in readiness(occasion) if one.next_stage is not None and not one.ready}
