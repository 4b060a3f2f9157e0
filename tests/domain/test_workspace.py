import stat
from pathlib import Path
from threading import Thread

import pytest

from handrail.errors import BadInput, NotFound
from handrail.workspace import Workspace


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HANDRAIL_HOME", "HANDRAIL_DATABASE_URL", "HANDRAIL_SECRET"):
        monkeypatch.delenv(name, raising=False)


def test_without_any_setting_the_workspace_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace = Workspace.from_environment()
    assert workspace.home == tmp_path.resolve() / ".handrail"
    assert workspace.database_url == f"sqlite:///{tmp_path.resolve()}/.handrail/handrail.db"


def test_the_named_home_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_HOME", str(tmp_path / "environment"))
    assert Workspace.from_environment().home == tmp_path / "environment"
    assert Workspace.from_environment(tmp_path / "named").home == tmp_path / "named"


def test_a_database_of_ones_own_replaces_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", "postgresql://db/handrail")
    assert Workspace.from_environment(tmp_path).database_url == "postgresql://db/handrail"


def test_everything_else_lies_inside_the_home(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    names = (
        "mlflow_artifacts", "expectations_dir", "data_docs", "prefect_home", "reports", "model_cache",
        "actions_path", "server_file", "secret_file",
    )  # fmt: skip
    assert all(getattr(workspace, name).is_relative_to(tmp_path) for name in names)
    assert workspace.mlflow_uri == f"sqlite:///{tmp_path}/mlflow.db"


def test_only_the_owner_may_read_the_key(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new" / "home")
    workspace.create()
    assert stat.S_IMODE(workspace.secret_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(workspace.home.stat().st_mode) == 0o700


def test_creating_a_workspace_again_keeps_its_key(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    key = workspace.secret()
    workspace.create()
    assert workspace.secret() == key
    assert len(key) == 64
    assert list(tmp_path.iterdir()) == [workspace.secret_file]


def test_two_workspaces_have_two_keys(tmp_path: Path) -> None:
    first, second = Workspace(tmp_path / "a"), Workspace(tmp_path / "b")
    first.create()
    second.create()
    assert first.secret() != second.secret()


def test_who_creates_at_the_same_time_gets_the_same_key(tmp_path: Path) -> None:
    keys: list[bytes] = []

    def create() -> None:
        workspace = Workspace(tmp_path)
        workspace.create()
        keys.append(workspace.secret())

    threads = [Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_the_key_in_the_environment_goes_first_and_needs_no_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_SECRET", "k" * 32)
    assert Workspace(tmp_path / "nowhere").secret() == b"k" * 32


def test_a_key_of_31_characters_is_too_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_SECRET", "k" * 31)
    with pytest.raises(BadInput, match="31 characters"):
        Workspace(tmp_path).secret()


def test_a_workspace_that_was_never_created_is_named_with_the_remedy(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "nowhere")
    for ask in (workspace.require, workspace.secret):
        with pytest.raises(NotFound, match=r"no workspace at .*nowhere\. Run `handrail init`"):
            ask()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BadInput, match="HANDRAIL_HOME"):
        Workspace(tmp_path / "file").create()
