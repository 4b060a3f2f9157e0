"""One word names one thing: no class twice, and no participle where a noun of the field belongs."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("handrail", "tasks", "flows", "models", "expectations", "desk", "console")
ACTS_AND_STORE = (ROOT / "handrail" / "acts", ROOT / "handrail" / "store")
PARTICIPLES = frozenset({"found", "known", "said", "told"})
FEW_LINES = 3
STORED_KEYS = frozenset({("handrail/figures/reviewers.py", "said")})
"""A figure's name is its key in the readings of years: it stays."""

ROW = "the table of what the domain's class of this name is: read and written in handrail/store alone"
BODY = "the API's body of this name stands in its document, and callers know it"
FACE = "one face's own piece, imported by that face alone"
SAME_NAME = {
    "Account": "a sign-in account among the tables; what certificates are tried on, by model and category, in tasks",
    "Alert": ROW,
    "AlertDelivery": ROW,
    "Because": BODY,
    "Card": FACE,
    "Case": ROW,
    "Certificate": ROW,
    "Comparison": "shadow against champion, and group against group: each module's own result",
    "Decided": BODY,
    "Decision": BODY,
    "Delivery": "bytes that an act takes in; at the desk, the form that sends them",
    "GivenPrediction": ROW,
    "GoldCase": ROW,
    "Lease": ROW,
    "ModelVersion": ROW,
    "NewCase": BODY,
    "Opened": BODY,
    "Paused": BODY,
    "Person": ROW,
    "Place": "where a page of a list goes on, in each of the two lists that are paged",
    "Plan": "what one act or step has decided and not yet done; each module has one",
    "Plot": "a picture beside figures: at the desk as SVG, in reports by matplotlib",
    "Policy": ROW,
    "Prediction": ROW,
    "Proposal": ROW,
    "Reading": "a watch's reading and its table; a trigger's reading",
    "Reason": ROW,
    "Route": ROW,
    "Row": FACE,
    "Serving": ROW,
    "Settlement": BODY,
    "Status": BODY,
    "Table": "a table beside a picture: at the desk as HTML, in reports by matplotlib",
    "Taken": BODY,
    "Told": BODY,
    "Waiting": BODY,
    "Watch": ROW,
    "WorkItem": ROW,
    "Written": "an event as the trail holds it; what the desk's health check wrote",
}
"""Names that two classes may have, and why nobody takes one for the other."""


def modules(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


def domain() -> list[Path]:
    return [path for path in modules("handrail") if not any(path.is_relative_to(folder) for folder in ACTS_AND_STORE)]


def targets(node: ast.stmt) -> Iterator[ast.Name]:
    """The names that a statement binds."""
    bound = [*node.targets] if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    for one in bound:
        if one is not None:
            yield from (part for part in ast.walk(one) if isinstance(part, ast.Name))


def lasting(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that others meet: of functions, classes, parameters, attributes, fields and module values, with lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        if isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        if isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                yield from ((name.id, name.lineno) for name in targets(statement))


def lives(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, int, int]]:
    """Each local name of a function, with the first and the last line of the function that it stands in."""
    lines: dict[str, list[int]] = defaultdict(list)
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            lines[node.id].append(node.lineno)
    yield from ((name, min(numbers), max(numbers)) for name, numbers in lines.items())


def long_lived(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((name, first) for name, first, last in lives(node) if last - first >= FEW_LINES)


def test_no_two_classes_have_one_name_but_those_whose_reason_is_written_down() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules(*PACKAGES):
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(place(path, node.lineno))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in twice.items() if name not in SAME_NAME} == {}


def test_no_two_classes_of_one_name_are_imported_into_one_file() -> None:
    clashes = []
    for path in modules(*PACKAGES):
        nodes = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)]
        sources: dict[str, set[str]] = defaultdict(set)
        for node in nodes:
            for alias in node.names:
                sources[alias.asname or alias.name].add(node.module or "")
        clashes += [(place(path, 1), name) for name, where in sources.items() if name in SAME_NAME and len(where) > 1]
    assert clashes == []


def test_no_lasting_name_of_the_domain_is_a_participle() -> None:
    named = [
        (place(path, line), name)
        for path in [*domain(), *modules("models", "expectations")]
        for name, line in lasting(parsed(path))
        if name in PARTICIPLES and (path.relative_to(ROOT).as_posix(), name) not in STORED_KEYS
    ]
    assert named == []


def test_no_participle_of_the_domain_lives_longer_than_three_lines() -> None:
    named = [
        (place(path, line), name) for path in domain() for name, line in long_lived(parsed(path)) if name in PARTICIPLES
    ]
    assert named == []


def test_a_participle_that_lives_on_is_noticed() -> None:
    tree = ast.parse("def look():\n    found = 1\n    a = 2\n    b = 3\n    return found\n")
    assert list(long_lived(tree)) == [("found", 2)]
    assert {"said", "told"} <= {
        name for name, _ in lasting(ast.parse("class Turn:\n    said: str\ndef tell(told): ..."))
    }
