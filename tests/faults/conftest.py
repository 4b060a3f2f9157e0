"""Twenty good rows and the place of their delivery."""

from pathlib import Path

import pandas as pd
import pytest

from handrail.sample import SampleBusiness
from tests.deliveries import CASES


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
