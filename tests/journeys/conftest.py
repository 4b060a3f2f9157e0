"""A morning at the sample business, for the journeys that people make by hand."""

import shutil
from pathlib import Path

import pytest

from handrail.sample import SampleBusiness
from tests.workspaces import MAPPING, MORNING, Handrail, deliver

DAY_CASES = 400
REVIEWERS = ("rita", "omar")
MANAGER = "mona"


@pytest.fixture(scope="session")
def day_file(business: SampleBusiness, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The delivery of that morning."""
    return deliver(business.cases.head(DAY_CASES), tmp_path_factory.mktemp("day") / "day.csv")


@pytest.fixture(scope="session")
def day_home(trained_home: Path, day_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The delivery is routed; two trained reviewers and the escalation manager are there."""
    handrail = Handrail(Path(shutil.copytree(trained_home, tmp_path_factory.mktemp("morning") / "home")))
    assert handrail.ask("run", day_file, "--mapping", MAPPING, "--as-of", MORNING)["queues"]["A"] > 0
    for name in REVIEWERS:
        handrail.ask("people", "add", name, "--role", "reviewer", "--trained", "--as-of", MORNING)
    both = ("--role", "escalation_manager", "--role", "reviewer")
    handrail.ask("people", "add", MANAGER, *both, "--trained", "--as-of", MORNING)
    return handrail.home


@pytest.fixture
def day(day_home: Path, tmp_path: Path) -> Handrail:
    """That morning, for one test."""
    return Handrail(Path(shutil.copytree(day_home, tmp_path / "home")))


@pytest.fixture(autouse=True)
def _standing(standing_clock: None) -> None:
    """Every rehearsal here stands at its moment."""
