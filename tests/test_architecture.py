"""The house keeps its shape: who may import whom, what has a docstring, what the repository must not hold."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from importlinter.cli import lint_imports
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from typer.main import get_command

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("handrail", "tasks", "flows", "models", "expectations", "desk", "console")
REVISIONS = ROOT / "handrail" / "store" / "migrations" / "versions"
FIXED_NAMES = (
    "flows",
    "tasks",
    "models",
    "expectations",
    "tests",
    "prefect.yaml",
    "pyproject.toml",
    "README.md",
)
LOCKS = ("requirements.lock", "requirements-dev.lock")
LONGEST_FILE = 400
LONGEST_DOCSTRING = 15
LONGEST_WITH_AN_EXAMPLE = 30
"""A statistic says what it takes and gives, which paper it follows, and shows it: that needs the room."""
MOST_TASKS_IN_A_FOLDER = 25
FIRST_BROKEN_FASTAPI = Version("0.151")

CORE_LIBRARIES = {"handrail", "numpy", "pandas", "pydantic", "scipy"}
ONE_MODULE_LIBRARIES = {
    "handrail.typed_yaml": {"yaml"},
    "handrail.passwords": {"pwdlib"},
    "handrail.pii": {"phonenumbers", "stdnum"},
    "handrail.trail": {"cryptography", "orjson"},
    "handrail.store": {"alembic", "psycopg", "sqlalchemy", "sqlite3"},
}
HEAVY = {
    "alembic",
    "great_expectations",
    "matplotlib",
    "mlflow",
    "pandas",
    "prefect",
    "pyarrow",
    "scipy",
    "sklearn",
    "skops",
    "sqlalchemy",
}

FOREIGN_PATH = re.compile(r"(?<![\w.~/-])/(?:tmp|work|root|home|Users|farm|opt|mnt)/")
NAMED_COMMAND = re.compile(r"(?:^|`)handrail ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", re.MULTILINE)
NAMED_MODULE = re.compile(rf"(?<![\w./])((?:{'|'.join(PACKAGES)}|tests|benchmarks)/[\w/]+\.py)\b")
REGISTRY_HOST = re.compile(r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs)[\w.-]*", re.IGNORECASE)

BROKEN_ON_PURPOSE = {
    "handrail/astray.py": "import prefect, sqlalchemy, yaml, stdnum, orjson, pwdlib\n"
    "import handrail.acts, handrail.store, handrail.trail, tasks\n",
    "handrail/store/astray.py": "import handrail.acts\n",
    "models/astray.py": "import expectations\n",
    "tasks/astray.py": "import console\n",
    "tasks/intake/astray.py": "import tasks.watch.audit\n",
}


def modules(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def repository_files() -> list[Path]:
    """Tracked files, and those that would be if they were added now."""
    git = [shutil.which("git") or "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def public_definitions(
    body: list[ast.stmt], prefix: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Public functions and classes of a module, and the public methods of those classes."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node.body, f"{prefix}{node.name}.")


def imported_roots(path: Path) -> set[str]:
    """Top-level packages that a module imports anywhere, also inside functions."""
    roots = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            roots.add(node.module.split(".")[0])
    return roots


def allowed_libraries(path: Path) -> set[str]:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = [names for place, names in ONE_MODULE_LIBRARIES.items() if f"{module}.".startswith(f"{place}.")]
    return CORE_LIBRARIES.union(sys.stdlib_module_names - {"sqlite3"}, *own)


def locked(name: str) -> dict[str, str]:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[._-]+", "-", package).lower(): pinned for package, pinned in pins}


def canonical(requirement: str) -> str:
    return re.sub(r"[._-]+", "-", Requirement(requirement).name).lower()


def test_imports_point_only_where_the_design_allows() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True) == 0


def test_a_stray_import_breaks_every_contract(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, text in BROKEN_ON_PURPOSE.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = "import sys; sys.path.insert(0, ''); from importlinter.cli import lint_imports_command as c; c()"
    options = ["--no-cache", "--no-logo", "--config", "pyproject.toml"]
    found = subprocess.run(
        [sys.executable, "-c", command, *options],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    for contract in contracts:
        assert f"{contract['name']} BROKEN" in found.stdout, found.stdout + found.stderr


def test_the_domain_imports_only_what_the_design_names() -> None:
    strays = {
        relative(path): strange
        for path in modules("handrail")
        if (strange := imported_roots(path) - allowed_libraries(path))
    }
    assert strays == {}


def test_every_module_says_what_it_is_for() -> None:
    files = modules(*PACKAGES)
    assert len(files) > len(PACKAGES)
    silent = [relative(path) for path in files if not ast.get_docstring(parsed(path))]
    assert silent == []


def test_what_the_domain_offers_is_explained_in_few_lines() -> None:
    texts = {
        f"{relative(path)}: {name}": ast.get_docstring(node) or ""
        for path in modules("handrail")
        if path.parent != REVISIONS  # Alembic's two functions; the revision's docstring speaks for both
        for name, node in public_definitions(parsed(path).body)
    }
    assert [name for name, text in texts.items() if not text] == []
    longest = {name: LONGEST_WITH_AN_EXAMPLE if ">>> " in text else LONGEST_DOCSTRING for name, text in texts.items()}
    assert [name for name, text in texts.items() if len(text.splitlines()) > longest[name]] == []


def test_no_python_file_has_grown_past_four_hundred_lines() -> None:
    lengths = {
        relative(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in repository_files()
        # A migration is the record of one moment's tables: it never changes, so splitting it helps nobody.
        if path.suffix == ".py" and path.parent.name != "versions"
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_folder_of_tasks_shows_more_than_can_be_taken_in() -> None:
    folders = {path.parent for path in modules("tasks")}
    crowds = {relative(folder): len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: files for name, files in crowds.items() if files > MOST_TASKS_IN_A_FOLDER} == {}


def test_the_formatter_is_never_told_to_look_away() -> None:
    off = re.compile(r"#\s*fmt:\s*(?:skip|off)")
    texts = {relative(path): path.read_text(encoding="utf-8") for path in repository_files() if path.suffix == ".py"}
    assert [name for name, text in texts.items() if off.search(text)] == []


@pytest.mark.parametrize("name", FIXED_NAMES)
def test_the_names_that_the_design_fixes_are_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_host_and_no_path(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"^.*(?:://|file:/|--index-url|--find-links|--trusted-host| @ ).*$", text, re.MULTILINE) == []
    assert FOREIGN_PATH.findall(text) == []


@pytest.mark.parametrize("name", LOCKS)
def test_everything_locked_has_a_hash(name: str) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    pinned = [entry for entry in entries if re.match(r"[A-Za-z0-9._-]+==", entry)]
    assert len(pinned) == len(locked(name)) > 0
    assert [entry.split()[0] for entry in pinned if "--hash=sha256:" not in entry] == []


def test_the_development_lock_contains_the_runtime_lock() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {canonical(item) for item in project["dependencies"]} <= locked("requirements.lock").keys()
    extras = [canonical(item) for extra in project["optional-dependencies"].values() for item in extra]
    assert set(extras) <= locked("requirements-dev.lock").keys()


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0", "3.14.0"])
def test_one_lock_serves_every_python_that_the_project_admits(python: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert SpecifierSet(project["requires-python"]).contains(python)
    place = {"python_version": python.rpartition(".")[0], "python_full_version": python, "extra": ""}
    pins = locked("requirements-dev.lock")
    wanted = [(name, Requirement(text)) for name in pins for text in distribution(name).requires or []]
    missing = [
        f"{name} asks for {item}"
        for name, item in wanted
        if (item.marker is None or item.marker.evaluate(place)) and canonical(str(item)) not in pins
    ]
    assert missing == []


def test_fastapi_stays_below_the_version_that_breaks_the_prefect_server() -> None:
    assert Version(version("fastapi")) < FIRST_BROKEN_FASTAPI
    assert Version(locked("requirements.lock")["fastapi"]) < FIRST_BROKEN_FASTAPI


def test_the_repository_holds_no_path_of_a_machine_and_no_registry_host() -> None:
    found = []
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or another binary file
        lines = enumerate(text.splitlines(), start=1)
        found += [
            f"{relative(path)}:{n}" for n, line in lines if FOREIGN_PATH.search(line) or REGISTRY_HOST.search(line)
        ]
    assert found == []


def test_the_help_answers_without_a_heavy_library() -> None:
    program = (
        "import json, sys\n"
        "sys.argv = ['handrail', '--help']\n"
        "from console.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    code = stop.code\nelse:\n    code = 0\n"
        "loaded = sorted({name.split('.')[0] for name in sys.modules})\n"
        "print(json.dumps({'code': code or 0, 'loaded': loaded}), file=sys.stderr)\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    state = json.loads(answer.stderr.splitlines()[-1])
    assert state["code"] == 0
    assert "Usage" in answer.stdout
    assert HEAVY & set(state["loaded"]) == set()


def test_every_module_that_a_text_names_exists() -> None:
    # Decisions are the record of their day and are not edited.
    texts = [path for path in repository_files() if path.suffix == ".md" and path.parent.name != "decisions"]
    named = [
        (relative(path), name) for path in texts for name in NAMED_MODULE.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(named) > len(PACKAGES)
    assert [(text, name) for text, name in named if not (ROOT / name).exists()] == []


def test_every_command_that_a_text_or_a_refusal_names_exists() -> None:
    from console.main import app

    commands: dict[str, object] = vars(get_command(app))["commands"]
    texts = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
        *modules(*PACKAGES),
    ]
    named = [
        (relative(path), *words) for path in texts for words in NAMED_COMMAND.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(named) > len(commands)
    unknown = [
        (place, command, word)
        for place, command, word in named
        if command not in commands or (word and word not in getattr(commands[command], "commands", {word: None}))
    ]
    assert unknown == []
