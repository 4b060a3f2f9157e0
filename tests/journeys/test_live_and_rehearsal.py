"""A live workspace's clock cannot be set, by no command, flow or desk; a rehearsal says on every face what it is."""

import inspect
import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from console.rehearse import apart
from handrail.errors import Refused
from handrail.founding import REHEARSAL_TOLD
from handrail.sample import SampleBusiness
from handrail.watches import WATCHES
from tasks.occasion import CLOCK_STANDS
from tests.workspaces import MAPPING, MORNING, Handrail, deliver

FAR = "2036-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def live_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("live") / "home"
    assert Handrail(home).ask("init", "--business", "sample")["workspace"] == "live"
    return home


@pytest.fixture
def live(live_home: Path, tmp_path: Path) -> Handrail:
    return Handrail(Path(shutil.copytree(live_home, tmp_path / "home")))


def state(handrail: Handrail) -> list[Any]:
    """Everything that a clock could have dated."""
    tables = ("trail", "batches", "watches", "watch_runs", "pauses", "stage_changes", "sessions", "leases")
    return [handrail.rows(f"SELECT * FROM {name}") for name in tables]  # noqa: S608 - names from above


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("watch",),
        ("watch", "--all"),
        ("train",),
        ("purge", "--no-dry-run"),
        ("queue", "list"),
        ("queue", "next"),
        ("decide", 1, "approve"),
        ("pause", "complaint", "--reason", "why not"),
        ("resume", "complaint", "--reason", "why not"),
        ("stage", "complaint", "auto", "--reason", "why not"),
        ("alerts",),
        ("report", "kpi"),
        ("people", "add", "zoe", "--role", "reviewer", "--trained"),
        ("tokens", "create", "shop", "--scope", "intake"),
        ("outbox", "retry", 1, "--reason", "why not"),
        ("model", "rollback", "--reason", "why not"),
        ("desk",),
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_every_command_refuses_another_moment_in_a_sentence_and_leaves_nothing(
    live: Handrail, words: tuple[object, ...]
) -> None:
    before = state(live)
    answer = live(*words, "--as-of", FAR)
    assert answer.code == 1
    assert answer.err.strip().endswith(CLOCK_STANDS)
    assert state(live) == before


def flows() -> list[str]:
    return [watch.name for watch in WATCHES]


@pytest.mark.parametrize("name", [*flows(), "triage"])
def test_every_flow_refuses_it_also_when_it_is_called_directly(live: Handrail, name: str, tmp_path: Path) -> None:
    flow: Callable[..., Any] = getattr(import_module(f"flows.{name}"), name).fn
    needed = {"file": str(tmp_path / "none.csv")} if "file" in inspect.signature(flow).parameters else {}
    before = state(live)
    with pytest.raises(Refused, match="its clock cannot be set"):
        flow(**needed, as_of=FAR, home=str(live.home))
    assert state(live) == before, "not even a failed look is noted"


def test_history_is_imported_without_it_and_keeps_its_own_dates(
    live: Handrail, business: SampleBusiness, tmp_path: Path
) -> None:
    rows = business.history.head(50)
    file = deliver(rows, tmp_path / "history.csv", rows["label"].tolist())
    assert CLOCK_STANDS in live("run", file, "--mapping", MAPPING, "--as-of", MORNING).err
    assert live.ask("run", file, "--mapping", MAPPING)["imported"] == 50
    ((oldest,),) = live.rows("SELECT min(received_at) FROM cases")
    assert oldest[:10] == min(str(at)[:10] for at in rows["received_at"])
    assert live.ask("trail", "verify")["backwards"] == 0


def test_a_file_that_would_begin_a_workspace_at_another_moment_begins_none(tmp_path: Path) -> None:
    file = tmp_path / "labelled.csv"
    file.write_text(
        "text,label\n" + "".join(f"where is parcel {n},late\nrefund {n} please,refund\n" for n in range(80))
    )
    new = Handrail(tmp_path / "new")
    assert new("train", file, "--text", "text", "--label", "label", "--as-of", FAR).refusal == CLOCK_STANDS
    assert not new.home.exists()


def test_a_live_one_says_nothing_and_init_makes_no_rehearsal_of_it(live: Handrail) -> None:
    assert "is live, for good" in live("init", "--rehearsal").refusal
    assert live.ask("status")["workspace"] == "live"
    assert REHEARSAL_TOLD not in live("status").out
    (kind,) = [one for one in live.ask("doctor") if one["what"] == "kind"]
    assert (kind["ok"], kind["sentence"]) == (True, "live.")


def test_init_of_what_exists_names_the_policy_in_force_and_claims_no_upgrade(live: Handrail) -> None:
    in_force = live.ask("status")["policy"]
    for other in ((), ("--business", "complaints")):
        told = live("init", *other)
        assert told.code == 0, told.err
        assert told.out.startswith(f"The workspace {live.home} exists (policy {in_force}).")
    value = live.ask("init")
    assert (value["policy"], value["business"], value["begun"], value["upgraded"]) == (
        in_force,
        "sample",
        False,
        False,
    )


def test_a_rehearsal_says_so_in_status_doctor_verify_and_reports(begun: Handrail, tmp_path: Path) -> None:
    assert REHEARSAL_TOLD in " ".join(begun("status", "--as-of", MORNING).out.split())
    assert begun.ask("status")["workspace"] == "rehearsal"
    (kind,) = [one for one in begun.ask("doctor") if one["what"] == "kind"]
    assert (kind["ok"], kind["sentence"]) == (True, REHEARSAL_TOLD)
    assert begun.ask("trail", "verify")["workspace"] == "rehearsal"
    page = tmp_path / "kpi.html"
    begun.ask("report", "kpi", "--out", page)
    assert REHEARSAL_TOLD in page.read_text()


def test_the_remedy_of_a_set_clock_names_its_moment(begun: Handrail) -> None:
    assert f"`handrail watch --as-of {MORNING[:16]}Z`" in " ".join(begun("status", "--as-of", MORNING).out.split())
    assert "`handrail watch`" in " ".join(begun("status").out.split())


def test_a_rehearsal_takes_back_its_own_settings_and_none_that_a_library_was_loaded_with() -> None:
    live = {"HANDRAIL_HOME": "/live", "PREFECT_LOGGING_LEVEL": "INFO"}
    with mock.patch.dict(os.environ, live):
        os.environ.pop("HANDRAIL_ALERTS", None)
        os.environ.pop("PREFECT_API_URL", None)
        with apart({"PREFECT_API_URL": "http://there"}):
            assert "HANDRAIL_HOME" not in os.environ
            assert os.environ["PREFECT_API_URL"] == "http://there"
            os.environ["HANDRAIL_ALERTS"] = "of the rehearsal"
            os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
        assert {name: os.environ[name] for name in live} == live
        assert {"HANDRAIL_ALERTS", "PREFECT_API_URL"} & set(os.environ) == set()
        assert os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] == "false"
