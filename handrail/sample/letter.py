"""One case's text, from its truth: which sentences it holds, in which order, where personal data stand."""

from dataclasses import dataclass, field
from typing import Final

from handrail.sample.dice import Dice
from handrail.sample.events import (
    CATEGORY_ADDED,
    NEW_CATEGORY,
    OUT_OF_SCOPE,
    TYPOS_SLANG,
    WORDING_SHIFT,
    categories,
    frequencies,
)
from handrail.sample.slots import CaseDraft
from handrail.sample.templates import Segment, Template, lines, templates
from handrail.sample.typing_errors import mistype, slip

LONG_BODY_CHARACTERS: Final = 20_000
NON_LATIN_CATEGORIES: Final = (
    "delivery_status",
    "refund_request",
    "billing_question",
    "technical_help",
    "appointment_change",
)
_FLAG_SHARES: Final = {"safety": 0.007, "policy": 0.005, "legal": 0.003}
# Each pair's wording is as often one as the other of its two categories, whatever their frequencies.
_PAIR_SHARE = 0.010
_MOST_AMBIGUOUS = 0.30
_VAGUE_SHARE = 0.025
_MISLEADING_SHARE = 0.018
# Every third letter of an ambiguous pair ends with what its writer wants.
_TELLING_ASK = 0.33
_OWN_ASK, _GENERIC_ASK = 0.88, 0.06


@dataclass(frozen=True)
class Letter:
    """A finished text with its truth; `spans` are (type, start, end) in characters, end exclusive.

    `is_ambiguous`: the text fits two categories, says too little, or reads like another category altogether.
    """

    text: str
    template: str = ""
    flag: str = ""
    events: frozenset[str] = frozenset()
    is_ambiguous: bool = False
    spans: tuple[tuple[str, int, int], ...] = ()


@dataclass
class _Draft:
    """Sentences on their way into a letter."""

    story: CaseDraft
    sentences: list[list[Segment]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    template: str = ""
    is_ambiguous: bool = False
    is_shifted: bool = False

    def add(self, template: Template) -> None:
        self.used.add(template.id)
        self.sentences.append(template.render(self.story.dice, self.story.fill))

    def add_from(self, file: str, section: str, probability: float = 1.0) -> None:
        """Add a sentence of the section with this probability, if possible one not used yet."""
        dice = self.story.dice
        if not dice.chance(probability):
            return
        template = dice.pick(templates(file, section))
        self.add(dice.pick(templates(file, section)) if template.id in self.used else template)


def write(label: str, kind: str, week: int, amount: float | None, dice: Dice) -> Letter:
    """Write the text of one case of the given true label and kind; an empty kind has an empty text."""
    if kind == "empty":
        return Letter("")
    draft = _Draft(CaseDraft(week, dice, amount))
    if kind == "non_latin":
        number = dice.number(1, len(lines("special")[f"non_latin {label}"]))
        draft.template = f"special/non_latin/{label}/{number:02d}"
        draft.sentences.append([Segment(lines("special")[f"non_latin {label}"][number - 1], "raw")])
        draft.add_from("shared", "number", 0.2)
        return _finish(draft, frozenset())
    draft.add_from("shared", "opener", 0.7)
    draft.add_from("shared", "distractor", 0.45)
    flag = ""
    if label == OUT_OF_SCOPE:
        _add_core(draft, OUT_OF_SCOPE, "core")
        draft.add_from("shared", "distractor", 0.2)
    else:
        _add_request(draft, label)
        flag = _add_flag(draft, label)
    _add_rest(draft, kind)
    return _type(draft, week, flag, label)


def plain(label: str, dice: Dice) -> str:
    """Write a text that leaves no doubt of its label and holds no personal data: a gold case."""
    draft = _Draft(CaseDraft(0, dice))
    _add_core(draft, label, "core")
    draft.add_from(label, "ask")
    return _finish(draft, frozenset()).text


def _add_core(draft: _Draft, file: str, section: str) -> None:
    template = draft.story.dice.pick(templates(file, section))
    draft.template = template.id
    draft.add(template)


def _add_request(draft: _Draft, label: str) -> None:
    dice, week = draft.story.dice, draft.story.week
    share = frequencies(week)[label]
    pairs = _pairs_of(label)
    if pairs and dice.chance(min(_MOST_AMBIGUOUS, _PAIR_SHARE * len(pairs) / share)):
        _add_core(draft, "ambiguous", dice.pick(pairs))
        draft.is_ambiguous = True
        if dice.chance(_TELLING_ASK):
            draft.add_from(label, "ask")
        else:
            draft.add_from("shared", "generic_ask", 0.6)
        return
    if dice.chance(_VAGUE_SHARE):
        _add_core(draft, "shared", "vague")
        draft.is_ambiguous = True
        draft.add_from("shared", "generic_ask", 0.6)
        return
    looks_like = label
    if dice.chance(_MISLEADING_SHARE):
        looks_like = dice.pick([name for name in categories(week) if name not in {label, "legal_threat"}])
        draft.is_ambiguous = True
    _add_own(draft, looks_like)


def _add_own(draft: _Draft, label: str) -> None:
    dice, week = draft.story.dice, draft.story.week
    is_second_first = dice.chance(0.4)
    has_second = dice.chance(0.32)
    if has_second and is_second_first:
        _add_second(draft, label)
    if templates(label, "shift_core") and WORDING_SHIFT.is_on(week) and dice.chance(WORDING_SHIFT.share):
        draft.is_shifted = True
        _add_core(draft, label, "shift_core")
        draft.add_from(label, "shift_ask", 0.8)
    else:
        _add_core(draft, label, "core")
        draft.add_from(label, "detail", 0.7)
        kind = dice.uniform()
        if kind < _OWN_ASK:
            draft.add_from(label, "ask")
        elif kind < _OWN_ASK + _GENERIC_ASK:
            draft.add_from("shared", "generic_ask")
    if has_second and not is_second_first:
        draft.add_from("shared", "link")
        _add_second(draft, label)


def _add_second(draft: _Draft, label: str) -> None:
    others = [name for name in categories(draft.story.week) if name not in {label, "legal_threat"}]
    draft.add_from(draft.story.dice.pick(others), "core" if draft.story.dice.chance(0.9) else "ask")


def _add_flag(draft: _Draft, label: str) -> str:
    if label == "legal_threat":
        return "legal"
    for flag, share in _FLAG_SHARES.items():
        if draft.story.dice.chance(share):
            draft.add_from("shared", flag)
            return flag
    return ""


def _add_rest(draft: _Draft, kind: str) -> None:
    draft.add_from("shared", "number", 0.16)
    draft.add_from("shared", "personal", 0.24)
    draft.add_from("shared", "distractor", 0.40)
    if kind == "injection":
        draft.sentences.append([Segment(draft.story.dice.pick(lines("special")["injection"]), "raw")])
    if kind == "long":
        _quote_at_length(draft)
    draft.add_from("shared", "closer", 0.6)


def _quote_at_length(draft: _Draft) -> None:
    length = 0
    while length < LONG_BODY_CHARACTERS:
        draft.add_from("shared", "distractor")
        draft.sentences[-1].insert(0, Segment("> "))
        length += sum(len(part.text) for part in draft.sentences[-1])


def _type(draft: _Draft, week: int, flag: str, label: str) -> Letter:
    dice = draft.story.dice
    is_phone_style = TYPOS_SLANG.is_on(week) and dice.chance(TYPOS_SLANG.share)
    is_new = label == NEW_CATEGORY and CATEGORY_ADDED.is_on(week)
    marks = {
        "new_product": draft.story.has_new_product,
        "new_category": is_new,
        "typos_slang": is_phone_style,
        "wording_shift": draft.is_shifted,
    }
    events = frozenset(name for name, holds in marks.items() if holds)
    return _finish(draft, events, flag, is_phone_style=is_phone_style)


def _finish(draft: _Draft, events: frozenset[str], flag: str = "", *, is_phone_style: bool = False) -> Letter:
    dice = draft.story.dice
    segments: list[Segment] = []
    for sentence in draft.sentences:
        if segments:
            segments.append(Segment(" "))
        segments.extend(sentence)
    if is_phone_style:
        segments = mistype(segments, dice)
    elif dice.chance(0.15):
        segments = slip(segments, dice)
    spans, at = [], 0
    for part in segments:
        if part.kind and part.kind != "raw":
            spans.append((part.kind, at, at + len(part.text)))
        at += len(part.text)
    text = "".join(part.text for part in segments)
    return Letter(text, draft.template, flag, events, draft.is_ambiguous, tuple(spans))


def _pairs_of(label: str) -> tuple[str, ...]:
    return tuple(pair for pair in lines("ambiguous") if label in pair.split("|"))
