"""What a rehearsal leaves to be measured: every live case, what the plain model says of it, and what happened when."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from handrail import terms
from handrail.rehearsed import CASES, Events, PersonPlayed, PromotionPlayed, Rehearsed, measure
from handrail.store import audits, chronicle, decisions, readable, rehearsals
from handrail.window import Window
from tasks.occasion import Occasion
from tasks.rehearsal.year import Year
from tasks.routing.score import load, say

LOOKS = ("audit", "second", "doubt", "recheck", "adjudication")
"""Kinds of work whose minutes count: those that are there for certainty and not for the customer."""
AFTERWARDS = ("audit", "doubt", "recheck", "adjudication")
"""Those of them that look at a case whose decision stands."""
MORE_THAN_HALF = 0.5


@dataclass
class Notes:
    """What is written down while days pass: days count from the first, which is 1; the last is for the summary."""

    plain_version: str | None = None
    promotions: list[PromotionPlayed] = field(default_factory=list)
    named_day: int | None = None
    held_day: int | None = None
    stages: list[tuple[int, str, str]] = field(default_factory=list)
    said: list[tuple[int, str]] = field(default_factory=list)
    most_waiting: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)

    def say(self, day: int, sentence: str) -> None:
        """Keep what a watch, the steward or the product said on a day."""
        self.said.append((day, sentence))


@dataclass(frozen=True)
class Played:
    """A whole rehearsal: `cases` has `CASES`, `looks` day, kind, seconds of each second look."""

    cases: pd.DataFrame
    plain: pd.DataFrame
    looks: pd.DataFrame
    events: Events
    notes: Notes
    year: Year

    def measured(self) -> Rehearsed:
        """The figures."""
        return measure(self.cases, self.plain, self.events, began=self.year.began, days=self.year.days)


def collect(occasion: Occasion, year: Year, notes: Notes, people: Sequence[str]) -> Played:
    """Read what became of every live case, and score all of them with the version that knew the history alone."""
    window = Window.up_to(occasion.now, since=year.moment(year.began))
    with occasion.store.read() as connection:
        live = rehearsals.live_cases(connection)
        said = rehearsals.said_first(connection)
        rulings, tests = rehearsals.rulings(connection), rehearsals.test_answers(connection)
        executed = decisions.executed(connection, window)
        audited = audits.audits(connection, window)
        certified = rehearsals.first_certificate(connection)
        alarms = rehearsals.first_alarms(connection, "reviewers")
        trained = chronicle.versions(connection)
    cases = case_table(year, live, said, rulings, executed)
    looks = _by_day(rulings[rulings["kind"].isin(LOOKS)], year)
    day_of = dict(zip(cases["id"], pd.to_datetime(cases["day"]), strict=True))
    names = live.set_index("case_id")["external_id"]
    days = [(day_of[names[case_id]] - pd.Timestamp(year.began)).days + 1 for case_id in audited["case_id"]]
    events = Events(
        audits=pd.DataFrame(
            {
                "id": [names[case_id] for case_id in audited["case_id"]],
                "day": pd.Series(days, dtype=int),
                "error": audited["rejected"].astype(object).to_numpy(),
                "chance": audited["inclusion_probability"].astype(float).to_numpy(),
            }
        ),
        first_certificate_day=None if certified is None else year.day_of(certified),
        people={name: PersonPlayed(year.day_of(alarms[name]) if name in alarms else None) for name in people},
        promotions=tuple(notes.promotions),
        trainings=Counter(year.day_of(moment.to_pydatetime()) for moment in trained["registered_at"]),
        launch=year.launch,
        named_day=notes.named_day,
        held_day=notes.held_day,
        minutes=_minutes(looks),
        test_minutes=_minutes(_by_day(tests, year)),
    )
    return Played(cases, _plain(occasion, live, notes.plain_version), looks, events, notes, year)


def _by_day(rulings: pd.DataFrame, year: Year) -> pd.DataFrame:
    return rulings.assign(day=[year.day_of(moment) for moment in rulings["decided_at"]])[["day", "kind", "seconds"]]


def _minutes(looks: pd.DataFrame) -> dict[int, float]:
    minutes: dict[int, float] = {}
    for day, seconds in zip(looks["day"].tolist(), looks["seconds"].fillna(0.0).tolist(), strict=True):
        minutes[day] = minutes.get(day, 0.0) + seconds / 60
    return minutes


def case_table(
    year: Year, live: pd.DataFrame, said: pd.DataFrame, rulings: pd.DataFrame, executed: pd.DataFrame
) -> pd.DataFrame:
    """`CASES`, a row a live case, from what the store holds of it; all in the order in which it was decided."""
    first = executed.drop_duplicates("external_id").set_index("external_id")
    last = rulings[~rulings["kind"].isin(AFTERWARDS)].drop_duplicates("case_id", keep="last").set_index("case_id")
    by_people = last["label"].where(last["label"].notna(), last["reason_code"])
    table = year.live[["external_id", "day", "truth"]].merge(live, on="external_id", how="left")
    table = table.merge(said, on="case_id", how="left")
    automatic = table["external_id"].map(first["automatic"]).eq(True)  # noqa: FBT003 - missing ones are not
    label = table["external_id"].map(first["executed_label"])
    table = table.assign(
        id=table["external_id"],
        day=[day.isoformat() for day in table["day"]],
        automated=automatic.astype(int),
        decided=label.where(label.notna(), table["case_id"].map(by_people)),
    )
    found: pd.DataFrame = table[list(CASES)]
    return found.astype(dict.fromkeys(("queue", "reason", "predicted", "decided"), object))


def _plain(occasion: Occasion, live: pd.DataFrame, version: str | None) -> pd.DataFrame:
    """id, label, confidence of every live case that may be read; none where no version knew the history alone."""
    if version is None:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in ("id", "label", "confidence")})
    model, parts = load(occasion, version), []
    limit = occasion.policy.intake.batch_rows
    for start in range(0, len(live), limit):
        ids = live["case_id"].iloc[start : start + limit].tolist()
        with occasion.store.read() as connection:
            texts = readable.of(connection, ids, occasion.policy)
        if len(texts):
            parts.append(say(occasion, model, texts)[["case_id", "label", "confidence"]])
    if not parts:
        return _plain(occasion, live, None)
    spoken = pd.concat(parts, ignore_index=True)
    return spoken.assign(id=spoken["case_id"].map(live.set_index("case_id")["external_id"]))[
        ["id", "label", "confidence"]
    ]


class LaunchTerms:
    """Which words so far belong mostly to the category that comes later."""

    def __init__(self, category: str) -> None:
        """No case has come yet."""
        self._category = category
        self._all: Counter[str] = Counter()
        self._own: Counter[str] = Counter()

    def arrive(self, live: pd.DataFrame) -> None:
        """Cases came: text, truth and consent; the words of who has not agreed are left unread."""
        agreed = live[live["consent"]]
        for text, truth in zip(agreed["text"], agreed["truth"], strict=True):
            held = terms.terms_of(text)
            self._all.update(held)
            if truth == self._category:
                self._own.update(held)

    def names_it(self, named: Sequence[str]) -> bool:
        """Do more than half of the cases that hold one of the named terms belong to the category?"""
        return any(self._own[term] > MORE_THAN_HALF * self._all[term] for term in named if self._all[term])
