"""The sentences of the sample business: text files of templates, read once and compiled."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple, TypeAlias

from handrail.sample.dice import Dice

_MARK = re.compile(r"\[([^\]]*)\]|\{(\w+)\}")


class Segment(NamedTuple):
    """A stretch of text; `kind` is '' for prose, 'raw' for text that typing errors spare, else a PII type."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Slot:
    """A place that a filler fills."""

    name: str


@dataclass(frozen=True)
class Choice:
    """A place where one of several wordings stands."""

    options: tuple[tuple["Part", ...], ...]


Part: TypeAlias = Segment | Slot | Choice


@dataclass(frozen=True)
class Template:
    """One sentence with its id, which names file, section and line within the section."""

    id: str
    parts: tuple[Part, ...]

    def render(self, dice: Dice, fill: Callable[[str], Segment]) -> list[Segment]:
        """Return the sentence as segments, choices drawn and slots filled."""
        segments: list[Segment] = []
        _render(self.parts, dice, fill, segments)
        return segments


def _render(parts: tuple[Part, ...], dice: Dice, fill: Callable[[str], Segment], into: list[Segment]) -> None:
    for part in parts:
        if isinstance(part, Segment):
            into.append(part)
        elif isinstance(part, Slot):
            into.append(fill(part.name))
        else:
            _render(dice.pick(part.options), dice, fill, into)


def compile_template(line: str) -> tuple[Part, ...]:
    """Compile `[one|other]` choices and `{slot}` places; everything else stays as it is written.

    >>> compile_template("Hi {name}")
    (Segment(text='Hi ', kind=''), Slot(name='name'))
    """
    parts: list[Part] = []
    end = 0
    for mark in _MARK.finditer(line):
        if mark.start() > end:
            parts.append(Segment(line[end : mark.start()]))
        options, slot = mark.groups()
        if slot:
            parts.append(Slot(slot))
        else:
            parts.append(Choice(tuple(compile_template(option) for option in options.split("|"))))
        end = mark.end()
    if end < len(line):
        parts.append(Segment(line[end:]))
    return tuple(parts)


@cache
def lines(file: str) -> dict[str, tuple[str, ...]]:
    """Return the lines of each `== section` of a wording file; `#` lines before the first are comments."""
    text = resources.files("handrail.sample").joinpath("wording", f"{file}.txt").read_text("utf-8")
    sections: dict[str, list[str]] = {}
    section: list[str] = []
    for line in text.splitlines():
        if line.startswith("== "):
            section = sections.setdefault(line.removeprefix("== "), [])
        elif line and (sections or not line.startswith("#")):
            section.append(line)
    return {name: tuple(templates_of) for name, templates_of in sections.items()}


@cache
def templates(file: str, section: str) -> tuple[Template, ...]:
    """Return the compiled templates of a section, empty when the file has no such section."""
    return tuple(
        Template(f"{file}/{section.replace('|', '+').replace(' ', '/')}/{number:02d}", compile_template(line))
        for number, line in enumerate(lines(file).get(section, ()), start=1)
    )
