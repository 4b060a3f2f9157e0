"""No module imports, however far around, one that imports it: not inside functions and not for types alone either."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("handrail", "tasks", "flows", "models", "expectations", "desk", "console")


def module_files(root: Path) -> dict[str, Path]:
    """Every module of the packages below `root`, by its name."""
    names = {
        path: path.relative_to(root).with_suffix("").parts
        for package in PACKAGES
        for path in (root / package).rglob("*.py")
    }
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in names.items()}


def imported(path: Path, known: set[str]) -> Iterator[str]:
    """The modules among `known` that a file imports, wherever in it: a submodule before the package it lies in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from known.intersection(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield from known.intersection({submodule} if submodule in known else {node.module})


def circle(root: Path) -> list[str]:
    """The modules of one circle of imports below `root`; none where there is no circle."""
    files = module_files(root)
    known = set(files)
    graph = {name: set(imported(path, known)) - {name} for name, path in files.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_goes_in_a_circle() -> None:
    assert len(module_files(ROOT)) > len(PACKAGES)
    assert circle(ROOT) == []


@pytest.mark.parametrize(
    "second",
    [
        "from handrail import first",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from handrail.first import Thing",
        "def act():\n    import handrail.first",
    ],
)
def test_a_circle_is_found_also_for_types_and_inside_functions(tmp_path: Path, second: str) -> None:
    (tmp_path / "handrail").mkdir()
    (tmp_path / "tasks").mkdir()
    (tmp_path / "handrail" / "__init__.py").touch()
    (tmp_path / "handrail" / "first.py").write_text("from tasks import between", encoding="utf-8")
    (tmp_path / "tasks" / "between.py").write_text("from handrail import second", encoding="utf-8")
    (tmp_path / "handrail" / "second.py").write_text("", encoding="utf-8")
    assert circle(tmp_path) == []
    (tmp_path / "handrail" / "second.py").write_text(second, encoding="utf-8")
    assert set(circle(tmp_path)) == {"handrail.first", "handrail.second", "tasks.between"}
