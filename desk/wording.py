"""Refusals in the words of who reads them: acts name the command that helps, pages and the API what helps there.

A command in backticks is the remedy's code. What neither face can do is for whoever runs Handrail.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_COMMAND = re.compile(r"`handrail ([^`]+)`")
_OPTION = re.compile(r"`((?:override )?--[a-z-]+)[^`]*`")
_BARE_OPTION = re.compile(r"(?<!\S)--[a-z]")
_SETTING = re.compile(r"\bHANDRAIL_[A-Z]")
_SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z])")
_ASK = "Ask whoever runs Handrail."


@dataclass(frozen=True, slots=True)
class Face:
    """What stands for a command, by its first words, and for an option of one."""

    commands: Mapping[str, str]
    options: Mapping[str, str]


API = Face(
    commands={
        "queue list": "`GET /api/v1/queue`",
        "queue next": "`POST /api/v1/queue/next`",
        "queue recall": "`POST /api/v1/queue/recall`",
        "dispute list": "`GET /api/v1/disputes`",
        "dispute resolve": "`POST /api/v1/queue/{item}/decision` and its `answer`",
        "trail search": "`GET /api/v1/trail`",
        "status": "`GET /api/v1/status`",
        "pause": "`POST /api/v1/automation/pause`",
        "resume": "`POST /api/v1/automation/resume`",
        "stage": "`POST /api/v1/automation/stage`",
        "proposals list": "`GET /api/v1/proposals`",
        "proposals": "`POST /api/v1/proposals/{proposal}`",
        "quarantine list": "`GET /api/v1/batches/{batch}`",
        "quarantine release": "`POST /api/v1/batches/{batch}/release`",
        "quarantine reject": "`POST /api/v1/batches/{batch}/reject`",
    },
    options={
        "override --label": "the outcome `override` with a `label`",
        "--label": "`label`",
        "--reason": "`reason`",
        "--note": "`note`",
    },
)
DESK = Face(
    commands={
        "queue": "the page Review",
        "dispute": "the page Escalations",
        "trail search": "the page Trail",
        "status": "the page Operations",
        "pause": "the page Operations",
        "resume": "the page Operations",
        "stage": "the page Operations",
        "proposals": "the page Operations",
        "review": "the page Operations",
        "model list": "the page Operations",
        "model show": "the page Operations",
        "model promote": "the page Operations",
        "model rollback": "the page Operations",
        "outbox": "the page Operations",
        "quarantine": "the page Deliveries",
        "alerts": "the page Alerts",
        "people test": "the page Training",
        "people cancel-test": "the page Training",
        "people": "the page People",
        "gold": "the page Training",
        "labels list": "the page Reviewers",
        "tokens": "the page of your name",
    },
    options={
        "override --label": "another category",
        "--label": "a category",
        "--reason": "a reason",
        "--note": "the note",
    },
)


def worded(sentence: str, face: Face) -> str:
    """A refusal as `face` says it: every command and option is replaced by what helps there."""
    return " ".join(dict.fromkeys(_worded(one, face) for one in _SENTENCE.split(sentence)))


def at_desk(refusal: Exception) -> str:
    """A refusal as a page says it."""
    return worded(str(refusal), DESK)


def _worded(sentence: str, face: Face) -> str:
    places = [_place(command, face) for command in _COMMAND.findall(sentence)]
    if None in places:
        return _ASK
    told = iter(str(place) for place in places)
    sentence = _COMMAND.sub(lambda _: next(told), sentence)
    sentence = re.sub(r" \(`--[^`]*`\)", "", sentence)  # the sentence has said it in words
    sentence = _OPTION.sub(lambda option: face.options.get(option[1], "--option"), sentence)
    if _BARE_OPTION.search(sentence) or _SETTING.search(sentence):
        return _ASK
    for written, read in _TURNS:
        sentence = re.sub(written, read, sentence)
    return sentence


_TURNS = (
    (r"\b(?:with|by) (the page )", r"on \1"),
    (r": (the page \w+)\.$", r" on \1."),
    (r"(on the page \w+),? (?:then|and) (?:on )?the page \w+", r"\1"),
    (r"\bRun (the page )", r"Open \1"),
    (r"\brun (the page )", r"open \1"),
)
"""A place is not used as a command is."""


def _place(command: str, face: Face) -> str | None:
    """What stands for a command: the longest beginning of it that the face knows."""
    words = command.split()
    known = (" ".join(words[:length]) for length in range(len(words), 0, -1))
    return next((face.commands[name] for name in known if name in face.commands), None)
