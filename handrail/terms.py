"""Terms: which words and word pairs are new, or suddenly frequent, in what customers write."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

from handrail import near_duplicates
from handrail.drift import benjamini_hochberg
from handrail.errors import BadInput
from handrail.normal import normalise

TERM_CAP = 200_000  # terms kept in a profile: the most frequent, with how often the dropped ones may occur
_WORD = re.compile(r"[^\W\d_][\w'\u2019-]{0,39}")
_EXAMPLES = 5


@dataclass(frozen=True)
class TermProfile:
    """Document frequencies of a reference's words and word pairs.

    `incidences` counts distinct terms over all documents (the length of the texts); a term absent from
    `frequencies` occurred in at most `dropped` documents.
    """

    documents: int
    incidences: int
    frequencies: dict[str, int]
    dropped: int = 0

    def to_json(self) -> str:
        """Write the profile as one JSON document; `from_json` gives back an equal profile."""
        return json.dumps(self.__dict__, ensure_ascii=True)

    @classmethod
    def from_json(cls, document: str) -> "TermProfile":
        """Read a profile that `to_json` wrote.

        Raises:
            BadInput: the document is no term profile.
        """
        try:
            return cls(**json.loads(document))
        except (ValueError, TypeError) as error:
            raise BadInput(f"This is no term profile ({error}). Build it again from the reference texts.") from error


@dataclass(frozen=True)
class TermDrift:
    """A term found in more documents than chance allows; `p` is adjusted for all terms that were tested.

    `lift` is the factor by which its share of documents grew (against one document where the reference
    has none), `documents` those of the window that hold it, near-duplicates counted once.
    """

    term: str
    lift: float
    documents: int
    p: float
    example_ids: tuple[str, ...]


def build(texts: Iterable[str], *, cap: int = TERM_CAP) -> TermProfile:
    """In how many reference texts each word and word pair occurs.

    Args:
        texts: the reference, redacted.
        cap: terms that are kept, the most frequent first.

    Returns:
        The profile; no texts give an empty one.

    Source: document frequency (Spärck Jones 1972).

    >>> profile = build(["where is my parcel", "my parcel is late"])
    >>> profile.documents, profile.frequencies["my parcel"], profile.frequencies["late"]
    (2, 2, 1)
    """
    documents, incidences, counts = 0, 0, Counter[str]()
    for text in texts:
        terms = terms_of(text)
        documents += 1
        incidences += len(terms)
        counts.update(terms)
    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    dropped = ranked[cap][1] if len(ranked) > cap else 0
    return TermProfile(documents, incidences, dict(ranked[:cap]), dropped)


def new_terms(
    profile: TermProfile,
    texts: Sequence[str],
    ids: Sequence[object] | None = None,
    *,
    fdr: float = 0.05,
    min_documents: int = 5,
    min_lift: float = 2.0,
) -> list[TermDrift]:
    """The terms that stand in significantly more documents than the reference explains.

    Document frequency is tested, and again the share of all terms, so that longer texts alone make nothing new; the
    larger p counts. Near-duplicate texts count once. A pair whose word is itself new is left out unless both are and it
    explains them.

    Args:
        profile: of the reference.
        texts: the window, redacted.
        ids: one for each text; positions by default.
        fdr: expected share of false ones among the terms that are named.
        min_documents: documents on either side from which a term is tested.
        min_lift: least growth of a term's share of documents.

    Returns:
        Terms sorted by p; an empty window or reference yields none.

    Raises:
        BadInput: as many ids as texts are needed.

    Source: exact hypergeometric test (Fisher 1935); Benjamini and Hochberg 1995.

    >>> profile = build(f"where is parcel {chr(97 + at % 26)}x" for at in range(400))
    >>> window = [f"the voucher {chr(97 + at)}y failed" for at in range(20)]
    >>> [(one.term, one.documents) for one in new_terms(profile, window)][:2]
    [('failed', 20), ('the', 20)]
    """
    names = [str(name) for name in (range(len(texts)) if ids is None else ids)]
    if len(names) != len(texts):
        raise BadInput("Each text needs one id. Pass as many ids as texts.")
    held = [terms_of(text) for text in texts]
    kept = near_duplicates.distinct_rows(texts, held)
    counts = Counter(term for row in kept for term in held[row])
    if not counts or not profile.documents:
        return []
    incidences = sum(map(len, held))
    tested = _tested(profile, counts, min_documents)
    candidates = sorted(
        term
        for term, now in counts.items()
        if now >= min_documents and _lift(profile, term, now, len(texts), incidences) >= min_lift
    )
    adjusted = _adjusted_p(profile, candidates, counts, (len(texts), incidences), tested)
    significant = {term: float(p) for term, p in zip(candidates, adjusted, strict=True) if p <= fdr}
    examples = _examples(_telling(significant, counts), kept, held, names)
    return [
        TermDrift(term, _document_lift(profile, term, counts[term], len(texts)), counts[term], significant[term], seen)
        for term, seen in sorted(
            examples.items(), key=lambda entry: (significant[entry[0]], -counts[entry[0]], entry[0])
        )
    ]


def oov_rate(profile: TermProfile, texts: Iterable[str]) -> float:
    """Share of the texts' distinct words that the reference never held (out of vocabulary).

    A trend line only: new names and typing errors both raise it.

    Args:
        profile: of the reference.
        texts: the window, redacted.

    Returns:
        A share in [0, 1]; 0 without words.

    Source: own definition; each text counts each of its words once.

    >>> oov_rate(build(["where is my parcel"]), ["where is my voucher"])
    0.25
    """
    words = familiar = 0
    for text in texts:
        distinct = {word for word in terms_of(text) if " " not in word}
        words += len(distinct)
        familiar += sum(word in profile.frequencies for word in distinct)
    return 1 - familiar / words if words else 0.0


def terms_of(text: str) -> set[str]:
    """Words and pairs of neighbouring words of a text as it is read, lower case; numbers are no words.

    Args:
        text: redacted.

    Returns:
        The distinct terms.

    Source: the bag of words with bigrams (Manning and Schütze 1999, chapter 5).

    >>> sorted(terms_of("My 2 parcels"))
    ['my', 'my parcels', 'parcels']
    """
    words = _WORD.findall(normalise(text).text.lower())
    return {*words, *map(" ".join, pairwise(words))}


def _tested(profile: TermProfile, counts: Counter[str], min_documents: int) -> int:
    """How many terms could be found: those with enough documents on both sides together."""
    frequent = {term for term, before in profile.frequencies.items() if before >= min_documents}
    frequent |= {term for term, now in counts.items() if now + profile.frequencies.get(term, 0) >= min_documents}
    return len(frequent)


def _document_lift(profile: TermProfile, term: str, now: int, documents: int) -> float:
    before = max(profile.frequencies.get(term, profile.dropped), 1)
    return (now / documents) / (before / profile.documents)


def _lift(profile: TermProfile, term: str, now: int, documents: int, incidences: int) -> float:
    by_documents = _document_lift(profile, term, now, documents)
    longer = (incidences / documents) / (profile.incidences / profile.documents) if profile.incidences else 1.0
    return min(by_documents, by_documents / longer)


def _adjusted_p(
    profile: TermProfile, terms: list[str], counts: Counter[str], window: tuple[int, int], tested: int
) -> np.ndarray:
    """Adjusted p of the candidate terms; the other tested ones count with p = 1, which only adds caution."""
    now = np.array([counts[term] for term in terms], dtype=np.int64)
    both = now + np.array([profile.frequencies.get(term, profile.dropped) for term in terms], dtype=np.int64)
    by_documents = stats.hypergeom.sf(now - 1, profile.documents + window[0], both, window[0])
    by_length = stats.hypergeom.sf(now - 1, profile.incidences + window[1], both, window[1])
    p = np.clip(np.maximum(by_documents, by_length), 0.0, 1.0)
    return benjamini_hochberg([*p, *(1.0 for _ in range(tested - len(terms)))])[: len(terms)]


def _telling(significant: dict[str, float], counts: Counter[str]) -> list[str]:
    """Drop the pairs that say no more than one of their words."""

    def tells(term: str) -> bool:
        new = [word for word in term.split(" ") if word in significant]
        return " " not in term or not new or (len(new) > 1 and counts[term] >= 0.8 * max(counts[word] for word in new))

    return [term for term in significant if tells(term)]


def _examples(terms: list[str], kept: list[int], held: list[set[str]], names: list[str]) -> dict[str, tuple[str, ...]]:
    examples: dict[str, list[str]] = {term: [] for term in terms}
    for row in kept:
        for term in held[row] & examples.keys():
            if len(examples[term]) < _EXAMPLES:
                examples[term].append(names[row])
    return {term: tuple(rows) for term, rows in examples.items()}
