"""Real processes for what only happens between processes."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

CALL = (
    "import importlib.util, sys\n"
    "spec = importlib.util.spec_from_file_location('apart', sys.argv[1])\n"
    "module = importlib.util.module_from_spec(spec)\n"
    "spec.loader.exec_module(module)\n"
    "getattr(module, sys.argv[2])(*sys.argv[3:])\n"
)


@pytest.fixture
def run_apart() -> Callable[..., list[int]]:
    """Run a function of a test file once for each tuple of texts, at the same time; the exit codes."""

    def run(function: Callable[..., object], calls: Sequence[tuple[str, ...]]) -> list[int]:
        file = Path(function.__code__.co_filename)  # type: ignore[attr-defined]
        command = [sys.executable, "-c", CALL, str(file), function.__name__]
        processes = [subprocess.Popen([*command, *arguments]) for arguments in calls]
        return [process.wait(timeout=120) for process in processes]

    return run
