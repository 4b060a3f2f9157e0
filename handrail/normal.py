"""One way to read what only looks like plain letters: matching and redaction see the text that a person sees.

Between what a person reads and what a pattern meets stand characters that show nothing (`law<U+200B>yer`), letters
drawn in another way (full-width, mathematical, circled), marks laid over letters, and letters of another script inside
a Latin word. Ordinary text of any script passes as it is.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_BEYOND_LATIN = 0x250
"""Below it stand the letters of European languages; m² and ª are written on purpose."""
_DRAWN = frozenset({"<wide>", "<narrow>", "<font>", "<circle>", "<square>", "<compat>"})
"""How Unicode marks letters that are others in another shape."""
_BLOCKS = (
    (0x2000, 0x2200),
    (0x2460, 0x24F0),
    (0xFB00, 0xFB07),
    (0xFF00, 0xFFF0),
    (0x1D400, 0x1D800),
    (0x1F100, 0x1F200),
)
_INVISIBLE = (
    (0x0, 0x8),
    (0xB, 0xC),
    (0xE, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Control characters but tab and line ends, and what Unicode calls default ignorable: all of it shows nothing."""
_OVERLAID = (
    (0x300, 0x34E),
    (0x350, 0x36F),
    (0x483, 0x489),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
)
"""Marks written behind the letter that they lie over; one that has a letter of its own, such as é, is none of them."""
_BLANKS = ((0xA0, 0xA0), (0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000))
_SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡ", "abcdefghijklmnoprstuvwyzag", strict=True))
_LIKE_LATIN = {
    **dict(zip("авеѕіјһкоԁԛрсѵԝухӏ", "abesijhkodqpcvwyxl", strict=True)),
    **dict(zip("АВЕЅІЈКМНОРСТУХ", "ABESIJKMHOPCTYX", strict=True)),  # noqa: RUF001 - the twins are meant
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυϲϳ", "ABEZHIKMNOPTYXaikvopucj", strict=True)),
    **dict(zip("օսհցոզ", "ouhgnq", strict=True)),  # noqa: RUF001 - the twins are meant
}
"""Letters of other scripts that are drawn like Latin ones; exact twins only, so that no other word arises."""


def _folds() -> dict[str, str]:
    folds = dict(_SMALL_CAPITALS)
    for first, end in _BLOCKS:
        for code in range(max(first, _BEYOND_LATIN), end):
            shape = unicodedata.decomposition(chr(code)).split(" ")[0]
            plain = unicodedata.normalize("NFKC", chr(code))
            # A fraction or a sign of three dots is no letter: of `<compat>` only ligatures and Roman numerals are.
            if shape in _DRAWN and plain.isascii() and (shape != "<compat>" or plain.isalpha()):
                folds[chr(code)] = plain
    return folds


def _characters(ranges: Iterable[tuple[int, int]]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in ranges for code in range(first, last + 1))


_MARKS = _characters(_OVERLAID)
_CHANGES = {
    **_folds(),
    **dict.fromkeys(_characters(_BLANKS), " "),
    **dict.fromkeys(_MARKS | _characters(_INVISIBLE), ""),
}
_MOVING = frozenset(character for character, plain in _CHANGES.items() if len(plain) != 1)
_STRANGE = frozenset({*_CHANGES, *_LIKE_LATIN})
_PLAIN_ASCII = re.compile(r"[\t\n\r -~]*")
_TO_PLAIN = str.maketrans(_CHANGES)
_TO_LATIN = str.maketrans(_LIKE_LATIN)
_ONE_STROKE = str.maketrans({"0": "o", "1": "l", "i": "l"})
"""Of names alone: a capital I, a small l and the digit 1 are one stroke in many typefaces."""
_WORD = re.compile(r"[^\W\d_]+")
_TWIN_BESIDE_LATIN = re.compile("[A-Za-z][{0}]|[{0}][A-Za-z]".format("".join(_LIKE_LATIN)))


@dataclass(frozen=True, slots=True)
class NormalText:
    """A text as it is read; `starts` and `ends` say where each of its characters stood, None where all still do."""

    text: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original text behind `start` (included) to `end` (excluded) of this one.

        What is hidden between them belongs to them, as do the marks over the last one. Of nothing, nothing.
        """
        if self.starts is None or self.ends is None:
            return start, end
        return (self.starts[start], self.ends[end - 1]) if start < end else (0, 0)


def is_plain(text: str) -> bool:
    """Whether a text is ASCII without control characters, but for tabs and line ends: it reads as it stands."""
    return text.isascii() and _PLAIN_ASCII.fullmatch(text) is not None


def normalise(text: str) -> NormalText:
    r"""Read a text as a person sees it; ordinary text of any script is unchanged, and a second time changes nothing.

    Characters that show nothing and separate marks are left out, letters and digits in another shape become plain
    ones, blanks of any width a blank, and twins of Latin letters inside a Latin word those letters.

    >>> normalise("law\u200byer").text
    'lawyer'
    >>> normalise("law\u200byer").original(0, 6)
    (0, 7)
    """
    if is_plain(text) or _STRANGE.isdisjoint(text):
        return NormalText(text)
    plain = text.translate(_TO_PLAIN)
    if _TWIN_BESIDE_LATIN.search(plain):
        plain = _WORD.sub(_latin, plain)
    moving = [at for at, character in enumerate(text) if character in _MOVING]
    return NormalText(plain, *_places(text, moving)) if moving else NormalText(plain)


def _places(text: str, moving: Iterable[int]) -> tuple[list[int], list[int]]:
    """Where each character of the plain text stood; `moving` are the places of those that became none or several."""
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for at in (*moving, len(text)):
        starts += range(done, at)
        ends += range(done + 1, at + 1)
        letters = len(_CHANGES[text[at]]) if at < len(text) else 0
        starts += [at] * letters
        ends += [at + 1] * letters
        if at < len(text) and text[at] in _MARKS and ends:
            ends[-1] = at + 1
        done = at + 1
    return starts, ends


def skeleton(name: str) -> str:
    r"""What two names have in common that a person may take for one another: compare it, never show it.

    Upper and lower case, blanks, shapes, scripts, I, l and 1, and O and 0 make no difference; accents do.

    >>> skeleton("Cleo ") == skeleton("\u0441leo")
    True
    """
    composed = unicodedata.normalize("NFKC", name)
    plain = normalise(composed).text.translate(_TO_LATIN)
    folded = unicodedata.normalize("NFKC", plain.casefold()).translate(_TO_LATIN)
    return " ".join(folded.translate(_ONE_STROKE).split())


def _latin(word: re.Match[str]) -> str:
    """A word with its twins of Latin letters replaced, where nothing of another script is left then."""
    written = word[0]
    if written.isascii() or not _TWIN_BESIDE_LATIN.search(written):
        return written
    changed = written.translate(_TO_LATIN)
    return changed if all(ord(letter) < _BEYOND_LATIN or _is_latin(letter) for letter in changed) else written


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")
