"""Who looks at what models and profiles are shown: every call into their code, written today or tomorrow."""

import ast
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Self

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
READERS = ("models", "expectations", "handrail")
"""What is watched, but for what is listed below."""
FOR_PEOPLE = {
    "handrail/acts": "people act, each act is a transaction",
    "handrail/store": "SQL; a static test watches it",
    "handrail/trail": "ids, codes and digests",
    "handrail/sample": "makes the cases up",
    "handrail/rows.py": "reads deliveries",
    "handrail/cells.py": "as rows",
    "handrail/inbound_rows.py": "as rows",
    "handrail/given.py": "as rows",
    "handrail/mapping.py": "as rows: which answers are consent",
    "handrail/pii.py": "redacts",
    "handrail/normal.py": "reads letters, for redaction, flags and names; who shows a text to a model is watched there",
    "handrail/flags.py": "the policy's words that force queue C",
    "handrail/queues.py": "routes; a case without consent goes to C",
    "handrail/packet.py": "a letter to the customer",
    "handrail/policy": "rules: what an amount means",
    "handrail/waits.py": "as fairness: how long people waited",
    "handrail/fairness.py": "compares what people decided too: who refuses automation must not fare worse unseen",
    "handrail/cube.py": "as fairness: groups of decisions",
    "handrail/kpi": "as fairness: what the work took",
    "handrail/estimates.py": "as fairness",
    "handrail/figures/fairness.py": "as fairness: its result as it is kept",
    "handrail/figures/kpi.py": "as kpi: its result as it is kept",
    "handrail/reading.py": "carries figures to and from JSON, those of fairness and KPIs too",
    "handrail/proportions.py": "as fairness",
    "handrail/reviewers": "as fairness: how people decide",
    "handrail/agreement": "as fairness",
    "handrail/own_quality.py": "as reviewers",
}
"""Why these may be shown a case without consent: no model and no profile."""


class Onlooker:
    """Looks, while it stands open, at the arguments of every call into the readers' code for what is banned.

    `seen` says what of it was found where; `called` holds every function of the project that ran.
    """

    def __init__(self, *banned: str, amount: float) -> None:
        self._banned, self._amount = list(banned), amount
        self._watched: dict[CodeType, str | None] = {}
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.called: set[tuple[str, str]] = set()

    def ban(self, word: str) -> None:
        """From now on this word may not be shown either."""
        self._banned.append(word)

    def __enter__(self) -> Self:
        threading.setprofile(self._look)
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    def _look(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in self._watched:
            self._watched[code] = self._place(code)
        place = self._watched[code]
        if place is None:
            return
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            for found in self._in(frame.f_locals.get(name)):
                # The intake gate holds the amounts of every delivery against its rules, and nothing else of it.
                if not (place.startswith("expectations/") and found == str(self._amount)):
                    self.seen[f"{place}: {name}"].add(found)

    def _place(self, code: CodeType) -> str | None:
        file = Path(code.co_filename)
        if not file.is_relative_to(ROOT):
            return None
        relative = file.relative_to(ROOT).as_posix()
        self.called.add((relative, code.co_name))
        folders = (relative, *(parent.as_posix() for parent in Path(relative).parents))
        if relative.split("/")[0] not in READERS or any(folder in FOR_PEOPLE for folder in folders):
            return None
        return f"{relative}: {code.co_name}"

    def _in(self, value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield from (word for word in self._banned if word in value)
        elif isinstance(value, float) and value == self._amount:
            yield str(value)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            yield from {str(self._amount) for _ in np.flatnonzero(value == self._amount)}
        else:
            for part in _parts(value):
                yield from self._in(part)


def _parts(value: object) -> Iterable[object]:
    """What an argument holds: cells of a column, columns of a frame, values of a mapping, entries of a list."""
    if isinstance(value, pd.DataFrame):
        return [value[name].to_numpy() for name in value.columns]
    if isinstance(value, pd.Series):
        return [value.to_numpy()]
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype.kind in "OUT" else ()
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple | set | frozenset) else ()


def callers(modules: frozenset[str], folders: tuple[str, ...]) -> set[tuple[str, str]]:
    """The functions in these folders that call one of these modules, or a `predict` or `fit`: (file, function)."""
    found = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = {*_imported(tree, modules)}
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and any(known & {*called} for called in _called(function)):
                found.add((path.relative_to(ROOT).as_posix(), function.name))
    return found


def _imported(tree: ast.Module, modules: frozenset[str]) -> Iterator[str]:
    """What a file calls these modules and what it took from them, and every estimator's methods."""
    yield from (".predict", ".predict_proba", ".fit")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                if node.module in modules or f"{node.module}.{name.name}" in modules:
                    yield name.asname or name.name


def _called(function: ast.FunctionDef) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            yield (f".{node.func.attr}", of.id if isinstance(of, ast.Name) else "")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield (node.func.id,)
