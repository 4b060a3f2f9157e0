"""How people type on a phone: short forms, dropped and swapped letters, no capitals."""

import re
from functools import cache

from handrail.sample.dice import Dice
from handrail.sample.templates import Segment, lines

_WORD = re.compile(r"[A-Za-z0-9_'.@-]+")
_SHORT_FORM_SHARE = 0.85
_TYPO_SHARE = 0.07
_LONG_ENOUGH = 4


@cache
def _short_forms() -> dict[str, str]:
    pairs = (line.split(" ", 1) for line in lines("slang")["word"])
    return dict(pairs)


def mistype(segments: list[Segment], dice: Dice) -> list[Segment]:
    """Return the segments in phone style; personal data, raw segments and anything with a digit stay."""
    typed = [Segment(_retype(part.text, dice)) if not part.kind else part for part in segments]
    slang = lines("slang")
    if dice.chance(0.6):
        typed.insert(0, Segment(dice.pick(slang["opener"]) + " "))
    if dice.chance(0.7):
        typed.append(Segment(" " + dice.pick(slang["filler"])))
    if dice.chance(0.5):
        typed.append(Segment(" " + dice.pick(slang["closer"])))
    return typed


def slip(segments: list[Segment], dice: Dice) -> list[Segment]:
    """Return the segments with the one or two slips that any writer makes."""
    prose = [place for place, part in enumerate(segments) if not part.kind and len(part.text) > _LONG_ENOUGH]
    if not prose:
        return segments
    slipped = list(segments)
    place = dice.pick(prose)
    words = [word for word in _WORD.finditer(slipped[place].text) if _is_plain(word.group())]
    if words:
        word, text = dice.pick(words), slipped[place].text
        slipped[place] = Segment(text[: word.start()] + _misspell(word.group(), dice) + text[word.end() :])
    return slipped


def _retype(text: str, dice: Dice) -> str:
    forms = _short_forms()

    def change(match: re.Match[str]) -> str:
        word = match.group()
        if any(sign.isdigit() for sign in word):
            return word
        short = forms.get(word.lower())
        if short is not None and dice.chance(_SHORT_FORM_SHARE):
            return short
        if _is_plain(word) and dice.chance(_TYPO_SHARE):
            return _misspell(word.lower(), dice)
        return word.lower()

    return _WORD.sub(change, text)


def _is_plain(word: str) -> bool:
    return len(word) > _LONG_ENOUGH and word.isalpha()


def _misspell(word: str, dice: Dice) -> str:
    at = dice.number(1, len(word) - 2)
    kind = dice.number(1, 3)
    if kind == 1:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 2:  # noqa: PLR2004 - the second of three kinds of slip
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]
