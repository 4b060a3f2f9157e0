"""Twenty good rows and the place of their delivery."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from handrail.sample import SampleBusiness
from tests.deliveries import CASES
from tests.workspaces import ROOT, Handrail


@pytest.fixture
def cases(business: SampleBusiness) -> pd.DataFrame:
    """Twenty good rows."""
    usual = business.cases[business.cases["truth_kind"].eq("normal") & business.cases["amount"].notna()]
    return usual.head(CASES).reset_index(drop=True).astype({"received_at": str})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the delivery lies."""
    return tmp_path / "delivery.csv"


@pytest.fixture(autouse=True)
def _standing(standing_clock: None) -> None:
    """Every rehearsal here stands at its moment."""


@pytest.fixture
def begun(begun_home: Path, tmp_path: Path) -> Handrail:
    """A workspace whose policy stops a delivery from two bad rows on, so that twenty rows are enough to stop."""
    handrail = Handrail(Path(shutil.copytree(begun_home, tmp_path / "home")))
    policy = tmp_path / "policy.yaml"
    written = (ROOT / "policy" / "sample" / "policy.yaml").read_text(encoding="utf-8")
    policy.write_text(written.replace("stop_at_least: 20", "stop_at_least: 2"), encoding="utf-8")
    handrail.ask("policy", "publish", policy)
    return handrail
