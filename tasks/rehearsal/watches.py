"""What each watch of a rehearsal asks, and what it came to, in words."""

from collections.abc import Sequence

from tasks.rehearsal.telling import RehearsalStory, WatchedSubject
from tasks.views.plots.figure import Table

WATCHES = {
    "agreement": "in which categories do people follow suggestions blindly?",
    "audits": "are audits done in time, and do they agree?",
    "blind_share": "do enough people decide without seeing a suggestion?",
    "breaker": "do audits reject too much of a category?",
    "drift": "has the wording of the cases changed?",
    "fairness": "do groups fare differently?",
    "kpi": "what is automation worth?",
    "reviewers": "does a person's work look careless?",
}
"""What each watch asks."""
NAMES = {
    "agreement": "following suggestions",
    "blind_share": "deciding unseen",
    "breaker": "rejected audits",
    "drift": "changed wording",
    "fairness": "groups",
    "kpi": "figures of the business",
    "reviewers": "people's work",
}
"""What each watch is called in plain words, where it is not its own name."""
ABOUT = {"fairness": "groupings", "kpi": "figures", "reviewers": "people", "drift": "features of the cases"}
"""What each watch looks at, where it is not categories."""
OVERALL = ("all", "everybody")
"""Subjects that stand for all the others together."""
_FIRST = 4


def table(telling: RehearsalStory) -> Table:
    """A row a watch: its name, what it asks, what it came to."""
    columns = "watch", "it asks", "what it came to"
    rows = [
        (NAMES.get(name, name), WATCHES.get(name, ""), came_to(name, _of_watch(telling, name)))
        for name in _watch_names(telling)
    ]
    return Table(columns, rows, frozenset(columns))


def _watch_names(telling: RehearsalStory) -> list[str]:
    return sorted({one.watch for one in telling.watched})


def _of_watch(telling: RehearsalStory, name: str) -> list[WatchedSubject]:
    return [one for one in telling.watched if one.watch == name]


def came_to(watch: str, subjects: Sequence[WatchedSubject]) -> str:
    """What a watch came to over the whole rehearsal, in a sentence or two; never a count of looks."""
    parts = [one for one in subjects if one.subject not in OVERALL] or list(subjects)
    judged = sum(one.came_to("alarm", "quiet") for one in parts)
    of = f"{len(parts)} {ABOUT.get(watch, 'categories')}"
    alarms = sorted((one.alarm_day, one.subject) for one in subjects if one.alarm_day is not None)
    if alarms:
        shown = [f"{'everything' if name in OVERALL else name} (first on day {day})" for day, name in alarms[:_FIRST]]
        more = f" and {len(alarms) - _FIRST} more" if len(alarms) > _FIRST else ""
        first = f"Alarm: {', '.join(shown)}{more}."
    elif judged:
        first = "No alarm."
    else:
        first = f"It never had enough to say anything of its {of}: that is no all-clear."
    rest = f" It had enough to judge {judged} of {of}." if 0 < judged < len(parts) else ""
    blind = " At times it could not look." if any(one.came_to("unreadable") for one in subjects) else ""
    return first + rest + blind


def unseeing(telling: RehearsalStory) -> list[str]:
    """Watches that never had enough to say."""
    return [
        f"the watch “{NAMES.get(name, name)}”"
        for name in _watch_names(telling)
        if not any(one.came_to("alarm", "quiet") for one in _of_watch(telling, name))
    ]
