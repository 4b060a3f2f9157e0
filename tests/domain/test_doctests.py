"""The examples in the docstrings of the statistics are true, and none of its public functions lacks its parts."""

import ast
import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agreement", "breaker", "drift", "kpi", "reviewers")
MODULES = (
    "alpha_spending",
    "baseline",
    "blind",
    "business_calendar",
    "certification",
    "chances",
    "dawid_skene",
    "cube",
    "estimates",
    "fairness",
    "keyed_draws",
    "label_weights",
    "near_duplicates",
    "proportions",
    "retraining_triggers",
    "sampling",
    "sla",
    "terms",
    "waits",
    "workload_forecast",
)
WITHOUT_FUNCTIONS = frozenset({"handrail.agreement.units", "handrail.drift.report"})
"""Their statistics are properties of a class, explained by it."""
SENTENCES = frozenset({"handrail.baseline.shortfall", "handrail.kpi.figure.written", "handrail.proportions.in_percent"})
"""They put a figure into words: nothing is estimated, tested or drawn."""
WHOLE_SPANS = frozenset({"handrail.kpi.definitions.measure", "handrail.kpi.definitions.measure_by"})
"""Nine figures of a whole business's span: no tiny example is one. tests/domain/test_kpi.py holds theirs."""


def statistics() -> list[str]:
    parts = [
        f"handrail.{package}.{path.stem}"
        for package in PACKAGES
        for path in sorted((ROOT / "handrail" / package).glob("*.py"))
        if path.stem != "__init__"
    ]
    return [*(f"handrail.{name}" for name in MODULES), *parts]


def public_functions(module: str) -> list[ast.FunctionDef]:
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


def raises(node: ast.FunctionDef) -> bool:
    return any(isinstance(part, ast.Raise) for part in ast.walk(node))


def missing(module: str, node: ast.FunctionDef) -> list[str]:
    """The parts that a docstring of the statistics lacks."""
    text, name = ast.get_docstring(node) or "", f"{module}.{node.name}"
    takes = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    returns = not (isinstance(node.returns, ast.Constant) and node.returns.value is None)
    wanted = {
        "Args:": bool(takes),
        "Returns:": returns,
        "Raises:": raises(node),
        "Source:": name not in SENTENCES,
        ">>> ": name not in WHOLE_SPANS,
    }
    return [part for part, is_due in wanted.items() if is_due and part not in text]


@pytest.mark.parametrize("module", statistics())
def test_the_examples_of_the_statistics_are_true(module: str) -> None:
    result = doctest.testmod(import_module(module))
    assert result.failed == 0
    assert (result.attempted > 0) == (module not in WITHOUT_FUNCTIONS)


@pytest.mark.parametrize("module", statistics())
def test_a_function_of_the_statistics_says_what_it_takes_gives_and_rests_on(module: str) -> None:
    lacking = {node.name: missing(module, node) for node in public_functions(module)}
    assert {name: parts for name, parts in lacking.items() if parts} == {}
