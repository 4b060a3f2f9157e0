"""Ten invented terms in half a percent of five thousand documents: which are found, and what is found that is none."""

from typing import Any

import numpy as np

from handrail import terms

LETTERS = np.array(list("abcdefghijklmnoprstuvwyz"))
NAMES = (
    "zephyrix",
    "quorbital",
    "flonkett",
    "vexmora",
    "drindle",
    "skyplume",
    "morvantis",
    "hexalume",
    "brintook",
    "yaxwell",
)
DOCUMENTS = 5_000
REFERENCE_TIMES = 4  # as many documents in the reference


def vocabulary(rng: np.random.Generator, size: int = 8_000) -> tuple[np.ndarray, np.ndarray]:
    """Made-up words and their shares, long-tailed as words are (Zipf)."""
    words = np.unique(["".join(rng.choice(LETTERS, rng.integers(3, 10))) for _ in range(size)])
    weights = 1 / np.arange(2, len(words) + 2)
    return rng.permutation(words), weights / weights.sum()


def write(
    rng: np.random.Generator, source: tuple[np.ndarray, np.ndarray], documents: int, length: float
) -> list[list[str]]:
    """Texts of a Poisson number of words."""
    lengths = np.maximum(rng.poisson(length, documents), 3)
    drawn = rng.choice(source[0], lengths.sum(), p=source[1])
    return [part.tolist() for part in np.split(drawn, np.cumsum(lengths)[:-1])]


def detection(runs: int, share: float, documents: int = DOCUMENTS) -> dict[str, Any]:
    """Recall of the ten terms and false ones a run; each window also holds 40 near-copies of one new letter."""
    found = false = copies = 0
    for run in range(runs):
        rng = np.random.default_rng([17, run])
        source = vocabulary(rng)
        profile = terms.build(map(" ".join, write(rng, source, REFERENCE_TIMES * documents, 25)))
        window = write(rng, source, documents, 25)
        for name in NAMES:
            for row in rng.choice(documents, round(share * documents), replace=False):
                window[row].insert(int(rng.integers(len(window[row]) + 1)), name)
        letter = [*write(rng, source, 1, 80)[0], "boycottword"]
        texts = [*map(" ".join, window), *(" ".join([*letter, str(source[0][row])]) for row in range(40))]
        named = {term.term for term in terms.new_terms(profile, texts)}
        found += len(named & set(NAMES))
        copies += any("boycottword" in term for term in named)
        false += len({term for term in named if not set(term.split()) & {*NAMES, "boycottword"}})
    return {
        "runs": runs,
        "share": share,
        "documents": documents,
        "reference": REFERENCE_TIMES * documents,
        "recall": found / (10 * runs),
        "false_a_run": false / runs,
        "runs_that_named_copies": copies,
    }


def quiet(runs: int, documents: int, lengths: tuple[float, float]) -> dict[str, Any]:
    """False terms a run where nothing is new, at one length of texts before and another now."""
    false = 0
    for run in range(runs):
        rng = np.random.default_rng([18, documents, run])
        source = vocabulary(rng)
        profile = terms.build(map(" ".join, write(rng, source, REFERENCE_TIMES * documents, lengths[0])))
        false += len(terms.new_terms(profile, list(map(" ".join, write(rng, source, documents, lengths[1])))))
    return {"runs": runs, "documents": documents, "lengths": lengths, "false_a_run": false / runs}
