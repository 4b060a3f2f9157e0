"""One way to read what only looks like plain letters: matching and redaction see the text that a person sees.

Between what a person reads and what a pattern meets stand characters that show nothing (`law<U+200B>yer`), letters
drawn in another way (full-width, mathematical, circled), marks laid over letters, and letters of another script inside
a Latin word. Ordinary text of any script passes as it is.
"""

import re
import unicodedata
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
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What Unicode calls default ignorable: it shows nothing, whatever stands around it."""
_MARKS = "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
"""Marks written behind the letter that they lie over; one that has a letter of its own, such as é, is none of them."""
_BLANKS = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
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


_FOLDS = _folds()
_DROPPED = re.compile(f"[{_INVISIBLE}{_MARKS}]")
_BLANK = re.compile(f"[{_BLANKS}]")
_MARK = re.compile(f"[{_MARKS}]")
_STRANGE = re.compile(f"[{_INVISIBLE}{_MARKS}{_BLANKS}{re.escape(''.join(_FOLDS))}{''.join(_LIKE_LATIN)}]")
_WORD = re.compile(r"[^\W\d_]+")
_ASCII_LETTER = re.compile(r"[A-Za-z]")
_TO_LATIN = str.maketrans(_LIKE_LATIN)
_ONE_STROKE = str.maketrans({"0": "o", "1": "l", "i": "l"})
"""Of names alone: a capital I, a small l and the digit 1 are one stroke in many typefaces."""


@dataclass(frozen=True, slots=True)
class NormalText:
    """A text as it is read; `origins` has where each character stood, from and up to, None where nothing changed."""

    text: str
    origins: tuple[tuple[int, int], ...] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original text behind `start` (included) to `end` (excluded) of this one.

        What is hidden between them belongs to them, as do the marks over the last one. An empty span stays empty.
        """
        if self.origins is None:
            return start, end
        if start >= end:
            at = self.origins[start][0] if start < len(self.origins) else self.origins[-1][1] if self.origins else 0
            return at, at
        return self.origins[start][0], self.origins[end - 1][1]


def normalise(text: str) -> NormalText:
    r"""Read a text as a person sees it; ordinary text of any script is unchanged, and a second time changes nothing.

    Characters that show nothing and separate marks are left out, letters and digits in another shape become plain
    ones, blanks of any width a blank, and twins of Latin letters inside a Latin word those letters.

    >>> normalise("law\u200byer").text
    'lawyer'
    >>> normalise("law\u200byer").original(0, 6)
    (0, 7)
    """
    if text.isascii() or _STRANGE.search(text) is None:
        return NormalText(text)
    pieces: list[str] = []
    origins: list[tuple[int, int]] = []
    for at, character in enumerate(text):
        if _DROPPED.match(character):
            if origins and _MARK.match(character):
                origins[-1] = origins[-1][0], at + 1
            continue
        plain = " " if _BLANK.match(character) else _FOLDS.get(character, character)
        pieces.append(plain)
        origins += [(at, at + 1)] * len(plain)
    return NormalText(_WORD.sub(_latin, "".join(pieces)), tuple(origins))


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
    if written.isascii() or not _ASCII_LETTER.search(written):
        return written
    changed = written.translate(_TO_LATIN)
    return changed if all(ord(letter) < _BEYOND_LATIN or _is_latin(letter) for letter in changed) else written


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")
