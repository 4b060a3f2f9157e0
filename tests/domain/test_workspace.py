import os
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
        "mlflow_artifacts",
        "expectations_dir",
        "data_docs",
        "prefect_home",
        "reports",
        "model_cache",
        "actions_path",
        "server_file",
        "secret_file",
        "password_file",
    )
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


def test_the_password_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    before = os.umask(0)  # whatever the umask lets through
    try:
        assert workspace.make_password()
    finally:
        os.umask(before)
    password = workspace.password()
    assert len(password) == 32
    assert stat.S_IMODE(workspace.password_file.stat().st_mode) == 0o600
    assert not workspace.make_password()
    assert workspace.password() == password
    assert list(workspace.home.iterdir()) == [workspace.password_file], "no draft stays behind"


def test_the_password_is_never_on_the_disk_for_others_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    linked = os.link

    def link(source: Path, target: Path) -> None:
        modes.append(stat.S_IMODE(source.stat().st_mode))
        linked(source, target)

    monkeypatch.setattr(os, "link", link)
    Workspace(tmp_path).make_password()
    assert modes == [0o600]


def test_of_two_first_starts_one_makes_the_password_and_both_use_it(tmp_path: Path) -> None:
    made: list[tuple[bool, str]] = []

    def start() -> None:
        workspace = Workspace(tmp_path)
        made.append((workspace.make_password(), workspace.password()))

    threads = [Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(is_new for is_new, _ in made) == [False] * 7 + [True]
    assert len({password for _, password in made}) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_password_that_others_may_have_read_is_refused_with_both_remedies(tmp_path: Path, mode: int) -> None:
    workspace = Workspace(tmp_path)
    workspace.make_password()
    workspace.password_file.chmod(mode)
    with pytest.raises(BadInput, match=r"prefect\.password\. Delete it, and the next `handrail up` .* `chmod 600 "):
        workspace.password()


@pytest.mark.parametrize("text", ["", "short", "fifteen-letters", "with blanks in it, long", "naïve-but-long-enough"])
def test_what_is_no_password_is_refused_before_a_server_asks_for_it(tmp_path: Path, text: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.make_password()
    workspace.password_file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="holds no password: 16 letters"):
        workspace.password()


def test_a_password_of_ones_own_has_sixteen_characters_at_least(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.make_password()
    workspace.password_file.write_text("sixteen-letters!\n", encoding="utf-8")
    assert workspace.password() == "sixteen-letters!"


def test_without_a_password_the_start_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="handrail up"):
        Workspace(tmp_path).password()
