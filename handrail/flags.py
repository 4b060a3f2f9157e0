"""Flags: patterns of the policy that send a text to a person's own decision.

The flag for an amount over the limit follows the predicted category and is therefore set in `queues`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

from handrail.normal import is_plain, normalise
from handrail.policy import Policy

# Joined with others, a numbered or named reference would mean another group, and a global flag all of them.
_NOT_JOINABLE = re.compile(r"\\[1-9]|\(\?P|\(\?\(|\(\?[aiLmsux]+\)")
_ESCAPE = re.compile(r"\\.")


@dataclass(frozen=True, slots=True)
class _Search:
    """One search that rules out most texts, and one for each pattern of each kind."""

    any: re.Pattern[str] | None
    kinds: tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]


def find_flags(texts: Sequence[str], policy: Policy) -> list[tuple[str, ...]]:
    """Name the kinds of patterns (policy, legal, safety) that match each text, upper and lower case alike.

    A pattern matches what is written as well as what a person reads there: a hidden character or a look-alike letter
    takes no flag away, and adds none to ordinary text. One tuple a text in the policy's order of kinds, empty where
    nothing matches; no texts, an empty list.
    """
    search = _compile(tuple((kind, tuple(patterns)) for kind, patterns in policy.flags.items()))
    return [_kinds(text, search) for text in texts]


def _kinds(text: str, search: _Search) -> tuple[str, ...]:
    views = _views(text)
    if search.any is not None and not any(map(search.any.search, views)):
        return ()
    return tuple(kind for kind, patterns in search.kinds if any(p.search(view) for p in patterns for view in views))


def _views(text: str) -> tuple[str, ...]:
    """The text as it is written, with the letters of its accents, and as it is read; once where all are the same."""
    if is_plain(text):
        return (text.lower(),)
    return tuple(dict.fromkeys((text.lower(), normalize("NFC", text).lower(), normalise(text).text.lower())))


@lru_cache(maxsize=8)
def _compile(flags: tuple[tuple[str, tuple[str, ...]], ...]) -> _Search:
    patterns = [pattern for _, of_kind in flags for pattern in of_kind]
    joinable = patterns and not any(map(_NOT_JOINABLE.search, patterns))
    joined = re.compile("|".join(f"(?:{p})" for p in patterns), _case(patterns)) if joinable else None
    return _Search(joined, tuple((kind, tuple(re.compile(p, _case([p])) for p in of)) for kind, of in flags))


def _case(patterns: Iterable[str]) -> re.RegexFlag:
    """Lower-case patterns meet lower-case text as they are, three times faster than ignoring case."""
    literal = [_ESCAPE.sub("", pattern) for pattern in patterns]
    return re.NOFLAG if all(text == text.lower() for text in literal) else re.IGNORECASE
