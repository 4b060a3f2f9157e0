"""Passwords: which ones are good enough, how they are kept, how long wrong ones make one wait."""

import unicodedata
from datetime import timedelta
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from handrail.errors import BadInput

FEWEST, MOST = 12, 128
"""Characters. Long ones need no rule about capitals and digits; the upper bound bounds the work of hashing."""
OWN = 8
"""Characters that must be left without names and well-known words."""
DIFFERENT = 5
"""Different characters, at least."""
KNOWN = (
    "handrail",
    "administrator",
    "password",
    "passwort",
    "passw0rd",
    "motdepasse",
    "contraseña",
    "letmein",
    "welcome",
    "iloveyou",
    "changeme",
    "trustno1",
    "sunshine",
    "football",
    "princess",
    "dragon",
    "monkey",
    "admin",
    "secret",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "1q2w3e4r5t6y",
    "1q2w3e4r",
    "qwerty",
    "qwertz",
    "azerty",
    "1234567890",
    "0123456789",
    "12345678",
    "123456",
    "abcdefghijkl",
    "abcdef",
    "abc123",
)
"""What everybody tries first; longer ones stand before the shorter ones that they contain."""

TRIES = 5
"""Wrong passwords before the first wait."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)

_hasher = PasswordHash((Argon2Hasher(),))


def require_good(password: str, *, name: str, business: str) -> None:
    """Make sure that a new password is hard to guess.

    Raises:
        BadInput: it is too short, too long, or mostly a name, a well-known word or one key; says which.
    """
    plain = _plain(password)
    if not FEWEST <= len(plain) <= MOST:
        raise BadInput(
            f"The password has {len(plain)} characters. Use {FEWEST} to {MOST}; a few words in a row are easy to keep."
        )
    if any(unicodedata.category(character) == "Cc" for character in plain):
        raise BadInput("The password holds characters that no keyboard writes. Use letters, digits, signs and blanks.")
    if len(set(plain)) < DIFFERENT:
        raise BadInput(f"The password has fewer than {DIFFERENT} different characters. Use a few words in a row.")
    rest = plain.casefold()
    for word in (*_parts(name), *_parts(business), *KNOWN):
        rest = rest.replace(word, "")
    if len(rest) < OWN:
        raise BadInput(
            "The password is mostly your name, the business's name or something that everybody tries first."
            f" Add words of your own, {OWN} characters or more."
        )


def hashed(password: str) -> str:
    """What is stored of a password: argon2id with its own salt. It takes a tenth of a second, on purpose."""
    return _hasher.hash(_plain(password))


def is_right(password: str, kept: str | None) -> bool:
    """Whether `password` is the one of which `kept` was stored; takes as long, and is False, for None."""
    matches = _hasher.verify(_plain(password[: MOST + 1]), _nobodys() if kept is None else kept)
    return matches and kept is not None


def wait_after(failures: int) -> timedelta | None:
    """How long nobody may try after so many wrong passwords in a row: nothing at first, then twice as long each time.

    >>> [str(wait_after(failures)) for failures in (4, 5, 6, 7)]
    ['None', '0:01:00', '0:02:00', '0:04:00']
    """
    if failures < TRIES:
        return None
    doublings = min(failures - TRIES, 30)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")


def _plain(password: str) -> str:
    """One form for what looks the same: keyboards differ in how they write an ü."""
    return unicodedata.normalize("NFKC", password)


def _parts(name: str) -> list[str]:
    """A name as people would write it in a password: whole, and each word of it that is long enough to matter."""
    whole = unicodedata.normalize("NFKC", name).casefold()
    words = whole.replace("_", " ").replace("-", " ").replace(".", " ").split()
    return sorted({word for word in (whole, "".join(words), *words) if len(word) > 2}, key=len, reverse=True)  # noqa: PLR2004 - two letters are in every word
